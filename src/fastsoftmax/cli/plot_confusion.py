"""Pictures of what is taken for what."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from ..estimators.displays.style import INK, VERMILION, colour_bar, style
from .metrics import Evaluation, percent, row_shares
from .plot import name_columns, name_rows, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# With more classes, the numbers in cells would be too small to read; with fewer, a cell holds the count too.
ANNOTATED_CLASSES = 16
COUNTED_CLASSES = 5


def draw_confusion(axes: "Axes", confusion: NDArray[np.int64], classes: NDArray[Any], inches: float) -> None:
    """Draw the share of each true class that was taken for each class; `inches` is the side of the matrix.

    Rows of classes without samples stay empty.
    """
    n_classes = len(confusion)
    title = f"Confusion   {np.trace(confusion)} of {confusion.sum()} right"
    style(axes, title, "predicted class", "true class")
    axes.spines[["top", "right"]].set_visible(True)
    shares = row_shares(confusion)
    # The square root keeps few mistakes visible beside many right answers.
    norm = PowerNorm(0.5, vmin=0, vmax=1)
    image = axes.imshow(shares, cmap="Blues", norm=norm, interpolation="none")
    name_rows(axes, classes, inches)
    name_columns(axes, classes, inches)
    if n_classes > ANNOTATED_CLASSES:
        bar = colour_bar(image, axes, "share of the true class")
        bar.set_ticks([0, 0.01, 0.05, 0.2, 0.5, 1.0])
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        return
    shade = np.asarray(norm(shares))
    size = 10.5 if n_classes <= 10 else 8
    for i, k in np.argwhere(confusion):
        text = percent(shares[i, k])
        if n_classes <= COUNTED_CLASSES:
            text = f"{text} %\n{confusion[i, k]}"
        axes.text(k, i, text, ha="center", va="center", fontsize=size, color="white" if shade[i, k] > 0.55 else INK)
    axes.set_title(f"{title}, % of the row", fontsize=12.5, color=INK, loc="left", pad=10)


def draw_pairs(axes: "Axes", evaluation: Evaluation, most: int) -> None:
    """Draw the pairs of classes that are confused most, the worst at the top."""
    style(axes, "Most confused", "share of the true class", "")
    pairs, short = evaluation.worst_pairs(most), names_of(evaluation.classes)
    names = [f"{short[pair.true]} → {short[pair.predicted]}" for pair in pairs]
    places = np.arange(len(pairs))[::-1]
    axes.barh(places, [pair.share for pair in pairs], color=VERMILION, alpha=0.75, height=0.7)
    axes.set_yticks(places, names, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    for place, pair in zip(places, pairs, strict=True):
        axes.annotate(
            f"{pair.samples}",
            (pair.share, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    # The number behind the longest bar needs room.
    axes.set_xlim(0, 1.15 * max(pair.share for pair in pairs))
