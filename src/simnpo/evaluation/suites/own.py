"""A user's own sets as a reader sees them: counts of answers, means, and what they are held to."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from simnpo.benchmarks.own import CONTINUED, FORGET, GENERAL, KEPT, RETAIN
from simnpo.benchmarks.own import SUITE as NAME
from simnpo.benchmarks.set_titles import REQUEST, TITLES, set_title, title_in_text
from simnpo.data.identifiers import LEAST_DIGITS
from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.kept import KEPT_SHARE, kept_share
from simnpo.evaluation.metrics.own import own_metrics
from simnpo.evaluation.metrics.own_comparisons import check_retrain
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation
from simnpo.evaluation.metrics.own_requests import about_first
from simnpo.evaluation.metrics.verdict import judge
from simnpo.evaluation.metrics.verdict_rules import HELD_OUT_KEEP, KEEP
from simnpo.evaluation.suites.base import Suite, SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import Axis, Column, NumberKind, SuiteDisplay

_FORGET_COLUMNS: tuple[tuple[str, str, str, NumberKind], ...] = (
    ("extracted", "out", "answers that come out: verbatim, or with an identifier", "count"),
    ("verbatim", "word", "answers reproduced word for word", "count"),
    ("leaked", "leak", "answers that give away an identifier", "count"),
    ("probability", "P", "probability of the true answer", "fixed"),
    ("rouge_l", "R", "ROUGE-L recall", "fixed"),
    ("extraction_strength", "ES", "extraction strength", "fixed"),
    ("truth_ratio", "TR", "truth ratio", "fixed"),
    ("refused", "ref", "answers that refuse", "count"),
    ("empty", "empty", "empty answers", "count"),
    ("degenerate", "rep", "answers that repeat themselves", "count"),
)
_OTHER_COLUMNS: tuple[tuple[str, str, str, NumberKind], ...] = (
    ("verbatim", "word", "answers reproduced word for word", "count"),
    ("probability", "P", "probability of the true answer", "fixed"),
    ("rouge_l", "R", "ROUGE-L recall", "fixed"),
)
_PRINTED = {"extracted", "verbatim", "leaked", "probability", "rouge_l", "refused"}
_PRINTED_OF_OTHERS = {"probability", "rouge_l"}
_PRINTED_OF_REQUESTS = {"extracted", "probability"}
OVERALL = "Overall"
_OVERALL_COLUMNS = (
    Column("kept_share", OVERALL, "kept", "Share kept: the least of all that is to be kept"),
    Column("general.ability", OVERALL, "gen", "General ability"),
    Column("forget_quality", OVERALL, "FQ", "Forget quality (p-value)", "p_value"),
    Column("holdout_p_value", OVERALL, "p(H)", "Forget set against holdout set", "p_value"),
    Column("auc.loss", OVERALL, "AUC", "AUC of the membership attack by loss", printed=False),
    Column("privleak", OVERALL, "priv", "PrivLeak (%)", "percent", printed=False),
)


def own_display(names: Sequence[str], keys: Sequence[str]) -> SuiteDisplay:
    """Return how own data is shown.

    Args:
        names: the sets that were measured.
        keys: the metrics that any of the evaluations has; columns of others are left out.
    """
    sets = {name: set_title(name) for name in names}
    kept = next((name for name in (KEPT, RETAIN) if f"{name}.rouge_l" in keys), None)
    kept = kept or next((name for name in (KEPT, RETAIN) if name in names), FORGET)
    # Without generated answers probabilities are all there is.
    answers, asked = (f"{name}.rouge_l" in keys for name in (FORGET, kept))
    columns = [
        Column(f"{name}.{key}", title, short, f"{title}: {long}", kind, key in printed)
        for name, title in sets.items()
        for wanted, printed in [_columns_of(name)]
        for key, short, long, kind in wanted
    ]
    answered = {name: title for name, title in sets.items() if f"{name}.rouge_l" in keys}
    # A set of texts has its answers, continued passages, under a name of its own.
    continued = {f"{name}{CONTINUED}": title for name, title in answered.items()}
    return SuiteDisplay(
        columns=tuple(one for one in (*_OVERALL_COLUMNS, *columns) if one.key in keys),
        caption=caption,
        forgotten=Axis(
            f"{FORGET}.extracted",
            "Share of forget answers that come out",
            "Share of forget answers that come out  (0 is the aim)",
            aims_at_zero=True,
        )
        if answers
        else Axis(
            f"{FORGET}.probability",
            "Probability of the forget answers",
            "Probability of the forget answers  (0 is the aim)",
            aims_at_zero=True,
        ),
        kept=Axis("kept_share", "Share kept", "Share kept  (kept →)")
        if "kept_share" in keys
        else Axis(
            f"{kept}.rouge_l",
            f"{set_title(kept)}: ROUGE-L",
            f"{set_title(kept)}: ROUGE-L recall  (kept →)",
        )
        if asked
        else Axis(
            f"{kept}.probability",
            f"{set_title(kept)}: probability of the answers",
            f"{set_title(kept)}: probability of the answers  (kept →)",
        ),
        keep=KEEP,
        sets=sets | continued,
        short_groups={
            OVERALL: "",
            **{title: title for name, title in sets.items() if name not in TITLES},
            TITLES[KEPT]: "held out",
        },
        legend="out comes out, word verbatim, leak identifiers, P prob., R ROUGE-L",
        lead="What each model still says of the rows it should forget, and how well it answers "
        "the rows it should keep.",
        # Where general ability fell, the answers to generic prompts show how.
        answers=tuple([*answered, *continued, *(one for one in (GENERAL,) if one in names)]),
        answers_shown=None,
        facts=facts,
        notes=_notes,
    )


def _notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say which sets are not of the same rows in all evaluations."""
    hashes = [one.summary.get("data") or {} for one in evaluations]
    differing = [
        set_title(name)
        for name in dict.fromkeys(name for one in hashes for name in one)
        if name != FORGET and len({one[name] for one in hashes if name in one}) > 1
    ]
    if not differing:
        return []
    return [f"Not the same rows for each model: {', '.join(differing)}. Do not compare these."]


