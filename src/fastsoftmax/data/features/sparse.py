"""Sparse X."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ... import _kernels
from ...runtime.arrays import Float64Array, FloatArray, IndexArray
from ...runtime.override import override
from ...runtime.precision import Precision
from ...runtime.vectors import add_scaled, project
from ..arguments import C_TYPE, in_dtype, overflow_shows
from ..samples import Samples
from .base import Features, Parameters, PassOptions, by_columns

# Entries that are looked at to cut the features into stripes.
SAMPLED_ENTRIES = 4096


class CsrFeatures(Features):
    """A sparse matrix: entries of a sample lie together, their features ascend, and none comes twice."""

    def __init__(self, matrix: Any, scale: Float64Array | None = None, shift: Float64Array | None = None) -> None:
        super().__init__(scale, shift)
        self.matrix = matrix
        self.shape = matrix.shape
        self.n_entries = int(matrix.indptr[-1])
        self.dtype = matrix.data.dtype
        self.indices = matrix.indices.data
        self.indptr = matrix.indptr.astype(np.intp, copy=False)

    @cached_property
    def bounds(self) -> IndexArray:
        """Where the features are cut into stripes of about as many entries, none more than twice as wide as others."""
        n_features, n_stripes = self.shape[1], _kernels.MAX_STRIPES
        step = 1 << max(0, n_features.bit_length() - (_kernels.MAX_STEPS.bit_length() - 1))
        entries = self.matrix.indices[: self.n_entries : max(1, self.n_entries // SAMPLED_ENTRIES)]
        even = np.linspace(0, n_features, len(entries) + 2)
        both = np.sort(np.concatenate([entries, even]))
        cuts = both[np.arange(n_stripes + 1) * (len(both) - 1) // n_stripes].astype(np.intp) // step * step
        cuts[0], cuts[-1] = 0, n_features
        return cuts

    @cached_property
    @overflow_shows
    def _scaled(self) -> Any:
        """The matrix with the scale, its own data if there is none."""
        if self.scale is None:
            return self.matrix
        return self.matrix.multiply(in_dtype(self.scale, self.dtype)).tocsr()

    @cached_property
    @overflow_shows
    def _row_squares(self) -> FloatArray:
        """‖x_i‖² of every row."""
        squares: FloatArray = np.asarray(self._scaled.multiply(self._scaled).sum(axis=1)).ravel()
        return squares

    @override
    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return W's own, where the kernel's sums are the gradient."""
        # The gradient is as large as W, which may be larger than X. What a shift adds to the sums may nearly cancel
        # them: they are rounded after that, and once.
        return W.dtype if W.dtype in C_TYPE and self.shift is None else np.dtype(np.float64)

    @override
    def rows(self, rows: IndexArray | slice) -> "CsrFeatures":
        part = CsrFeatures(self.matrix[rows], self.scale, self.shift)
        # Any cut is right, and that of all samples is the better guess.
        part.bounds = self.bounds
        return part

    @override
    def columns(self, columns: IndexArray) -> "CsrFeatures":
        return CsrFeatures(self.matrix[:, columns], *self._factors(columns))

    @property
    @override
    def n_stored(self) -> int:
        return self.n_entries if self.shift is None else super().n_stored

    @override
    def stored_columns(self) -> tuple[Float64Array, IndexArray | None, IndexArray | None]:
        return by_columns(self._scaled) if self.shift is None else super().stored_columns()

    @override
    @overflow_shows
    def values(self) -> FloatArray:
        values: FloatArray = self.matrix.toarray()
        if self.scale is not None:
            values *= in_dtype(self.scale, self.dtype)
        return values if self.shift is None else values + in_dtype(self.shift, self.dtype)

    @override
    @overflow_shows
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        sums = _weighted_squares(self._scaled, sample_weight)
        if not np.isfinite(sums.sum()):  # float64 has room for the squares of all that float32 has
            sums = _weighted_squares(self._scaled.astype(np.float64), sample_weight)
        if self.shift is not None:
            linear = np.asarray((self._scaled.T @ sample_weight).T, dtype=np.float64)
            sums += 2 * self.shift * linear + np.outer(sample_weight.sum(axis=0), self.shift**2)
        return sums

    @property
    @override
    def serves_dual_ascent(self) -> bool:
        return self.shift is None

    @override
    @overflow_shows
    def dual_ascent(
        self,
        at_inout: Parameters,
        q_inout: FloatArray,
        step: Float64Array,
        order: IndexArray,
        intercept: bool,
        num_threads: int,
    ) -> None:
        X = self._scaled.data, self.indices, self.indptr
        steps = in_dtype(self._row_squares + intercept, self.dtype), in_dtype(step, self.dtype)
        _kernels.csr_dual_ascent(*at_inout, q_inout, *X, *steps, order, intercept, num_threads)

    @override
    def gram(self, sample_weight: FloatArray, precision: Precision, num_threads: int) -> FloatArray:
        raise ValueError(
            "X must be dense: a Gram matrix of sparse features, n_features × n_features, is not served; "
            "pass X.toarray() if it is small"
        )

    @override
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        yield slice(None), self.matrix.astype(np.float64)

    @override
    def moments(self, sample_weight: Float64Array | None, num_threads: int) -> tuple[Float64Array, Float64Array]:
        # Blocks of rows with as many entries as there are features: neither copies nor sums take longer than these.
        step = max(1024, len(self) * self.shape[1] // max(1, self.n_entries))
        slices = (slice(start, start + step) for start in range(0, len(self), step))
        weights = np.ones(len(self)) if sample_weight is None else sample_weight
        mean = weights @ self.matrix / len(self)
        return mean, sparse_deviations(mean, ((rows, self.matrix[rows]) for rows in slices), weights)

    @override
    def check_finite(self, name: str) -> None:
        bad = np.flatnonzero(~np.isfinite(self.matrix.data[: self.n_entries]))
        if len(bad):
            row = int(np.searchsorted(self.indptr, bad[0], side="right")) - 1
            value = "NaN" if np.isnan(self.matrix.data[bad[0]]) else "infinity"
            raise ValueError(f"Input {name} contains {value} at row {row}, column {self.matrix.indices[bad[0]]}")

    @property
    def _entries(self) -> tuple[Any, memoryview, IndexArray]:
        """What is stored, as the kernels read it."""
        return self.matrix.data, self.indices, self.indptr

    @override
    def _fold(self, at: Parameters) -> Parameters:
        # The scale is left to the kernels, which write all of W anew anyway: it may be larger than X.
        W = np.ascontiguousarray(at.W if at.W.dtype in C_TYPE else at.W.astype(np.float64))
        b = np.ascontiguousarray(at.b, dtype=np.float64)
        if self.shift is None:
            return Parameters(W, b)
        with np.errstate(over="ignore", invalid="ignore"):
            return Parameters(W, b + project(W, self.shift))

    @override
    def _unfold(self, grad: Parameters) -> None:
        super()._unfold(grad)
        if self.shift is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                for row, g in zip(*grad, strict=True):
                    add_scaled(row, g, self.shift)

    @override
    def _loss_grad(self, grad_out: Parameters, at: Parameters, samples: Samples, options: PassOptions) -> float:
        values, indices, indptr = self._entries
        family, _, num_threads = options
        W = in_dtype(at.W, grad_out.W.dtype)
        return _kernels.csr_loss_grad[C_TYPE[W.dtype], C_TYPE[self.dtype]](
            *grad_out, values, indices, indptr, self.bounds, self.scale, W, at.b, samples, family, num_threads
        )

    @override
    def _hess_vec(
        self, product_out: Parameters, at: Parameters, direction: Parameters, samples: Samples, options: PassOptions
    ) -> None:
        values, indices, indptr = self._entries
        family, _, num_threads = options
        mass, offset, of_family = samples.mass, samples.offset, samples.parameter
        _kernels.csr_hess_vec[C_TYPE[self.dtype]](
            *(*product_out, values, indices, indptr, self.bounds, self.scale, *at, *direction),
            *(mass, offset, of_family, family, num_threads),
        )

    @override
    def _predict(self, out: FloatArray, at: Parameters, mean: bool, options: PassOptions) -> float:
        values, indices, indptr = self._entries
        family, _, num_threads = options
        return _kernels.csr_predict[C_TYPE[self.dtype], C_TYPE[at.W.dtype]](
            out, values, indices, indptr, self.scale, *at, mean, family, num_threads
        )


def _weighted_squares(X: Any, sample_weight: FloatArray) -> FloatArray:
    """Σ_i w_ik x_ij² for every column of weights."""
    return np.asarray((X.multiply(X).T @ sample_weight).T, dtype=np.float64)


def sparse_deviations(mean: Float64Array, blocks: Iterator[tuple[slice, Any]], weights: Float64Array) -> Float64Array:
    """Weighted standard deviations about the means of CSR rows that come in blocks, (n_features,)."""
    n_samples, n_features = len(weights), len(mean)
    # Σ_i s_i (x_ij − m_j)² of the entries, and m_j² for what of the weight has none.
    squares, rest, present, counts = np.zeros((4, n_features))
    for rows, block in blocks:
        weight = np.repeat(weights[rows], np.diff(block.indptr))
        differences = block.data - mean[block.indices]
        squares += np.bincount(block.indices, weight * differences**2, n_features)
        rest += np.bincount(block.indices, weight * differences, n_features)
        present += np.bincount(block.indices, weight, n_features)
        counts += np.bincount(block.indices, weight > 0, n_features)
    # Where every sample that counts has an entry nothing is left, not even a rounding.
    absent = np.where(counts == np.count_nonzero(weights), 0, 1 - present / n_samples)
    # What the rounding of the mean has left.
    rest = rest / n_samples - absent * mean
    variance = squares / n_samples + absent * mean**2 - rest**2
    return np.sqrt(np.maximum(variance, 0))
