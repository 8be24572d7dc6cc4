"""Pin threads to processors: otherwise timings would measure a scheduler that puts two threads on one processor."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

TASKS = Path("/proc/self/task")
RESTARTED = "BENCH_RESTARTED"  # in the environment of a process that `restart_on` has made


@contextmanager
def pinned_threads() -> Iterator[None]:
    """Pin this thread to the first processor, and the workers of each pool to the others in turn; Linux only.

    The pools of BLAS and of OpenMP must exist already: a thread that is started inside runs on the first processor.
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
    """Return all threads of this process but the main one, oldest first: threads of one pool are neighbours."""
    return sorted({int(task.name) for task in TASKS.iterdir()} - {os.getpid()})


def restart_on(threads: int, module: str, arguments: Sequence[str]) -> NoReturn:
    """Run the module anew on so many processors, so that every library counts these and no more; Linux only."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if threads > len(allowed) or os.environ.get(RESTARTED):
        sys.exit(f"{module}: --threads {threads}: this process may not use so many, or its threads cannot be limited")
    os.sched_setaffinity(0, allowed[-threads:])
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], os.environ | {RESTARTED: "1"})
