"""Passes over the rows that the workers of a cluster have."""

import itertools
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..leaves import as_chunks, is_chunks
from ..leaves.cut import MANY_CLASSES, leaf_rows
from ..leaves.facts import Facts, sum_of
from ..leaves.protocol import name_of
from ..leaves.reading import Judge, OfLeaf
from ..leaves.tree import Summands, Tree
from . import work
from .engine import Engine

# So many sums are added by one task, on a worker or here.
FAN_IN = 8

# So many tasks a thread has in a pass: more share the work more evenly, and each takes an engine a millisecond or two.
TASKS_PER_THREAD = 2

# What all tasks need goes with each of them up to so many bytes; beyond, it goes to each worker once.
LARGE = 1 << 20

# Where the pieces of an aligned block of leaves begin, and references to these.
Block = tuple[list[int], list[Any]]

# Ask so often, in seconds, whether there are workers at all.
PULSE = 1.0


class EngineFailed(KeyboardInterrupt):
    """The cluster cannot do a pass. It ends a fit as Ctrl-C does: with the best parameters so far."""


class ClusterPasses:
    """Passes by the workers of a cluster.

    Rows are cut into aligned blocks of leaves, each the work of one task. A block that reaches into two partitions has
    pieces of both; they stay on the workers, and are made anew from the partitions if a worker dies.

    Parameters
    ----------
    engine : Engine
    parts : list
        A reference to each partition, a tuple such as a chunk is.
    names : list of str
        What messages call each partition.
    patience : float
        Seconds to wait for a worker while there is none.

    Raises
    ------
    ValueError
        In a pass, if a partition is not right; the message names it.
    EngineFailed
        If the cluster has failed; `failure` then says why.
    """

    def __init__(self, engine: Engine, parts: list[Any], names: list[str], *, patience: float = 60.0) -> None:
        self.engine, self.names, self.patience = engine, names, patience
        self.failure = ""
        self._check = work.Check(work.Identity.own(), engine.here)
        self._rows = [engine.submit("read", work.read, part, name) for part, name in zip(parts, names, strict=True)]
        self._seen: list[Facts | None] = []
        self._blocks: list[Block] = []
        self._plan: list[list[Block]] = []
        self._known_workers: dict[str, int] = {}

    @property
    def walk(self) -> None:
        """Nothing: no worker has all leaves."""

    @property
    def facts(self) -> Facts:
        """What is known of all rows."""
        return sum_of(facts for facts in self._seen if facts is not None)

    @property
    def n_rows(self) -> int | None:
        """Number of all rows."""
        return self.facts.n_rows if self._seen else None

    def look(self, judge: Judge) -> Facts:
        """Say what the rows are, and judge them, a task for each partition."""
        with self._working():
            shared = self.engine.submit("judge", work.itself, judge)
            looks = [
                self.engine.submit("look", work.look, rows, name, shared, self._check)
                for rows, name in zip(self._rows, self.names, strict=True)
            ]
            seen: list[Facts | None] = self._results(looks)
        known = [(name, facts) for name, facts in zip(self.names, seen, strict=True) if facts is not None]
        if not known:
            raise ValueError(f"X must hold samples, found {len(seen)} partitions, all of them empty")
        for name, facts in known:
            try:
                facts.check_like(known[0][1])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        self._seen = seen
        with self._working():
            self._blocks = self._cut()
            self._wait([piece for _, pieces in self._blocks for piece in pieces])
        return self.facts

    def total(self, of_leaf: OfLeaf, size: int) -> Summands:
        """Return the sum of a function over leaves of this size, added in a tree on the workers; one pass."""
        submit, message = self.engine.submit, pickle.dumps(of_leaf)
        with self._working():
            shared: Any = submit("parameters", work.itself, message) if len(message) > LARGE else message
            trees = [submit("pass", work.sums, shared, size, self._check, *_joined(blocks)) for blocks in self._tasks()]
            while len(trees) > FAN_IN:
                groups = [trees[first : first + FAN_IN] for first in range(0, len(trees), FAN_IN)]
                trees = [submit("add", work.added, *group) for group in groups]
            return Tree().merge(self._results(trees)).total

    def _tasks(self) -> list[list[Block]]:
        """Return the blocks in as many lists as keep all threads busy, those of a list on one worker if possible.

        It is decided anew when workers come or go. The bits do not depend on it.
        """
        workers = self.engine.workers()
        if workers != self._known_workers or not self._plan:
            where = self.engine.places([pieces[0] for _, pieces in self._blocks])
            self._plan = []
            for place in sorted(set(where)):
                own = [block for block, found in zip(self._blocks, where, strict=True) if found == place]
                # What no worker has is made anew by all of them.
                n_tasks = min(len(own), TASKS_PER_THREAD * workers.get(place, max(1, sum(workers.values()))))
                self._plan += [own[first::n_tasks] for first in range(n_tasks)]
            self._known_workers = workers
        return self._plan

    def _cut(self) -> list[Block]:
        """Return the blocks, of about as many rows as the largest partition."""
        sizes = [0 if facts is None else facts.n_rows for facts in self._seen]
        form, n_rows = self.facts.form, sum(sizes)
        # The leaves of many classes are the largest.
        block = leaf_rows(form.n_features, form.is_sparse, n_rows, MANY_CLASSES)
        while 2 * block <= max(sizes):
            block *= 2
        blocks: list[Block] = [([], []) for _ in range(-(-n_rows // block))]
        ends = itertools.accumulate(sizes)
        for rows, name, facts, end in zip(self._rows, self.names, self._seen, ends, strict=True):
            if facts is None:
                continue
            start, known = end - facts.n_rows, facts.fingerprint
            for number in range(start // block, -(-end // block)):
                first, last = max(start, number * block), min(end, (number + 1) * block)
                piece = self.engine.submit("rows", work.piece, rows, name, known, first - start, last - start)
                blocks[number][0].append(first)
                blocks[number][1].append(piece)
        return blocks

    def _results(self, references: list[Any]) -> list[Any]:
        self._wait(references)
        return self.engine.results(references)

    def _wait(self, references: list[Any]) -> None:
        """Wait until all are done, but not for ever where there is no worker."""
        alone_since = None
        while not self.engine.wait(references, PULSE):
            now = time.monotonic()
            alone_since = None if self.engine.workers() else alone_since or now
            if alone_since is not None and now - alone_since > self.patience:
                raise ConnectionError(f"there was no worker for {self.patience:g} s")

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Tell the failure of the cluster, or of a file system or network, from what is wrong with the data."""
        try:
            yield
        except (ValueError, TypeError):
            raise
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            raise EngineFailed(self.failure) from error


def chunk_parts(engine: Engine, X: Any, **others: Any) -> list[Any]:
    """Return a reference to each of some chunks, which the workers read themselves; there must be no others beside."""
    chunks = as_chunks(X, **others)
    return [engine.submit("chunk", work.chunk_of, chunks, index) for index in range(len(chunks))]


def names_of(X: Any, n_parts: int) -> list[str]:
    """Return what messages call each partition of X."""
    if is_chunks(X) and not isinstance(X, list):
        return [name_of(X, index) for index in range(n_parts)]
    return [f"partition {index}" for index in range(n_parts)]


def _joined(blocks: list[Block]) -> tuple[Any, ...]:
    """Return where the pieces of blocks begin, and then these."""
    starts = [start for of_block, _ in blocks for start in of_block]
    return starts, *(piece for _, of_block in blocks for piece in of_block)
