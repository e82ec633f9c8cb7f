"""Findings no run made: every part that a report can show."""

import math

from made_up_evaluations import evaluation

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.paper.report import Shown
from simnpo.paper.studies import ARTEFACTS
from simnpo.report.drawing import tip
from simnpo.report.finding import Claim, Column, Figure, Finding, Row, Table, row

HOSTILE = "<b>$x"
COLUMNS = (
    Column("forget_quality", "FQ", "Forget quality (p-value)", "p_value", "higher"),
    Column("model_utility", "MU", "Model utility", better="higher"),
    Column("privleak", "PrivLeak", "PrivLeak (%)", "percent", "near 0"),
)


def figure(name="curve", models=("SimNPO", "NPO")) -> Figure:
    def paint(empty, styles):
        axes = empty.add_subplot()
        for place, model in enumerate(models):
            look = {"color": styles[model].light, "marker": styles[model].marker}
            for epoch in range(1, 4):
                (point,) = axes.plot([epoch], [epoch / 9 + place / 5], **look, linestyle="none")
                tip(point, f"{model}, epoch {epoch}: FQ {epoch / 9 + place / 5:.2f}")
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Forget quality")

    caption = "Forget quality over epochs; means over the seeds."
    return Figure(name, (5, 3.2), caption, f"FQ over epochs of {', '.join(models)}.", models, paint)


def table(name="methods") -> Table:
    rows = (
        row(
            "SimNPO",
            {"forget_quality": [0.8, 0.7, 0.9], "model_utility": [0.6, 0.61, 0.62]},
        ),
        Row(
            "NPO",
            {
                "forget_quality": Interval(2.5e-21, math.nan, math.nan, 1),
                "model_utility": Interval(0.5, 0.4, 0.6, 5),
                "privleak": Interval(-67.25, -70, -64.5, 5),
            },
        ),
        row(HOSTILE, {"privleak": [1.0]}),
    )
    return Table(name, "All methods", COLUMNS, rows, {"NPO": {"forget_quality": 0.79}})


CLAIMS = (
    Claim("SimNPO forgets more than NPO.", "held", "SimNPO 0.8, NPO 0.5."),
    Claim("SimNPO keeps more than NPO.", "not held", "SimNPO 0.4, NPO 0.5."),
    Claim("All forget.", "undecided", "95 % interval -0.1 to 0.2 over 3 seeds."),
    Claim(f"{HOSTILE} leaks nothing.", "not testable", "3 of 3 seeds have no such value."),
)


def shown() -> dict[str, Shown]:
    """Return an artefact with everything, one with answers, one of claims alone, one not made."""
    answers = tuple(evaluation(name) for name in ("Original", "SimNPO"))
    findings = {
        "fig3c": Finding((table(),), (figure(),), CLAIMS, notes=("Noise floor: 0.9.",)),
        "fig4": Finding(claims=CLAIMS[:1]),
        "tableA4": "Original, mini-wmdp craft, seed 42: out of <memory>.",
        "tableA5": Finding(answers=answers),
    }
    says = "In the paper SimNPO is above NPO & the rest."
    return {name: Shown(ARTEFACTS[name], says, one) for name, one in findings.items()}
