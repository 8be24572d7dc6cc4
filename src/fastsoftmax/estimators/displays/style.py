"""What the displays and the command line's pictures draw with: axes, colours, and names that fit and stay different."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...files.short_names import short_name, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart; greys for axes and text.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
GREY, INK = "#B8BEC6", "#2B2F36"

# The seven colours of Okabe and Ito that stand out on white; then other lines, not other colours.
COLOURS = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":")

FONT_SIZE, SMALL, SMALLEST = 9.5, 8.0, 6.5
POINTS_PER_INCH = 72

# A line of text needs this many times its font size.
LINE_SPACING = 1.25


def axes_of(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """Return the axes to draw into; without any, those of a new figure of this size in inches.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("displays need matplotlib: pip install matplotlib") from error
    _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax


def style(axes: "Axes", title: str, xlabel: str, ylabel: str, *, title_pad: float | None = None) -> None:
    """Set what all pictures have: a title, the axes' names, and few lines; the pad is in points above the axes."""
    axes.set_title(title, fontsize=12, color=INK, loc="left", pad=title_pad)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.tick_params(colors=INK, labelsize=FONT_SIZE, length=3)
    for spine in axes.spines.values():
        spine.set_color(GREY)
    axes.spines[["top", "right"]].set_visible(False)


def labels(names: Sequence[object], length: int = 18) -> list[str]:
    """Return the names as they are drawn: short, and different where they are."""
    return [_plain(name) for name in short_names(names, length)]


def label(name: object) -> str:
    """Return a name that stands alone as it is drawn."""
    return _plain(short_name(name))


def _plain(text: str) -> str:
    # Matplotlib would read a dollar sign as the start of a formula.
    return text.replace("$", r"\$")


def name_ticks(axes: "Axes", which: Literal["x", "y"], names: Sequence[object]) -> None:
    """Name the places 0, 1, … of an axis; where there is no room for all names, every second, third, ….

    Names of columns stand upright unless there is room for them to lie.
    """
    box = axes.get_window_extent()
    inches = (box.width if which == "x" else box.height) / axes.figure.dpi
    # The axes are made smaller for what stands beside them.
    room = 0.8 * inches * POINTS_PER_INCH / max(len(names), 1)
    size = next((size for size in (FONT_SIZE, SMALL) if room >= LINE_SPACING * size), SMALLEST)
    every = math.ceil(LINE_SPACING * size / room)
    places = np.arange(0, len(names), every)
    shown = labels(names)
    (axes.set_xticks if which == "x" else axes.set_yticks)(places, [shown[place] for place in places], fontsize=size)
    axes.tick_params(axis=which, length=0)
    if which == "x" and max(map(len, shown), default=0) * 0.62 * size > room * every:
        for text in axes.get_xticklabels():
            text.set(rotation=90, ha="center", va="top")


def colour_bar(image: Any, axes: "Axes", meaning: str) -> Any:
    """Draw the scale of an image beside it, and return it."""
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    bar.set_label(meaning, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=FONT_SIZE, length=3)
    bar.outline.set_visible(False)
    return bar
