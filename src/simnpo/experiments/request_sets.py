"""The sets of successive requests as one benchmark: all that is to be forgotten, and each part."""

from collections.abc import Sequence
from dataclasses import replace

from simnpo.benchmarks.base import Benchmark, EvaluationSet
from simnpo.benchmarks.own import FORGET, OwnSets, own_benchmark
from simnpo.benchmarks.set_titles import REQUEST
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.experiments.original import measured_sets


def request_sets(
    requests: Sequence[OwnSets],
    encoder: Encoder,
    reference: GeneralReference | None,
    max_items: int | None,
) -> tuple[Benchmark, dict[str, int]]:
    """Return all sets, the forget set being all requests, and the items of each request.

    Args:
        requests: they differ in what is to be forgotten.
        encoder: the model's tokenizer, bound to a template.
        reference: the original's answers to generic prompts, where they are known.
        max_items: rows of each set that are measured at most.

    Raises:
        UserError: some requests are questions and others texts, or see `own_benchmark`.
    """
    most = max_items and -(-max_items // len(requests))
    asked = [own_benchmark(OwnSets(sets.forget), encoder, most) for sets in requests]
    if len({tuple(one.evaluation) for one in asked}) > 1:
        raise UserError(
            "``requests``: some are questions and some are plain texts; unlearn one kind at a time."
        )
    whole = measured_sets(requests[0], encoder, reference, max_items)
    evaluation = dict(whole.evaluation)
    for name in asked[0].evaluation:
        parts = [one.evaluation[name] for one in asked]
        evaluation[name] = _joined(parts)
        for number, part in enumerate(parts, 1):
            evaluation[f"{REQUEST}{number}{name.removeprefix(FORGET)}"] = part
    sizes = {
        f"{REQUEST}{number}": len(one.evaluation[FORGET].items)
        for number, one in enumerate(asked, 1)
    }
    benchmark = replace(
        whole,
        split=", ".join(sets.title for sets in requests),
        forget=tuple(row.example for sets in requests for row in sets.forget),
        evaluation=evaluation,
    )
    return benchmark, sizes


def _joined(parts: Sequence[EvaluationSet]) -> EvaluationSet:
    """Return several sets as one."""
    return replace(
        parts[0],
        items=tuple(item for part in parts for item in part.items),
        max_new_tokens=max(part.max_new_tokens for part in parts),
        identifiers=tuple(one for part in parts for one in part.identifiers),
        references=tuple(one for part in parts for one in part.references),
    )
