"""A bound of the Hessian's largest eigenvalue."""

from functools import partial

import numpy as np

from ..data.samples import Samples
from ..families import SOFTMAX
from ..runtime.arrays import Float64Array
from .loss import Loss

# ARPACK wants room for its basis: a smaller matrix is formed as a whole.
SMALLEST_ITERATED = 24


def half_gram_bound(loss: Loss) -> float:
    """½ · λmax([X 1]ᵀ diag(m) [X 1]) / n_samples, m being the mass of the samples; one pass over X a step.

    Two classes of probability ½ have just that Hessian in the direction (v, −v)/√2. The eigenvalue is found by Lanczos'
    method (ARPACK), which comes from below, to a thousandth, and is given a margin of a hundredth.

    Raises
    ------
    ValueError
        If the eigenvalue overflows X's dtype.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    X, intercept = loss.X, loss.fit_intercept
    n_features = X.shape[1]
    size = n_features + intercept

    def half_gram(v: Float64Array) -> Float64Array:
        v = v.ravel()
        direction = np.concatenate([v[:n_features], -v[:n_features], v[n_features:], -v[n_features:]])
        (product,) = loss.average(partial(_of_halves, direction=direction))
        return np.concatenate([product[:n_features], product[2 * n_features :][:1]])

    if size < SMALLEST_ITERATED:
        matrix = np.stack([half_gram(column) for column in np.eye(size)])
        largest = np.linalg.eigvalsh(matrix)[-1] if np.isfinite(matrix).all() else np.inf
    else:
        start = np.random.default_rng(0).standard_normal(size)
        image = half_gram(start)
        if not image.any():
            largest = 0.0  # X is zero, which is a start that ARPACK refuses
        elif np.isfinite(image).all():
            operator = LinearOperator((size, size), matvec=half_gram, dtype=np.float64)
            largest = eigsh(operator, k=1, v0=start, tol=1e-3, return_eigenvectors=False)[0]
        else:
            largest = np.inf
    if not np.isfinite(largest):
        X.check_finite("X")
        raise ValueError(f"X is so large that XᵀX overflows {X.dtype}; scale its features")
    return 1.01 * float(largest)


def _of_halves(loss: Loss, direction: Float64Array) -> tuple[Float64Array]:
    """Return the Hessian of two classes of probability ½, times a direction."""
    halves = Samples(np.zeros(len(loss), dtype=np.intp), None, 2, weight=loss.mass)
    intercept, threads = loss.fit_intercept, loss.num_threads
    two = Loss(loss.X, halves, SOFTMAX, fit_intercept=intercept, num_threads=threads, ledger=loss.ledger)
    return (two.hess_vec(np.zeros(two.n_params), direction),)
