"""X as users have it: dense, of six kinds of elements, or sparse, and scaled or shifted without a copy.

    x_ij = scale_j · stored_ij + shift_j

The kernels read what is stored, a tile at a time. A scale is none of theirs: W diag(scale) takes its place, and
diag(scale) the gradient's. A shift of dense data does, as a center, scale_j (stored_ij − center_j), because what is
left of large numbers near each other has to be found before they are multiplied. For sparse data, whose zeros must stay
what they are, a shift is one of the intercepts, b + W shift.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _kernels
from ._validation import C_TYPE, FloatArray, Targets, as_numbers, check_finite, in_dtype, is_readable
from ._vectors import add_scaled

Vector = NDArray[np.float64]
AnyMatrix = Any  # array_like, or a sparse matrix or array of SciPy, which has no types

SERVED = "float64, float32, float16, bfloat16, uint8, int8 and bool as they are, other integers as float64"

# Stripes of a sparse matrix, at most; entries that are looked at to cut them; steps of features that are not cut.
MAX_STRIPES, SAMPLED_ENTRIES, MAX_STEPS = 64, 4096, 4096

# Numbers of dense data that are copied to float64 at a time.
BLOCK_NUMBERS = 1_000_000
LONGEST_ROW = np.iinfo(np.int32).max


class Features(ABC):
    """What the objective and the functions need of X.

    Parameters
    ----------
    scale, shift : (n_features,) float64, optional

    Attributes
    ----------
    shape : tuple
        (n_samples, n_features)
    dtype : dtype
        float32 or float64: what is computed in.
    n_entries : int
        Numbers that are stored.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_entries: int

    def __init__(self, scale: Vector | None, shift: Vector | None) -> None:
        self.scale = scale
        self.shift = shift

    def __len__(self) -> int:
        return self.shape[0]

    def loss_grad(
        self,
        grad_W_out: FloatArray,
        grad_b_out: Vector,
        W: FloatArray,
        b: FloatArray,
        targets: Targets,
        sample_weight: Vector | None,
        offset: FloatArray | None,
        fast: bool,
        num_threads: int,
    ) -> float:
        """Write the gradient of the mean of s_i L_i, and return that mean; one pass over X."""
        rest = targets.labels, targets.rows, sample_weight, offset
        loss = self._loss_grad(grad_W_out, grad_b_out, *self._fold(W, b), *rest, fast, num_threads)
        self._unfold(grad_W_out, grad_b_out)
        return loss

    def hess_vec(
        self,
        product_W_out: Vector,
        product_b_out: Vector,
        W: Vector,
        b: Vector,
        V: Vector,
        v: Vector,
        mass: Vector | None,
        offset: FloatArray | None,
        fast: bool,
        num_threads: int,
    ) -> None:
        """Write the Hessian of the mean of s_i L_i times (V, v); mass is s_i Σ_k y_ik; one pass over X."""
        at, along = self._fold(W, b), self._fold(V, v)
        self._hess_vec(product_W_out, product_b_out, *at, *along, mass, offset, fast, num_threads)
        self._unfold(product_W_out, product_b_out)

    def predict(
        self, out: FloatArray, W: FloatArray, b: FloatArray, probabilities: bool, fast: bool, num_threads: int
    ) -> float:
        """Write logits or probabilities, and return the sum of the logits, finite if every one is."""
        return self._predict(out, *self._fold(W, b), probabilities, fast, num_threads)

    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return what the gradient of W can be written in."""
        return np.dtype(np.float64)

    @abstractmethod
    def rows(self, rows: NDArray[np.intp] | slice) -> "Features":
        """Features of some of the samples: an array of indices, or a slice without a step."""

    @abstractmethod
    def values(self) -> FloatArray:
        """X itself, dense, scaled and shifted; not to be written to."""

    @abstractmethod
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """Σ_i w_ik x_ij² for every column of weights, (n_weights, n_features)."""

    def exact_products(self, W: Vector) -> Vector:
        """W x_i for every row, (n_samples, len(W)), in float64 whatever the dtype."""
        products = np.zeros((len(self), len(W)))
        if self.shift is not None:
            products += W @ self.shift
        W = W if self.scale is None else W * self.scale
        for rows, block in self._float64_blocks():
            products[rows] += block @ W.T
        return products

    def exact_sums(self, sample_weight: Vector) -> Vector:
        """Σ_i w_ik x_i for every column of weights, (n_weights, n_features), in float64 whatever the dtype."""
        sums = np.zeros((sample_weight.shape[1], self.shape[1]))
        for rows, block in self._float64_blocks():
            sums += (block.T @ sample_weight[rows]).T
        if self.scale is not None:
            sums *= self.scale
        return sums if self.shift is None else sums + np.outer(sample_weight.sum(axis=0), self.shift)

    @abstractmethod
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield what is stored, some rows at a time."""

    def dual_ascent(
        self,
        W_inout: Vector,
        b_inout: Vector,
        probabilities_inout: FloatArray,
        step: Vector,
        order: NDArray[np.intp],
        intercept: bool,
        num_threads: int,
    ) -> None:
        """Ascend on the dual, a coordinate for each sample of `order`; where `serves_dual_ascent` is true."""
        raise NotImplementedError

    @property
    def serves_dual_ascent(self) -> bool:
        """Whether a step for one sample costs as little as its entries."""
        return False

    @abstractmethod
    def gram(self, sample_weight: FloatArray, fast: bool, num_threads: int) -> FloatArray:
        """Σ_i w_ci x_i x_iᵀ for every row of weights, (n_weights, n_features, n_features)."""

    @abstractmethod
    def moments(self, sample_weight: Vector | None, num_threads: int) -> tuple[Vector, Vector]:
        """Weighted means and standard deviations of what is stored, (n_features,) each; weights have mean one."""

    @abstractmethod
    def check_finite(self, name: str) -> None:
        """Raise ValueError, naming the place, if X holds NaN or infinity."""

    @abstractmethod
    def _loss_grad(self, *arguments: Any) -> float: ...

    @abstractmethod
    def _hess_vec(self, *arguments: Any) -> None: ...

    @abstractmethod
    def _predict(self, *arguments: Any) -> float: ...

    def _fold(self, W: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Parameters for what is stored."""
        return (W if self.scale is None else W * self.scale), b

    def _unfold(self, grad_W: FloatArray, grad_b: FloatArray) -> None:
        """Turn a gradient for what is stored into that for X."""
        if self.scale is not None:
            grad_W *= self.scale


class DenseFeatures(Features):
    """A matrix of any strides, whose elements are of one of the kinds that are served."""

    def __init__(self, array: NDArray[Any], scale: Vector | None = None, shift: Vector | None = None) -> None:
        super().__init__(scale, shift)
        self.array = array
        self.shape = array.shape
        self.n_entries = array.size
        self.dtype = array.dtype if array.dtype in C_TYPE else np.dtype(np.float32)
        self.kind = C_TYPE[self.dtype]
        # Python has no letter for bfloat16: its bits travel as those of integers, which nothing else here is.
        self.view = (array.view(np.uint16) if is_bfloat16(array.dtype) else array).data
        self.center: FloatArray | None = None
        if shift is not None:
            self.center = in_dtype(-shift if scale is None else -shift / scale, self.dtype)

    def rows(self, rows: NDArray[np.intp] | slice) -> "DenseFeatures":
        """As the base class says; a slice is read where it lies."""
        if isinstance(rows, slice):
            part = self.array[rows]
        elif self.array.flags.c_contiguous:
            # Twice as fast as indexing where rows are short; other orders it would copy as a whole.
            part = self.array.take(rows, axis=0)
        else:
            part = np.ascontiguousarray(self.array[rows])
        return DenseFeatures(part, self.scale, self.shift)

    def values(self) -> FloatArray:
        """As the base class says."""
        values = self.array.astype(self.dtype, copy=False)
        if self.center is not None:
            values = values - self.center
        return values if self.scale is None else values * in_dtype(self.scale, self.dtype)

    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """As the base class says."""
        n_samples, n_features = self.shape
        sums = np.zeros((sample_weight.shape[1], n_features))
        for start in range(0, n_samples, 1024):
            block = slice(start, start + 1024)
            sums += sample_weight[block].T @ self.rows(block).values() ** 2
        return sums

    def gram(self, sample_weight: FloatArray, fast: bool, num_threads: int) -> FloatArray:
        """As the base class says."""
        n_features = self.shape[1]
        out = np.empty((len(sample_weight), n_features, n_features), dtype=self.dtype)
        _kernels.gram[self.kind](out, self.view, self.center, sample_weight, fast, num_threads)
        if self.scale is not None:
            out *= in_dtype(self.scale, self.dtype)
            out *= in_dtype(self.scale, self.dtype)[:, None]
        return out

    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        step = max(1, BLOCK_NUMBERS // self.shape[1])
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            yield rows, self.array[rows].astype(np.float64)

    def moments(self, sample_weight: Vector | None, num_threads: int) -> tuple[Vector, Vector]:
        """As the base class says."""
        mean, variance = np.empty((2, self.shape[1]))
        sums = _kernels.feature_sums[self.kind]
        sums(mean, self.view, None, sample_weight, False, num_threads)
        # From the mean, since the difference of two large squares would have lost it; and from the mean as it can be
        # written in the dtype, which the rest of the mean corrects.
        center = in_dtype(mean, self.dtype)
        sums(variance, self.view, center, sample_weight, True, num_threads)
        variance -= (mean - center) ** 2
        return mean, np.sqrt(np.maximum(variance, 0))

    def check_finite(self, name: str) -> None:
        """As the base class says."""
        if self.array.dtype in C_TYPE:
            check_finite(name, self.array)
        elif self.array.dtype.kind not in "bui":
            for start in range(0, len(self), 1024):
                check_finite(name, self.array[start : start + 1024].astype(np.float32), start)

    def _loss_grad(self, *arguments: Any) -> float:
        grad_W_out, grad_b_out, W, b, *rest = arguments
        return _kernels.loss_grad[self.kind](
            grad_W_out, grad_b_out, self.view, self.center, in_dtype(W, self.dtype), in_dtype(b, self.dtype), *rest
        )

    def _hess_vec(self, *arguments: Any) -> None:
        product_W_out, product_b_out, W, b, V, v, *rest = arguments
        both_W, both_b = np.concatenate([W, V]), np.concatenate([b, v])
        _kernels.hess_vec[self.kind](
            product_W_out,
            product_b_out,
            self.view,
            self.center,
            in_dtype(both_W, self.dtype),
            in_dtype(both_b, self.dtype),
            *rest,
        )

    def _predict(self, *arguments: Any) -> float:
        out, W, b, *rest = arguments
        return _kernels.predict[self.kind](
            out, self.view, self.center, in_dtype(W, self.dtype), in_dtype(b, self.dtype), *rest
        )


class CsrFeatures(Features):
    """A sparse matrix: entries of a sample lie together, their features ascend, and none comes twice."""

    def __init__(self, matrix: Any, scale: Vector | None = None, shift: Vector | None = None) -> None:
        super().__init__(scale, shift)
        self.matrix = matrix
        self.shape = matrix.shape
        self.n_entries = int(matrix.indptr[-1])
        self.dtype = matrix.data.dtype
        self.indices = matrix.indices.data
        self.indptr = matrix.indptr.astype(np.intp, copy=False)

    @cached_property
    def bounds(self) -> NDArray[np.intp]:
        """Where the features are cut into stripes of about as many entries, none more than twice as wide as others."""
        n_features = self.shape[1]
        step = 1 << max(0, n_features.bit_length() - (MAX_STEPS.bit_length() - 1))
        entries = self.matrix.indices[: self.n_entries : max(1, self.n_entries // SAMPLED_ENTRIES)]
        even = np.linspace(0, n_features, len(entries) + 2)
        both = np.sort(np.concatenate([entries, even]))
        cuts = both[np.arange(MAX_STRIPES + 1) * (len(both) - 1) // MAX_STRIPES].astype(np.intp) // step * step
        cuts[0], cuts[-1] = 0, n_features
        return cuts

    @cached_property
    def _scaled(self) -> Any:
        """The matrix with the scale, its own data if there is none."""
        if self.scale is None:
            return self.matrix
        return self.matrix.multiply(in_dtype(self.scale, self.dtype)).tocsr()

    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return W's own."""
        # The gradient is as large as W, which may be larger than X.
        return W.dtype if W.dtype in C_TYPE else np.dtype(np.float64)

    def rows(self, rows: NDArray[np.intp] | slice) -> "CsrFeatures":
        """As the base class says."""
        part = CsrFeatures(self.matrix[rows], self.scale, self.shift)
        # Any cut is right, and that of all samples is the better guess.
        part.bounds = self.bounds
        return part

    def values(self) -> FloatArray:
        """As the base class says."""
        values = self.matrix.toarray()
        if self.scale is not None:
            values *= in_dtype(self.scale, self.dtype)
        return values if self.shift is None else values + in_dtype(self.shift, self.dtype)

    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """As the base class says."""
        X = self._scaled
        sums = np.asarray((X.multiply(X).T @ sample_weight).T, dtype=np.float64)
        if self.shift is not None:
            sums += 2 * self.shift * (X.T @ sample_weight).T + np.outer(sample_weight.sum(axis=0), self.shift**2)
        return sums

    @property
    def serves_dual_ascent(self) -> bool:
        """As the base class says."""
        return self.shift is None

    def dual_ascent(self, W_inout: Vector, b_inout: Vector, *arguments: Any) -> None:
        """As the base class says."""
        probabilities_inout, step, order, intercept, num_threads = arguments
        X = self._scaled
        squares = np.asarray(X.multiply(X).sum(axis=1)).ravel() + intercept
        _kernels.csr_dual_ascent(
            *(W_inout, b_inout, probabilities_inout, X.data, self.indices, self.indptr),
            *(in_dtype(squares, self.dtype), in_dtype(step, self.dtype), order, intercept, num_threads),
        )

    def gram(self, sample_weight: FloatArray, fast: bool, num_threads: int) -> FloatArray:
        """As the base class says."""
        raise ValueError(
            "X must be dense: a Gram matrix of sparse features, n_features × n_features, is not served; "
            "pass X.toarray() if it is small"
        )

    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        yield slice(None), self.matrix.astype(np.float64)

    def moments(self, sample_weight: Vector | None, num_threads: int) -> tuple[Vector, Vector]:
        """As the base class says."""
        n_samples, n_features = self.shape
        weights = np.ones(n_samples) if sample_weight is None else sample_weight
        mean = weights @ self.matrix / n_samples
        # Σ_i s_i (x_ij − m_j)² of the entries, and m_j² for what of the weight has none.
        squares, present = np.zeros((2, n_features))
        # Blocks of rows with as many entries as there are features: neither copies nor sums take longer than these.
        rows = max(1024, n_samples * n_features // max(1, self.n_entries))
        for start in range(0, n_samples, rows):
            block = self.matrix[start : start + rows]
            weight = np.repeat(weights[start : start + rows], np.diff(block.indptr))
            squares += np.bincount(block.indices, weight * (block.data - mean[block.indices]) ** 2, n_features)
            present += np.bincount(block.indices, weight, n_features)
        variance = squares / n_samples + (1 - present / n_samples) * mean**2
        return mean, np.sqrt(np.maximum(variance, 0))

    def check_finite(self, name: str) -> None:
        """As the base class says."""
        bad = np.flatnonzero(~np.isfinite(self.matrix.data[: self.n_entries]))
        if len(bad):
            row = int(np.searchsorted(self.indptr, bad[0], side="right")) - 1
            value = "NaN" if np.isnan(self.matrix.data[bad[0]]) else "infinity"
            raise ValueError(f"{name} contains {value} at row {row}, column {self.matrix.indices[bad[0]]}")

    def _fold(self, W: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        # The scale is left to the kernels, which write all of W anew anyway: it may be larger than X.
        W = np.ascontiguousarray(W if W.dtype in C_TYPE else W.astype(np.float64))
        b = b.astype(np.float64, copy=False)
        return W, b if self.shift is None else b + W @ self.shift

    def _unfold(self, grad_W: FloatArray, grad_b: FloatArray) -> None:
        super()._unfold(grad_W, grad_b)
        if self.shift is not None:
            for row, g in zip(grad_W, grad_b, strict=True):
                add_scaled(row, g, self.shift)

    def _loss_grad(self, *arguments: Any) -> float:
        grad_W_out, grad_b_out, W, b, *rest, _fast, num_threads = arguments
        return _kernels.csr_loss_grad[C_TYPE[grad_W_out.dtype], C_TYPE[self.dtype]](
            *(grad_W_out, grad_b_out, self.matrix.data, self.indices, self.indptr, self.bounds, self.scale),
            *(in_dtype(W, grad_W_out.dtype), b, *rest, num_threads),
        )

    def _hess_vec(self, *arguments: Any) -> None:
        product_W_out, product_b_out, *parameters, mass, offset, _fast, num_threads = arguments
        _kernels.csr_hess_vec[C_TYPE[self.dtype]](
            *(product_W_out, product_b_out, self.matrix.data, self.indices, self.indptr, self.bounds, self.scale),
            *(*parameters, mass, offset, num_threads),
        )

    def _predict(self, *arguments: Any) -> float:
        out, W, b, probabilities, _fast, num_threads = arguments
        return _kernels.csr_predict[C_TYPE[self.dtype], C_TYPE[W.dtype]](
            out, self.matrix.data, self.indices, self.indptr, self.scale, W, b, probabilities, num_threads
        )


def bind_features(X: AnyMatrix, scale: ArrayLike | None = None, shift: ArrayLike | None = None) -> Features:
    """Return X as the kernels read it, without a copy wherever they can.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
        Dense: float64, float32, float16, `ml_dtypes.bfloat16`, uint8, int8 or bool, in any order and of any strides;
        other integers are copied to float64. Sparse, of SciPy: CSR of float32 or float64; other values, other formats,
        and entries that are unsorted or come twice are copied once.
    scale, shift : float or array_like of shape (n_features,), optional
        x_ij = scale_j · stored_ij + shift_j.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    matrix = as_csr(X) if hasattr(X, "tocsr") else _as_dense(X)
    n_features = matrix.shape[1]
    factors = _as_factors("scale", scale, n_features), _as_factors("shift", shift, n_features)
    if factors[0] is not None and not factors[0].all():
        raise ValueError(f"scale must not be zero, found zero at feature {int(np.argmin(factors[0] != 0))}")
    return (CsrFeatures if hasattr(matrix, "tocsr") else DenseFeatures)(matrix, *factors)


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is that of `ml_dtypes`, which is not imported for it."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def is_served(dtype: np.dtype[Any]) -> bool:
    """Whether dense elements are read as they are."""
    return dtype.isnative and (dtype.char in "fdeBb?" or is_bfloat16(dtype))


def _as_factors(name: str, factors: ArrayLike | None, n_features: int) -> Vector | None:
    if factors is None:
        return None
    try:
        values = np.asarray(factors, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, found {factors!r}") from None
    if values.shape not in ((), (n_features,)):
        raise ValueError(f"{name} must be a number or have shape ({n_features},), found shape {values.shape}")
    values = np.broadcast_to(values, (n_features,)).copy()
    check_finite(name, values)
    return values


def _as_dense(X: AnyMatrix) -> NDArray[Any]:
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"X is not an array of numbers: {error}") from None
    if array.ndim != 2:
        raise ValueError(f"X must be two-dimensional, found shape {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"X must not be empty, found shape {array.shape}")
    if not is_served(array.dtype):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"X must hold real numbers, found dtype {array.dtype}; served are {SERVED}")
        native = array.dtype.newbyteorder("=")
        return as_numbers("X", array, ndim=2, dtype=native if is_served(native) else np.float64)
    return array if is_readable(array) else array.copy()


def as_csr(X: Any) -> Any:
    """Return a CSR matrix whose indices have been checked, in order; the arrays of X where they are as they must be."""
    from scipy.sparse import csr_matrix

    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, found shape {X.shape}")
    if 0 in X.shape:
        raise ValueError(f"X must not be empty, found shape {X.shape}")
    if X.format != "csr":
        X = _converted(X)
    data, indices, indptr = (np.asarray(part) for part in (X.data, X.indices, X.indptr))
    for name, part in (("data", data), ("indices", indices), ("indptr", indptr)):
        if part.ndim != 1:
            raise ValueError(f"X.{name} must be one-dimensional, found shape {part.shape}")
    for name, part in (("indices", indices), ("indptr", indptr)):
        if part.dtype not in (np.int32, np.int64):
            raise ValueError(f"X.{name} must hold int32 or int64, found dtype {part.dtype}")
    if data.dtype not in C_TYPE:
        if data.dtype.kind not in "biuf":
            raise ValueError(f"X must hold real numbers, found a sparse matrix of dtype {data.dtype}")
        data = data.astype(np.float32 if data.dtype.itemsize <= 2 else np.float64)
    _check_indptr(indptr, X.shape[0], min(len(data), len(indices)))
    data, indices = np.ascontiguousarray(data), np.ascontiguousarray(indices)
    outside, canonical = _kernels.csr_order(indices.data, indptr.astype(np.intp, copy=False), X.shape[1])
    if outside >= 0:
        row = indices[indptr[outside] : indptr[outside + 1]]
        found = row[(row < 0) | (row >= X.shape[1])][0]
        raise ValueError(f"X.indices must be between 0 and {X.shape[1] - 1}, found {found} in row {outside}")
    matrix = csr_matrix(X.shape, dtype=data.dtype)
    # Of one type, as SciPy's routines want them.
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr.astype(indices.dtype, copy=False)
    if not canonical:
        matrix = matrix.copy()
        matrix.has_canonical_format = matrix.has_sorted_indices = False
        matrix.sum_duplicates()
    return matrix


def _converted(X: Any) -> Any:
    """Return a sparse matrix of another format as CSR; SciPy's conversions trust the indices that they are given."""
    try:
        if X.format in ("csc", "bsr"):
            X.check_format(full_check=True)
        elif X.format == "coo":
            for axis, coordinates in enumerate((X.row, X.col)):
                if len(coordinates) and not 0 <= coordinates.min() <= coordinates.max() < X.shape[axis]:
                    raise ValueError(f"its coordinates along axis {axis} must be between 0 and {X.shape[axis] - 1}")
        return X.tocsr()
    except (ValueError, TypeError) as error:
        raise ValueError(f"X is a sparse matrix that cannot be read: {error}") from None


def _check_indptr(indptr: NDArray[Any], n_samples: int, n_entries: int) -> None:
    if len(indptr) != n_samples + 1:
        raise ValueError(f"X.indptr must have {n_samples + 1} entries, one more than X has rows, found {len(indptr)}")
    if indptr[0] != 0:
        raise ValueError(f"X.indptr must start at 0, found {indptr[0]}")
    lengths = np.diff(indptr)
    if (lengths < 0).any():
        row = int(np.argmax(lengths < 0))
        raise ValueError(f"X.indptr must never decrease, found {indptr[row + 1]} after {indptr[row]} at row {row}")
    if indptr[-1] > n_entries:
        raise ValueError(f"X.indptr must end within the {n_entries} entries of X, found {indptr[-1]}")
    if lengths.max() > LONGEST_ROW:
        raise ValueError(f"X must have no more than {LONGEST_ROW} entries in a row, found {lengths.max()}")
