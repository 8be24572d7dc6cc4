"""Passes over X as it is stored (images in bytes and float16, sparse text), beside other packages on the same data.

The data are MNIST and 20 Newsgroups, or random numbers of their shapes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastsoftmax as fs

from .agreement import TOLERANCE, DisagreementError
from .data import images, text
from .problems import Array

SCIPY, SKLEARN, OURS = "SciPy", "sklearn", "ours"
HALVES = ("float16", "bfloat16")


class StoredProblem(NamedTuple):
    """Arguments of one pass; other packages can run it too."""

    name: str
    X: Any  # (n_samples, n_features), dense or CSR
    y: NDArray[np.intp]
    W: Array
    b: Array

    @property
    def megabytes(self) -> float:
        """Memory of X in megabytes."""
        parts = (self.X.data, self.X.indices, self.X.indptr) if hasattr(self.X, "indptr") else (self.X,)
        return sum(part.nbytes for part in parts) / 1e6

    def calls(self, threads: int) -> dict[str, Callable[[], object]]:
        """Return the passes by name, ours last."""
        ours: dict[str, Callable[[], object]] = {OURS: partial(fs.loss_grad, *self[1:], num_threads=threads)}
        if not hasattr(self.X, "indptr"):
            return ours
        return {SCIPY: partial(_scipy_pass, *self[1:]), SKLEARN: _sklearn_pass(self, threads), **ours}


def stored_problems(folder: Path | None) -> Iterator[StoredProblem]:
    """Yield the problems one by one: first images (float32 before all other types), then text."""
    name, pixels, y = images(folder)
    W, b = _parameters(10, pixels.shape[1], 1 / 2000)
    for stored in ("float32", *HALVES, "uint8"):
        dtype = _bfloat16() if stored == "bfloat16" else np.dtype(stored)
        if dtype is not None:
            yield StoredProblem(f"{name} {stored}", pixels.astype(dtype), y, W, b)
    name, words, y = text(folder)
    W, b = _parameters(20, words.shape[1], 0.1)
    for index in (np.int32, np.int64):
        words.indices, words.indptr = words.indices.astype(index), words.indptr.astype(index)
        yield StoredProblem(f"{name} CSR {np.dtype(index).name}", words.copy(), y, W, b)


def check_stored(problem: StoredProblem) -> None:
    """Raise DisagreementError unless loss and gradient agree with those in float64, to float32's tolerance."""
    X = problem.X.astype(np.float64)
    ours = fs.loss_grad(*problem[1:])
    theirs = _scipy_pass(X, problem.y, problem.W.astype(np.float64), problem.b.astype(np.float64))
    for name, actual, expected in zip(
        ("loss", "grad_W", "grad_b"), map(np.asarray, ours), map(np.asarray, theirs), strict=True
    ):
        error = np.linalg.norm(actual - expected) / np.linalg.norm(expected)
        if not error <= TOLERANCE["float32"]:
            raise DisagreementError(f"{problem.name}: {name} differs from float64's by {error:.1e}")


def _parameters(n_classes: int, n_features: int, size: float) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return size * rng.standard_normal((n_classes, n_features), np.float32), np.zeros(n_classes, np.float32)


def _bfloat16() -> np.dtype[Any] | None:
    try:
        import ml_dtypes
    except ImportError:
        return None
    return np.dtype(ml_dtypes.bfloat16)


def _scipy_pass(X: Any, y: NDArray[np.intp], W: Array, b: Array) -> tuple[float, Array, Array]:
    """Return loss and gradients by SciPy's sparse products, or by NumPy's."""
    samples = np.arange(len(y))
    Z = X @ W.T + b
    Z -= Z.max(axis=1, keepdims=True)
    P = np.exp(Z)
    total = P.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) - Z[samples, y])
    P /= total
    P[samples, y] -= 1
    P /= len(y)
    return float(loss), (X.T @ P).T, P.sum(axis=0)


def _sklearn_pass(problem: StoredProblem, threads: int) -> Callable[[], object]:
    """Return a call of the loss of scikit-learn's solvers, with coefficients in its best order, without validation."""
    from sklearn._loss import HalfMultinomialLoss
    from sklearn.linear_model._linear_loss import LinearModelLoss

    loss = LinearModelLoss(base_loss=HalfMultinomialLoss(n_classes=len(problem.b)), fit_intercept=True)
    coef = np.asfortranarray(np.column_stack([problem.W, problem.b]))
    return partial(loss.loss_gradient, coef, problem.X, problem.y.astype(problem.W.dtype), n_threads=threads)
