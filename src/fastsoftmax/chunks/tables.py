"""From columns of Arrow tables to X and y, and which columns these are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..files.arrow_source import is_list, list_matrix
from ..files.columns import check_names, feature_matrix, listed, suggestion, target_column

if TYPE_CHECKING:
    import pyarrow as pa


# X, y, weights and offset.
Parts = tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]


class Columns(NamedTuple):
    """Which columns are what.

    Attributes
    ----------
    target : tuple of str
        One of labels, or a column of probabilities or counts for each class.
    features : tuple of str
        Columns of numbers, or one whose values are lists of the same length.
    weight, offset : str, optional
    """

    target: tuple[str, ...]
    features: tuple[str, ...]
    weight: str | None
    offset: str | None = None
    are_lists: bool = False  # the values of the one column of features

    @classmethod
    def choose(
        cls,
        place: Any,
        schema: "pa.Schema",
        names: Sequence[str],
        target: str | Sequence[str],
        features: str | Sequence[str] | None,
        weight: str | None,
        offset: str | None = None,
    ) -> "Columns":
        """Return the columns of a table that has these names; by default, all others are features.

        Raises
        ------
        ValueError
            If there is no such column, or no feature.
        """
        check_names(place, names)
        targets = (target,) if isinstance(target, str) else tuple(target)
        others = tuple(name for name in names if name not in (*targets, weight, offset))
        chosen = others if features is None else (features,) if isinstance(features, str) else tuple(features)
        columns = cls(targets, chosen, weight, offset)
        if not chosen or not targets:
            raise ValueError(f"{place} must have a target and features, found the columns {listed(names)}")
        columns.check(place, names)
        return columns._replace(are_lists=len(chosen) == 1 and is_list(schema.field(chosen[0]).type))

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, None if these are entries of lists."""
        return None if self.are_lists else self.features

    @property
    def names(self) -> list[str]:
        """All of them, features first."""
        return [*self.features, *self.target, *(name for name in (self.weight, self.offset) if name is not None)]

    def check(self, place: Any, names: Sequence[str]) -> None:
        """Raise ValueError if a table with these names lacks a column."""
        present = set(names)
        missing = [name for name in self.names if name not in present]
        if missing:
            hint = suggestion(missing[0], names)
            raise ValueError(f"{place} has no column {missing[0]!r}{hint}; its columns are {listed(names)}")

    def of(self, place: Any, table: "pa.Table") -> Parts:
        """Return X, y, weights and offset of a table, None where there are no such columns.

        A table without rows may lack columns.

        Raises
        ------
        ValueError
            If a value is missing or is no number, or if text stands where numbers must be.
        """
        if not table.num_rows:
            return np.empty((0, len(self.features))), np.empty(0), None, None
        X = (_of_lists if self.are_lists else feature_matrix)(place, table, self.features)
        y = target_column(place, table, self.target[0]) if len(self.target) == 1 else None
        if y is None:
            y = feature_matrix(place, table, self.target)
        weight, offset = (
            None if name is None else feature_matrix(place, table, [name]).astype(np.float64)
            for name in (self.weight, self.offset)
        )
        if weight is not None:
            weight = weight[:, 0]
        return X, y, weight, offset


def _of_lists(place: Any, table: "pa.Table", features: Sequence[str]) -> NDArray[Any]:
    """Return the lists of a column as rows."""
    (name,) = features
    return list_matrix(f"column {name!r} of {place}", table[name])
