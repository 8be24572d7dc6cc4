"""Matrix products on this package's threads: during a fit BLAS has one."""

import numpy as np

from ..data.features import DenseFeatures, Parameters, PassOptions
from ..families import SOFTMAX
from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.contention import contention
from ..runtime.precision import Precision
from ..runtime.threads import resolve_num_threads

# Below this many multiply-adds (0.2 ms), BLAS on one thread is as fast as our kernels on all threads.
SMALL_PRODUCT = 10_000_000


def gram(Z: FloatArray, weights: Float64Array, num_threads: int | None) -> FloatArray:
    """Σ_i w_ci z_i z_iᵀ for every row of weights, (n_weights, n_columns, n_columns)."""
    threads = resolve_num_threads(num_threads, len(weights) * Z.size * Z.shape[1])
    with contention.watched(threads):
        return DenseFeatures(Z).gram(np.ascontiguousarray(weights, dtype=Z.dtype), Precision.EXACT, threads)


def product(left: FloatArray, right_T: FloatArray, num_threads: int | None) -> FloatArray:
    """Return left @ right; a large product runs on our threads, since BLAS has only one during a fit.

    The sizes alone decide between BLAS and our kernel, since the two round differently.
    """
    if left.size * len(right_T) < SMALL_PRODUCT:
        return left @ right_T.T
    # The longer operand becomes the kernel's samples, which its threads divide among themselves.
    samples, classes = (left, right_T) if len(left) >= len(right_T) else (right_T, left)
    out = np.empty((len(samples), len(classes)), dtype=left.dtype)
    at = Parameters(np.ascontiguousarray(classes), np.zeros(len(classes)))
    options = PassOptions(SOFTMAX.number, Precision.EXACT, resolve_num_threads(num_threads))
    DenseFeatures(np.ascontiguousarray(samples)).predict(out, at, False, options)
    return out if samples is left else out.T
