"""Fig. A5: successive unlearning requests on MUSE News."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.bands import legend_below, paint_curve
from simnpo.paper.studies.base import Study
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.finding import Claim, Column, Figure, Finding, Row, Table, Verdict

METHODS = ("npo", "simnpo")


def stages_of(scale: Scale, method: str, seed: int) -> list[UnlearnRun]:
    """Return a method's runs, each from the model that has unlearned the requests before."""
    stages: list[UnlearnRun] = []
    origin: Run = scale.original(scale.news, seed)
    for request in range(len(scale.news.load().requests)):
        stage = scale.unlearned(
            scale.news, method, seed, origin=origin, request=request, keeps_model=True
        )
        stages.append(stage)
        origin = stage
    return stages


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every stage of both methods, at the first seed."""
    stages = [one for method in METHODS for one in stages_of(scale, method, seeds[0])]
    return [*stages, scale.original(scale.news, seeds[0])]


def find(results: Results) -> Finding:
    """Draw knowledge over the requests, and compare the two methods' means over them."""
    scale, seed = results.scale, results.seeds[0]
    original = scale.original(scale.news, seed)
    found = {
        NAMES[method]: {
            key: [results.metric(run, key) for run in (original, *stages_of(scale, method, seed))]
            for key in KEYS
        }
        for method in METHODS
    }
    rows = [
        Row(
            f"{name}, after request {number}" if number else f"Original ({name})",
            {key: interval([values[key][number]]) for key in KEYS},
        )
        for name, values in found.items()
        for number in range(len(values[KEYS[0]]))
        if number or name == "NPO"
    ]
    rows[0] = rows[0]._replace(name="Original")
    return Finding(
        tables=(Table("requests", f"{scale.news.name}, requests", COLUMNS, tuple(rows)),),
        figures=(requests_figure(found),),
        claims=(
            throughout("SimNPO leaves less KnowMem on the forget set than NPO", found, KEYS[0], -1),
            throughout("SimNPO keeps more KnowMem on the retain set than NPO", found, KEYS[1], 1),
        ),
        notes=(
            f"One run (seed {seed}), so no intervals. KnowMem on the forget set asks about all "
            "requests, those still to come among them.",
        ),
    )


def throughout(
    text: str, found: Mapping[str, Mapping[str, Sequence[float]]], key: str, sign: int
) -> Claim:
    """Judge whether SimNPO is above NPO (`sign` 1) or below it (-1) after every request."""
    pairs = list(zip(found["SimNPO"][key][1:], found["NPO"][key][1:], strict=True))
    ahead = [sign * (simnpo - npo) for simnpo, npo in pairs]
    better = sum(one > 0 for one in ahead)
    verdict: Verdict = "undecided"  # equal somewhere, and nowhere the other way
    if not ahead or any(map(math.isnan, ahead)):
        verdict = "not testable"
    elif any(one < 0 for one in ahead):
        verdict = "not held"
    elif better == len(pairs):
        verdict = "held"
    listed = ", ".join(f"{simnpo:.1f} and {npo:.1f}" for simnpo, npo in pairs)
    return Claim(
        f"{text} after every request.",
        verdict,
        f"{better} of {len(pairs)} requests; SimNPO and NPO in turn: {listed}.",
    )


def requests_figure(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Return knowledge over requests, a panel for each set."""

    def paint(figure: Canvas, styles: Mapping[str, Style]) -> None:
        panels = figure.subplots(1, len(COLUMNS))
        for axes, column in zip(panels, COLUMNS, strict=True):
            for name, values in found.items():
                own = {float(at): interval([one]) for at, one in enumerate(values[column.key])}
                paint_curve(axes, name, own, styles[name], partial(_said, name))
            axes.set_title(column.name)
            axes.set_xlabel("Requests unlearned")
            axes.xaxis.get_major_locator().set_params(integer=True)
        legend_below(figure, panels[0])

    summary = "; ".join(
        f"{name}, {column.short}: " + ", ".join(f"{one:.1f}" for one in values[column.key])
        for name, values in found.items()
        for column in COLUMNS
    )
    return Figure(
        "requests",
        (8.4, 3.8),
        "KnowMem on the forget and the retain set after each request, one seed.",
        f"KnowMem over successive requests. {summary}.",
        tuple(found),
        paint,
    )


def _said(name: str, request: float, value: Interval) -> str:
    at = f"after request {request:g}" if request else "Original"
    return f"{name}, {at}: {value.mean:.1f} %"


NAMES = {"npo": "NPO", "simnpo": "SimNPO"}
COLUMNS = (
    Column("knowmem_forget", "KnowMem forget", "KnowMem on the forget set (%)", "percent", "lower"),
    Column(
        "knowmem_retain", "KnowMem retain", "KnowMem on the retain set (%)", "percent", "higher"
    ),
)
KEYS = tuple(column.key for column in COLUMNS)
STUDY = Study(
    "Request after request SimNPO forgets more and keeps more than NPO.",
    runs,
    find,
)
