"""What figures are drawn on, for type checkers: what only draws on one imports no matplotlib."""

from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from matplotlib.artist import Artist as Artist
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure

    Canvas: TypeAlias = Figure
else:
    Artist = Axes = Canvas = object

Dashes: TypeAlias = Literal["-", "none"] | tuple[float, tuple[float, ...]]
"""A line's style: its name, or where its pattern begins and lengths of dashes and gaps."""


class Look(TypedDict, total=False):
    """How a line and its markers look, by matplotlib's names."""

    color: str
    linestyle: Dashes
    linewidth: float
    marker: str
    markersize: float
    markeredgecolor: str
