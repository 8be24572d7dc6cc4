"""Memory that chunks are read into again and again: memory that the system gives anew is cleared page by page."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Returns an array whose values are not set, as `numpy.empty` does; by columns if the third argument is "F".
Allocate = Callable[..., NDArray[Any]]


class Room:
    """Arrays of a chunk, in memory that those of a chunk before had."""

    def __init__(self) -> None:
        self._buffers: list[NDArray[np.uint8]] = []
        self._taken = 0

    def clear(self) -> "Room":
        """Give all memory free: the arrays of before must not be used any more."""
        self._taken = 0
        return self

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike, order: str = "C") -> NDArray[Any]:
        """Return an array as `numpy.empty` does."""
        kind = np.dtype(dtype)
        if kind.hasobject:
            return np.empty(shape, kind)
        n_bytes = int(np.prod(shape, dtype=object)) * kind.itemsize
        if self._taken == len(self._buffers):
            self._buffers.append(np.empty(n_bytes, np.uint8))
        elif len(self._buffers[self._taken]) < n_bytes:
            self._buffers[self._taken] = np.empty(n_bytes, np.uint8)
        buffer = self._buffers[self._taken]
        self._taken += 1
        array: NDArray[Any] = np.ndarray(shape, kind, buffer[:n_bytes].data, order="F" if order == "F" else "C")
        return array
