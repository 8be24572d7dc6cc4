"""What workers do: read partitions, cut rows out of them, sum over their leaves, add the sums."""

import os
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import __version__, _kernels
from ..leaves.cut import cut
from ..leaves.facts import Facts
from ..leaves.protocol import Chunks, blamed_on, name_of
from ..leaves.reading import Judge
from ..leaves.rows import Rows, as_rows, fingerprint
from ..leaves.tree import Tree
from ..runtime.threads import one_blas_thread


class Identity(NamedTuple):
    """What decides the bits of a sum, besides the rows."""

    version: str
    instruction_set: str
    blas_kernels: str

    @classmethod
    def own(cls) -> "Identity":
        """Of this process."""
        return cls(__version__, _kernels.isa_names()[2], os.environ.get("OPENBLAS_CORETYPE", ""))

    def __str__(self) -> str:
        blas = f" and OPENBLAS_CORETYPE={self.blas_kernels}" if self.blas_kernels else ""
        return f"fastsoftmax {self.version} with the instruction set {self.instruction_set!r}{blas}"


class Check(NamedTuple):
    """Refuses a worker that would compute other bits than the process that fits."""

    wanted: Identity
    here: Callable[[], str]  # returns the name of the worker that calls it

    def __call__(self) -> None:
        """Raise RuntimeError, which names the worker, if it is another one."""
        own = Identity.own()
        if own != self.wanted:
            raise RuntimeError(
                f"worker {self.here()} has {own}, and the client {self.wanted}: install one version, and set "
                "FASTSOFTMAX_ISA (and OPENBLAS_CORETYPE) alike on all machines"
            )


def chunk_of(chunks: Chunks, index: int) -> tuple[Any, ...]:
    """Return a chunk, which a worker reads itself."""
    with blamed_on(name_of(chunks, index)):
        return chunks[index]


def read(part: tuple[Any, ...], name: str) -> Rows | None:
    """Return the rows of a partition, None if it is empty."""
    with blamed_on(name):
        return as_rows(part)


def look(rows: Rows | None, name: str, judge: Judge, check: Check) -> Facts | None:
    """Judge the rows of a partition."""
    check()
    if rows is None:
        return None
    with blamed_on(name):
        judge(rows)
    return Facts.of(rows)


def piece(rows: Rows | None, name: str, known: int, start: int, stop: int) -> Rows:
    """Return some rows of a partition; of dense rows no copy.

    Raises
    ------
    ValueError
        If the partition, made anew after a worker's death, is not the one whose fingerprint is known.
    """
    if rows is None or fingerprint(rows) != known:
        raise ValueError(f"{name} has changed since it was first read")
    return rows.take(slice(start, stop))


def sums(of_leaf: bytes, size: int, check: Check, starts: list[int], *pieces: Rows) -> Tree:
    """Return the sums over the leaves of aligned blocks, as far as their tree goes; of_leaf is pickled."""
    check()
    tree, function = Tree(), pickle.loads(of_leaf)
    with one_blas_thread:
        for leaf in cut(zip(starts, pieces, strict=True), size):
            tree.add(leaf.number, function(leaf))
    return tree


def added(*trees: Tree) -> Tree:
    """Return the sums of several blocks as one."""
    return Tree().merge(trees)


def itself(value: Any) -> Any:
    """Return the argument: a task of its own, so that a value goes to each worker once."""
    return value
