"""The benchmarks by name: the only list of them. One is a file, or a folder, and a line here."""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.benchmarks.kind import BenchmarkKind, Part
    from simnpo.benchmarks.minis import Mini

_HOMES: Mapping[str, str] = {
    "tofu": "simnpo.benchmarks.tofu",
    "muse": "simnpo.benchmarks.muse",
    "wmdp": "simnpo.benchmarks.wmdp",
    "mini-tofu": "simnpo.benchmarks.mini_tofu.settings",
    "mini-muse": "simnpo.benchmarks.mini_muse.settings",
    "mini-wmdp": "simnpo.benchmarks.mini_wmdp.settings",
}


class _Benchmarks(Mapping[str, "BenchmarkKind"]):
    """Imports a benchmark when it is looked up, so that its name costs nothing."""

    def __getitem__(self, name: str) -> "BenchmarkKind":
        found: BenchmarkKind = resolve_name(f"{_HOMES[name]}:BENCHMARK")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


BENCHMARKS: Mapping[str, "BenchmarkKind"] = _Benchmarks()
"""By their names on the command line."""


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
    if name not in BENCHMARKS:
        raise UserError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
    kind = BENCHMARKS[name]
    if kind.mini is not None and data_dir is not None:
        raise UserError(f"{name} is built in, so --data-dir {data_dir} does nothing.")
    return kind.load(split or kind.split, data_dir, part)


def load_mini(name: str, split: str | None = None) -> "Mini":
    """Return embedded benchmark `name` with all it takes to make its models.

    Raises:
        UserError: an unknown or no embedded benchmark, or an unknown split.
    """
    kind = BENCHMARKS.get(name)
    if kind is None or kind.mini is None:
        minis = [one for one, kind in BENCHMARKS.items() if kind.mini is not None]
        raise UserError(f"{name!r} is no embedded benchmark; there are {', '.join(minis)}.")
    return kind.mini(split or kind.split)
