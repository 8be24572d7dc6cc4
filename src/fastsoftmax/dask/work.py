"""What workers do: read partitions, cut rows out of them, sum over their leaves, add the sums."""

import os
import pickle
from typing import Any, NamedTuple

from .. import __version__, _kernels
from ..leaves.cut import cut
from ..leaves.facts import Facts
from ..leaves.protocol import blamed_on
from ..leaves.reading import Judge
from ..leaves.rows import Rows, as_rows
from ..leaves.tree import Tree
from ..runtime.threads import one_blas_thread


class Identity(NamedTuple):
    """What decides the bits of a sum, besides the rows."""

    version: str
    instruction_set: str
    blas_kernels: str

    @classmethod
    def here(cls) -> "Identity":
        """Of this process."""
        return cls(__version__, _kernels.isa_names()[2], os.environ.get("OPENBLAS_CORETYPE", ""))


def check_identity(client_has: Identity) -> None:
    """Raise RuntimeError, which names the worker, if it would compute other bits than the client."""
    from distributed import get_worker

    here = Identity.here()
    if here != client_has:
        raise RuntimeError(
            f"worker {get_worker().address} has fastsoftmax {here.version} and the instruction set "
            f"{here.instruction_set!r}, and the client {client_has.version} and {client_has.instruction_set!r}: "
            "install one version, and set FASTSOFTMAX_ISA (and OPENBLAS_CORETYPE) alike on all machines"
        )


def read(part: tuple[Any, ...], index: int) -> Rows | None:
    """Return the rows of a partition, None if it is empty."""
    with blamed_on(f"partition {index}"):
        return as_rows(part)


def look(rows: Rows | None, index: int, judge: Judge, identity: Identity) -> Facts | None:
    """Judge the rows of a partition."""
    check_identity(identity)
    if rows is None:
        return None
    with blamed_on(f"partition {index}"):
        judge(rows)
    return Facts.of(rows)


def piece(rows: Rows, start: int, stop: int) -> Rows:
    """Return some rows of a partition; of dense rows no copy."""
    return rows.take(slice(start, stop))


def sums(of_leaf: bytes, size: int, starts: list[int], pieces: list[Rows], identity: Identity) -> Tree:
    """Return the sums over the leaves of aligned blocks, as far as their tree goes; of_leaf is pickled."""
    check_identity(identity)
    tree, function = Tree(), pickle.loads(of_leaf)
    with one_blas_thread:
        for leaf in cut(zip(starts, pieces, strict=True), size):
            tree.add(leaf.number, function(leaf))
    return tree


def added(trees: list[Tree]) -> Tree:
    """Return the sums of several blocks as one."""
    return Tree().merge(trees)


def itself(value: Any) -> Any:
    """Return the argument: a task of its own, so that a value goes to each worker once."""
    return value
