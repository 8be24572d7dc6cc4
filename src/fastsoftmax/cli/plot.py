"""Pictures of a training run and of an evaluation, as figures without a window and without pyplot's global state."""

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import CenteredNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..files.atomic import atomic_path
from ..files.outputs import Kind
from ..fitting.result import FitResult
from ..runtime.arrays import Float64Array, IndexArray
from .metrics import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart; greys for axes and text.
BLUE, VERMILION, GREY, INK = "#0072B2", "#D55E00", "#B8BEC6", "#2B2F36"
DPI = 160

# PNG metadata by which `holds_picture` recognises our pictures.
SOFTWARE = "fastsoftmax"

# With more classes, the numbers in cells, the names at ticks and the pictures of classes would be too small to read.
ANNOTATED_CLASSES = 16
NAMED_CLASSES = 20
PICTURED_CLASSES = 20
CHARACTERS_BELOW = 48

WEIGHT_LABEL = "weight: red speaks for the class, blue against it"

# A loss that falls by more than this factor is drawn on a logarithmic axis.
LOG_RANGE = 5.0


def training_figure(
    history: NDArray[np.void] | FitResult,
    confusion: NDArray[np.int64],
    classes: NDArray[Any],
    W: Float64Array,
    image_shape: tuple[int, int] | None = None,
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

    Raises
    ------
    ValueError
        If height · width is not n_features.
    """
    if image_shape is not None and math.prod(image_shape) != W.shape[1]:
        raise ValueError(f"image_shape must have {W.shape[1]} pixels, found {image_shape}")
    figure = _figure((15.6, 5.0))
    panels = figure.add_gridspec(1, 3, width_ratios=[1.0, 1.0, 1.2])
    rows = history.history if isinstance(history, FitResult) else history
    _draw_loss(figure.add_subplot(panels[0]), rows)
    _draw_confusion(figure.add_subplot(panels[1]), confusion, classes)
    if image_shape is None:
        _draw_matrix(figure.add_subplot(panels[2]), W, classes)
    else:
        _draw_images(figure.add_subplot(panels[2]), W.reshape(-1, *image_shape), classes)
    return figure


def evaluation_figure(evaluation: Evaluation) -> Figure:
    """Draw a reliability diagram with the number of samples in each bin, and the confusion matrix."""
    figure = _figure((11.4, 5.4))
    panels = figure.add_gridspec(1, 2, width_ratios=[1.0, 1.12])
    left = panels[0].subgridspec(2, 1, height_ratios=[3.2, 1.0], hspace=0.06)
    reliability = figure.add_subplot(left[0])
    _draw_reliability(reliability, evaluation)
    _draw_counts(figure.add_subplot(left[1], sharex=reliability), evaluation)
    _draw_confusion(figure.add_subplot(panels[1]), evaluation.confusion, evaluation.classes)
    return figure


def save_figure(path: str | os.PathLike[str], figure: Figure) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": SOFTWARE})


def holds_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a picture that `save_figure` wrote: PNG stores the metadata before the pixels."""
    with open(path, "rb") as file:
        return f"tEXtSoftware\0{SOFTWARE}".encode() in file.read(512)


PICTURE = Kind("a picture that fastsoftmax drew", holds_picture)


def _figure(size: tuple[float, float]) -> Figure:
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.05)
    figure = Figure(figsize=size, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: "Axes", title: str, xlabel: str, ylabel: str, *, title_pad: float = 10) -> None:
    axes.set_title(title, fontsize=12.5, color=INK, loc="left", pad=title_pad)
    axes.set_xlabel(xlabel, fontsize=10.5, color=INK)
    axes.set_ylabel(ylabel, fontsize=10.5, color=INK)
    axes.tick_params(colors=INK, labelsize=9.5, length=3)
    for spine in axes.spines.values():
        spine.set_color(GREY)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_loss(axes: "Axes", rows: NDArray[np.void]) -> None:
    passes, loss = rows["n_passes"], rows["loss"]
    _style(axes, "Loss", "passes over the data", "loss  [nats per sample]")
    axes.plot(passes, loss, color=BLUE, linewidth=2.0, solid_capstyle="round")
    axes.plot(passes[-1:], loss[-1:], "o", color=BLUE, markersize=6, clip_on=False)
    axes.annotate(
        f"{loss[-1]:.3g}",
        (passes[-1], loss[-1]),
        xytext=(0, 9),
        textcoords="offset points",
        ha="right",
        color=BLUE,
        fontsize=10.5,
        fontweight="bold",
    )
    # A loss may reach zero, which a logarithmic axis cannot show.
    if loss.min() > 0 and loss.max() > LOG_RANGE * loss.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylabel("loss  [nats per sample, log scale]")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", which="major", color=GREY, alpha=0.45, linewidth=0.7)


def _draw_confusion(axes: "Axes", confusion: NDArray[np.int64], classes: NDArray[Any]) -> None:
    n_classes = len(confusion)
    title = f"Confusion   {np.trace(confusion)} of {confusion.sum()} right"
    _style(axes, title, "predicted class", "true class")
    axes.spines[["top", "right"]].set_visible(True)
    # The square root keeps few mistakes visible beside many right answers.
    norm = PowerNorm(0.5, vmin=0, vmax=confusion.max())
    image = axes.imshow(confusion, cmap="Blues", norm=norm, interpolation="none")
    _name_rows(axes, classes)
    _name_columns(axes, classes)
    if n_classes > ANNOTATED_CLASSES:
        _colour_bar(image, axes, "samples")
        return
    shade = np.asarray(norm(confusion))
    size = 10.5 if n_classes <= 10 else 8
    for i, k in np.argwhere(confusion):
        axes.text(
            k,
            i,
            f"{confusion[i, k]}",
            ha="center",
            va="center",
            fontsize=size if confusion[i, k] < 1000 else 0.8 * size,
            color="white" if shade[i, k] > 0.55 else INK,
        )


