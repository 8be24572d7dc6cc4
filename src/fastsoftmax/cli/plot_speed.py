"""The picture of a race: the time of every repeat, by NumPy and by fastsoftmax."""

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..estimators.displays.style import BLUE, GREY, INK, VERMILION, style
from .plot import new_figure
from .speed import Timing, load_in_words, milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def speed_figure(timings: list[Timing]) -> Figure:
    """Draw the medians as bars and every repeat as a dot, a panel for each problem, with the load of the machine."""
    figure = new_figure((5.6 * len(timings), 3.6))
    for axes, timing in zip(np.ravel(figure.subplots(1, len(timings))), timings, strict=True):
        _draw_timing(axes, timing)
    figure.suptitle(load_in_words(timings), fontsize=9.5, color=INK if not any(t.busy for t in timings) else VERMILION)
    return figure


def _draw_timing(axes: "Axes", timing: Timing) -> None:
    shape = " × ".join(f"{count:,}".replace(",", " ") for count in timing.shape)
    # A ratio that others disturbed is not told.
    ratio = "" if timing.busy else f"   {timing.ratio:.1f} times as fast"
    style(axes, f"{shape}{ratio}", "milliseconds a pass", "")
    rng = np.random.default_rng(0)
    for place, (name, seconds, colour) in enumerate(
        (("fastsoftmax", timing.fastsoftmax_seconds, BLUE), ("NumPy", timing.numpy_seconds, GREY))
    ):
        middle = 1e3 * median(seconds)
        axes.barh(place, middle, color=colour, alpha=0.75, height=0.6)
        scatter = place + rng.uniform(-0.22, 0.22, len(seconds))
        axes.plot(1e3 * np.asarray(seconds), scatter, ".", color=INK, alpha=0.5, markersize=3)
        axes.text(0, place + 0.33, f" {name}, {milliseconds(middle / 1e3)}", fontsize=9.5, color=INK, va="bottom")
    # A few repeats that others disturbed must not make the rest unreadable.
    slowest = 1e3 * max(median(seconds) for seconds in timing[1:3])
    axes.set(xlim=(0, 1.6 * slowest), ylim=(-0.5, 1.7), yticks=[])
