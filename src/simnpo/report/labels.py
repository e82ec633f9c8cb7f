"""Names next to points, placed so that they cover neither points nor each other."""

from collections.abc import Mapping

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase

from simnpo.report.canvas import Axes
from simnpo.report.colours import MUTED

_NEAR = 7  # points
# Offsets in points and alignments, in the order a reader would like them.
_PLACES = tuple(
    (dx, dy, horizontal, vertical)
    for far in (_NEAR, 14, 24, 36, 52, 72)
    for dx, dy, horizontal, vertical in (
        (far, 0, "left", "center"),
        (-far, 0, "right", "center"),
        (0, far, "center", "bottom"),
        (0, -far, "center", "top"),
        (far, far, "left", "bottom"),
        (far, -far, "left", "top"),
        (-far, far, "right", "bottom"),
        (-far, -far, "right", "top"),
    )
)


def label_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name next to its point, at the first place that is free.

    The axes' limits must be final. A name with no free place nearby goes where it covers least.
    """
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    pixels = axes.figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    taken = []
    for point in points.values():
        x, y = axes.transData.transform(point)
        taken.append(Bbox.from_extents(x, y, x, y).padded(5 * pixels))
    for name, point in points.items():
        best, least = None, float("inf")
        for dx, dy, horizontal, vertical in _PLACES:
            text = axes.annotate(
                name,
                point,
                xytext=(dx, dy),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize="small",
                arrowprops=_leader(dx, dy, horizontal, vertical),
                annotation_clip=False,
            )
            text.set_in_layout(False)  # the axes must not move any more
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer).padded(pixels)  # without the leader
            covered = sum(_overlap(box, other) for other in taken)
            covered += box.width * box.height - _overlap(box, frame)
            if covered < least:
                if best is not None:
                    best[0].remove()
                best, least = (text, box), covered
            else:
                text.remove()
            if least == 0:
                break
        if best is not None:
            taken.append(best[1])


def _leader(dx: int, dy: int, horizontal: str, vertical: str) -> dict[str, object] | None:
    """A thin line to the point, for a name that had to move away from it."""
    if max(abs(dx), abs(dy)) <= _NEAR:
        return None
    sides = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
    return {
        "arrowstyle": "-",
        "color": MUTED,
        "linewidth": 0.6,
        "relpos": (sides[horizontal], sides[vertical]),
        "shrinkA": 0,
        "shrinkB": 3,
    }


def _overlap(one: BboxBase, other: BboxBase) -> float:
    """Area two boxes share, in square pixels."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)
