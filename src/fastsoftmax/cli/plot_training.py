"""The picture of a training run: how the loss fell, what is confused, what the weights look like."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..estimators.displays.style import BLUE, GREY, INK, colour_bar, style
from ..fitting.result import FitResult
from ..runtime.arrays import Float64Array
from .plot import name_rows, names_of, new_figure
from .plot_confusion import draw_confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Pictures of the weights of more classes would be too small to read.
PICTURED_CLASSES = 20

# Inches of the side of a matrix.
SIDE = 3.9

WEIGHT_LABEL = "weight: red speaks for the class, blue against it"

# A loss that falls by more than this factor is drawn on a logarithmic axis.
LOG_RANGE = 5.0


def training_figure(
    history: NDArray[np.void] | FitResult,
    confusion: NDArray[np.int64],
    classes: NDArray[Any],
    W: Float64Array,
    image_shape: tuple[int, int] | None = None,
    minimum: float | None = None,
) -> Figure:
    """Draw how a model was trained and what it learnt.

    Parameters
    ----------
    history : structured ndarray or FitResult
        In the form of `FitResult.history`.
    confusion : ndarray of shape (n_classes, n_classes)
        Counts; row = true class, column = predicted class.
    classes : ndarray of shape (n_classes,)
    W : ndarray of shape (n_classes, n_features)
    image_shape : (height, width), optional
        If given, the weights of each class are drawn as an image; otherwise W is drawn as one matrix.
    minimum : float, optional
        The least loss that there is; if given, the loss above it is drawn.

    Raises
    ------
    ValueError
        If height · width is not n_features.
    """
    if image_shape is not None and math.prod(image_shape) != W.shape[1]:
        raise ValueError(f"image_shape must have {W.shape[1]} pixels, found {image_shape}")
    figure = new_figure((15.6, 5.0))
    panels = figure.add_gridspec(1, 3, width_ratios=[1.0, 1.0, 1.2])
    rows = history.history if isinstance(history, FitResult) else history
    loss = figure.add_subplot(panels[0])
    if minimum is None:
        _draw_loss(loss, rows)
    else:
        _draw_distance(loss, rows, minimum)
    draw_confusion(figure.add_subplot(panels[1]), confusion, classes, SIDE)
    if image_shape is None:
        _draw_matrix(figure.add_subplot(panels[2]), W, classes)
    else:
        _draw_images(figure.add_subplot(panels[2]), W.reshape(-1, *image_shape), classes)
    return figure


def _draw_loss(axes: "Axes", rows: NDArray[np.void]) -> None:
    passes, loss = rows["n_passes"], rows["loss"]
    style(axes, "Loss", "passes over the data", "loss  [nats per sample]")
    _draw_line(axes, passes, loss, f"{loss[-1]:.3g}", (0, 9))
    # A loss may reach zero, which a logarithmic axis cannot show.
    if loss.min() > 0 and loss.max() > LOG_RANGE * loss.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylabel("loss  [nats per sample, log scale]")
    else:
        axes.set_ylim(bottom=0)


def _draw_distance(axes: "Axes", rows: NDArray[np.void], minimum: float) -> None:
    """Draw how far the loss is above its minimum; what is not above it, by the rounding of both, is left out."""
    above = rows["loss"] - minimum
    shown = above > 0
    style(axes, f"Loss above its minimum, {minimum:.5g}", "passes over the data", "nats per sample, log scale")
    _draw_line(axes, rows["n_passes"][shown], above[shown], f"{above[shown][-1]:.1e}", (-9, -4))
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_line(axes: "Axes", passes: NDArray[Any], values: NDArray[Any], last: str, at: tuple[int, int]) -> None:
    """Draw a line whose last point has a number, so many points beside it."""
    axes.plot(passes, values, color=BLUE, linewidth=2.0, solid_capstyle="round")
    axes.plot(passes[-1:], values[-1:], "o", color=BLUE, markersize=6, clip_on=False)
    axes.annotate(
        last,
        (passes[-1], values[-1]),
        xytext=at,
        textcoords="offset points",
        ha="right",
        color=BLUE,
        fontsize=10.5,
        fontweight="bold",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", which="major", color=GREY, alpha=0.45, linewidth=0.7)


def _weight_norm(W: Float64Array) -> CenteredNorm:
    return CenteredNorm(halfrange=float(np.abs(W).max()) or 1.0)


def _draw_matrix(axes: "Axes", W: Float64Array, classes: NDArray[Any]) -> None:
    """Draw W as one picture, with a row for each class."""
    style(axes, "Weights", "feature", "class")
    axes.spines[["top", "right"]].set_visible(True)
    image = axes.imshow(W, cmap="RdBu_r", norm=_weight_norm(W), aspect="auto", interpolation="none")
    name_rows(axes, classes, SIDE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    colour_bar(image, axes, WEIGHT_LABEL)


def _draw_images(axes: "Axes", images: Float64Array, classes: NDArray[Any]) -> None:
    """Draw the weights of each class as an image, all on one colour scale that is centred at zero."""
    shown = images[:PICTURED_CLASSES]
    some = f"   first {len(shown)} of {len(images)} classes" if len(shown) < len(images) else ""
    axes.set_title(f"Weights{some}", fontsize=12.5, color=INK, loc="left", pad=10)
    axes.axis("off")
    norm = _weight_norm(shown)
    n_columns = math.ceil(math.sqrt(len(shown)))
    width, height = 1 / n_columns, 1 / math.ceil(len(shown) / n_columns)
    names = names_of(classes[:PICTURED_CLASSES], 14)
    for k, weights in enumerate(shown):
        row, column = divmod(k, n_columns)
        # A cell of the grid, without its margin and the name above.
        box = (column * width, 1 - (row + 1) * height, 0.94 * width, 0.82 * height)
        cell = axes.inset_axes(box)
        image = cell.imshow(weights, cmap="RdBu_r", norm=norm, interpolation="none")
        cell.set_title(names[k], fontsize=9.5, color=INK, pad=2.5)
        cell.set(xticks=[], yticks=[])
        for spine in cell.spines.values():
            spine.set_color(GREY)
    colour_bar(image, axes, WEIGHT_LABEL)
