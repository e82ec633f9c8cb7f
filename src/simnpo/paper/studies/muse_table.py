"""What Table 2 and Fig. 1d share: all methods on a corpus of MUSE."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from simnpo.evaluation.history import HISTORY, read_history
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.selection import RULE, pick_epoch
from simnpo.report.finding import Claim, Column, Row, Table, exceeds, row
from simnpo.report.numbers import number
from simnpo.storage.json_values import Json

METHODS = ("ga", "grad_diff", "npo", "task_vector", "simnpo")
"""The paper's on MUSE (sec. 6.1)."""


def muse_run(scale: Scale, site: BenchmarkSetup, method: str, seed: int) -> UnlearnRun:
    """Return a method's run, with its metrics after every epoch where it trains in epochs."""
    edits = method == "task_vector"  # one step, without epochs
    return scale.unlearned(site, method, seed, records=() if edits else ("history",))


def muse_runs(scale: Scale, site: BenchmarkSetup, seeds: Sequence[int]) -> list[Run]:
    """Return Original's, Retrain's and every method's run at every seed."""
    methods = [partial(muse_run, scale, site, method) for method in METHODS]
    models = (partial(scale.original, site), partial(scale.retrain, site))
    return per_seed(seeds, *models, *methods)


COLUMNS = (
    Column("verbmem", "VerbMem", "VerbMem on the forget set (%)", "percent", "lower"),
    Column("knowmem_forget", "KnowMem forget", "KnowMem on the forget set (%)", "percent", "lower"),
    Column(
        "knowmem_retain", "KnowMem retain", "KnowMem on the retain set (%)", "percent", "higher"
    ),
    Column("privleak", "PrivLeak", "PrivLeak (%)", "percent", "near 0"),
)
KEYS = [column.key for column in COLUMNS]


def last_rows(results: Results, site: BenchmarkSetup) -> list[Row]:
    """Return every model's metrics, those of methods after their last epoch."""
    scale = results.scale
    makers: dict[str, Callable[[int], Run]] = {
        "Original": partial(scale.original, site),
        "Retrain": partial(scale.retrain, site),
    }
    for method in METHODS:
        make = partial(muse_run, scale, site, method)
        makers[make(0).name] = make
    return [results.row(name, make, KEYS) for name, make in makers.items()]


def selected(results: Results, site: BenchmarkSetup, method: str) -> list[Mapping[str, Json]]:
    """Return a method's metrics at the epoch that the rule picks, at each seed."""
    runs = [muse_run(results.scale, site, method, seed) for seed in results.seeds]
    return [pick_epoch(read_history(run.folder(results.home) / HISTORY)) for run in runs]


def picked_rows(results: Results, site: BenchmarkSetup) -> list[Row]:
    """Return the metrics of each method at the picked epoch, and which that is."""
    rows = []
    for method in METHODS:
        run = muse_run(results.scale, site, method, results.seeds[0])
        if run.records:
            picks = selected(results, site, method)
            found = {key: [number(pick[key]) for pick in picks] for key in (*KEYS, "epoch")}
            rows.append(row(run.name, found))
    return rows


def muse_tables(results: Results, site: BenchmarkSetup) -> tuple[Table, Table]:
    """Return the table after the last epoch, and that at the picked one."""
    corpus = site.split
    epoch = Column("epoch", "Epoch", "The epoch that the rule picks", "percent")
    return (
        Table(
            corpus,
            f"{site.name}, after the last epoch",
            COLUMNS,
            tuple(last_rows(results, site)),
            PAPER.get(corpus, {}),
        ),
        Table(
            f"{corpus}-picked",
            f"{site.name}, at the picked epoch. {RULE}",
            (epoch, *COLUMNS),
            tuple(picked_rows(results, site)),
        ),
    )


def muse_claims(results: Results, site: BenchmarkSetup) -> tuple[Claim, ...]:
    """Hold the paper's comparison of SimNPO with NPO against the runs, at the picked epochs."""
    picks = {method: selected(results, site, method) for method in ("npo", "simnpo")}

    def compared(higher: str, key: str) -> list[tuple[float, float]]:
        lower = "npo" if higher == "simnpo" else "simnpo"
        both = zip(picks[higher], picks[lower], strict=True)
        return [(number(one[key]), number(other[key])) for one, other in both]

    leaks = compared("npo", "privleak")
    where = f" ({site.name})"
    return (
        exceeds(
            f"SimNPO keeps more KnowMem on the retain set than NPO{where}.",
            ("SimNPO", "NPO"),
            compared("simnpo", "knowmem_retain"),
            "KnowMem retain",
        ),
        exceeds(
            f"SimNPO leaves less KnowMem on the forget set than NPO{where}.",
            ("NPO", "SimNPO"),
            compared("npo", "knowmem_forget"),
            "KnowMem forget",
        ),
        exceeds(
            f"SimNPO's PrivLeak is nearer to 0 than NPO's{where}.",
            ("NPO", "SimNPO"),
            [(abs(npo), abs(simnpo)) for npo, simnpo in leaks],
            "the distance of PrivLeak from 0",
        ),
    )


PAPER = {
    "news": {"SimNPO": {"knowmem_retain": 39.65, "knowmem_forget": 44.84, "privleak": 72.93}},
    "books": {"SimNPO": {"knowmem_retain": 48.27, "knowmem_forget": 0.0, "privleak": -31.17}},
}
"""By split, from the paper's text (sec. 6.2); its table is an image."""
PAPER["gazette"] = PAPER["news"]
