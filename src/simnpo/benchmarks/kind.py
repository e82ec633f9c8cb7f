"""`BenchmarkKind`: a benchmark by name: how it is loaded, and how methods are set on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.preset import FINETUNE, MiniPresets, Preset
from simnpo.config import TrainingConfig

if TYPE_CHECKING:
    from simnpo.benchmarks.minis import Mini

Part: TypeAlias = Literal["training", "evaluation"]


@dataclass(frozen=True)
class BenchmarkKind:
    """What is known of a benchmark before any of its data is loaded."""

    split: str
    """The split that stands where none is given."""
    load: Callable[[str, str | None, Part | None], Benchmark]
    """From a split, a folder with its files (None: the hub), and what is needed of it."""
    preset: Callable[[str | None, str], Preset]
    """From a split and a method's name to its settings."""
    finetune: TrainingConfig = FINETUNE
    """How Original and Retrain are trained."""
    mini: "Callable[[str], Mini] | None" = None
    """Of an embedded benchmark, whose data and models are made on the spot: from a split to all it
    takes."""
    presets: MiniPresets | None = None
    """Of an embedded benchmark: what tuning picked."""


def embedded(
    split: str,
    load: Callable[[str], Benchmark],
    mini: "Callable[[str], Mini]",
    presets: MiniPresets,
) -> BenchmarkKind:
    """Return an embedded benchmark, given its usual split and see `BenchmarkKind`."""
    return BenchmarkKind(
        split,
        lambda split, data_dir, part: load(split),
        lambda split, method: presets.of(method),
        presets.finetune,
        mini,
        presets,
    )
