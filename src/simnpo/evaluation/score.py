"""One pass over every question and answer variant: all that any metric needs of the model."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from simnpo.benchmarks.base import EvaluationSet
from simnpo.data.batching import Batch, pad, token_budget_batches
from simnpo.data.encoding import Encoded, Encoder
from simnpo.data.normal_text import composed
from simnpo.evaluation.tables import ANSWER, PARAPHRASE, PERTURBED, SCORE_COLUMNS
from simnpo.forward.logprobs import (
    AnswerLogprobs,
    AnswerMoments,
    answer_logprobs,
    answer_moments,
    check_sequences,
)
from simnpo.models import longest_sequence
from simnpo.models.causal_lm import CausalLM
from simnpo.system.shared_rows import compute_rows

TOKENS_PER_BATCH = 8192
LEAST_LIKELY = 0.4
"""Share of an answer's tokens in `min40_logprob`, the K of Min-K % (MUSE) and of Min-K++."""
LEAST_DEVIATION = 1e-6
"""Nats below which a distribution holds one token, and Min-K++ would divide by rounding."""


class _Row(NamedTuple):
    set: str
    item: int
    variant: str
    which: int
    encoded: Encoded
    zlib: int


def score(
    model: CausalLM,
    encoder: Encoder,
    evaluation: Mapping[str, EvaluationSet],
    tokens_per_batch: int = TOKENS_PER_BATCH,
) -> pd.DataFrame:
    """Score every answer variant of every item.

    Args:
        model: a causal LM in evaluation mode.
        encoder: the tokenizer bound to a template.
        evaluation: what is asked, by name; sets that are not `scored` are left out.
        tokens_per_batch: rows x longest row of a forward pass at most; it does not change results.
            Rows that share all but their last token are one row of it.

    Returns:
        A table with `SCORE_COLUMNS`, in the order of sets, items and variants.

    Raises:
        UserError: an answer is empty or cut away wholly by the length limit.
    """
    rows = checked_rows(model, encoder, evaluation)
    # Min-K++ looks at the whole vocabulary at each token, and only attacks on texts ask for it.
    has_texts = any(item.question is None for one in evaluation.values() for item in one.items)
    where = next(model.parameters()).device

    firsts = first_alike([row.encoded for row in rows])

    def compute(numbers: list[int]) -> list[tuple[float, ...]]:
        batch = pad([rows[number].encoded for number in numbers], device=where)
        places = {number: place for place, number in enumerate(numbers)}
        shared = torch.tensor([places[firsts[number]] for number in numbers], device=where)
        return _statistics(model, batch, shared, plus_plus=has_texts)

    alike: dict[int, list[int]] = {}  # each row that the model reads, with all it stands for
    for number, first in enumerate(firsts):
        alike.setdefault(first, []).append(number)
    read = list(alike.values())
    lengths = [len(rows[numbers[0]].encoded.ids) for numbers in read]
    batches = [
        [number for index in batch for number in read[index]]
        for batch in token_budget_batches(lengths, tokens_per_batch)
    ]
    statistics = compute_rows("Scoring", model, batches, compute)
    table = pd.DataFrame(
        [(*row[:4], *values, row.zlib) for row, values in zip(rows, statistics, strict=True)],
        columns=list(SCORE_COLUMNS),
    )
    return table.astype(SCORE_COLUMNS)


def checked_rows(
    model: CausalLM, encoder: Encoder, evaluation: Mapping[str, EvaluationSet]
) -> list[_Row]:
    """Return what is scored, encoded; for arguments see `score`.

    Raises:
        UserError: a row cannot be encoded, or see `check_sequences`.
    """
    # A prompt that is to be asked as it stands is cut by what the model takes, as lm-eval does.
    rows = list(_rows(encoder, evaluation, max(encoder.max_length, longest_sequence(model))))
    check_sequences(model, [row.encoded for row in rows])
    return rows


