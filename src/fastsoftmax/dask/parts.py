"""From Dask's collections to partitions: one value for each, of X, y, weights and offsets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dask.delayed import delayed


def parts_of(X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> list[Any]:
    """Return a delayed tuple for each partition.

    Parameters
    ----------
    X : array or frame of Dask, or list of delayed parts
    y, sample_weight, offset : the same, or None
        Partitioned as X is. None with a list of delayed tuples, which hold them.

    Raises
    ------
    ValueError
        If one has another number of partitions, or X is nothing of these.
    """
    sizes = X.chunks[0] if hasattr(X, "chunks") else None
    parts = _delayed("X", X, sizes)
    # Those of a list are the first part's. They are a task of their own, since there may be many.
    of_collection = not isinstance(X, Sequence)
    columns = delayed(_columns_of(X), traverse=False) if of_collection or not parts else delayed(_columns_of)(parts[0])
    if y is None and sample_weight is None and offset is None:
        if of_collection:
            raise ValueError("y must be given where X is a collection, found None")
        make = delayed(_chunk_of_tuple, pure=False)
        return [make(index, columns, part) for index, part in enumerate(parts)]
    others = []
    for name, value in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
        of_name = [None] * len(parts) if value is None else _delayed(name, value, sizes)
        if len(of_name) != len(parts):
            raise ValueError(f"{name} must have a partition for each of the {len(parts)} of X, found {len(of_name)}")
        others.append(of_name)
    make = delayed(_chunk, pure=False)
    return [make(index, columns, *part) for index, part in enumerate(zip(parts, *others, strict=True))]


def feature_names(X: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a frame, or of chunks that have any."""
    return None if isinstance(X, list) else _columns_of(X) or getattr(X, "feature_names", None)


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


def _columns_of(X: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a frame, or of the frame that comes first in a tuple."""
    frame = X[0] if isinstance(X, tuple | list) and X else X
    return tuple(map(str, frame.columns)) if hasattr(frame, "columns") else None


def _chunk(index: int, columns: tuple[str, ...] | None, X: Any, *others: Any) -> tuple[Any, ...]:
    """Return what a chunk is, (X, y, sample_weight, offset), of the parts of a partition; frames become arrays here."""
    found = _columns_of(X)
    if found != columns and np.shape(X)[:1] != (0,):
        names = [list(some) if some is not None else "an array without names" for some in (columns, found)]
        raise ValueError(f"partition {index}: must have the columns {names[0]}, in this order, found {names[1]}")
    return (_as_array(X), *map(_as_array, others))


def _chunk_of_tuple(index: int, columns: tuple[str, ...] | None, chunk: Any) -> Any:
    """Return what a chunk is of a tuple; what is none, others refuse."""
    return _chunk(index, columns, *chunk) if isinstance(chunk, tuple | list) and chunk else chunk


def _as_array(value: Any) -> Any:
    return value.to_numpy() if hasattr(value, "to_numpy") else value