def _named(classes: NDArray[Any]) -> tuple[IndexArray, list[str], float]:
    """Positions of the classes that are named at an axis, their names, and the font size."""
    shown = np.arange(0, len(classes), math.ceil(len(classes) / NAMED_CLASSES))
    return shown, [_short(classes[k]) for k in shown], 9.5 if len(classes) <= 12 else 8


def _name_rows(axes: "Axes", classes: NDArray[Any]) -> None:
    shown, names, size = _named(classes)
    axes.set_yticks(shown, names, fontsize=size)
    axes.tick_params(axis="y", length=0)


def _name_columns(axes: "Axes", classes: NDArray[Any]) -> None:
    shown, names, size = _named(classes)
    axes.set_xticks(shown, names, fontsize=size)
    axes.tick_params(axis="x", length=0)
    if len(names) * max(map(len, names)) > CHARACTERS_BELOW:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")


def _short(label: object, length: int = 14) -> str:
    # Matplotlib would read a dollar sign as the start of a formula.
    text = str(label).replace("$", r"\$")
    return text if len(text) <= length else text[: length - 1] + "…"


def _colour_bar(image: Any, axes: "Axes", label: str) -> None:
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, aspect=26, pad=0.03)
    bar.set_label(label, fontsize=10, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=9, length=3)
    bar.outline.set_visible(False)


def _weight_norm(W: Float64Array) -> CenteredNorm:
    return CenteredNorm(halfrange=float(np.abs(W).max()) or 1.0)


def _draw_matrix(axes: "Axes", W: Float64Array, classes: NDArray[Any]) -> None:
    """Draw W as one picture, with a row for each class."""
    _style(axes, "Weights", "feature", "class")
    axes.spines[["top", "right"]].set_visible(True)
    image = axes.imshow(W, cmap="RdBu_r", norm=_weight_norm(W), aspect="auto", interpolation="none")
    _name_rows(axes, classes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    _colour_bar(image, axes, WEIGHT_LABEL)


def _draw_images(axes: "Axes", images: Float64Array, classes: NDArray[Any]) -> None:
    """Draw the weights of each class as an image, all on one colour scale that is centred at zero."""
    shown = images[:PICTURED_CLASSES]
    some = f"   first {len(shown)} of {len(images)} classes" if len(shown) < len(images) else ""
    axes.set_title(f"Weights{some}", fontsize=12.5, color=INK, loc="left", pad=10)
    axes.axis("off")
    norm = _weight_norm(shown)
    n_columns = math.ceil(math.sqrt(len(shown)))
    width, height = 1 / n_columns, 1 / math.ceil(len(shown) / n_columns)
    for k, weights in enumerate(shown):
        row, column = divmod(k, n_columns)
        # A cell of the grid, without its margin and the name above.
        box = (column * width, 1 - (row + 1) * height, 0.94 * width, 0.82 * height)
        cell = axes.inset_axes(box)
        image = cell.imshow(weights, cmap="RdBu_r", norm=norm, interpolation="none")
        cell.set_title(_short(classes[k]), fontsize=9.5, color=INK, pad=2.5)
        cell.set(xticks=[], yticks=[])
        for spine in cell.spines.values():
            spine.set_color(GREY)
    _colour_bar(image, axes, WEIGHT_LABEL)


def _draw_reliability(axes: "Axes", evaluation: Evaluation) -> None:
    bins = evaluation.bins[evaluation.bins["count"] > 0]
    title = f"Reliability   calibration error {evaluation.calibration_error:.3f}"
    _style(axes, title, "", "accuracy", title_pad=36)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.5, linestyle=(0, (4, 3)), label="as right as sure")
    axes.vlines(
        bins["confidence"],
        bins["confidence"],
        bins["accuracy"],
        color=VERMILION,
        linewidth=3.5,
        alpha=0.6,
        label="gap",
    )
    area = 25 + 150 * bins["count"] / bins["count"].max()
    axes.scatter(
        bins["confidence"],
        bins["accuracy"],
        s=area,
        color=BLUE,
        zorder=3,
        clip_on=False,
        label="accuracy (area: samples)",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.tick_params(labelbottom=False)
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)
    # The legend stands above the axes, since inside it could cover data.
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
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([45])


def _draw_counts(axes: "Axes", evaluation: Evaluation) -> None:
    """Draw the samples in each bin of confidence, as bars with numbers."""
    counts = evaluation.bins["count"]
    _style(axes, "", "confidence: probability of the likeliest class", "samples")
    centre = (np.arange(len(counts)) + 0.5) / len(counts)
    axes.bar(centre, counts, width=0.9 / len(counts), color=BLUE, alpha=0.75)
    for x, count in zip(centre[counts > 0], counts[counts > 0], strict=True):
        axes.annotate(
            str(count) if count < 10_000 else f"{count / 1000:.0f}k",
            (x, count),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK,
        )
    # The bars are labelled, so no ticks are needed; the label of the tallest bar needs room.
    axes.set(yticks=[], ylim=(0, 1.3 * counts.max()))
