"""The benchmarks by name: the only list of them. One is a file, or a folder, and a line here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simnpo.errors import UserError
from simnpo.system.lazy_values import LazyValues

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.benchmarks.kind import BenchmarkKind, Part
    from simnpo.benchmarks.minis import Mini

_HOMES: Mapping[str, str] = {
    "tofu": "simnpo.benchmarks.tofu:BENCHMARK",
    "muse": "simnpo.benchmarks.muse:BENCHMARK",
    "wmdp": "simnpo.benchmarks.wmdp:BENCHMARK",
    "mini-tofu": "simnpo.benchmarks.mini_tofu.settings:BENCHMARK",
    "mini-muse": "simnpo.benchmarks.mini_muse.settings:BENCHMARK",
    "mini-wmdp": "simnpo.benchmarks.mini_wmdp.settings:BENCHMARK",
}


BENCHMARKS: Mapping[str, "BenchmarkKind"] = LazyValues(_HOMES)
"""By their names on the command line."""


def benchmark_kind(name: str) -> "BenchmarkKind":
    """Return the benchmark of a name: how it is loaded, and its settings.

    Raises:
        UserError: an unknown benchmark.
    """
    if name not in BENCHMARKS:
        raise UserError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def load_benchmark(
    name: str,
    split: str | None = None,
    data_dir: str | None = None,
    part: "Part | None" = None,
) -> "Benchmark":
    """Return benchmark `name` at `split`.

    Args:
        name: a key of `BENCHMARKS`.
        split: what to forget; None takes the benchmark's usual one.
        data_dir: a folder with its files; None takes them from the hub.
        part: what is needed of a benchmark whose parts come from different places, some of them
            gated; the others are loaded whole.

    Raises:
        UserError: an unknown benchmark or split, or missing data.
    """
    kind = benchmark_kind(name)
    if kind.mini is not None and data_dir is not None:
        raise UserError(f"{name} is built in, so ``data_dir`` {data_dir} does nothing.")
    return kind.load(split or kind.split, data_dir, part)


def load_mini(name: str, split: str | None = None) -> "Mini":
    """Return embedded benchmark `name` with all it takes to make its models.

    Raises:
        UserError: an unknown or no embedded benchmark, or an unknown split.
    """
    kind = BENCHMARKS.get(name)
    if kind is None or kind.mini is None:
        minis = [one for one, kind in BENCHMARKS.items() if kind.mini is not None]
        raise UserError(f"{name!r} is not an embedded benchmark; there are {', '.join(minis)}.")
    return kind.mini(split or kind.split)
