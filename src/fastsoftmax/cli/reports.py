"""What the commands print: names and values, tables."""

from pathlib import Path

import numpy as np
from rich.table import Table as Grid
from rich.text import Text

from ..fitting.result import FitResult
from .metrics import Evaluation


def fit_report(result: FitResult, tol: float, quality: dict[str, str], out: Path, unit: str) -> Grid:
    """Return what a fit has come to."""
    seconds = result.history["seconds"][-1]
    return two_columns(
        {
            "status": result.status,
            "loss": f"{result.loss:.6g} {unit} a sample, penalty included",
            "gradient norm": f"{result.grad_norm:.3g}, tol {tol:g}",
            "iterations": f"{result.n_iter}",
            "passes over the data": f"{result.n_passes}",
            "time": f"{seconds:.3g} s",
            **quality,
            "model": str(out),
        }
    )


def evaluation_report(evaluation: Evaluation) -> Grid:
    """Return how good a model is, in a few numbers."""
    return two_columns(
        {
            "samples": str(evaluation.n_samples),
            "accuracy": f"{evaluation.accuracy:.2%}",
            "log-loss": f"{evaluation.log_loss:.6g} nats",
            "calibration error": f"{evaluation.calibration_error:.4f}",
        }
    )


def calibration_report(evaluation: Evaluation) -> Grid:
    """Return the bins that are not empty, a row each."""
    bins = evaluation.bins
    edges = np.linspace(0, 1, len(bins) + 1)
    grid = Grid(box=None)
    for heading in ("confidence", "mean confidence", "accuracy", "samples"):
        grid.add_column(heading, justify="right", header_style="dim")
    for lower, upper, row in zip(edges, edges[1:], bins, strict=False):
        if row["count"]:
            grid.add_row(
                f"{lower:.2f} to {upper:.2f}",
                f"{row['confidence']:.4f}",
                f"{row['accuracy']:.4f}",
                str(row["count"]),
            )
    return grid


def confusion_report(evaluation: Evaluation) -> Grid:
    """Return how many samples of each class were taken for which."""
    labels = [Text(plain(str(label)), overflow="ellipsis") for label in evaluation.classes]
    grid = Grid(box=None)
    grid.add_column("", style="dim", justify="right", max_width=14, no_wrap=True)
    for label in labels:
        grid.add_column(label, header_style="dim", justify="right", max_width=14, no_wrap=True)
    for k, label in enumerate(labels):
        cells = [
            Text(str(count), style="bold" if j == k else "" if count else "dim")
            for j, count in enumerate(evaluation.confusion[k])
        ]
        grid.add_row(label, *cells)
    return grid


def two_columns(rows: dict[str, str]) -> Grid:
    """Return names and their values, a row each."""
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, Text(plain(value)))
    return grid


def plain(text: str) -> str:
    """Replace control characters, which text from files may hold, by spaces: the result is one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
