"""Chunks of arrays in memory, or of memory maps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArrayChunks:
    """Chunks that are arrays."""

    chunks: tuple[tuple[Any, ...], ...]
    n_features: int

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.chunks[index]


def from_arrays(chunks: Iterable[tuple[Any, ...]]) -> ArrayChunks:
    """Return chunks of arrays that are at hand.

    Parameters
    ----------
    chunks : iterable of tuples
        (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset), each as `fit` takes it; may be memory maps.

    Raises
    ------
    ValueError
        If there is none, or the first X has no two dimensions.
    """
    known = tuple([tuple(chunk) for chunk in chunks])
    shape: tuple[int, ...] = np.shape(known[0][0]) if known and known[0] else ()
    if len(shape) != 2:
        raise ValueError(f"chunks must be tuples whose first entry is a matrix, found {len(known)} of shape {shape}")
    return ArrayChunks(known, int(shape[1]))
