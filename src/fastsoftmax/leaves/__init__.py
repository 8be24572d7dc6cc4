"""The loss over data that come in chunks: rows are cut into leaves, whose sums are added in a binary tree.

A leaf is 2^k rows, counted from the first row of all data. The sum over a leaf is that of the kernels, in memory; sums
of leaves are added in float64 by a tree over the leaves' numbers. How the rows were divided among chunks, files and
workers, and in which order they were read, therefore changes no bit.
"""

from .bind import Labels, bind_passes
from .loss import LeavesLoss
from .moments import standardization_of
from .protocol import Chunks, as_chunks, is_chunks
from .reading import LocalPasses, Passes

__all__ = [
    "Chunks",
    "Labels",
    "LeavesLoss",
    "LocalPasses",
    "Passes",
    "as_chunks",
    "bind_passes",
    "is_chunks",
    "standardization_of",
]
