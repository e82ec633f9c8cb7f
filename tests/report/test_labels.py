"""Names of points must be readable: apart from each other, and inside the plot."""

from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from simnpo.report.labels import label_points


def test_names_of_crowded_points_overlap_neither_each_other_nor_the_frame():
    figure = Figure(figsize=(7, 5))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    rng = np.random.default_rng(0)
    spots = 0.9 + 0.08 * rng.random((8, 2))  # in the upper right corner
    points = {f"method {i}": (float(x), float(y)) for i, (x, y) in enumerate(spots)}
    label_points(axes, points)
    assert sorted(text.get_text() for text in axes.texts) == sorted(points)
    renderer = figure.canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
    assert all(Bbox.intersection(a, b) is None for a, b in combinations(boxes, 2))
    frame = axes.get_window_extent(renderer)
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
