"""From Dask's collections to partitions: one value for each, of X, y, weights and offsets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dask.delayed import delayed

from ..leaves import Chunks, as_chunks, is_chunks
from ..leaves.protocol import blamed_on, name_of


class Part:
    """Makes what a chunk is of the parts of one partition; frames become arrays here."""

    def __init__(self, columns: tuple[str, ...] | None) -> None:
        self.columns = columns

    def __call__(self, index: int, X: Any, *others: Any) -> tuple[Any, ...]:
        """Return (X, y, sample_weight, offset)."""
        if self.columns is not None:
            found = tuple(map(str, X.columns))
            if found != self.columns:
                raise ValueError(
                    f"partition {index}: must have the columns {list(self.columns)}, in this order, found {list(found)}"
                )
        return (_as_array(X), *map(_as_array, others))


def parts_of(X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> list[Any]:
    """Return a delayed tuple for each partition.

    Parameters
    ----------
    X : array or frame of Dask, list of delayed parts, or Chunks
    y, sample_weight, offset : the same, or None
        Partitioned as X is. None with Chunks, or with a list of delayed tuples, which hold them.

    Raises
    ------
    ValueError
        If one has another number of partitions, or X is nothing of these.
    """
    if is_chunks(X) and not isinstance(X, list):
        chunks = as_chunks(X, y=y, sample_weight=sample_weight, offset=offset)
        return [delayed(_chunk)(chunks, index) for index in range(len(chunks))]
    columns = tuple(map(str, X.columns)) if hasattr(X, "columns") else None
    sizes = X.chunks[0] if hasattr(X, "chunks") else None
    parts = _delayed("X", X, sizes)
    if y is None and sample_weight is None and offset is None:
        if sizes is not None or columns is not None:
            raise ValueError("y must be given where X is a collection, found None")
        return parts
    others = []
    for name, value in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
        of_name = [None] * len(parts) if value is None else _delayed(name, value, sizes)
        if len(of_name) != len(parts):
            raise ValueError(f"{name} must have a partition for each of the {len(parts)} of X, found {len(of_name)}")
        others.append(of_name)
    make = delayed(Part(columns), pure=False)
    return [make(index, *part) for index, part in enumerate(zip(parts, *others, strict=True))]


def feature_names(X: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a frame, or of chunks that have any."""
    if hasattr(X, "columns"):
        return tuple(map(str, X.columns))
    return getattr(X, "feature_names", None)


def _delayed(name: str, value: Any, sizes: Any) -> list[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    if hasattr(value, "rechunk"):
        # A partition has all columns, and the rows of the partition of X.
        whole = dict.fromkeys(range(1, value.ndim), -1)
        rows = {} if sizes is None or np.isnan(sizes).any() or np.isnan(value.chunks[0]).any() else {0: sizes}
        value = value.rechunk(rows | whole) if rows or whole else value
    if not hasattr(value, "to_delayed"):
        raise ValueError(
            f"{name} must be a collection of Dask or a list of delayed parts, found {type(value).__name__}"
        )
    return list(np.ravel(value.to_delayed()))


def _chunk(chunks: Chunks, index: int) -> tuple[Any, ...]:
    with blamed_on(name_of(chunks, index)):
        return chunks[index]


def _as_array(value: Any) -> Any:
    return value.to_numpy() if hasattr(value, "to_numpy") else value
