"""What the pictures of the commands have in common: figures without a window and pyplot's global state, and names."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ..runtime.arrays import IndexArray
from .names import distinct
from .wording import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Letters of a class's name at an axis.
LETTERS = 20

# Names in a row that are longer together are written at an angle.
CHARACTERS_BELOW = 48

# Inches between names of the smallest size, 6.5 points.
SMALL, LINE = 6.5, 0.105


def new_figure(size: tuple[float, float]) -> Figure:
    """Return a figure of so many inches, whose parts make room for each other."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.05)
    figure = Figure(figsize=size, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def names_of(classes: NDArray[Any], letters: int = LETTERS) -> list[str]:
    """Return short names, different ones for different classes."""
    # Matplotlib would read a dollar sign as the start of a formula.
    return [name.replace("$", r"\$") for name in distinct([plain(str(label)) for label in classes.tolist()], letters)]


def _named(classes: NDArray[Any], inches: float) -> tuple[IndexArray, list[str], float]:
    """Positions of the classes that are named at an axis of some length, their names, and the font size."""
    size = 9.5 if len(classes) <= 12 else 8 if len(classes) * 8 * LINE / SMALL <= inches else SMALL
    shown = np.arange(0, len(classes), math.ceil(len(classes) * LINE / inches) or 1)
    names = names_of(classes)
    return shown, [names[k] for k in shown], size


def name_rows(axes: "Axes", classes: NDArray[Any], inches: float) -> None:
    """Name rows of a matrix, all or as many as can be read."""
    shown, names, size = _named(classes, inches)
    axes.set_yticks(shown, names, fontsize=size)
    axes.tick_params(axis="y", length=0)


def name_columns(axes: "Axes", classes: NDArray[Any], inches: float) -> None:
    """Name columns of a matrix, at an angle if they are long."""
    shown, names, size = _named(classes, inches)
    axes.set_xticks(shown, names, fontsize=size)
    axes.tick_params(axis="x", length=0)
    if len(names) > 30:
        axes.tick_params(axis="x", labelrotation=90)
    elif len(names) * max(map(len, names)) > CHARACTERS_BELOW:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
