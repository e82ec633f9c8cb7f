"""What a study of one artefact is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.report.finding import Finding


class Study(NamedTuple):
    """A table or figure of the paper: a function from runs to what they show."""

    shows: str
    """What the paper shows with it, in a sentence."""
    runs: Callable[[Scale, Sequence[int]], list[Run]]
    """Which runs it takes, at a scale and for given seeds; runs it shares with others are equal."""
    find: Callable[[Results], Finding]
    """Called once all runs are finished."""
