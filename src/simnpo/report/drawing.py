"""A plot's way from matplotlib to PNG, SVG and the page; nothing here opens a window."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from simnpo.report.canvas import Artist, Canvas
from simnpo.report.colours import INK, LINE, MUTED, PAPER, Style
from simnpo.report.svg import BACKGROUND, FONT, TIP, inline, with_titles
from simnpo.storage.files import atomic_write, write_text
from simnpo.system.terminal import harmless

_SETTINGS = {
    "font.family": FONT,
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,  # a model's name may hold a dollar sign
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and restyled
    "pdf.fonttype": 42,  # and in a paper's PDF, where journals refuse matplotlib's own fonts
}


KINDS = ("png", "svg", "pdf")
"""Endings of the files that `draw` writes."""


class Plot(NamedTuple):
    """A drawn plot, as the page shows it."""

    name: str
    """File name without its ending."""
    svg: str
    """An `<svg>` element."""
    width: float
    """Natural width, in inches."""


def draw(
    folder: Path,
    name: str,
    size: tuple[float, float],
    description: str,
    styles: Mapping[str, Style],
    paint: Callable[[Canvas], None],
) -> Plot:
    """Let `paint` fill a new figure of `size` inches, and write it to `folder` in all `KINDS`.

    `description` says in words what the plot shows. The same figure gives the same bytes.
    """
    description = harmless(description)  # XML has no word for control characters
    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained", facecolor=PAPER)
        canvas = FigureCanvasAgg(figure)
        paint(figure)
        for number, patch in enumerate((figure.patch, *(axes.patch for axes in figure.axes))):
            patch.set_gid(f"{BACKGROUND}{number}")
        with atomic_write(folder / f"{name}.png") as path:
            canvas.print_figure(path, format="png", dpi=200, metadata={"Description": description})
        # What is laid out once is right for every format. So the others go without `print_figure`,
        # which would draw it an extra time to lay it out.
        figure.set_layout_engine("none")
        with atomic_write(folder / f"{name}.pdf") as path:
            # The date is left out; the title too, since a PDF's is the document's, not a picture's.
            FigureCanvasPdf(figure).print_pdf(path, metadata={"CreationDate": None})
        text = _svg(figure, {"Date": None, "Title": description})
    write_text(folder / f"{name}.svg", text.replace(f"'{FONT}'", f"'{FONT}', sans-serif"))
    shown = inline(text, name, description, page_colours(styles))
    return Plot(name, shown, size[0])


def page_colours(styles: Mapping[str, Style]) -> dict[str, str]:
    """Map every colour of a plot to the CSS variable that holds it on the page."""
    fixed = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", PAPER: "var(--paper)"}
    return fixed | {style.light: f"var({style.variable})" for style in styles.values()}


def tip(artist: Artist, text: str) -> None:
    """Let `text` be shown where a reader points at `artist`, such as "NPO, epoch 3: FQ 0.49".

    Args:
        artist: a line, a collection (one text for all of it) or a patch.
        text: the values in words.
    """
    artist.set_gid(f"{TIP}{text}")


def _svg(figure: Canvas, metadata: dict[str, str | None]) -> str:
    stream = io.StringIO()
    FigureCanvasSVG(figure).print_svg(stream, metadata=metadata)
    return with_titles(harmless(stream.getvalue()))


def marker_outline(marker: str) -> str:
    """Write a matplotlib marker as the path of a 10 by 10 SVG symbol."""
    style = MarkerStyle(marker)
    (polygon,) = style.get_path().transformed(style.get_transform()).to_polygons()
    outline = np.asarray(polygon) / (2 * np.max(np.abs(polygon)))  # to -0.5 .. 0.5, y upwards
    points = (f"{5 + 9.6 * x:.2f},{5 - 9.6 * y:.2f}" for x, y in outline)
    return "M" + "L".join(points) + "Z"
