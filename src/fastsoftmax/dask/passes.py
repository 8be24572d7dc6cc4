"""Passes over the rows that the workers of a cluster have."""

import itertools
import pickle
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, Future, wait

from ..leaves.cut import MANY_CLASSES, leaf_rows
from ..leaves.facts import Facts, sum_of
from ..leaves.reading import Judge, OfLeaf
from ..leaves.tree import Summands, Tree
from . import work

# So many sums are added by one task, on a worker or here.
FAN_IN = 8

# So many tasks a thread has in a pass: more share the work more evenly, and each takes Dask a millisecond or two.
TASKS_PER_THREAD = 2

# What all tasks need goes with each of them up to so many bytes; beyond, it goes to each worker once.
LARGE = 1 << 20

# Where the pieces of an aligned block of leaves begin, and these.
Block = tuple[list[int], list[Future]]

# Ask so often, in seconds, whether there are workers at all.
PULSE = 1.0


class EngineFailed(KeyboardInterrupt):
    """The cluster cannot do a pass. It ends a fit as Ctrl-C does: with the best parameters so far."""


class DaskPasses:
    """Passes by the workers of a cluster.

    Rows are cut into aligned blocks of leaves, each the work of one task. A block that reaches into two partitions has
    pieces of both; they stay on the workers, and are made anew from the partitions if a worker dies.

    Parameters
    ----------
    client : distributed.Client
    parts : list of delayed
        A partition each, as a chunk.
    retries : int
        How often a task is tried again that has failed.
    patience : float
        Seconds to wait for a worker while there is none.

    Raises
    ------
    ValueError
        In a pass, if a partition is not right; the message names it.
    EngineFailed
        If the cluster has failed; `failure` then says why.
    """

    def __init__(self, client: Client, parts: list[Any], *, retries: int = 0, patience: float = 60.0) -> None:
        self.client, self.retries, self.patience = client, retries, patience
        self.failure = ""
        self._identity = work.Identity.here()
        self._token, self._numbers = uuid.uuid4().hex, itertools.count()
        self._rows = [self._submit("read", work.read, part, index) for index, part in enumerate(client.compute(parts))]
        self._seen: list[Facts | None] = []
        self._blocks: list[Block] = []
        self._plan: list[list[Block]] = []
        self._known_workers: dict[str, int] = {}

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
        shared = self._submit("judge", work.itself, judge)
        looks = [
            self._submit("look", work.look, rows, index, shared, self._identity)
            for index, rows in enumerate(self._rows)
        ]
        with self._engine():
            seen: list[Facts | None] = [self._result(look) for look in looks]
        known = [(index, facts) for index, facts in enumerate(seen) if facts is not None]
        if not known:
            raise ValueError(f"X must hold samples, found {len(seen)} partitions, all of them empty")
        for index, facts in known:
            try:
                facts.check_like(known[0][1])
            except ValueError as error:
                raise ValueError(f"partition {index}: {error}") from None
        self._seen = seen
        self._blocks = self._cut()
        with self._engine():
            self._wait([piece for _, pieces in self._blocks for piece in pieces])
        return self.facts

    def total(self, of_leaf: OfLeaf, size: int) -> Summands:
        """Return the sum of a function over leaves of this size, added in a tree on the workers; one pass."""
        message: Any = pickle.dumps(of_leaf)
        with self._engine():
            if len(message) > LARGE:
                message = self._submit("parameters", work.itself, message)
            trees = [
                self._submit("pass", work.sums, message, size, *self._pieces_of(blocks), self._identity)
                for blocks in self._tasks()
            ]
            while len(trees) > FAN_IN:
                groups = [trees[first : first + FAN_IN] for first in range(0, len(trees), FAN_IN)]
                trees = [self._submit("add", work.added, group) for group in groups]
            return Tree().merge([self._result(tree) for tree in trees]).total

    def _tasks(self) -> list[list[Block]]:
        """Return the blocks in as many lists as keep all threads busy, those of a list on one worker if possible.

        It is decided anew when workers come or go. The bits do not depend on it.
        """
        workers = {address: info["nthreads"] for address, info in self._workers().items()}
        if workers != self._known_workers or not self._plan:
            where = self._places()
            self._plan = []
            for address in sorted(set(where)):
                own = [block for block, place in zip(self._blocks, where, strict=True) if place == address]
                n_tasks = min(len(own), TASKS_PER_THREAD * workers.get(address, 1))
                self._plan += [own[first::n_tasks] for first in range(n_tasks)]
            self._known_workers = workers
        return self._plan

    def _places(self) -> list[str]:
        """Return the worker that has the first piece of each block; empty where none has it, as after a death."""
        held = self.client.who_has([pieces[0] for _, pieces in self._blocks])
        return [next(iter(held.get(pieces[0].key, ())), "") for _, pieces in self._blocks]

    @staticmethod
    def _pieces_of(blocks: list[Block]) -> tuple[list[int], list[Future]]:
        starts = [start for of_block, _ in blocks for start in of_block]
        return starts, [piece for _, of_block in blocks for piece in of_block]

    def _cut(self) -> list[Block]:
        """Return the blocks, of about as many rows as the largest partition."""
        sizes = [0 if facts is None else facts.n_rows for facts in self._seen]
        ends = list(itertools.accumulate(sizes))
        form, n_rows = self.facts.form, ends[-1]
        # The leaves of many classes are the largest.
        block = leaf_rows(form.n_features, form.is_sparse, n_rows, MANY_CLASSES)
        while 2 * block <= max(sizes):
            block *= 2
        blocks: list[Block] = [([], []) for _ in range(-(-n_rows // block))]
        for rows, size, end in zip(self._rows, sizes, ends, strict=True):
            start = end - size
            for number in range(start // block, -(-end // block) if size else 0):
                first, last = max(start, number * block), min(end, (number + 1) * block)
                piece = self._submit("rows", work.piece, rows, first - start, last - start)
                blocks[number][0].append(first)
                blocks[number][1].append(piece)
        return blocks

    def _submit(self, name: str, function: Any, *arguments: Any) -> Future:
        """Hand a task to the cluster; the dashboard shows its name."""
        key = f"fastsoftmax-{name}-{self._token}-{next(self._numbers)}"
        return self.client.submit(function, *arguments, key=key, pure=False, retries=self.retries)

    def _result(self, future: Future) -> Any:
        self._wait([future])
        return future.result()

    def _wait(self, futures: list[Future]) -> None:
        """Wait until all are done, but not for ever where there is no worker."""
        alone_since = None
        while True:
            try:
                wait(futures, timeout=PULSE)
                return
            except TimeoutError:
                now = time.monotonic()
                alone_since = None if self._workers() else alone_since or now
                if alone_since is not None and now - alone_since > self.patience:
                    raise ConnectionError(f"there was no worker for {self.patience:g} s") from None

    @contextmanager
    def _engine(self) -> Iterator[None]:
        """Tell the failure of the cluster, or of a file system or network, from what is wrong with the data."""
        try:
            yield
        except (ValueError, TypeError):
            raise
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            raise EngineFailed(self.failure) from error

    def _workers(self) -> dict[str, Any]:
        """Return the workers that there are."""
        if self.client.status != "running":
            raise ConnectionError(f"the client is {self.client.status}")
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])
