"""The cross-entropy of a linear model's logits, and its gradients in X, W and b: all logits never exist together.

Blocks of samples share one piece of memory: their logits are computed there, become their gradient in place, and are
multiplied with W and X. The products are NumPy's: each is cut into pieces by the shapes alone, and a piece is computed
by one thread with one thread of BLAS, so that no result depends on the number of threads.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_matrix, as_numbers, check_finite, overflow_shows
from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.threads import one_blas_thread, resolve_num_threads
from .logit_options import CrossEntropy, CrossEntropyOptions, check_reduction, cross_entropy_of
from .logits import by_rows

BLOCK_BYTES = 64 * 1024 * 1024  # of logits
# Pieces of products: rows whose gradient is multiplied with W, and of a matrix in which logits or W's gradient are cut.
ROWS, LOGITS_ROWS, CLASSES, FEATURES = 128, 1024, 1024, 512


class Wanted(NamedTuple):
    """The arguments whose gradients are asked for."""

    X: bool
    W: bool
    b: bool


class LinearGrad(NamedTuple):
    """A loss, and its gradients of the shapes of X, W and b; None where they were not asked for."""

    loss: float
    X: FloatArray | None
    W: FloatArray | None
    b: Float64Array | None


class _Run(NamedTuple):
    """What the blocks have in common; `logits` is the memory of one of them."""

    X: FloatArray
    W: FloatArray
    b: FloatArray | None
    of: CrossEntropy
    logits: FloatArray
    grad: LinearGrad
    losses: Float64Array
    rooms: SimpleQueue[FloatArray]


@overflow_shows
def linear_cross_entropy(
    X: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None,
    y: ArrayLike,
    options: CrossEntropyOptions,
    wanted: Wanted,
    num_threads: int | None,
) -> LinearGrad:
    """Return the cross-entropy of the logits X Wᵀ + b, and its gradients.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
    W : array_like of shape (n_classes, n_features)
    b : array_like of shape (n_classes,) or None
    y, options
        As of `cross_entropy`, with the reductions "mean" and "sum".
    wanted : Wanted
    num_threads : int or None

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    check_reduction(options.reduction, ("mean", "sum"))
    X = as_matrix("X", X)
    W = as_matrix("W", W, dtype=X.dtype)
    (n_samples, n_features), (n_classes, width) = X.shape, W.shape
    if width != n_features:
        raise ValueError(f"W must have a column for each of the {n_features} features, found shape {W.shape}")
    if b is not None:
        b = as_numbers("b", b, ndim=1, dtype=X.dtype)
        if b.shape != (n_classes,):
            raise ValueError(f"b must have shape ({n_classes},), one entry a class, found {b.shape}")
    of = cross_entropy_of((n_samples, n_classes), X.dtype, y, options)
    rows = min(n_samples, max(ROWS, BLOCK_BYTES // (n_classes * X.itemsize) // ROWS * ROWS))
    grad = LinearGrad(
        0.0,
        np.empty(X.shape, X.dtype) if wanted.X else None,
        np.empty(W.shape, X.dtype) if wanted.W else None,
        np.zeros(n_classes) if wanted.b else None,
    )
    threads = resolve_num_threads(num_threads, n_samples * n_classes * n_features)
    run = _Run(X, W, b, of, np.empty((rows, n_classes), X.dtype), grad, np.empty(n_samples), SimpleQueue())
    for _ in range(threads):
        run.rooms.put(np.empty((min(CLASSES, n_classes), min(FEATURES, n_features)), X.dtype))
    with ExitStack() as stack:
        stack.enter_context(one_blas_thread)
        pool = stack.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
        for start in range(0, n_samples, rows):
            _block(run, slice(start, min(start + rows, n_samples)), pool)
    loss = float(run.losses.sum() / of.total)
    if np.isnan(loss):
        check_finite("X", X)
        check_finite("W", W)
        if b is not None:
            check_finite("b", b)
        raise ValueError(f"X, W or b are so large that the logits or the gradient overflow {X.dtype}; scale them")
    return grad._replace(loss=loss)


def _block(run: _Run, samples: slice, pool: ThreadPoolExecutor | None) -> None:
    """Add a block of samples to the losses and to the gradients."""
    n_classes, n_features = run.W.shape
    n_rows = samples.stop - samples.start
    X, z, of = run.X[samples], run.logits[:n_rows], run.of.rows(samples)
    is_first, with_grad = samples.start == 0, any(part is not None for part in run.grad[1:])

    def logits(rows: slice, classes: slice) -> None:
        np.matmul(X[rows], run.W[classes].T, out=z[rows, classes])
        if run.b is not None:
            z[rows, classes] += run.b[classes]

    def residuals(rows: slice) -> None:
        at = slice(samples.start + rows.start, samples.start + rows.stop)
        run.losses[at] = by_rows(z[rows] if with_grad else None, z[rows], of.rows(rows), 1)
        if run.grad.X is not None:
            np.matmul(z[rows], run.W, out=run.grad.X[at])

    def gradient(classes: slice, features: slice) -> None:
        if run.grad.b is not None and features.start == 0:
            run.grad.b[classes] += np.ones(n_rows, z.dtype) @ z[:, classes]
        if run.grad.W is None:
            return
        part = run.grad.W[classes, features]
        if is_first:
            np.matmul(z[:, classes].T, X[:, features], out=part)
            return
        room = run.rooms.get()
        part += np.matmul(z[:, classes].T, X[:, features], out=room[: part.shape[0], : part.shape[1]])
        run.rooms.put(room)

    _each(pool, logits, product(_pieces(n_rows, LOGITS_ROWS), _pieces(n_classes, CLASSES)))
    _each(pool, residuals, product(_pieces(n_rows, ROWS)))
    if run.grad.W is not None or run.grad.b is not None:
        _each(pool, gradient, product(_pieces(n_classes, CLASSES), _pieces(n_features, FEATURES)))


def _pieces(length: int, size: int) -> list[slice]:
    """Cut a range into pieces of at most that size."""
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _each(pool: ThreadPoolExecutor | None, task: Callable[..., None], arguments: Iterable[tuple[slice, ...]]) -> None:
    """Do a task for all arguments, and wait."""
    if pool is None:
        for some in arguments:
            task(*some)
    else:
        for done in [pool.submit(task, *some) for some in arguments]:
            done.result()
