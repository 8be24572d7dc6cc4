"""The command demo: a fit to handwritten digits, shown live, and one pass timed against NumPy."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table
from rich.text import Text

from ..files.model_file import MODEL, Model, save_model
from ..files.outputs import check_output
from ..fitting.fit import fit
from ..fitting.result import FitResult, FitState
from .metrics import Evaluation, evaluate
from .options import FORCE, JSON
from .output import Report, warn
from .pictures import PICTURE, save_figure
from .speed import Timing, compare_with_numpy, load_in_words, milliseconds, speed_table

# Inverse strength of the penalty, and the gradient norm at which training ends.
C, TOL = 1.0, 1e-4

# The gradient norm at which the loss is its minimum, as far as a picture of it can tell.
EXACT = 1e-11

# Samples, features and classes of a problem whose X (188 MB) exceeds the caches.
LARGE = (60_000, 784, 10)

# How often NumPy and fastsoftmax are timed in turn, on the digits and on the large problem.
REPEATS, LARGE_REPEATS = 101, 21

# Characters that fill a cell of the curve, from empty to full.
BLOCKS, ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:#"

FILES = {"model": "model.safetensors", "training": "training.png", "speed": "speed.png"}


def demo_command(
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help=f"Where {', '.join(FILES.values())} go.")
    ] = Path("fastsoftmax-demo"),
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """Learn handwritten digits, and compare the speed with NumPy on this machine."""
    report = Report(as_json)
    out.mkdir(parents=True, exist_ok=True)
    for key, name in FILES.items():
        check_output("--out", out / name, MODEL if key == "model" else PICTURE, sources=(), force=force)
    _run(out, report)
    report.close()


def _run(out: Path, report: Report) -> None:
    """Train on digits, show the training, compare the speed, and write the files."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    X = (digits.data / 16).astype(np.float32)
    X_train, X_test, y_train, y_test = train_test_split(
        X, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    # The numbers are for standard output, what moves is for people.
    console = Console(stderr=report.as_json, highlight=False)
    display = Display(console)
    with Live(console=console, get_renderable=display.render, refresh_per_second=12, transient=report.as_json):
        l2 = 1 / (C * len(X_train))
        result = fit(X_train, y_train, l2=l2, tol=TOL, callback=display.trained)
        if result.status == "interrupted":
            raise KeyboardInterrupt
        display.finish_training(result)
        minimum = fit(X_train.astype(np.float64), y_train, l2=l2, tol=EXACT, init=(result.W, result.b)).loss
        model = Model(result.W, result.b, digits.target_names.astype(np.int64))
        evaluation = evaluate(model, X_test, y_test)
        timings = [
            compare_with_numpy(X_train, y_train, 10, REPEATS, display.start_timing("digits")),
            compare_with_numpy(*_large_problem(), LARGE[2], LARGE_REPEATS, display.start_timing("larger")),
        ]
    if not console.is_terminal and not report.as_json:
        # Outside a terminal the display ends without a line break.
        console.print()
    report.heading("Digits of 8 × 8 pixels")
    report.show(_training_table(result, evaluation, len(X_train), minimum))
    report.heading("One pass over the data: loss and gradient, float32")
    report.show(speed_table(timings), Text(load_in_words(timings), style="dim"))
    report.tell(accuracy=evaluation.accuracy, log_loss=evaluation.log_loss, status=result.status, loss=result.loss)
    report.tell(minimum=minimum, iterations=result.n_iter, passes=float(result.n_passes))
    report.tell(timings=[_facts(timing) for timing in timings])
    if any(timing.busy for timing in timings):
        warn("other programs were busy while this one was timed: run the demo on a quiet machine to be told a ratio")
    from .plot_speed import speed_figure
    from .plot_training import training_figure

    pixels = digits.images.shape[1:]
    figure = training_figure(result, evaluation.confusion, model.classes, model.W, pixels, minimum)
    save_model(out / FILES["model"], model)
    save_figure(out / FILES["training"], figure)
    save_figure(out / FILES["speed"], speed_figure(timings))
    for key, name in FILES.items():
        report.wrote(out / name, key=key)


def _facts(timing: Timing) -> dict[str, Any]:
    """Return a race as JSON has it."""
    return {"ratio": None if timing.busy else timing.ratio, "busy": timing.busy, **timing._asdict()}


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


def _training_table(result: FitResult, evaluation: Evaluation, n_train: int, minimum: float) -> Table:
    right = int(np.trace(evaluation.confusion))
    grid = Table(box=None, show_header=False)
    grid.add_column("", style="dim", no_wrap=True)
    grid.add_column("")
    n_test = evaluation.n_samples
    grid.add_row("accuracy", f"[bold]{evaluation.accuracy:.1%}[/], {right} of {n_test} held-out images")
    grid.add_row("log-loss", f"{evaluation.log_loss:.4f} nats, held out")
    grid.add_row("training", f"{milliseconds(result.history['seconds'][-1])} on {n_train} images")
    grid.add_row("iterations", f"{result.n_iter}, {result.n_passes} passes over the data")
    grid.add_row("loss", f"{result.loss:.6f}, {max(0.0, result.loss - minimum):.1e} above its minimum")
    return grid
