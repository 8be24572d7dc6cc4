"""Dense X."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _kernels
from ...runtime.arrays import Float64Array, FloatArray, IndexArray
from ...runtime.override import override
from ...runtime.precision import Precision
from ..arguments import C_TYPE, check_finite, in_dtype, overflow_shows
from ..samples import Samples
from .base import Features, Parameters, PassOptions, by_columns

# Numbers that are copied to float64 at a time.
BLOCK_NUMBERS = 1_000_000

# Numbers that are converted to float64 at a time: 512 kB, which stay in the second-level cache.
CONVERTED_NUMBERS = 1 << 16

# bfloat16 is safe if mean(x²) ≤ 5 · var(x) for every feature, checked on 500 rows. With a larger mean, the rounding of
# the residuals times the mean hides in the gradient how the samples differ.
MOST_SQUARE, ROUNDED_ROWS = 5, 500


# Columns of which more than this share is not zero are stored with their zeros.
MOST_STORED = 0.5


class DenseFeatures(Features):
    """A matrix of any strides, whose elements are of one of the kinds that are served."""

    def __init__(
        self,
        array: NDArray[Any],
        scale: Float64Array | None = None,
        shift: Float64Array | None = None,
        dtype: np.dtype[Any] | None = None,
    ) -> None:
        super().__init__(scale, shift)
        self.array = array
        self.shape = array.shape
        self.n_entries = array.size
        # float64 is not computed with in less.
        self.dtype = np.dtype(np.float64 if np.float64 in (array.dtype, dtype) else np.float32)
        self.kind = C_TYPE[self.dtype]
        # Python has no letter for bfloat16: its bits travel as those of integers, which nothing else here is.
        self.view = (array.view(np.uint16) if is_bfloat16(array.dtype) else array).data
        self.center: FloatArray | None = None
        if shift is not None:
            with np.errstate(over="ignore"):
                self.center = in_dtype(-shift if scale is None else -shift / scale, self.dtype)

    @override
    def rows(self, rows: IndexArray | slice) -> "DenseFeatures":
        if isinstance(rows, slice):  # no copy
            part = self.array[rows]
        elif self.array.flags.c_contiguous:
            # Twice as fast as indexing where rows are short; other orders it would copy as a whole.
            part = self.array.take(rows, axis=0)
        else:
            part = np.ascontiguousarray(self.array[rows])
        return DenseFeatures(part, self.scale, self.shift, self.dtype)

    @override
    def columns(self, columns: IndexArray) -> "DenseFeatures":
        return DenseFeatures(np.ascontiguousarray(self.array[:, columns]), *self._factors(columns), self.dtype)

    @cached_property
    def n_stored(self) -> int:
        """As in the base class: a centre makes numbers of zeros."""
        if self.center is not None:
            return super().n_stored
        numbers, step = np.asarray(self.view), max(1, BLOCK_NUMBERS // self.shape[1])
        # NumPy counts what is true much faster than numbers.
        n_values = sum(int(np.count_nonzero(numbers[i : i + step] != 0)) for i in range(0, len(self), step))
        return n_values if n_values <= MOST_STORED * numbers.size else numbers.size

    @override
    def stored_columns(self) -> tuple[Float64Array, IndexArray | None, IndexArray | None]:
        if self.n_stored == self.n_entries:
            return super().stored_columns()
        from scipy.sparse import csr_matrix

        return by_columns(csr_matrix(self.finite_values()))

    @override
    @overflow_shows
    def values(self) -> FloatArray:
        values = self.array.astype(self.dtype, copy=False)
        if self.center is not None:
            values = values - self.center
        return values if self.scale is None else values * in_dtype(self.scale, self.dtype)

    @override
    @overflow_shows
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        n_samples, n_features = self.shape
        sums = np.zeros((sample_weight.shape[1], n_features))
        for start in range(0, n_samples, 1024):
            block = slice(start, start + 1024)
            values, weights = self.rows(block).values(), sample_weight[block]
            part = weights.T @ values**2
            # float64 has room for the squares of all that float32 has.
            sums += part if np.isfinite(part.sum()) else weights.T @ values.astype(np.float64) ** 2
        return sums

    @override
    def serves_rough_products(self, n_classes: int) -> bool:
        if self.kind != "float" or not _kernels.has_rounded(Precision.ROUGH, n_classes):
            return False
        some = self.rows(np.linspace(0, len(self) - 1, ROUNDED_ROWS, dtype=np.intp)).values().astype(np.float64)
        return bool(np.all(np.mean(some**2, axis=0) <= MOST_SQUARE * some.var(axis=0)))

    @override
    @overflow_shows
    def gram(self, sample_weight: FloatArray, precision: Precision, num_threads: int) -> FloatArray:
        n_features = self.shape[1]
        out = np.empty((len(sample_weight), n_features, n_features), dtype=self.dtype)
        _kernels.gram[self.kind](out, self.view, self.center, sample_weight, precision, num_threads)
        if self.scale is not None:
            # By scale_j scale_k, which is the same on both sides of the diagonal, as two multiplications are not.
            for j, factor in enumerate(self.scale):
                np.multiply(out[:, j], factor * self.scale, out=out[:, j], casting="same_kind")
        return out

    @override
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        step = max(1, CONVERTED_NUMBERS // self.shape[1])
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            yield rows, self.array[rows].astype(np.float64, copy=False)

    @override
    def moments(self, sample_weight: Float64Array | None, num_threads: int) -> tuple[Float64Array, Float64Array]:
        mean, variance = np.empty((2, self.shape[1]))
        sums = _kernels.feature_sums[self.kind]
        sums(mean, self.view, None, sample_weight, False, num_threads)
        # From the mean, since the difference of two large squares would have lost it; and from the mean as it can be
        # written in the dtype, which the rest of the mean corrects.
        center = in_dtype(mean, self.dtype)
        sums(variance, self.view, center, sample_weight, True, num_threads)
        variance -= (mean - center) ** 2
        return mean, np.sqrt(np.maximum(variance, 0))

    @override
    def _second_moments(
        self, center: Float64Array, sample_weight: Float64Array | None, num_threads: int
    ) -> Float64Array:
        moments = np.empty(self.shape[1])
        about = in_dtype(center, self.dtype)
        _kernels.feature_sums[self.kind](moments, self.view, about, sample_weight, True, num_threads)
        return moments

    @override
    def check_finite(self, name: str) -> None:
        if self.array.dtype in C_TYPE:
            check_finite(name, self.array)
        elif self.array.dtype.kind not in "bui":
            for start in range(0, len(self), 1024):
                check_finite(name, self.array[start : start + 1024].astype(np.float32), start)

    @override
    def _loss_grad(self, grad_out: Parameters, at: Parameters, samples: Samples, options: PassOptions) -> float:
        W, b = in_dtype(at.W, self.dtype, options.num_threads), in_dtype(at.b, self.dtype)
        return _kernels.loss_grad[self.kind](*grad_out, self.view, self.center, W, b, samples, *options)

    @override
    def _hess_vec(
        self, product_out: Parameters, at: Parameters, direction: Parameters, samples: Samples, options: PassOptions
    ) -> None:
        # The kernel computes the logits of both with one reading of X.
        W, b, V, v = (in_dtype(part, self.dtype, options.num_threads) for part in (*at, *direction))
        _kernels.hess_vec[self.kind](
            *product_out, self.view, self.center, W, b, V, v, samples.mass, samples.offset, samples.parameter, *options
        )

    @override
    def _predict(self, out: FloatArray, at: Parameters, mean: bool, options: PassOptions) -> float:
        W, b = in_dtype(at.W, self.dtype, options.num_threads), in_dtype(at.b, self.dtype)
        return _kernels.predict[self.kind](out, self.view, self.center, W, b, mean, *options)


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is that of `ml_dtypes`, which is not imported for it."""
    return dtype.kind == "V" and dtype.name == "bfloat16"
