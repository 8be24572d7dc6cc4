"""``python -m bench.logreg``: the problems of scikit-learn's own benchmark of LogisticRegression, its solvers and ours.

They are those of its ``benchmarks/bench_logreg.py`` (pull request 33160), where C = 1 and the tolerance is 1e-5. What
that request has published as objectives stands beside ours.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.utils.extmath import safe_sparse_dot

from fastsoftmax import SoftmaxRegression

from .environment import describe
from .options import add_common_options
from .results import Report, add_results_options
from .tables import three_digits
from .timing import time_once

TOL, MAX_ITER = 1e-5, 10_000

# Seconds after which a fit is not repeated.
LONG = 10.0

COLUMNS = ("problem", "solver", "iterations", "ms", "objective", "published")


class Setting(NamedTuple):
    """A problem; the penalty is L1 alone or L2 alone."""

    n_samples: int
    n_features: int
    n_classes: int
    l1_ratio: float
    fit_intercept: bool

    def __str__(self) -> str:
        intercept = "" if self.fit_intercept else ", no intercept"
        return f"{'L1' if self.l1_ratio else 'L2'} {self.n_samples}×{self.n_features}×{self.n_classes}{intercept}"


PUBLISHED = {
    Setting(100_000, 10, 2, 0.0, False): 0.445639712400,
    Setting(100_000, 10, 3, 0.0, False): 0.744555623663,
    Setting(10_000, 10, 2, 1.0, False): 0.493598632171,
    Setting(10_000, 10, 3, 1.0, False): 0.752265142327,
}
SETTINGS = [
    Setting(n_samples, n_features, n_classes, l1_ratio, fit_intercept)
    for l1_ratio, shapes in ((1.0, ((10_000, 10), (100, 1000))), (0.0, ((100_000, 10), (100, 1000))))
    for n_samples, n_features in shapes
    for fit_intercept in (False, True)
    for n_classes in (2, 3, 10)
]


def draw(setting: Setting) -> tuple[Any, Any]:
    """Return X and y as that benchmark draws them."""
    sizes = {"n_samples": setting.n_samples, "n_features": setting.n_features, "n_classes": setting.n_classes}
    informative = max(1, setting.n_features // 2)
    X, y = make_classification(**sizes, n_informative=informative, n_redundant=1, random_state=42)
    return X, y


def objective(model: Any, X: Any, y: Any) -> float:
    """Return the mean loss and the penalty of the coefficients, over n_samples, of a fitted model with C = 1."""
    logits = safe_sparse_dot(X, model.coef_.T) + model.intercept_
    if logits.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(X)), logits])
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(X)), y]
    l1, squares = np.abs(model.coef_).sum(), (model.coef_**2).sum()
    penalty = model.l1_ratio * l1 + (1 - model.l1_ratio) * 0.5 * squares
    return float(losses.mean() + penalty / len(X))


def solvers_of(setting: Setting) -> dict[str, Any]:
    """Return what is measured, by name."""
    same: dict[str, Any] = {"C": 1.0, "l1_ratio": setting.l1_ratio, "fit_intercept": setting.fit_intercept}
    names = ["saga"] if setting.l1_ratio else ["saga", "newton-cg", "newton-cholesky", "lbfgs"]
    theirs = {
        name: LogisticRegression(solver=name, tol=TOL, max_iter=MAX_ITER, random_state=444, **same) for name in names
    }
    return {"fastsoftmax": SoftmaxRegression(tol=TOL, max_iter=MAX_ITER, **same), **theirs}


def measure(setting: Setting, repeats: int) -> list[tuple[str, ...]]:
    """Return rows in COLUMNS, each the best of some fits, fewer if they take LONG; tell each as it is measured."""
    X, y = draw(setting)
    rows: list[tuple[str, ...]] = []
    for name, model in solvers_of(setting).items():
        times: list[float] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while len(times) < repeats and sum(times) < LONG:
                times.append(time_once(partial(model.fit, X, y))[0])
        seconds = min(times)
        published = f"{PUBLISHED[setting]:.12f}" if setting in PUBLISHED and name == "fastsoftmax" else ""
        found = f"{objective(model, X, y):.12f}"
        print(f"{setting}: {name} {three_digits(1e3 * seconds)} ms", file=sys.stderr, flush=True)
        rows.append((str(setting), name, str(np.max(model.n_iter_)), three_digits(1e3 * seconds), found, published))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, print it and keep it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.logreg",
        description="Time the problems of scikit-learn's own benchmark of LogisticRegression.",
    )
    parser.add_argument("--penalty", choices=("L1", "L2"), help="default: both")
    add_common_options(parser, repeats=3)
    add_results_options(parser)
    options = parser.parse_args(arguments)
    report = Report("logreg", options)
    report.add_facts(describe())
    chosen = [setting for setting in SETTINGS if options.penalty in (None, "L1" if setting.l1_ratio else "L2")]
    report.add_table(COLUMNS, [row for setting in chosen for row in measure(setting, options.repeats)])
    report.save(None)


if __name__ == "__main__":
    main()
