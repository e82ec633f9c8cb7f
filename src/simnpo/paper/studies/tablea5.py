"""Table A5: generated answers side by side."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from simnpo.evaluation.metrics.repetition import WORDS, repetition
from simnpo.evaluation.metrics.rouge import rouge_l_f1, rouge_l_recall
from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.tofu_table import tofu_runs
from simnpo.report.finding import Column, Finding, Table, exceeds, row

COLUMNS = (
    Column(
        "repetition",
        "Repetition",
        f"Mean share of an answer's runs of {WORDS} words that stood in it before",
        better="lower",
    ),
    Column("like_label", "Like the label", "ROUGE-L recall of the true answer", better="lower"),
    Column("like_retrain", "Like Retrain", "ROUGE-L F1 with Retrain's answer", better="higher"),
)


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 1."""
    return tofu_runs(scale, scale.tofu, seeds)


def find(results: Results) -> Finding:
    """Show the first seed's answers, and measure those of all seeds."""
    scale, site = results.scale, results.scale.tofu
    makers: dict[str, Callable[[int], Run]] = {
        "Original": partial(scale.original, site),
        "Retrain": partial(scale.retrain, site),
        "NPO": partial(scale.unlearned, site, "npo"),
        "SimNPO": partial(scale.unlearned, site, "simnpo"),
    }
    measured = {
        name: [_measure(results, make(seed), makers["Retrain"](seed)) for seed in results.seeds]
        for name, make in makers.items()
    }
    rows = [
        row(name, {column.key: [one[column.key] for one in seeds] for column in COLUMNS})
        for name, seeds in measured.items()
    ]

    def pairs(higher: str, lower: str, key: str) -> list[tuple[float, float]]:
        both = zip(measured[higher], measured[lower], strict=True)
        return [(one[key], other[key]) for one, other in both]

    return Finding(
        tables=(Table("answers", "Answers to the forget set, measured", COLUMNS, tuple(rows)),),
        claims=(
            exceeds(
                "NPO repeats itself more than SimNPO.",
                ("NPO", "SimNPO"),
                pairs("NPO", "SimNPO", "repetition"),
                "repetition",
            ),
            exceeds(
                "SimNPO's answers are nearer to Retrain's than NPO's are.",
                ("SimNPO", "NPO"),
                pairs("SimNPO", "NPO", "like_retrain"),
                "ROUGE-L F1 with Retrain's answers",
            ),
        ),
        answers=tuple(results.evaluation(make(results.seeds[0])) for make in makers.values()),
        notes=(
            "The paper compares seven answers by eye; these measures over the whole forget set "
            "stand for it. The answers shown are the first seed's.",
        ),
    )


def _measure(results: Results, run: Run, retrain: Run) -> dict[str, float]:
    own, other = _answers(results, run), _answers(results, retrain)
    generated, reference = own["generated"], other["generated"][own.index]
    return {
        "repetition": float(np.mean([repetition(text) for text in generated])),
        "like_label": _mean(rouge_l_recall(zip(own["reference"], generated, strict=True))),
        "like_retrain": _mean(rouge_l_f1(zip(reference, generated, strict=True))),
    }


def _mean(values: "np.ndarray") -> float:
    return float(np.nanmean(values))


def _answers(results: Results, run: Run) -> pd.DataFrame:
    """Return a run's answers to the forget set, by item."""
    table = results.evaluation(run).tables.generations
    return table[table["set"] == "forget"].set_index("item")


STUDY = Study("NPO repeats itself; SimNPO answers as Retrain does.", runs, find)
