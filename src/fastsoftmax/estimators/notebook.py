"""How a fit went, as the HTML that a notebook shows below an estimator."""

from html import escape
from typing import Any

import numpy as np

from ..files.short_names import short_names
from ..fitting.result import FitResult

# More names than these are counted only.
MOST_NAMES = 12

STYLE = (
    ".fastsoftmax-fit {font-size: 0.85em; border-collapse: collapse; margin: 0.4em 0; background: transparent} "
    ".fastsoftmax-fit th, .fastsoftmax-fit td, .fastsoftmax-fit caption {text-align: left; vertical-align: top; "
    "padding: 0.1em 0.8em 0.1em 0; background: transparent} "
    ".fastsoftmax-fit caption {font-weight: bold} .fastsoftmax-fit th {font-weight: normal; white-space: nowrap}"
)


def fit_in_html(estimator: Any) -> str:
    """Return a table of how the fit went; empty without a `result_`. All text is escaped."""
    result = getattr(estimator, "result_", None)
    if not isinstance(result, FitResult):
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in _rows(estimator, result)
    )
    mark = "✓" if result.status == "converged" else "⚠"
    caption = f"{mark} {escape(type(estimator).__name__)}: {escape(result.status)}"
    table = f'<table class="fastsoftmax-fit"><caption>{caption}</caption><tbody>{rows}</tbody></table>'
    return f"<style>{STYLE}</style>{table}"


def _rows(estimator: Any, result: FitResult) -> list[tuple[str, str]]:
    rows = [
        ("loss", f"{result.loss:.6g}, penalty included"),
        ("distance to the minimum", _distance(result)),
        ("gradient", f"{result.grad_norm:.2e}, largest entry"),
        ("work", f"{_counted(result.n_passes, 'pass')} over X, {_counted(result.n_iter, 'iteration')}"),
    ]
    if len(result.history):
        rows.append(("time", f"{result.history['seconds'][-1]:.3g} s"))
    if hasattr(estimator, "C_"):
        best = estimator.scores_.mean(axis=0).max()
        rows.append(("chosen", f"C = {estimator.C_:.4g}, l1_ratio = {estimator.l1_ratio_:.3g}; mean score {best:.4g}"))
        rows.append(("all fits", f"{_counted(estimator.n_passes_, 'pass')} over X"))
    rows.append(("coefficients", _coefficients(result.W)))
    classes = getattr(estimator, "classes_", None)
    if classes is not None:
        named = ": " + ", ".join(short_names(classes.tolist(), 24)) if len(classes) <= MOST_NAMES else ""
        rows.append(("classes", f"{len(classes)}{named}"))
    rows.append(("message", result.message))
    return rows


def _distance(result: FitResult) -> str:
    if np.isnan(result.distance):
        return "not known"
    return f"{'about' if np.isnan(result.duality_gap) else 'at most'} {result.distance:.1g} of the loss"


def _coefficients(W: np.ndarray) -> str:
    zeros = int((W == 0).sum())
    return f"{W.shape[0]} × {W.shape[1]}" + (f", {zeros} of them zero" if zeros else "")


def _counted(count: int, thing: str) -> str:
    plural = "es" if thing.endswith("s") else "s"
    return f"{count} {thing}" + (plural if count != 1 else "")
