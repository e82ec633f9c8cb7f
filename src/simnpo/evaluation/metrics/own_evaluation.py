"""An evaluation of own data, as a verdict reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

from simnpo.evaluation.tables import Tables


@dataclass(frozen=True)
class OwnEvaluation:
    """One evaluation of own data, as a verdict reads it."""

    metrics: Mapping[str, float | None]
    counts: Mapping[str, tuple[int, int]]
    tables: Tables

    def count(self, name: str, share: str) -> tuple[int, int]:
        """Return how many of how many answers of a set are so."""
        count, total = self.counts[f"{name}.{share}"]
        return int(count), int(total)

    def mean(self, key: str) -> float:
        """Return a metric; NaN where it is missing."""
        value = self.metrics.get(key)
        return float("nan") if value is None else float(value)


def short(value: float) -> str:
    """Return a share with two decimals, without the zero before the point."""
    return f"{value:.2f}".removeprefix("0")
