"""Fig. 6: relearning attacks."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from simnpo.config import Select
from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments.relearn_run import RelearnRun
from simnpo.experiments.run import Run
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale
from simnpo.paper.studies.bands import curve, legend_below, paint_curve
from simnpo.paper.studies.base import Study
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.finding import Claim, Column, Figure, Finding, Table, exceeds, row
from simnpo.report.numbers import p_value
from simnpo.report.trade_off import p_axis

METHODS = ("npo", "simnpo")
DRAWS = 5
"""How often each attack is carried out, as the paper's random one. The shortest answers are the
same every time, but not the order in which they are met, which moves the outcome by as much."""


def attacked(scale: Scale, method: str, seed: int) -> list[RelearnRun]:
    """Return every attack on the model of a method and seed."""
    model = scale.unlearned(scale.tofu, method, seed)
    return [RelearnRun(draw, model, select) for select in ATTACKS for draw in range(DRAWS)]


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every draw of both attacks on both methods, at the first seed."""
    attacks = [one for method in METHODS for one in attacked(scale, method, seeds[0])]
    return [*attacks, *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """Draw forget quality over relearning epochs, and compare after the last."""
    scale, seed = results.scale, results.seeds[0]
    found = {
        (NAMES[method], select): [
            results.history(run).set_index("epoch")[KEY].astype(float)
            for run in attacked(scale, method, seed)
            if run.select == select
        ]
        for method in METHODS
        for select in ATTACKS
    }
    ends = {key: [float(one.iloc[-1]) for one in draws] for key, draws in found.items()}
    rows = [
        row(f"{name}, {select}, epoch {epoch:g}", {KEY: [float(one[epoch]) for one in draws]})
        for (name, select), draws in found.items()
        for epoch in draws[0].index
    ]

    def compared(select: Select) -> Claim:
        pairs = list(zip(ends["SimNPO", select], ends["NPO", select], strict=True))
        text = f"After relearning {ATTACKS[select]}, SimNPO has a higher forget quality than NPO."
        return exceeds(text, ("SimNPO", "NPO"), pairs, "log10 of forget quality", "draws")

    return Finding(
        tables=(Table("relearning", f"{scale.tofu.name}, relearning", COLUMNS, tuple(rows)),),
        figures=(relearning_figure(found),),
        claims=(
            compared("random"),
            compared("shortest"),
            exceeds(
                "NPO is weaker against the shortest answers than against random ones.",
                ("Random", "shortest"),
                list(zip(ends["NPO", "random"], ends["NPO", "shortest"], strict=True)),
                "log10 of NPO's forget quality",
                "draws",
            ),
        ),
        notes=(
            f"One model of each method (seed {seed}) under {DRAWS} draws of each attack: which "
            "fifth of the forget set is relearned and in which order; of the shortest answers the "
            "order alone. Intervals are over the draws, and say nothing of other models.",
            results.floor_note(scale.tofu),
        ),
    )


def relearning_figure(found: Mapping[tuple[str, Select], Sequence["pd.Series[float]"]]) -> Figure:
    """Return forget quality over epochs of relearning, a panel for each attack."""

    def paint(figure: Canvas, styles: Mapping[str, Style]) -> None:
        panels = figure.subplots(1, len(ATTACKS), sharey=True)
        for axes, select in zip(panels, ATTACKS, strict=True):
            for name in NAMES.values():
                own = curve(found[name, select])
                paint_curve(axes, name, own, styles[name], partial(_said, name), highest=0.0)
            axes.set_title(f"Relearning {ATTACKS[select]}")
            axes.set_xlabel("Epoch of relearning")
            axes.xaxis.get_major_locator().set_params(integer=True)
        p_axis(panels[0], min(float(one.min()) for draws in found.values() for one in draws))
        panels[0].set_ylabel("Forget quality, KS p-value  (forgotten →)")
        legend_below(figure, panels[0])

    summary = "; ".join(
        f"{name}, {select}: " + ", ".join(f"{p_value(10**v.mean)}" for v in curve(draws).values())
        for (name, select), draws in found.items()
    )
    return Figure(
        "relearning",
        (8.4, 4.0),
        "Forget quality over epochs of relearning a fifth of the forget set: geometric mean over "
        "draws, with its 95 % interval as a band.",
        f"Forget quality over epochs of relearning. {summary}.",
        tuple(NAMES.values()),
        paint,
    )


def _said(name: str, epoch: float, value: Interval) -> str:
    return f"{name}, epoch {epoch:g}: FQ {p_value(10**value.mean)}"


KEY = "forget_quality_log10_p"
NAMES = {"npo": "NPO", "simnpo": "SimNPO"}
ATTACKS: dict[Select, str] = {"random": "random answers", "shortest": "the shortest answers"}
COLUMNS = (Column(KEY, "log₁₀ FQ", "Base-10 logarithm of forget quality", "logarithm", "higher"),)
STUDY = Study(
    "SimNPO stays forgotten for longer under relearning, above all of short answers.", runs, find
)
