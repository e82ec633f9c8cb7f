"""Fig. 1b: truth ratios of strongly and weakly memorised forget data."""

from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.half_learnt import NOTE, half_runs, memorised_halves
from simnpo.report.finding import Finding, exceeds


def find(results: Results) -> Finding:
    """Show the distributions of Table A2's runs, and how far each is from Retrain's."""
    site, halves = results.scale.tofu, memorised_halves(results)
    distances = {
        model: [one.statistic for one in halves.qualities(model, 0)] for model in ("NPO", "SimNPO")
    }
    return Finding(
        tables=(halves.table("halves", f"{site.name}, one half learnt", {}),),
        figures=(
            halves.figure(
                "truth-ratios", "Truth ratios of strongly and of weakly memorised forget data."
            ),
        ),
        claims=(
            exceeds(
                "On strongly memorised data NPO's truth ratios are further from Retrain's than "
                "SimNPO's.",
                ("NPO", "SimNPO"),
                list(zip(distances["NPO"], distances["SimNPO"], strict=True)),
                "the Kolmogorov–Smirnov statistic",
            ),
        ),
        notes=(NOTE, results.floor_note(site), halves.floor_note()),
    )


STUDY = Study(
    "On strongly memorised forget data NPO is further from Retrain than SimNPO.", half_runs, find
)
