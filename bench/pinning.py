"""Threads that stay where they are put: a scheduler that packs two on one processor would be measured otherwise."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TASKS = Path("/proc/self/task")


@contextmanager
def pinned_threads() -> Iterator[None]:
    """Give this thread the first processor, and each pool's workers the others in turn; only Linux can.

    The pools, of BLAS and of OpenMP, must exist already: a thread started inside is put on the first processor.
    """
    if not TASKS.exists():
        yield
        return
    allowed = os.sched_getaffinity(0)
    first, *others = sorted(allowed)
    try:
        os.sched_setaffinity(0, {first})
        for position, worker in enumerate(_workers()):
            os.sched_setaffinity(worker, {others[position % len(others)]} if others else allowed)
        yield
    finally:
        for thread in (0, *_workers()):
            os.sched_setaffinity(thread, allowed)


def _workers() -> list[int]:
    """Return all threads of this process but the main one, oldest first: a pool's are next to each other."""
    return sorted({int(task.name) for task in TASKS.iterdir()} - {os.getpid()})
