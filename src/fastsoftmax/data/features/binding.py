"""From X as users have it to what the kernels read, and every refusal."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _kernels
from ...runtime.arrays import Float64Array
from ..arguments import C_TYPE, as_array, as_numbers, check_finite, check_real, in_dtype, is_readable
from ..coded_matrix import CodedMatrix
from .base import Features
from .coded import CodedFeatures
from .dense import DenseFeatures, is_bfloat16
from .sparse import CsrFeatures

AnyMatrix = Any  # array_like, or a sparse matrix or array of SciPy, which has no types

SERVED = "float64, float32, float16, bfloat16, uint8, int8 and bool as they are, other integers as float64"
LONGEST_ROW = np.iinfo(np.int32).max


def bind_features(
    X: AnyMatrix,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    dtype: np.dtype[Any] | None = None,
) -> Features:
    """Return X as the kernels read it, without a copy wherever they can.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
        Dense: float64, float32, float16, `ml_dtypes.bfloat16`, uint8, int8 or bool, in any order and of any strides;
        other integers are copied to float64. Sparse, of SciPy: CSR of float32 or float64; other values, other formats,
        and entries that are unsorted or come twice are copied once.
    scale, shift : float or array_like of shape (n_features,), optional
        x_ij = scale_j · stored_ij + shift_j.
    dtype : dtype, optional
        float64 computes in that whatever X is, without a copy but of a sparse X's values; otherwise X decides.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    if isinstance(X, CodedMatrix):
        return CodedFeatures(X, as_factors("scale", scale, X.shape[1]), as_factors("shift", shift, X.shape[1]))
    is_sparse = type(X) is not np.ndarray and hasattr(X, "tocsr")
    matrix = as_csr(X) if is_sparse else _as_dense(X)
    n_features = matrix.shape[1]
    factors = as_factors("scale", scale, n_features), as_factors("shift", shift, n_features)
    if factors[0] is not None and not factors[0].all():
        raise ValueError(f"scale must not be zero, found zero at feature {int(np.argmin(factors[0] != 0))}")
    if is_sparse:
        return CsrFeatures(matrix.astype(np.float64, copy=False) if dtype == np.float64 else matrix, *factors)
    features = DenseFeatures(matrix, *factors, dtype)
    if features.center is not None:
        too_large = np.flatnonzero(~np.isfinite(features.center))
        if len(too_large):
            # What is subtracted from the stored numbers: −shift_j / scale_j.
            raise ValueError(f"shift over scale overflows {features.dtype} at feature {too_large[0]}")
    return features


def is_served(dtype: np.dtype[Any]) -> bool:
    """Whether dense elements are read as they are."""
    return dtype.isnative and (dtype.char in "fdeBb?" or is_bfloat16(dtype))


def as_factors(name: str, factors: ArrayLike | None, n_features: int) -> Float64Array | None:
    """Return a factor for each feature, (n_features,), or None."""
    if factors is None:
        return None
    values = as_array(name, factors)
    check_real(name, values)
    if values.shape not in ((), (n_features,)):
        raise ValueError(f"{name} must be a number or have shape ({n_features},), found shape {values.shape}")
    vector = np.empty(n_features)
    vector[:] = in_dtype(values, np.float64)
    check_finite(name, vector)
    return vector


def _as_dense(X: AnyMatrix) -> NDArray[Any]:
    array = as_array("X", X)
    if array.ndim != 2:
        raise ValueError(f"X must be two-dimensional, found shape {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"X must not be empty, found shape {array.shape}")
    if not is_served(array.dtype):
        check_real("X", array, hint=f"; served are {SERVED}")
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
        single = data.dtype.itemsize <= 2 or (data.dtype.kind == "f" and data.dtype.itemsize == 4)
        data = in_dtype(data, np.float32 if single else np.float64)
    _check_indptr(indptr, X.shape[0], min(len(data), len(indices)))
    # SciPy's routines want as many of one as of the other, and none that belong to no row.
    data, indices = data[: indptr[-1]], indices[: indptr[-1]]
    data, indices, indptr = (np.require(part, requirements=["C", "A"]) for part in (data, indices, indptr))
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