def rows_to_score(evaluation: Mapping[str, EvaluationSet]) -> pd.DataFrame:
    """Return the rows of true answers that `score` would score, without the model's numbers.

    Returns:
        Columns set, item, variant and zlib_bytes.
    """
    rows = [
        (name, number, ANSWER, zlib_bytes(item.answer))
        for name, asked in evaluation.items()
        for number, item in enumerate(asked.items if asked.scored else ())
    ]
    return pd.DataFrame(rows, columns=["set", "item", "variant", "zlib_bytes"])


def zlib_bytes(text: str) -> int:
    """Return the bytes of a text, compressed, whatever its Unicode form."""
    return len(zlib.compress(composed(text).encode()))


def _rows(encoder: Encoder, evaluation: Mapping[str, EvaluationSet], limit: int) -> Iterator[_Row]:
    for name, asked in evaluation.items():
        for number, item in enumerate(asked.items if asked.scored else ()):
            variants = [(ANSWER, 0, item.answer)]
            if item.paraphrase is not None:
                variants.append((PARAPHRASE, 0, item.paraphrase))
            variants += [(PERTURBED, index, text) for index, text in enumerate(item.perturbed)]
            if (place := item.place) is not None:
                variants = [
                    (variant, place if variant == ANSWER else index + (index >= place), text)
                    for variant, index, text in variants
                ]
            for variant, index, text in variants:
                encoded = _encode(encoder, asked, item.question, text, limit)
                yield _Row(name, number, variant, index, encoded, zlib_bytes(text))


def _encode(
    encoder: Encoder, asked: EvaluationSet, question: str | None, answer: str, limit: int
) -> Encoded:
    if question is None:
        return encoder.encode_beginning(answer)
    if asked.verbatim:
        return encoder.encode_verbatim(question, answer, limit)
    return encoder.encode(question, answer)


def first_alike(encoded: Sequence[Encoded]) -> list[int]:
    """Return for each sequence the first one that has all its tokens but the last.

    The last token is predicted, never read: such sequences are one and the same to the model.
    The letters A to D after a question are.
    """
    first: dict[tuple[tuple[int, ...], int], int] = {}
    return [
        first.setdefault((one.ids[:-1], one.start), number) for number, one in enumerate(encoded)
    ]


@torch.no_grad()
def _statistics(
    model: CausalLM, batch: Batch, shared: Tensor, plus_plus: bool
) -> list[tuple[float, ...]]:
    """Return logprob, tokens, matches, tail_matches, min40_logprob, min40_plus_plus of each row."""
    scored: AnswerLogprobs | AnswerMoments = (
        answer_moments(model, batch) if plus_plus else answer_logprobs(model, batch, shared=shared)
    )
    hits, grid = scored.first_choice.long(), scored.logprobs.double()
    tokens = scored.mask.sum(-1)
    min_k_plus_plus = torch.full(tokens.shape, torch.nan)
    if isinstance(scored, AnswerMoments):
        standardised = (grid - scored.mean) / scored.deviation.clamp(min=LEAST_DEVIATION)
        min_k_plus_plus = _mean_of_least(standardised, scored.mask, tokens)
    columns = (
        grid.sum(-1),
        tokens,
        hits.sum(-1),
        _tail(hits, scored.mask),
        _mean_of_least(grid, scored.mask, tokens),
        min_k_plus_plus,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _tail(hits: Tensor, mask: Tensor) -> Tensor:
    """Return the length of each row's longest run of hits that ends its answer."""
    # Beside the answer count as hits, from the end on, until the first miss.
    unbroken = (hits.bool() | ~mask).flip(-1).long().cumprod(-1).flip(-1)
    return (unbroken.bool() & mask).sum(-1)


def _mean_of_least(grid: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean of each row's least likely tokens, at least one of them."""
    ascending = grid.masked_fill(~mask, torch.inf).sort(-1).values
    counts = (tokens * LEAST_LIKELY).long().clamp(min=1)
    kept = torch.arange(grid.shape[-1], device=grid.device) < counts[:, None]
    return ascending.where(kept, 0).sum(-1) / counts
