"""Made-up finished runs on mini-tofu, as a reproduction keeps them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from simnpo.evaluation.evaluation import EVALUATION, write_evaluation
from simnpo.evaluation.history import HISTORY, write_history
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables
from simnpo.experiments.run import DONE, Run
from simnpo.paper.results import Results
from simnpo.paper.scale import mini
from simnpo.report.finding import Claim, Finding, Table
from simnpo.storage.files import write_json, write_table
from simnpo.training.gradient_weights import COLUMNS as WEIGHT_COLUMNS
from simnpo.training.gradient_weights import WEIGHTS
from simnpo.training.track_kl import DRIFT

ITEMS = 140
"""Items of mini-tofu's forget10."""
SEEDS = (1, 2)
PLAIN = np.linspace(-1.0, 1.0, ITEMS)
"""Log truth ratios, all different."""
APART = 10.0
"""What lifts a log truth ratio above all of `PLAIN`."""


def results(home: Path) -> Results:
    return Results(mini(), SEEDS, home)


def store(
    home: Path,
    run: Run,
    log_ratios: Sequence[float] = tuple(PLAIN),
    metrics: Mapping[str, float] | None = None,
    tokens: Sequence[int] = (3,) * ITEMS,
    answers: Sequence[float] = (-1.0,) * ITEMS,
    history: Sequence[Mapping[str, float]] = (),
) -> None:
    """Write a finished run; `answers` are log-probs per token, `tokens` the answers' lengths."""
    rows = []
    for item, ratio in enumerate(log_ratios):
        length = tokens[item]
        rows.append(("forget", item, "answer", 0, answers[item] * length, length))
        rows.append(("forget", item, "paraphrase", 0, -20.0, 1))
        rows.append(("forget", item, "perturbed", 0, -20.0 + ratio, 1))
    scores = pd.DataFrame(rows, columns=list(SCORE_COLUMNS)[:6])
    scores = scores.reindex(columns=list(SCORE_COLUMNS), fill_value=0).astype(SCORE_COLUMNS)
    generations = pd.DataFrame(columns=list(GENERATION_COLUMNS)).astype(GENERATION_COLUMNS)
    summary = {
        "benchmark": "mini-tofu",
        "split": "forget10",
        "truth_ratio_aggregation": "geometric",
        "metrics": dict(metrics or {}),
        "notes": [],
    }
    folder = run.folder(home)
    write_evaluation(folder / EVALUATION, summary, Tables(scores, generations))
    if history:
        write_history(folder / HISTORY, [dict(one) for one in history])
    write_json(folder / DONE, {"title": run.title})


def store_weights(home: Path, run: Run, rows: Sequence[tuple[int, int, int, float]]) -> None:
    """Write the weights of a run: epoch, example, tokens, weight."""
    write_table(run.folder(home) / WEIGHTS, pd.DataFrame(rows, columns=list(WEIGHT_COLUMNS)))
    write_json(run.folder(home) / DONE, {"title": run.title})


def store_drift(home: Path, run: Run, kl: Mapping[int, float]) -> None:
    """Write the KL of a run by step, the retain set's half the forget set's."""
    rows = [
        (step, step / 5, name, value * part)
        for step, value in kl.items()
        for name, part in (("forget", 1.0), ("retain", 0.5))
    ]
    table = pd.DataFrame(rows, columns=["step", "epoch", "set", "kl"])
    write_table(run.folder(home) / DRIFT, table)
    write_json(run.folder(home) / DONE, {"title": run.title})


def mean(table: Table, row: str, key: str) -> float:
    (found,) = [one for one in table.rows if one.name == row]
    return found.values[key].mean


def verdicts(finding: Finding) -> list[str]:
    return [claim.verdict for claim in finding.claims]


def claim(finding: Finding, words: str) -> Claim:
    (found,) = [one for one in finding.claims if words in one.text]
    return found


def draw_all(finding: Finding, folder: Path) -> str:
    """Draw the figures; return their SVGs."""
    from simnpo.report.colours import styles
    from simnpo.report.drawing import draw

    drawn = []
    for figure in finding.figures:
        looks = styles(figure.models)

        def paint(empty: object, figure: object = figure, looks: object = looks) -> None:
            figure.paint(empty, looks)  # type: ignore[attr-defined]

        plot = draw(folder, figure.name, figure.size, figure.description, looks, paint)
        drawn.append(plot.svg)
    return "\n".join(drawn)
