"""The picture of an evaluation: is the model as often right as it is sure, and what does it confuse."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..estimators.displays.reliability import draw_bins, draw_diagonal
from ..estimators.displays.style import BLUE, GREEN, GREY, INK, VERMILION, style
from .metrics import Evaluation
from .plot import LINE, new_figure
from .plot_confusion import draw_confusion, draw_pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More classes have a larger picture, where the matrix stands beside the other panels, which stand one above the other.
SMALL_CLASSES = 20

# Inches that a matrix takes at least and at most.
SIDE, LONGEST_SIDE = 4.6, 16.0

PAIRS = 15

# The numbers above more bars than these are smaller.
FEW_BINS = 10


def evaluation_figure(evaluation: Evaluation) -> Figure:
    """Draw a reliability diagram with intervals, the confusion matrix, and which pairs are confused most.

    For two classes the last panel has precision, recall and F1 of every threshold.
    """
    n_classes = len(evaluation.classes)
    third = evaluation.thresholds is not None or bool(evaluation.worst_pairs(1))
    if n_classes <= SMALL_CLASSES:
        side = SIDE
        figure = new_figure((11.4 + 4.8 * third, 5.4))
        panels = figure.add_gridspec(1, 2 + third, width_ratios=[1.0, 1.12, 0.8][: 2 + third])
        left, middle, right = panels[0], panels[1], panels[2] if third else None
    else:
        side = min(LONGEST_SIDE, max(6.0, LINE * n_classes))
        figure = new_figure((side + 7.5, side + 1.2))
        panels = figure.add_gridspec(2, 2, width_ratios=[4.6, side + 2.4], height_ratios=[1.0, 1.0])
        left, middle, right = panels[0, 0], panels[:, 1], panels[1, 0] if third else None
    parts = left.subgridspec(2, 1, height_ratios=[3.2, 1.0], hspace=0.06)
    reliability = figure.add_subplot(parts[0])
    _draw_reliability(reliability, evaluation)
    _draw_counts(figure.add_subplot(parts[1], sharex=reliability), evaluation)
    draw_confusion(figure.add_subplot(middle), evaluation.confusion, evaluation.classes, side)
    if right is not None:
        axes = figure.add_subplot(right)
        if evaluation.thresholds is not None:
            _draw_thresholds(axes, evaluation)
        else:
            draw_pairs(axes, evaluation, PAIRS)
    return figure


def _draw_reliability(axes: "Axes", evaluation: Evaluation) -> None:
    rows = evaluation.reliability
    title = f"Reliability   calibration error {evaluation.calibration_error:.3f}"
    style(axes, title, "", "accuracy", title_pad=36)
    draw_diagonal(axes)
    draw_bins(axes, rows, BLUE, "accuracy, 95 % interval")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.tick_params(labelbottom=False)
    _legend_above(axes)


def _legend_above(axes: "Axes") -> None:
    """Draw a legend above the axes, since inside it could cover data."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.02),
        ncols=3,
        fontsize=9.5,
        labelcolor=INK,
        frameon=False,
        columnspacing=1.4,
        borderpad=0.2,
    )
    # It is wider than the axes, which must not shrink for it.
    legend.set_in_layout(False)


def _draw_counts(axes: "Axes", evaluation: Evaluation) -> None:
    """Draw the samples in each bin of confidence, as bars with numbers."""
    counts = evaluation.bins["count"]
    style(axes, "", "confidence: probability of the likeliest class", "samples")
    centre = (np.arange(len(counts)) + 0.5) / len(counts)
    axes.bar(centre, counts, width=0.9 / len(counts), color=BLUE, alpha=0.75)
    for x, count in zip(centre[counts > 0], counts[counts > 0], strict=True):
        axes.annotate(
            str(count) if count < 10_000 else f"{count / 1000:.0f}k",
            (x, count),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8 if len(counts) <= FEW_BINS else 6,
            color=INK,
        )
    # The bars are labelled, so no ticks are needed; the label of the tallest bar needs room.
    axes.set(yticks=[], ylim=(0, 1.3 * counts.max()))


def _draw_thresholds(axes: "Axes", evaluation: Evaluation) -> None:
    """Draw what predicting the second class from a probability on gives, at every threshold."""
    rows = evaluation.thresholds
    assert rows is not None
    name = str(evaluation.classes.tolist()[1]).replace("$", r"\$")
    title = name if len(name) <= 16 else f"{name[:15]}…"
    style(axes, f"Thresholds of {title}", "predicted from this probability on", "", title_pad=36)
    lines = (("precision", BLUE, "-"), ("recall", VERMILION, (0, (5, 2))), ("f1", GREEN, (0, (1, 1))))
    for field, colour, dashes in lines:
        label = "F1" if field == "f1" else field
        axes.step(
            rows["threshold"], rows[field], where="pre", color=colour, linestyle=dashes, linewidth=2.0, label=label
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)
    _legend_above(axes)
