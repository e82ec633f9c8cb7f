"""What `unlearn` prints around a run on own data: the plan before, the outcome after."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from simnpo.benchmarks.own import CONTINUED, FORGET, KEPT, RETAIN, OwnSets
from simnpo.benchmarks.set_titles import REQUEST, TITLES, set_title
from simnpo.config import LoraConfig
from simnpo.data.checks import check_lengths
from simnpo.data.conflicts import find_conflicts
from simnpo.data.encoding import Encoder
from simnpo.data.lengths import SetTokens
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.advice import advice
from simnpo.evaluation.metrics.tofu_items import generations_by_item
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.suites.display import Column, NumberKind
from simnpo.experiments.jobs import Job
from simnpo.models import MODEL_FOLDER
from simnpo.models.causal_lm import CausalLM
from simnpo.models.experts import count_weights
from simnpo.models.places import short_name
from simnpo.models.precision import precision_of
from simnpo.report.before import Plan, SetSize, describe_run
from simnpo.report.numbers import compact, number
from simnpo.report.outcome_text import AnswerChange, SetChange, describe_outcome
from simnpo.report.plain_text import as_text
from simnpo.report.rendering import REPORT
from simnpo.report.table import cell

MEASURES: Mapping[str, tuple[str, NumberKind]] = {
    "probability": ("P", "fixed"),
    "rouge_l": ("ROUGE-L", "fixed"),
    "verbatim": ("verbatim", "count"),
    "leaked": ("leaked", "count"),
    "refused": ("refused", "count"),
    "degenerate": ("repeating", "count"),
}
"""What the printed table has of each set: title and kind, by metric."""
NOT_TRAINED = "never trained on"


def lengths_text(sets: OwnSets, encoder: Encoder) -> str:
    """Return the one line that says which answers the length limit shortens; empty where none.

    Raises:
        UserError: a row cannot be encoded, see `check_lengths`.
    """
    found = [
        warning
        for name, rows in sets.named().items()
        for warning in check_lengths(TITLES.get(name, name).lower(), rows, encoder)
    ]
    if not found:
        return ""
    return f"Warning: {' '.join(found)} What is left is trained on, and compared with."


def plan_text(job: Job, sets: OwnSets, model: CausalLM, encoder: Encoder) -> str:
    """Return the block that is printed before training.

    Raises:
        UserError: a row cannot be encoded, see `SetTokens.of`.
    """
    from simnpo.training.adapters import trained_parameters

    training = job.training
    counted = {name: SetTokens.of(rows, encoder) for name, rows in sets.named().items()}
    sizes = [
        SetSize(
            TITLES.get(name, name).lower(),
            one.rows,
            one.tokens,
            NOT_TRAINED if name not in (FORGET, RETAIN) else "",
        )
        for name, one in counted.items()
    ]
    plan = Plan(
        model=job.model,
        parameters=count_weights(model),
        trained_parameters=trained_parameters(model, job.lora),
        method=job.method.title,
        sets=sizes,
        steps=training.steps_on(counted[FORGET].pieces),
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        precision=precision_of(model),
        adapters=_adapters(job.lora),
    )
    conflicts = find_conflicts(sets.forget, (*sets.retain, *sets.kept))
    return describe_run(plan, encoder, job.data.forget[0], [one.reason for one in conflicts])


def _adapters(lora: LoraConfig) -> str:
    if not lora.rank:
        return ""
    read = "what training finds"
    if lora.subspace == "forget":
        read = "only what sets the forget set apart from the retain set"
    return f"LoRA of rank {lora.rank}, which reads {read}"


def outcome_text(
    out: Path, before: Evaluation, after: Evaluation, verdict: Verdict, usual: Mapping[str, object]
) -> str:
    """Return what is printed after unlearning: verdict, numbers, answers, what to do next.

    Args:
        out: the run's folder.
        before: the original model's evaluation.
        after: the unlearned model's.
        verdict: on these two.
        usual: settings that such a run has by default, for the advice.
    """
    metrics = after.summary["metrics"]
    names = [name for name in after.summary["items"] if f"{name}.rouge_l" in metrics]
    columns = {key: Column(key, "", title, title, kind) for key, (title, kind) in MEASURES.items()}
    sets = [
        SetChange(
            "held out" if name == KEPT else set_title(name).removesuffix(" set").lower(),
            *(
                [
                    cell(one, column._replace(key=f"{name}.{key}"), compact)
                    for key, column in columns.items()
                ]
                for one in (before, after)
            ),
        )
        for name in names
    ]
    ability = number(metrics.get("general.ability"))
    return describe_outcome(
        " ".join([f"{verdict.sentence}.", *verdict.cautions]),
        [title for title, _ in MEASURES.values()],
        sets,
        _answers(before, after),
        next_steps(after, verdict, usual),
        [("Report", str(out / REPORT)), ("Model", str(out / MODEL_FOLDER))],
        None if ability != ability else ("1.00", compact(ability)),
    )


def page_title(job: Job, after: Evaluation) -> str:
    """Return how a report's title begins: method, model and date."""
    name = short_name(job.model) if Path(job.model).exists() else job.model
    return f"{job.method.title} on {name}, {after.summary['date']}"


def next_steps(after: Evaluation, verdict: Verdict, usual: Mapping[str, object]) -> tuple[str, ...]:
    """Return what to change after a verdict, see `outcome_text` and `advice`."""
    settings = (after.summary.get("run") or {}).get("settings", {})
    return advice(verdict.kind, settings, usual, bool(verdict.damage))


def counts_text(evaluations: Sequence[Evaluation], requests: int) -> str:
    """Return a table of how many answers of each of so many requests come out after each stage."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("Answers that come out")
    names = [f"{REQUEST}{number}" for number in range(1, requests + 1)]
    for name in (*names, FORGET):
        title = "all" if name == FORGET else set_title(name).lower()
        table.add_column(title, justify="right")
    for one in evaluations:
        found = [one.summary["counts"][f"{name}.extracted"] for name in (*names, FORGET)]
        table.add_row(Text(one.name), *(f"{count} of {total}" for count, total in found))
    return as_text([table])


def _answers(before: Evaluation, after: Evaluation) -> Sequence[AnswerChange]:
    tables = [one.tables.generations for one in (before, after)]
    name = FORGET if FORGET in set(tables[1]["set"]) else FORGET + CONTINUED
    was, now = (generations_by_item(table, name) for table in tables)
    return [
        AnswerChange(
            str(now.at[item, "question"]),
            str(was.at[item, "generated"]),
            str(now.at[item, "generated"]),
            str(now.at[item, "reference"]),
        )
        for item in now.index.intersection(was.index)
    ]
