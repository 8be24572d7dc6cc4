"""The picture of a comparison: relative suboptimality over time, a panel for each problem."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from fastsoftmax.cli.pictures import DPI
from fastsoftmax.estimators.displays.style import GREY, INK

from .comparison import Comparison
from .curves import EPSILONS
from .peers import OURS, SOLVERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Okabe and Ito's colours, which colour-blind readers can tell apart; markers also differ in print without colours. The
# last two, of solvers on a GPU, are never needed without one.
COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#7A7A7A", "#D55E00", "#56B4E9", "#000000", "#8C4A00")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "<")
STYLES = dict(zip(SOLVERS, zip(COLOURS, MARKERS, strict=True), strict=True))

FLOOR, TOP = EPSILONS[-1] / 3, 3.0  # range of the suboptimality axis; only first steps lie above
PANELS_A_ROW = 3
PANEL = (3.9, 3.3)  # inches
LABEL_SIZE = 8.0
GAP, HALF = 9, 6  # pixels: from a label to its curve, and half of the width that a curve takes


def save_figure(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write the picture in the format that the file's name ends in."""
    draw(comparisons).savefig(path, dpi="figure")


def draw(comparisons: Sequence[Comparison]) -> Figure:
    """Draw a panel for each problem, below a legend of all solvers."""
    columns = min(PANELS_A_ROW, len(comparisons))
    rows = math.ceil(len(comparisons) / columns)
    size = (max(columns, 2) * PANEL[0], rows * PANEL[1] + 0.5)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.04)
    figure = Figure(figsize=size, layout=layout, facecolor="white", dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    panels = [figure.add_subplot(rows, columns, position + 1) for position in range(len(comparisons))]
    for position, (axes, comparison) in enumerate(zip(panels, comparisons, strict=True)):
        _draw_curves(axes, comparison)
        if position % columns == 0:
            axes.set_ylabel("(F − F*) / F*", fontsize=9.5, color=INK)
        if position + columns >= len(comparisons):
            axes.set_xlabel("seconds of a whole fit", fontsize=9.5, color=INK)
    _draw_legend(figure, comparisons)
    # Draw everything else first: only then is it known where there is room for labels.
    canvas.draw()
    for axes, comparison in zip(panels, comparisons, strict=True):
        _label_curves(axes, comparison)
    return figure


def _points(comparison: Comparison, solver: str) -> "NDArray[np.float64]":
    """Seconds and suboptimality of the runs, (2, n); a run is left out if a faster one came as near."""
    runs = sorted(comparison.curves[solver].runs, key=lambda run: run.seconds)
    seconds = np.array([run.seconds for run in runs])
    gaps = np.minimum.accumulate([run.loss / comparison.best - 1 for run in runs])
    nearer = np.append(True, np.diff(gaps) < 0) & (np.append(TOP, gaps[:-1]) > EPSILONS[-1])
    return np.array([seconds[nearer], np.maximum(gaps[nearer], FLOOR)])


def _draw_curves(axes: "Axes", comparison: Comparison) -> None:
    title, _, penalty = comparison.problem.rpartition(", ")
    axes.set_title(f"{title}\n{penalty}", fontsize=9.5, color=INK, loc="left")
    axes.set(xscale="log", yscale="log", ylim=(FLOOR / 2, TOP))
    # Ours is drawn last, on top.
    for solver in reversed(comparison.curves):
        colour, marker = STYLES[solver]
        axes.plot(
            *_points(comparison, solver),
            color=colour,
            marker=marker,
            markersize=4.0,
            linewidth=2.4 if solver == OURS else 1.3,
        )
    axes.yaxis.set_major_locator(FixedLocator([1.0, 1e-1, *EPSILONS]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.grid(color=GREY, alpha=0.4, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def _draw_legend(figure: Figure, comparisons: Sequence[Comparison]) -> None:
    shown = [solver for solver in SOLVERS if any(solver in comparison.curves for comparison in comparisons)]
    lines = []
    for solver in shown:
        colour, marker = STYLES[solver]
        width = 2.4 if solver == OURS else 1.3
        lines.append(Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=width, label=solver))
    figure.legend(
        handles=lines,
        loc="outside upper left",
        ncols=len(lines) if len(comparisons) >= PANELS_A_ROW else 4,
        fontsize=9,
        labelcolor=INK,
        frameon=False,
    )


def _label_curves(axes: "Axes", comparison: Comparison) -> None:
    """Write each solver's name beside its curve, at the lowest free place."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    points = {solver: axes.transData.transform(_points(comparison, solver).T) for solver in comparison.curves}
    taken = [Bbox.from_extents(x - HALF, y - HALF, x + HALF, y + HALF) for x, y in _fill(list(points.values()))]
    for solver, path in points.items():
        name = "ours" if solver == OURS else solver.partition("-")[2] if "sklearn" in solver else solver
        label = axes.annotate(
            name,
            (0, 0),
            xycoords="axes fraction",
            va="bottom",
            fontsize=LABEL_SIZE,
            color=STYLES[solver][0],
            fontweight="bold" if solver == OURS else "normal",
        )
        width, height = label.get_window_extent(renderer).size
        places = [
            Bbox.from_bounds(x + across, y + up, width, height)
            for x, y in _fill([path])[::-1]
            for across in (GAP, -GAP - width)
            for up in (-height / 2, GAP, -GAP - height, 2 * GAP, -2 * GAP - height)
        ]
        inside = [place for place in places if _contains(axes.bbox, place)] or places
        chosen = min(inside, key=lambda place: place.count_overlaps(taken))
        # In fractions of the axes, the place does not depend on the file's resolution.
        x, y = axes.transAxes.inverted().transform(chosen.p0)
        label.set_position((x, y))
        taken.append(chosen)


def _fill(paths: "list[NDArray[np.float64]]") -> "NDArray[np.float64]":
    """Return points close to each other along the lines between the points of each path."""
    parts = []
    for path in paths:
        lengths = np.append(0.0, np.cumsum(np.hypot(*np.diff(path, axis=0).T)))
        along = np.linspace(0, lengths[-1], 2 + int(lengths[-1] / HALF))
        parts.append(np.column_stack([np.interp(along, lengths, coordinate) for coordinate in path.T]))
    return np.concatenate(parts)


def _contains(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)
