"""What is known of rows without a model: how many they are, and what form they have."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np

from .rows import Rows, fingerprint


class Form(NamedTuple):
    """What all chunks must have alike."""

    n_features: int
    dtype: str  # of X, as it is stored
    is_sparse: bool
    y_kind: str  # NumPy's letter
    y_shape: tuple[int, ...]  # of a row
    has_weight: bool
    offset_columns: int  # 0 without an offset

    def __str__(self) -> str:
        columns = " × ".join(map(str, self.y_shape))
        y = f"a y of kind {self.y_kind!r} and " + (f"{columns} columns" if columns else "one dimension")
        offset = f"an offset of {self.offset_columns} columns" if self.offset_columns else "no offset"
        return (
            f"{self.n_features} {'sparse ' if self.is_sparse else ''}features of {self.dtype}, {y}, "
            f"{'a' if self.has_weight else 'no'} sample_weight and {offset}"
        )


@dataclass(frozen=True)
class Facts:
    """What is known of some rows."""

    form: Form
    n_rows: int
    n_entries: int
    least_weight: float  # the smallest positive one, 1 without weights, infinity if all are zero
    largest_weight: float
    fingerprint: int

    @classmethod
    def of(cls, rows: Rows) -> "Facts":
        """Look at rows."""
        X, y, weight, offset = rows
        is_sparse = hasattr(X, "tocsr")
        offset_columns = 0 if offset is None else offset.shape[1]
        form = Form(X.shape[1], str(X.dtype), is_sparse, y.dtype.kind, y.shape[1:], weight is not None, offset_columns)
        least = largest = 1.0
        if weight is not None:
            least = float(weight.min(where=weight > 0, initial=np.inf))
            largest = float(weight.max())
        return cls(form, rows.n_rows, int(X.indptr[-1]) if is_sparse else X.size, least, largest, fingerprint(rows))

    def __add__(self, other: "Facts") -> "Facts":
        return Facts(
            self.form,
            self.n_rows + other.n_rows,
            self.n_entries + other.n_entries,
            min(self.least_weight, other.least_weight),
            max(self.largest_weight, other.largest_weight),
            self.fingerprint ^ other.fingerprint,
        )

    def check_like(self, first: "Facts") -> None:
        """Raise ValueError unless these rows have the form of the first ones."""
        if self.form != first.form:
            raise ValueError(f"must have {first.form}, as the chunks before it, found {self.form}")


def sum_of(facts: Iterable[Facts]) -> Facts:
    """Return what is known of all."""
    return reduce(Facts.__add__, facts)
