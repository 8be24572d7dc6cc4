"""What data that come in chunks have to offer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Chunks(Protocol):
    """Rows that are read a chunk at a time, as often as they are needed, in any order.

    There are `len(chunks)`, and `chunks[i]` returns (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset),
    each as `fit` takes it, and the same every time; a sample_weight may be None, and a chunk empty. Chunks can be
    pickled. If they have a method `name_of(i)`, messages call the chunk so.

    Attributes
    ----------
    n_features : int
    """

    @property
    def n_features(self) -> int:
        """Columns of every X."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Any, ...]: ...


def is_chunks(X: object) -> bool:
    """Whether X is data in chunks, not an array."""
    return not hasattr(X, "shape") and isinstance(X, Chunks)


def as_chunks(X: object, **others: object) -> Chunks:
    """Return X as data in chunks.

    Raises
    ------
    ValueError
        If it is none, or one of the other arguments is not None: what belongs to a row comes with its chunk.
    """
    if not is_chunks(X):
        raise ValueError(f"X must have len(X), X[i] and X.n_features, found {type(X).__name__}")
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{name} must come with the chunks, X[i] → X, y, sample_weight, offset, found it beside X")
    return X  # type: ignore[return-value]


def name_of(chunks: Chunks, index: int) -> str:
    """Return what messages call a chunk."""
    name = getattr(chunks, "name_of", None)
    return f"chunk {index}" if name is None else str(name(index))


@contextmanager
def blamed_on(name: str) -> Iterator[None]:
    """Put the name of a chunk before what a ValueError says."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
