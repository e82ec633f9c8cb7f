"""One colour and marker per model, the same in every plot and table of a report.

The colours follow Okabe and Ito's colour-blind safe palette, darkened where it is too pale for a
white page; each has a lighter partner for a dark page. Markers differ too, so that nothing rests
on colour alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

ORIGINAL, RETRAIN = "Original", "Retrain"
"""Names of the two reference models; a report compares names without regard to case."""

INK, MUTED, LINE, PAPER = "#1b1e23", "#666c75", "#d9dce1", "#ffffff"
"""Text and axes, secondary text, grid lines, background, on a light page."""

_PALETTE = (
    ("#0072b2", "#56aee8"),  # blue
    ("#d55e00", "#f58b45"),  # vermillion
    ("#009e73", "#35c99c"),  # green
    ("#b8558f", "#e093c0"),  # reddish purple
    ("#b57c00", "#ecb83f"),  # orange
    ("#2f93cf", "#9bd8ff"),  # sky blue
    ("#6a51a3", "#a794e6"),  # violet
    ("#8c4a2f", "#cf9070"),  # brown
    ("#6f7a00", "#c3cc4d"),  # olive
    ("#9b1b4b", "#f0709b"),  # wine
)
_MARKERS = ("o", "s", "D", "^", "v", "P", "h", "<", ">", "p")
_PREFERRED = ("SimNPO", "NPO", "GradDiff", "GA", "IDK", "Weighted-GradDiff", "DPO", "RKLD", "RMU")
"""Methods that keep their colour from report to report, whatever else is in it."""
_VARIANT = 4
"""Places from a method's marker to that of its variant."""


class Style(NamedTuple):
    """How one model is drawn."""

    light: str
    """Colour on a light page, `#rrggbb`."""
    dark: str
    """Colour on a dark page."""
    marker: str
    """Matplotlib's marker code."""
    variable: str
    """Name of the page's CSS variable that holds the colour."""


_ORIGINAL_STYLE = Style("#7b8088", "#9aa1ab", "X", "--original")
_RETRAIN_STYLE = Style(INK, "#eceef1", "*", "--retrain")


def is_original(name: str) -> bool:
    """Whether `name` is the model that has learnt everything."""
    return name.casefold() == ORIGINAL.casefold()


def is_retrain(name: str) -> bool:
    """Whether `name` is the model that never saw the forget set."""
    return name.casefold() == RETRAIN.casefold()


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Give each model its style; past ten methods colours come again with another marker.

    A variant of a method that keeps its colour, such as "NPO, perturbed reference", has that colour
    with a marker of its own.
    """
    preferred = {method.casefold(): slot for slot, method in enumerate(_PREFERRED)}
    taken = {preferred[name.casefold()] for name in names if name.casefold() in preferred}
    count = len(_PALETTE)
    free = (slot for slot in range(len(names) + count) if slot not in taken)
    chosen: dict[str, Style] = {}
    for name in names:
        if is_original(name):
            chosen[name] = _ORIGINAL_STYLE
        elif is_retrain(name):
            chosen[name] = _RETRAIN_STYLE
        else:
            slot, method = preferred.get(name.casefold()), name.split(",")[0].casefold()
            shift = 0
            if slot is None and method in preferred:
                slot, shift = preferred[method], _VARIANT
            slot = next(free) if slot is None else slot
            light, dark = _PALETTE[slot % count]
            marker = _MARKERS[(slot + slot // count + shift) % len(_MARKERS)]
            chosen[name] = Style(light, dark, marker, f"--model-{slot % count}")
    return chosen
