"""Fig. 3d: model utility over epochs."""

import numpy as np

from simnpo.paper.results import Results
from simnpo.paper.studies.bands import curve
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.epochs import METHODS, epoch_figure, epoch_runs, over_epochs
from simnpo.report.finding import Column, Finding, Table, exceeds, row
from simnpo.report.numbers import with_interval

KEY = "model_utility"


def find(results: Results) -> Finding:
    """Draw utility over epochs, and compare what was lost early."""
    scale, site = results.scale, results.scale.tofu
    utility = {name: over_epochs(results, name, KEY) for name in METHODS}
    known = {"Original": scale.original, "Retrain": scale.retrain}
    levels = {
        name: [results.metric(make(site, seed), KEY) for seed in results.seeds]
        for name, make in known.items()
    }
    half = float(utility["NPO"][0].index[-1]) / 2
    drops = {
        name: [
            before - float(one[one.index <= half].min())
            for before, one in zip(levels["Original"], own, strict=True)
        ]
        for name, own in utility.items()
    }
    rows = tuple(
        row(f"{name}, epoch {epoch:g}", {KEY: [float(one[epoch]) for one in own]})
        for name, own in utility.items()
        for epoch in own[0].index
    )
    early = f"Original's model utility less the lowest up to epoch {int(half)}"
    return Finding(
        tables=(
            Table(
                "epochs",
                f"{site.name}, model utility over epochs",
                (Column(KEY, "MU", "Model utility", better="higher"),),
                (*(row(name, {KEY: own}) for name, own in levels.items()), *rows),
            ),
            Table(
                "drop",
                "Utility lost early",
                (Column("drop", "Drop", early, better="lower"),),
                tuple(row(name, {"drop": own}) for name, own in drops.items()),
            ),
        ),
        figures=(
            epoch_figure(
                {name: curve(own) for name, own in utility.items()},
                {name: float(np.mean(own)) for name, own in levels.items()},
                "Model utility",
                "Model utility after each epoch: mean over seeds, with its 95 % interval as a "
                "band.",
                lambda value: f"MU {with_interval(value)}",
            ),
        ),
        claims=(
            exceeds(
                "In the first half of the epochs NPO's model utility drops further than SimNPO's.",
                ("NPO", "SimNPO"),
                list(zip(drops["NPO"], drops["SimNPO"], strict=True)),
                "the largest early drop",
            ),
        ),
        notes=(f"A drop is {early}.",),
    )


STUDY = Study(
    "NPO loses more model utility in early epochs than SimNPO.",
    epoch_runs,
    find,
)
