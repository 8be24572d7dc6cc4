"""Other uses of the kernels than the gradient: probabilities, of one sample and of many, and weighted Gram matrices."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

import fastsoftmax as fs

from .agreement import DisagreementError
from .problems import Array, Shape, make_problem

BATCHES = (Shape(1, 784, 10), Shape(581012, 54, 7), Shape(60000, 784, 10))
GRAM_SHAPE, N_WEIGHTS = Shape(60000, 784, 10), 10


class Use(NamedTuple):
    """One line of the table."""

    name: str
    numpy: Callable[[], Array]
    ours: Callable[..., Array]  # takes num_threads
    tolerance: float  # norm of the difference, relative to the norm of NumPy's answer
    threaded: bool


def make_uses() -> Iterator[Use]:
    """Yield the uses one by one, in float32; only one use's data are in memory at a time."""
    for shape in BATCHES:
        X, _, W, b = make_problem(shape, "float32")
        name = f"predict_proba {shape}"
        yield Use(name, partial(_probabilities, X, W, b), partial(fs.predict_proba, X, W, b), 1e-5, len(X) > 1)
    X, _, W, b = make_problem(BATCHES[0], "float32")
    bound = fs.Predictor(W, b)
    name = f"Predictor, a sample of {W.shape[1]} features, {len(W)} classes"
    yield Use(name, partial(_probabilities, X, W, b), lambda num_threads: bound.predict_proba(X[0]), 1e-5, False)
    X = make_problem(GRAM_SHAPE, "float32").X
    weights = np.random.default_rng(0).random((N_WEIGHTS, len(X)), dtype=np.float32)
    name = f"{N_WEIGHTS} weighted Gram matrices {X.shape[0]}×{X.shape[1]}"
    baseline = partial(_gram, X, weights)
    yield Use(f"{name}, exact", baseline, partial(fs.gram, X, weights), 1e-5, True)
    yield Use(f"{name}, fast", baseline, partial(fs.gram, X, weights, precision="fast"), 1e-2, True)


def check_use(use: Use, ours: Callable[[], Array]) -> None:
    """Raise DisagreementError unless both give the same answer within the tolerance."""
    expected = use.numpy()
    error = np.linalg.norm(ours() - expected) / np.linalg.norm(expected)
    if not error <= use.tolerance:
        raise DisagreementError(f"{use.name} differs from NumPy's by {error:.1e}, more than {use.tolerance:.0e}")


def _probabilities(X: Array, W: Array, b: Array) -> Array:
    """Class-major, which is faster in NumPy for few classes; the result is a view (n_samples, n_classes)."""
    Z = W @ X.T
    Z += b[:, None]
    Z -= Z.max(axis=0)
    np.exp(Z, out=Z)
    Z /= Z.sum(axis=0)
    return Z.T


def _gram(X: Array, weights: Array) -> Array:
    return np.stack([(X * row[:, None]).T @ X for row in weights])
