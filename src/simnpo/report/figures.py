"""From evaluations to the report's plots."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.item_logprobs import item_logprobs
from simnpo.evaluation.metrics.truth_ratio import log_truth_ratio
from simnpo.evaluation.suites import display_of, suite_of
from simnpo.evaluation.suites.display import Axis
from simnpo.report.colours import Style, is_original, is_retrain
from simnpo.report.drawing import KINDS, Plot, draw
from simnpo.report.numbers import DASH, fixed, number, p_value
from simnpo.report.trade_off import paint_history, paint_trade_off
from simnpo.report.truth_ratios import Values, paint_truth_ratios
from simnpo.storage.ownership import remove_own

TRADE_OFF, TRUTH_RATIOS, HISTORY = PLOTS = ("trade_off", "truth_ratios", "history")


def draw_plots(
    evaluations: Sequence[Evaluation], folder: Path, styles: Mapping[str, Style]
) -> dict[str, Plot]:
    """Draw every plot there is data for; files of an earlier report's other plots are removed.

    Returns:
        The plots by name.
    """
    drawn = {
        TRADE_OFF: _trade_off(evaluations, folder, styles),
        TRUTH_RATIOS: _truth_ratios(evaluations, folder, styles),
        HISTORY: _history(evaluations, folder, styles),
    }
    for name, plot in drawn.items():
        if plot is None:
            remove_own(folder, [f"{name}.{ending}" for ending in KINDS])
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _on(axis: Axis, evaluation: Evaluation) -> float:
    """Return where an evaluation stands on an axis; of a p-value its log10; NaN where nowhere."""
    value = number(evaluation.summary["metrics"].get(axis.key))
    if not axis.is_p_value:
        return value
    return math.log10(value) if value > 0 else math.nan


def _trade_off(
    evaluations: Sequence[Evaluation], folder: Path, styles: Mapping[str, Style]
) -> Plot | None:
    view = display_of(evaluations)
    points = {
        evaluation.name: (_on(view.kept, evaluation), _on(view.forgotten, evaluation))
        for evaluation in evaluations
    }
    points = {name: xy for name, xy in points.items() if not any(map(math.isnan, xy))}
    if not points:
        return None
    say = (lambda y: p_value(10**y)) if view.forgotten.is_p_value else fixed
    summary = "; ".join(f"{name}: {say(y)}, {fixed(x)}" for name, (x, y) in points.items())
    return draw(
        folder,
        TRADE_OFF,
        (7.6, 5.0),
        f"Scatter plot of {view.forgotten.title} and {view.kept.title}. {summary}.",
        styles,
        lambda figure: paint_trade_off(figure, points, styles, view.kept, view.forgotten),
    )


def _truth_ratios(
    evaluations: Sequence[Evaluation], folder: Path, styles: Mapping[str, Style]
) -> Plot | None:
    ratios = {evaluation.name: _forget_ratios(evaluation) for evaluation in evaluations}
    ratios = {name: values for name, values in ratios.items() if len(values)}
    retrain = next((values for name, values in ratios.items() if is_retrain(name)), None)
    shown = {name: values for name, values in ratios.items() if not is_retrain(name)} or ratios
    if not shown:
        return None
    titles = {e.name: _panel_title(e, len(ratios[e.name])) for e in evaluations if e.name in shown}
    medians = "; ".join(f"{name}: {10 ** np.median(values):.3g}" for name, values in ratios.items())
    return draw(
        folder,
        TRUTH_RATIOS,
        (3.0 * min(3, len(shown)) + 0.4, 2.3 * math.ceil(len(shown) / 3) + 0.4),
        "Cumulative distributions of the truth ratio over the forget set, one panel per model"
        f" with Retrain's behind it. Medians: {medians}.",
        styles,
        lambda figure: paint_truth_ratios(figure, shown, retrain, titles, styles),
    )


def _forget_ratios(evaluation: Evaluation) -> Values:
    """Take log10 of the truth ratio of every item of the forget set; none if it was not scored."""
    scores = evaluation.tables.scores
    if suite_of(evaluation) != "tofu" or "forget" not in set(scores["set"]):
        return np.empty(0)
    items = item_logprobs(scores, "forget")
    aggregation = evaluation.summary["truth_ratio_aggregation"]
    return log_truth_ratio(items.perturbed, items.paraphrase, aggregation) / math.log(10)


def _panel_title(evaluation: Evaluation, items: int) -> str:
    metrics = evaluation.summary["metrics"]
    quality = p_value(number(metrics.get("forget_quality")))
    statistic = fixed(number(metrics.get("forget_quality_statistic")), 2)
    if DASH in (quality, statistic):
        return f"{items} items"
    return f"p = {quality},  KS {statistic},  {items} items"


def _history(
    evaluations: Sequence[Evaluation], folder: Path, styles: Mapping[str, Style]
) -> Plot | None:
    histories = {e.name: e.summary["history"] for e in evaluations if e.summary.get("history")}
    if not histories:
        return None
    view = display_of(evaluations)
    axes = (view.forgotten, view.kept)
    references = {
        e.name: [number(e.summary["metrics"].get(axis.key)) for axis in axes]
        for e in evaluations
        if is_original(e.name) or is_retrain(e.name)
    }
    return draw(
        folder,
        HISTORY,
        (9.4, 3.9),
        f"{view.forgotten.title} and {view.kept.title} over epochs of {', '.join(histories)}.",
        styles,
        lambda figure: paint_history(figure, histories, references, styles, axes),
    )
