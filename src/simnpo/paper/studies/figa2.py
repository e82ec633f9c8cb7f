"""Fig. A2: SimNPO over beta and gamma."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from simnpo.evaluation.metrics.intervals import interval
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.finding import Claim, Column, Figure, Finding, Row, Table, Verdict
from simnpo.report.numbers import fixed, p_value

BETAS = (1.5, 2.5, 3.5, 4.5)
"""The paper searched 1.5 to 3.5 for forget05, and has 4.5 on forget10 (app. I.2)."""
GAMMAS = (0.0, 0.5, 1.0, 2.0)
"""The paper searched 0 to 2."""


def point(scale: Scale, beta: float, gamma: float, seed: int) -> UnlearnRun:
    """Return the run at a point of the grid, all else as tuned."""
    setting = (("beta", beta), ("gamma", gamma))
    return scale.unlearned(scale.tofu, "simnpo", seed, setting=setting)


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return a run for every point of the grid, at the first seed."""
    grid = [point(scale, beta, gamma, seeds[0]) for beta in BETAS for gamma in GAMMAS]
    return [*grid, *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """Draw forget quality and utility over the grid, and see what gamma does."""
    scale, seed = results.scale, results.seeds[0]
    runs = {(b, g): point(scale, b, g, seed) for b in BETAS for g in GAMMAS}
    rows = [
        Row(
            f"beta {beta:g}, gamma {gamma:g}",
            {column.key: interval([results.metric(run, column.key)]) for column in COLUMNS},
        )
        for (beta, gamma), run in runs.items()
    ]
    quality = {at: results.metric(run, "forget_quality") for at, run in runs.items()}
    utility = {at: results.metric(run, "model_utility") for at, run in runs.items()}
    floor = min(one.p_value for one in results.noise_floor(scale.tofu))
    return Finding(
        tables=(Table("grid", f"{scale.tofu.name}, SimNPO, seed {seed}", COLUMNS, tuple(rows)),),
        figures=(grid_figure(quality, utility),),
        claims=(utility_falls(utility), zero_is_enough(quality, floor)),
        notes=(
            f"One run at each point (seed {seed}), all else as tuned, so no intervals.",
            results.floor_note(scale.tofu),
        ),
    )


def utility_falls(utility: Mapping[tuple[float, float], float]) -> Claim:
    """Judge whether utility is lower at the largest gamma than at 0, for every beta."""
    ends = [(utility[beta, GAMMAS[0]], utility[beta, GAMMAS[-1]]) for beta in BETAS]
    falls = sum(first > last for first, last in ends)
    listed = ", ".join(
        f"beta {beta:g} {first:.3f} to {last:.3f}"
        for beta, (first, last) in zip(BETAS, ends, strict=True)
    )
    verdict: Verdict = "undecided"
    if any(math.isnan(value) for pair in ends for value in pair):
        verdict = "not testable"
    elif falls in (0, len(BETAS)):
        verdict = "held" if falls else "not held"
    return Claim(
        "A larger gamma suppresses model utility.",
        verdict,
        f"From gamma {GAMMAS[0]:g} to {GAMMAS[-1]:g}: {listed}.",
    )


def zero_is_enough(quality: Mapping[tuple[float, float], float], floor: float) -> Claim:
    """Judge whether gamma 0 reaches, at some beta, what two Retrain models get."""
    text = "With gamma 0 SimNPO forgets as well as with any other, within noise."
    missing = sum(map(math.isnan, quality.values()))
    if missing:
        why = f"{missing} of {len(quality)} points have no forget quality."
        return Claim(text, "not testable", why)
    best = max((quality[beta, GAMMAS[0]], beta) for beta in BETAS)
    most = max((value, *at) for at, value in quality.items())
    return Claim(
        text,
        "held" if best[0] >= min(floor, most[0]) else "not held",
        f"Best at gamma 0: forget quality {best[0]:.2g} at beta {best[1]:g}; best of all "
        f"{most[0]:.2g} at beta {most[1]:g}, gamma {most[2]:g}; lowest of the noise floor "
        f"{floor:.2g}.",
    )


def grid_figure(
    quality: Mapping[tuple[float, float], float], utility: Mapping[tuple[float, float], float]
) -> Figure:
    """Return the two heat maps, the value written into each cell."""
    panels = (
        ("Forget quality (KS p-value)", {at: _log(value) for at, value in quality.items()}, True),
        ("Model utility", utility, False),
    )

    def paint(figure: Canvas, styles: Mapping[str, Style]) -> None:
        for axes, (title, values, is_p) in zip(figure.subplots(1, 2), panels, strict=True):
            grid = np.array([[values[beta, gamma] for gamma in GAMMAS] for beta in BETAS])
            low = max(grid.min(), -6.0) if is_p else grid.min()
            image = axes.pcolormesh(grid, cmap="cividis", vmin=low, vmax=grid.max())
            image.set_rasterized(False)
            for (row, column), value in np.ndenumerate(grid):
                summary = p_value(10**value) if is_p else fixed(value)
                pale = (value - low) / (grid.max() - low or 1) > 0.55
                colour = "#101010" if pale else "#fefefe"  # on the cell, in light and dark alike
                axes.text(column + 0.5, row + 0.5, summary, color=colour, ha="center", va="center")
            axes.set_xticks(np.arange(len(GAMMAS)) + 0.5, [f"{one:g}" for one in GAMMAS])
            axes.set_yticks(np.arange(len(BETAS)) + 0.5, [f"{one:g}" for one in BETAS])
            axes.grid(visible=False)
            axes.set(title=title, xlabel="gamma", ylabel="beta")

    summary = "; ".join(
        f"beta {beta:g}, gamma {gamma:g}: {p_value(value)}, {fixed(utility[beta, gamma])}"
        for (beta, gamma), value in quality.items()
    )
    return Figure(
        "grid",
        (8.6, 3.8),
        "Forget quality (coloured by its logarithm) and model utility of SimNPO over beta and "
        "gamma, one seed.",
        f"Heat maps of forget quality and model utility. {summary}.",
        (),
        paint,
    )


def _log(value: float) -> float:
    return math.log10(value) if value > 0 else -300.0


COLUMNS = (
    Column("forget_quality", "FQ", "Forget quality (p-value)", "p_value", "higher"),
    Column("forget_quality_log10_p", "log₁₀ p", "Base-10 logarithm of it", "logarithm", "higher"),
    Column("forget_quality_statistic", "KS", "Kolmogorov–Smirnov statistic", better="lower"),
    Column("model_utility", "MU", "Model utility", better="higher"),
)
STUDY = Study("A larger gamma costs utility; gamma 0 is the default.", runs, find)