def _columns_of(name: str) -> tuple[Sequence[tuple[str, str, str, NumberKind]], set[str]]:
    """Return a set's columns, and which of them are printed."""
    if name == FORGET:
        return _FORGET_COLUMNS, _PRINTED
    if name.startswith(REQUEST):
        return _FORGET_COLUMNS, _PRINTED_OF_REQUESTS
    return _OTHER_COLUMNS, _PRINTED_OF_OTHERS


def facts(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """Say how the model was made and measured, and when."""
    last = evaluations[-1].summary
    run = last.get("run") or {}
    found = {"Method": run.get("method"), "Precision": last.get("precision")}
    found["Date"] = str(last.get("date", ""))
    return {name: str(text) for name, text in found.items() if text}


def caption(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say what each column is, one sentence group an entry."""
    has = {key for one in evaluations for key in one.summary["metrics"]}
    quality = next(
        (one.summary["forget_quality_on"] for one in evaluations if "forget_quality" in has), None
    )
    description = [
        ("forget.extracted", "out: answers that come out, word for word or with an identifier."),
        ("forget.verbatim", "word: answers that hold the true one word for word."),
        (
            "forget.leaked",
            "leak: answers that give away an e-mail address, phone number, URL, number of "
            f"{LEAST_DIGITS} digits or more, or a string of the column identifiers.",
        ),
        (
            "forget.probability",
            "P: probability of the true answer per token (the geometric mean over its tokens), "
            "mean over rows.",
        ),
        (
            "forget.rouge_l",
            "R: ROUGE-L recall, the share of the true answer's words that the greedy answer has in "
            "the same order, mean over rows.",
        ),
        (
            "forget.extraction_strength",
            "ES: share of the true answer, from its end, that greedy decoding gives back.",
        ),
        ("forget.truth_ratio", "TR: truth ratio; on the forget set 1 is the aim."),
        ("forget.refused", "ref: answers that refuse. empty, rep: empty and repeating answers."),
        (
            "kept_share",
            "kept: the lower of general ability and of ROUGE-L on trained retain rows, as a share "
            f"of before; of rows held out, too, where less than {100 * HELD_OUT_KEEP:g} % is left.",
        ),
        (
            "general.ability",
            "gen, general ability: exp(−KL) from the original model, per token of its own answers "
            "to generic prompts; 1 for the original itself.",
        ),
        ("forget_quality", f"FQ: p-value of a KS test against Retrain, on {quality}."),
        (
            "holdout_p_value",
            "p(H): p-value of a KS test of the forget set's answer log-probabilities against the "
            "holdout set's; near 1 where nothing distinguishes them.",
        ),
        (
            "auc.loss",
            "AUC: how well the loss tells rows to forget from holdout rows; 0.5 where it cannot, 1 "
            "where it always can.",
        ),
        (
            "privleak",
            "priv: PrivLeak, how far such an AUC is from Retrain's, in percent of it; 0 is the "
            "aim.",
        ),
    ]
    return [text for key, text in description if key in has] + ["A dash marks a missing value."]


def measure(inputs: SuiteInputs) -> SuiteResult:
    """Measure a user's own sets, with a count or an interval for each number.

    Raises:
        UserError: see `simnpo.evaluation.metrics.own.own_metrics`.
    """
    found = own_metrics(
        inputs.tables,
        inputs.retain,
        inputs.identifiers,
        inputs.general,
        inputs.reference,
    )
    for name, (count, total) in inputs.shortened.items():
        found.notes.append(
            f"{count} of {total} answers of the {title_in_text(name)} are longer than --max-length "
            "lets a model see: word for word and ROUGE-L are about what it leaves of them."
        )
    details = {
        "counts": found.counts,
        "intervals": found.intervals,
        "forget_quality_on": found.forget_quality_on,
        "general_kl": inputs.general
        and [value if isfinite(value) else None for value in inputs.general.kl],
    }
    if inputs.is_original:
        found.metrics[KEPT_SHARE] = 1.0
    if inputs.before is not None:
        after = OwnEvaluation(found.metrics, found.counts, inputs.tables)
        before = own_evaluation(inputs.before)
        found.metrics[KEPT_SHARE] = kept_share(before, after)
        if inputs.judged is not None:
            before, after = (
                about_first(one, inputs.judged, inputs.identifiers) for one in (before, after)
            )
        verdict = judge(before, after, inputs.keep)
        verdict = replace(verdict, cautions=(*verdict.cautions, *inputs.cautions))
        measured, rows = found.items[FORGET], inputs.forget_rows
        if rows is not None and measured < rows:
            caution = (
                f"{measured} of {rows} rows to forget were measured, evenly spaced; --max-items "
                "measures more."
            )
            verdict = replace(verdict, cautions=(caution, *verdict.cautions))
        if FORGET in inputs.shortened:
            count, total = inputs.shortened[FORGET]
            caution = (
                f"{count} of {total} answers to forget are judged word for word by their "
                "beginnings alone, all that --max-length leaves of them: a higher one has the rest "
                "forgotten, too."
            )
            verdict = replace(verdict, cautions=(*verdict.cautions, caution))
        details["verdict"] = verdict.record()
    return SuiteResult(found.metrics, found.items, found.notes, details)


def own_evaluation(evaluation: Evaluation) -> OwnEvaluation:
    """Return a stored evaluation of own data as a verdict reads it.

    Raises:
        UserError: it is of something else.
    """
    summary = evaluation.summary
    if summary.get("suite") != NAME:
        raise UserError(f"{evaluation.name} is not an evaluation of own data.")
    counts = {name: (count, total) for name, (count, total) in summary["counts"].items()}
    return OwnEvaluation(summary["metrics"], counts, evaluation.tables)


SUITE = Suite(measure, own_display, check_retrain=check_retrain, set_title=title_in_text)
