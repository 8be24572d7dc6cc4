"""The demonstration: a fit to handwritten digits, shown live, and one pass timed against NumPy."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table
from rich.text import Text

from ..files.model_file import MODEL, Model, save_model
from ..files.outputs import check_output
from ..fitting.fit import fit
from ..fitting.passes import loss_grad
from ..fitting.result import FitResult, FitState
from ..runtime.config import show_config
from . import numpy_baseline
from .metrics import Evaluation, evaluate

# Inverse strength of the penalty, and the gradient norm at which training ends.
C, TOL = 1.0, 1e-4

# Samples, features and classes of a problem whose X (188 MB) exceeds the caches.
LARGE = (60_000, 784, 10)

# NumPy and fastsoftmax are timed alternately, in this many turns each.
N_TURNS = 3

# Characters that fill a cell of the curve, from empty to full.
BLOCKS, ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:#"


class Timing(NamedTuple):
    """Times of one pass over one data set, by NumPy and by fastsoftmax."""

    shape: tuple[int, int, int]  # samples, features, classes
    numpy_seconds: float
    fastsoftmax_seconds: float
    difference: float  # largest difference of the gradients' entries, relative to the largest entry


def run(out: Path, console: Console, *, force: bool = False) -> None:
    """Train on digits, show the training, compare the speed, and write model.safetensors and training.png.

    Raises
    ------
    OSError, ValueError
        If the files cannot be written, or if without `force` they would overwrite files of another kind.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from .plot import PICTURE, save_figure, training_figure

    out.mkdir(parents=True, exist_ok=True)
    for name, kind in (("model.safetensors", MODEL), ("training.png", PICTURE)):
        check_output("--out", out / name, kind, sources=(), force=force)
    digits = load_digits()
    X = (digits.data / 16).astype(np.float32)
    X_train, X_test, y_train, y_test = train_test_split(
        X, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    display = Display(console)
    with Live(console=console, get_renderable=display.render, refresh_per_second=12):
        result = fit(X_train, y_train, l2=1 / (C * len(X_train)), tol=TOL, callback=display.trained)
        if result.status == "interrupted":
            raise KeyboardInterrupt
        display.finish_training(result)
        model = Model(result.W, result.b, digits.target_names.astype(np.int64))
        evaluation = evaluate(model, X_test, y_test)
        timings = [
            compare_with_numpy(X_train, y_train, 10, 60, display.start_timing("digits")),
            compare_with_numpy(*_large_problem(), LARGE[2], 15, display.start_timing("larger")),
        ]
    if not console.is_terminal:
        # Outside a terminal the display ends without a line break.
        console.print()
    console.print("\nDigits of 8 × 8 pixels", style="bold")
    console.print(_training_table(result, evaluation, len(X_train)))
    console.print("\nOne pass over the data: loss and gradient, float32", style="bold")
    console.print(_speed_table(timings))
    figure = training_figure(result, evaluation.confusion, model.classes, model.W, digits.images.shape[1:])
    save_model(out / "model.safetensors", model)
    save_figure(out / "training.png", figure)
    for name in ("model.safetensors", "training.png"):
        console.print(Text(f"wrote {out / name}"), soft_wrap=True)


def compare_with_numpy(
    X: NDArray[Any],
    y: NDArray[Any],
    n_classes: int,
    n_runs: int,
    done: Callable[[float], None],
) -> Timing:
    """Median times of one pass, alternately `n_runs` runs each, so that a busy moment of the machine slows both."""
    rng = np.random.default_rng(0)
    W = rng.normal(scale=0.1, size=(n_classes, X.shape[1])).astype(X.dtype)
    b = np.zeros(n_classes, dtype=X.dtype)
    passes = (numpy_baseline.loss_grad, loss_grad)
    expected, found = (one_pass(X, y, W, b)[1] for one_pass in passes)
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(N_TURNS):
        for one_pass, times in zip(passes, seconds, strict=True):
            # This run is not timed: the other's threads still keep processors busy, waiting for more work.
            one_pass(X, y, W, b)
            for _ in range(n_runs):
                started = time.perf_counter()
                one_pass(X, y, W, b)
                times.append(time.perf_counter() - started)
        done((turn + 1) / N_TURNS)
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    return Timing((*X.shape, n_classes), median(seconds[0]), median(seconds[1]), difference)


def _large_problem() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    n_samples, n_features, n_classes = LARGE
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    return X, rng.integers(0, n_classes, n_samples)


class Display:
    """What the terminal shows while the demonstration runs: the curve of the loss, and progress bars."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.losses: list[float] = []
        self.first_grad_norm = math.nan
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=22),
            TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True)),
            console=console,
        )
        self.training = self._add("training")

    def _add(self, description: str) -> TaskID:
        return self.progress.add_task(description, total=1.0, state="")

    def trained(self, state: FitState) -> bool:
        """Record an iteration; never stops the fit."""
        if not self.losses:
            self.first_grad_norm = state.grad_norm
        self.losses.append(state.loss)
        # Progress towards convergence, in orders of magnitude of the gradient norm.
        gone = math.log(self.first_grad_norm / state.grad_norm)
        self.progress.update(
            self.training,
            completed=gone / math.log(self.first_grad_norm / TOL),
            state=f"iteration {state.iteration}, loss {state.loss:.4f}",
        )
        return False

    def finish_training(self, result: FitResult) -> None:
        """Show that the training has ended."""
        self.progress.update(
            self.training,
            completed=1.0,
            state=f"{result.status}, iteration {result.n_iter}, loss {result.loss:.4f}",
        )

    def start_timing(self, name: str) -> Callable[[float], None]:
        """Add a bar; return a function that fills it to a share of its length."""
        task = self._add(f"timing, {name}")
        return lambda share: self.progress.update(task, completed=share)

    def render(self) -> Group:
        """Return the current display."""
        unicode = self.console.encoding.startswith("utf")
        width = min(self.console.width, 100) - 12
        blocks = BLOCKS if unicode else ASCII_BLOCKS
        curve = [Text(line, style="cyan") for line in loss_curve(self.losses, width, 8, blocks)]
        return Group(*curve, self.progress)


def loss_curve(losses: list[float], width: int, height: int, blocks: str = BLOCKS) -> list[str]:
    """Draw the logarithm of the loss against the iteration, as lines of text that name the highest and lowest loss."""
    if len(losses) < 2:
        return []
    logs = np.log(losses)
    at = np.linspace(0, len(logs) - 1, width)
    values = np.interp(at, np.arange(len(logs)), logs)
    low, high = values.min(), values.max()
    levels = len(blocks) - 1
    # The lowest value still fills one level.
    share = (values - low) / ((high - low) or 1.0)
    filled = np.rint(1 + share * (height * levels - 1)).astype(int)
    lines = []
    for row in reversed(range(height)):
        in_row = np.clip(filled - row * levels, 0, levels)
        value = math.exp(high) if row == height - 1 else math.exp(low) if row == 0 else None
        label = f"{value:9.4f}" if value is not None else " " * 9
        lines.append(f"{label} {''.join(blocks[level] for level in in_row)}")
    lines.append(f"{'loss':>9} iteration 0 to {len(losses) - 1}")
    return lines


def _training_table(result: FitResult, evaluation: Evaluation, n_train: int) -> Table:
    right = int(np.trace(evaluation.confusion))
    grid = Table(box=None, show_header=False)
    grid.add_column("", style="dim", no_wrap=True)
    grid.add_column("")
    n_test = evaluation.n_samples
    grid.add_row("accuracy", f"[bold]{evaluation.accuracy:.1%}[/], {right} of {n_test} held-out images")
    grid.add_row("log-loss", f"{evaluation.log_loss:.4f} nats, held out")
    grid.add_row("training", f"{_milliseconds(result.history['seconds'][-1])} on {n_train} images")
    grid.add_row("iterations", f"{result.n_iter}, {result.n_passes} passes over the data")
    return grid


def _speed_table(timings: list[Timing]) -> Table:
    config = show_config("dicts") or {}
    table = Table(
        caption=(
            f"Instruction set {config['instruction set chosen']}, {config['threads']} threads; medians. "
            "Difference: the largest of the gradients, relative to their largest entry."
        ),
        caption_justify="left",
    )
    table.add_column("samples × features × classes", no_wrap=True)
    for heading in ("NumPy", "fastsoftmax", "ratio", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for timing in timings:
        ratio = timing.numpy_seconds / timing.fastsoftmax_seconds
        table.add_row(
            " × ".join(map(str, timing.shape)),
            _milliseconds(timing.numpy_seconds),
            _milliseconds(timing.fastsoftmax_seconds),
            f"[bold green]{ratio:.1f}×[/]",
            f"{timing.difference:.0e}",
        )
    return table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:#.3g}".rstrip(".") + " ms"
