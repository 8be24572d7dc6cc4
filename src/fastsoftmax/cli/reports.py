"""What the commands print of fits: names and values."""

from pathlib import Path

import numpy as np
from rich.table import Table as Grid
from rich.text import Text

from ..fitting.result import FitResult
from .wording import plain


def fit_report(result: FitResult, tol: float, quality: dict[str, str], out: Path, unit: str) -> Grid:
    """Return what a fit has come to."""
    seconds = result.history["seconds"][-1]
    return two_columns(
        {
            "status": result.status,
            "loss": f"{result.loss:.6g} {unit} a sample, with penalty",
            "gradient norm": f"{result.grad_norm:.3g}, tol {tol:g}",
            "iterations": f"{result.n_iter}",
            "passes over the data": f"{result.n_passes}",
            "time": f"{seconds:.3g} s",
            **_proof(result),
            **quality,
            "model": str(out),
        }
    )


def _proof(result: FitResult) -> dict[str, str]:
    """Return what the duality gap proves, if it was computed."""
    if np.isnan(result.duality_gap):
        return {}
    share = f", {result.distance:.2g} of the loss" if np.isfinite(result.distance) else ""
    return {"duality gap": f"at most {result.duality_gap:.3g} above the minimum{share}"}


def two_columns(rows: dict[str, str]) -> Grid:
    """Return names and their values, a row each."""
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, Text(plain(value)))
    return grid


def table_of(*headings: str) -> Grid:
    """Return an empty table of numbers without a frame."""
    grid = Grid(box=None)
    for heading in headings:
        grid.add_column(heading, justify="right", header_style="dim", no_wrap=True)
    return grid
