"""Fig. 1d: PrivLeak against retained knowledge on MUSE News."""

from collections.abc import Sequence

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.muse_table import last_rows, muse_claims, muse_runs, picked_rows
from simnpo.paper.studies.trade_off import Axes, trade_off_figure
from simnpo.report.finding import Finding

AXES = Axes(
    "knowmem_retain",
    "KnowMem on the retain set, %  (kept →)",
    "privleak",
    "PrivLeak, %  (0 is the aim)",
    ("PrivLeak", "KnowMem"),
    digits=1,
)


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 2 on News."""
    return muse_runs(scale, scale.news, seeds)


def find(results: Results) -> Finding:
    """Plot every method's place at its picked epoch."""
    site = results.scale.news
    kept, _, leak = muse_claims(results, site)
    rows = {row.name: row for row in (*last_rows(results, site), *picked_rows(results, site))}
    what = f"of every method on {site.name}, at the epoch that Table 2's rule picks"
    return Finding(
        figures=(trade_off_figure(list(rows.values()), AXES, what),),
        claims=(kept, leak),
        notes=("Its table is Table 2's.",),
    )


STUDY = Study("SimNPO's PrivLeak is nearer to 0 than NPO's, and it keeps more.", runs, find)
