"""One pass timed against NumPy, turn by turn, with an eye on what else the machine does."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from ..fitting.passes import loss_grad
from ..runtime.config import show_config
from . import numpy_baseline
from .machine import BUSY, Load

BAR = 26


class Timing(NamedTuple):
    """Times of one pass over one data set, by NumPy and by fastsoftmax."""

    shape: tuple[int, int, int]  # samples, features, classes
    numpy_seconds: list[float]
    fastsoftmax_seconds: list[float]
    difference: float  # largest difference of the gradients' entries, relative to the largest entry
    others: float  # processors that other programs used meanwhile; NaN if unknown

    @property
    def ratio(self) -> float:
        """Median time of NumPy over that of fastsoftmax."""
        return median(self.numpy_seconds) / median(self.fastsoftmax_seconds)

    @property
    def busy(self) -> bool:
        """Whether others disturbed the times."""
        return self.others >= BUSY


def compare_with_numpy(
    X: NDArray[Any], y: NDArray[Any], n_classes: int, n_repeats: int, done: Callable[[float], None]
) -> Timing:
    """Time one pass of each in turn, `n_repeats` times, so that a busy moment of the machine slows both."""
    rng = np.random.default_rng(0)
    W = rng.normal(scale=0.1, size=(n_classes, X.shape[1])).astype(X.dtype)
    b = np.zeros(n_classes, dtype=X.dtype)
    passes = (numpy_baseline.loss_grad, loss_grad)
    expected, found = (one_pass(X, y, W, b)[1] for one_pass in passes)
    seconds: tuple[list[float], list[float]] = ([], [])
    load = Load()
    for repeat in range(n_repeats):
        for one_pass, times in zip(passes, seconds, strict=True):
            # This run is not timed: the other's threads still keep processors busy, waiting for more work.
            one_pass(X, y, W, b)
            started = time.perf_counter()
            one_pass(X, y, W, b)
            times.append(time.perf_counter() - started)
        done((repeat + 1) / n_repeats)
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    return Timing((*X.shape, n_classes), *seconds, difference, load.of_others())


def speed_table(timings: list[Timing]) -> Table:
    """Return the medians, as bars and numbers; a ratio that others disturbed is not told."""
    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for timing in timings:
        medians = {"NumPy": median(timing.numpy_seconds), "fastsoftmax": median(timing.fastsoftmax_seconds)}
        table.add_row(" × ".join(map(str, timing.shape)), "", "", f"difference {timing.difference:.0e}")
        for name, seconds in medians.items():
            ours = name == "fastsoftmax"
            bar = Text("█" * max(1, round(BAR * seconds / max(medians.values()))), style="cyan" if ours else "dim")
            told = Text("beside others", style="yellow") if timing.busy else Text(f"{timing.ratio:.1f}×", "bold green")
            ratio = told if ours else ""
            table.add_row(f"  {name}", bar, milliseconds(seconds), ratio)
    return table


def load_in_words(timings: list[Timing]) -> str:
    """Say on what the times were measured, and beside whom."""
    config = show_config("dicts") or {}
    how = (
        f"Instruction set {config['instruction set chosen']}, {config['threads']} threads; medians of "
        f"{min(len(timing.numpy_seconds) for timing in timings)} repeats or more, turn by turn."
    )
    others = max(timing.others for timing in timings)
    if any(timing.busy for timing in timings):
        return f"{how} Other programs used {others:.1f} processors meanwhile: no ratio is told."
    return f"{how} No other program disturbed." if others == others else how


def milliseconds(seconds: float) -> str:
    """Return a time with three digits."""
    return f"{seconds * 1e3:#.3g}".rstrip(".") + " ms"
