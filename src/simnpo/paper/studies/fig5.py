"""Fig. 5: the study on Markov chains."""

from collections.abc import Sequence
from dataclasses import replace

from simnpo.experiments.run import Run
from simnpo.paper.markov.figures import paths_figure
from simnpo.paper.markov.panels import PANELS, Size
from simnpo.paper.markov.report import DISTANCES, SHOWS, panel_tables, verdicts
from simnpo.paper.markov.results import results as study_results
from simnpo.paper.markov.results import with_titles
from simnpo.paper.markov.study import Study as MarkovStudy
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.report.finding import Finding

METHODS = ("npo", "simnpo")


def _study(seeds: Sequence[int]) -> MarkovStudy:
    """Both panels at every seed, at the paper's betas and size."""
    return MarkovStudy(tuple(PANELS), tuple(seeds), tuple((one, None) for one in METHODS), Size())


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return both panels at every seed."""
    return list(_study(seeds).runs())


def find(results: Results) -> Finding:
    """Draw the paths, tabulate where they end, and take the study's own verdicts."""
    study = _study(results.seeds)
    paths = study.paths(results.home)
    found = study_results(paths, study)
    return Finding(
        tables=tuple(
            replace(table, paper=PAPER if table.name == "short" else {})
            for table in panel_tables(found)
        ),
        figures=(paths_figure(with_titles(paths)),),
        claims=verdicts(found, lambda value: f"{value.mean:.3g}"),
        notes=(f"{DISTANCES} The study is at the paper's own size at both scales.",),
    )


PAPER = {"Retrain": {"final_forget2": 0.44}}
"""From the paper's text (sec. 5)."""
STUDY = Study(SHOWS, runs, find)
