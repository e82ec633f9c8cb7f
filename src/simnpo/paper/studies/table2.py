"""Table 2: every method on MUSE News and Books."""

from collections.abc import Sequence

from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.muse_table import muse_claims, muse_runs, muse_tables
from simnpo.report.finding import Claim, Finding

NO_BOOKS = Claim(
    "On Books, SimNPO forgets all KnowMem and keeps more of it on the retain set than NPO.",
    "not testable",
    "At this scale there is one corpus, which stands for News.",
)


def sites(scale: Scale) -> list[BenchmarkSetup]:
    """Return the corpora there are at a scale."""
    return [site for site in (scale.news, scale.books) if site is not None]


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every method's run at every seed, with its metrics over epochs."""
    return [run for site in sites(scale) for run in muse_runs(scale, site, seeds)]


def find(results: Results) -> Finding:
    """Tabulate each corpus after the last epoch and at the picked one."""
    found = sites(results.scale)
    claims = [claim for site in found for claim in muse_claims(results, site)]
    return Finding(
        tables=tuple(table for site in found for table in muse_tables(results, site)),
        claims=(*claims, *(() if results.scale.books else (NO_BOOKS,))),
        notes=(
            "The claims are about the picked epochs, as the paper's are about its own picks. "
            "Retrain's PrivLeak is 0 by definition. Task Vector has no epochs to pick from.",
        ),
    )


STUDY = Study(
    "SimNPO keeps more than NPO at stronger forgetting, with a PrivLeak nearer to 0.", runs, find
)
