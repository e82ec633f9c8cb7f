"""MUSE's metrics as a reader sees them."""

from collections.abc import Sequence

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.muse import GENERATED, cut_answer, muse_metrics
from simnpo.evaluation.metrics.rouge import rouge_l_f1
from simnpo.evaluation.suites.base import Suite, SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import Axis, Column, SuiteDisplay

SETS = {
    "verbmem": "Continued forget texts",
    "knowmem_forget": "Questions about the forget set",
    "knowmem_retain": "Questions about the retain set",
    "forget": "Forget texts",
    "holdout": "Holdout texts",
}
ATTACKS = {
    "loss": ("loss", "loss"),
    "zlib": ("zlib", "loss over compressed size"),
    "min_k": ("Min-K", "Min-40 % log-probabilities"),
    "min_k_plus_plus": ("K++", "Min-K++"),
    "reference": ("ref", "loss minus the reference model's"),
}
_MEMORISED = "Forget texts by heart"
_KNOWN = "KnowMem"
_ATTACKED = "AUC of attacks"
COLUMNS = (
    Column("verbmem", "VerbMem", "forget", "VerbMem on the forget set (%)", "percent"),
    Column("knowmem_forget", _KNOWN, "forget", "KnowMem on the forget set (%)", "percent"),
    Column("knowmem_retain", _KNOWN, "retain", "KnowMem on the retain set (%)", "percent"),
    Column("privleak", "PrivLeak", "forget", "PrivLeak (%)", "percent"),
    Column("exact_memorization", _MEMORISED, "EM", "Exact memorisation (%)", "percent"),
    Column("extraction_strength", _MEMORISED, "ES", "Extraction strength (%)", "percent"),
    *(
        Column(f"auc.{key}", _ATTACKED, short, f"AUC of the attack by {long}")
        for key, (short, long) in ATTACKS.items()
    ),
)


def caption(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say what each column is, one sentence group an entry."""
    return [
        "VerbMem: mean ROUGE-L F1 of greedy continuations of forget texts with the true ones, in"
        " percent; lower means less is recited.",
        "KnowMem: mean ROUGE-L F1 of answers to questions about the forget or the retain set, asked"
        " after answered ones, in percent; lower is better on the forget set, higher on the retain"
        " set.",
        "PrivLeak: how far the AUC of the Min-40 % attack is from Retrain's, in percent of it; 0 is"
        " the aim, below it the forget texts still look trained on, above it conspicuously not so.",
        "EM, exact memorisation: share of the forget texts' tokens that are the model's first"
        " choice, in percent.",
        "ES, extraction strength: share of each forget text, from its end, that greedy decoding"
        " gives back, in percent.",
        "AUC of attacks: probability that a forget text looks more trained on than a holdout text,"
        " from 0 to 1 and 0.5 where they cannot be distinguished; by loss, by loss over compressed"
        " size, by Min-40 % log-probabilities, by Min-K++ and by loss minus a reference model's"
        " (0.5 for the reference model itself).",
        "A dash marks a missing value.",
    ]


def facts(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """Say what PrivLeak compares with."""
    found = {e.summary["retrain_auc"] for e in evaluations if e.summary.get("retrain_auc")}
    return {"PrivLeak": f"against an AUC of {found.pop():.4f}"} if len(found) == 1 else {}


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say where PrivLeak values do not compare."""
    found = {
        float(e.summary["retrain_auc"]): e.name
        for e in evaluations
        if e.summary.get("retrain_auc") is not None
    }
    if len(found) < 2:
        return []
    listed = ", ".join(f"{auc:.4f} ({name})" for auc, name in sorted(found.items()))
    return [f"PrivLeak against different AUCs of a retrained model does not compare: {listed}."]


def asked(prompt: str) -> str:
    """Return the last question of a prompt, or the end of a text that is to be continued."""
    _, found, question = prompt.rpartition("Question: ")
    if found:
        return question.rstrip().removesuffix("Answer:").strip()
    return prompt if len(prompt) <= _SHOWN else "… " + prompt[-_SHOWN:].partition(" ")[2]


def answered(name: str, generated: str) -> str:
    """Return what MUSE takes as the answer."""
    return cut_answer(generated) if GENERATED[name] == "knowmem" else generated


_SHOWN = 300
"""Characters shown of a text that is to be continued."""

DISPLAY = SuiteDisplay(
    columns=COLUMNS,
    caption=caption,
    legend="verb, know, priv: MUSE's metrics; EM, ES: by heart; AUC: attacks",
    forgotten=Axis("privleak", "PrivLeak", "PrivLeak, %  (0 is the aim)", aims_at_zero=True),
    kept=Axis("knowmem_retain", "Retain KnowMem", "KnowMem on the retain set, %  (kept →)"),
    sets=SETS,
    short_groups={"PrivLeak": "priv", "KnowMem": "know", "VerbMem": "verb", _MEMORISED: "heart"}
    | {_ATTACKED: "AUC"},
    answers=("verbmem", "knowmem_forget", "knowmem_retain"),
    answer_score=rouge_l_f1,
    answer_score_name="ROUGE-L F1",
    facts=facts,
    notes=notes,
    asked=asked,
    answered=answered,
)


def measure(inputs: SuiteInputs) -> SuiteResult:
    """Measure as MUSE does, and by membership attacks.

    Raises:
        UserError: see `simnpo.evaluation.metrics.muse.muse_metrics`.
    """
    found = muse_metrics(inputs.tables, inputs.retain, inputs.reference, inputs.split)
    return SuiteResult(found.metrics, found.items, found.notes, {"retrain_auc": found.retrain_auc})


SUITE = Suite(measure, lambda sets, metrics: DISPLAY)
