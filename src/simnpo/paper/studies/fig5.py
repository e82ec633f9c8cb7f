"""Fig. 5: the study on Markov chains."""

from collections.abc import Sequence
from typing import cast

from simnpo.experiments.run import Run
from simnpo.paper.markov.figures import in_words, paint_figure_5
from simnpo.paper.markov.panels import PANELS, Size
from simnpo.paper.markov.report import COLUMNS, with_titles
from simnpo.paper.markov.report import results as study_results
from simnpo.paper.markov.study import Study as MarkovStudy
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.report.finding import Claim, Column, Figure, Finding, Row, Table, Verdict

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
    shown = with_titles(paths)
    columns = tuple(Column(c.key, f"{c.group} {c.short}", c.name) for c in COLUMNS)
    return Finding(
        tables=tuple(
            Table(
                panel,
                PANELS[panel].title,
                columns,
                tuple(Row(row.name, row.values_of) for row in rows),
                PAPER if panel == "short" else {},
            )
            for panel, rows in found.tables.items()
        ),
        figures=(
            Figure(
                "paths",
                (4.9 * len(PANELS), 4.5),
                "Forget quality on Forget1 and Forget2 against retain distance along the paths of "
                "unlearning: thin lines are seeds, thick ones their mean, bands its 95 % interval.",
                "Forget quality on Forget1 and Forget2 against retain distance along the unlearning"
                f" paths of NPO and SimNPO; {in_words(shown)}.",
                ("NPO", "SimNPO"),
                lambda figure, styles: paint_figure_5(figure, shown, list(PANELS), styles),
            ),
        ),
        claims=tuple(
            Claim(
                one.text,
                cast(Verdict, one.verdict),
                f"NPO {one.npo.mean:.3g}, SimNPO {one.simnpo.mean:.3g}. {one.why}",
            )
            for one in found.claims
        ),
        notes=(
            "Distances are mean KL divergences over tokens from the true transition rows. Retain "
            "at: the retain distance where a path first reaches Retrain's forget quality; a dash "
            "where it does not at every seed. The study is at the paper's own size at both scales.",
        ),
    )


PAPER = {"Retrain": {"final_forget2": 0.44}}
"""From the paper's text (sec. 5)."""
STUDY = Study(
    "NPO pays a higher retain distance than SimNPO for short sequences, and over-forgets what "
    "was never learnt.",
    runs,
    find,
)
