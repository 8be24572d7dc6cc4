"""Rows as they come: X, y, weights and offset, checked and in one form each."""

import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import as_array, as_matrix, as_numbers
from ..data.features import CsrFeatures, DenseFeatures, bind_features
from ..runtime.arrays import Float64Array, FloatArray, IndexArray

# Rows are held if X, y and the offset have at most 4 million numbers together, 32 MB of float64.
MOST_HELD = 1 << 22


class Rows(NamedTuple):
    """Some of the rows.

    Attributes
    ----------
    X : (n, n_features), a C-contiguous array of a dtype that is served, or a CSR matrix
    y : (n,), (n, n_outputs), or of successes and failures (n, n_outputs, 2)
    weight : (n,) float64, finite and not negative, or None
    offset : (n, n_outputs) of float32 or float64, or None
    """

    X: Any
    y: NDArray[Any]
    weight: Float64Array | None
    offset: FloatArray | None

    @property
    def n_rows(self) -> int:
        """Their number."""
        return int(self.X.shape[0])

    def take(self, rows: IndexArray | slice) -> "Rows":
        """Return some of them; of dense X, a slice is no copy."""
        return Rows._make(None if part is None else part[rows] for part in self)

    def copy(self) -> "Rows":
        """Return them in memory of their own."""
        return Rows._make(None if part is None else part.copy() for part in self)


class Held(NamedTuple):
    """All rows of some leaves, or some of their columns, while they are few."""

    pieces: tuple[Rows, ...] | None  # None where they have more than `most` numbers
    n_numbers: int
    most: int

    @classmethod
    def of(cls, rows: Rows, start: int, most: int) -> "Held":
        """Copy rows, of which the first is row number `start` of all data; not if those before are too many."""
        X, y, _, offset = rows
        n_numbers = (int(X.indptr[-1]) if hasattr(X, "tocsr") else X.size) + y.size
        n_numbers += 0 if offset is None else offset.size
        before = 0 if hasattr(X, "tocsr") else start * X.shape[1]
        return cls(None if n_numbers + before > most else (rows.copy(),), n_numbers, most)

    def __add__(self, other: "Held") -> "Held":  # type: ignore[override]
        n_numbers = self.n_numbers + other.n_numbers
        if self.pieces is None or other.pieces is None or n_numbers > self.most:
            return Held(None, n_numbers, self.most)
        return Held(self.pieces + other.pieces, n_numbers, self.most)

    def rows(self) -> Rows | None:
        """Return all rows in one piece."""
        return None if self.pieces is None else join(list(self.pieces))


def join(parts: list[Rows]) -> Rows:
    """Return parts one after the other."""
    if len(parts) == 1:
        return parts[0]
    X, *others = zip(*parts, strict=True)
    if hasattr(X[0], "tocsr"):
        from scipy.sparse import vstack

        joined = vstack(X, format="csr")
    else:
        joined = np.concatenate(X)
    return Rows._make([joined, *(None if part[0] is None else np.concatenate(part) for part in others)])


def as_rows(chunk: tuple[Any, ...], n_features: int | None = None, *, known: bool = False) -> Rows | None:
    """Return what a chunk holds, None if it is empty; X that is known has been found finite before.

    Raises
    ------
    ValueError
        If it has the wrong shape, type or values, as far as these do not depend on the family.
    """
    if not isinstance(chunk, tuple | list) or not 2 <= len(chunk) <= 4:
        raise ValueError(f"must be (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset), found {type(chunk)}")
    X, y, weight, offset = (*chunk, None, None)[:4]
    y = as_array("y", y)
    shape = np.shape(X)
    if n_features is not None and len(shape) == 2 and shape[1] != n_features:
        raise ValueError(f"X must have {n_features} features, found shape {shape}")
    if shape[:1] == (0,) and not len(y):
        return None
    features = bind_features(X)
    if not known:
        features.check_finite("X")
    n_rows = len(features)
    if y.ndim not in (1, 2, 3) or len(y) != n_rows:
        raise ValueError(f"y must have one row for each of the {n_rows} samples, found shape {y.shape}")
    return Rows(_stored(features), y, _as_weight(weight, n_rows), _as_offset(offset, n_rows))


def _stored(features: Any) -> Any:
    if isinstance(features, CsrFeatures):
        return features.matrix
    assert isinstance(features, DenseFeatures)
    # The kernels take other ways, of other bits, through other orders.
    return np.ascontiguousarray(features.array)


def _as_weight(weight: Any, n_rows: int) -> Float64Array | None:
    if weight is None:
        return None
    values = as_numbers("sample_weight", weight, ndim=1, dtype=np.float64)
    if len(values) != n_rows:
        raise ValueError(f"sample_weight must have shape ({n_rows},), found {values.shape}")
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise ValueError(f"sample_weight must be finite and not negative, found {values[bad[0]]} at row {bad[0]}")
    return np.asarray(values, np.float64)


def _as_offset(offset: Any, n_rows: int) -> FloatArray | None:
    if offset is None:
        return None
    values = as_array("offset", offset)
    values = as_matrix("offset", values[:, None] if values.ndim == 1 else values)
    if len(values) != n_rows:
        raise ValueError(f"offset must have one row for each of the {n_rows} samples, found shape {values.shape}")
    return values


def fingerprint(rows: Rows) -> int:
    """Return a number that is another one if the rows have changed: of the first row and the last, and of y."""
    ends = rows.take(np.array([0, rows.n_rows - 1]))
    X = (ends.X.data, ends.X.indices) if hasattr(ends.X, "tocsr") else (ends.X,)
    code = 0
    for part in (*X, rows.y, rows.weight):
        if part is not None:
            # Objects are text: their addresses say nothing.
            values = np.asarray(part.tolist(), np.str_) if part.dtype == object else part
            code = zlib.crc32(np.ascontiguousarray(values).view(np.uint8).data, code)
    return code
