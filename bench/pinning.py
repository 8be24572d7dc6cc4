"""Pin threads to processors: otherwise timings would measure a scheduler that puts two threads on one processor."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import process_time, sleep
from typing import NoReturn

TASKS = Path("/proc/self/task")
RESTARTED = "BENCH_RESTARTED"  # in the environment of a process that `restart_on` has made
PATIENCE = 50  # longest wait for idle threads, in hundredths of a second


@contextmanager
def pinned_threads(calls: Iterable[Callable[[], object]]) -> Iterator[None]:
    """Pin this thread to the first processor, and the workers of each call to the others in turn; Linux only.

    Each call is made once, to see which threads work for it: libraries have pools of their own, whose threads start and
    end when the number asked for changes, so their ages do not tell which of them belong together.
    """
    pools = [_workers_of(call) for call in calls]
    if not _run_times():
        yield
        return
    allowed = os.sched_getaffinity(0)
    first, *others = sorted(allowed)
    try:
        os.sched_setaffinity(0, {first})
        for workers in pools:
            for position, worker in enumerate(workers):
                os.sched_setaffinity(worker, {others[position % len(others)]} if others else allowed)
        yield
    finally:
        for thread in _run_times():
            os.sched_setaffinity(thread, allowed)


def settle() -> None:
    """Wait until no thread of this process is busy.

    The workers of BLAS and of OpenMP wait for more work in a busy loop, for up to a tenth of a second. They would slow
    the function that is timed next.
    """
    for _ in range(PATIENCE):
        before = process_time()
        sleep(0.01)
        if process_time() - before < 0.001:
            break


def _workers_of(call: Callable[[], object]) -> list[int]:
    """Return the threads that work during a call, but the main one, oldest first."""
    call()  # it may start threads
    settle()
    before = _run_times()
    call()
    return sorted(
        thread for thread, run in _run_times().items() if run > before.get(thread, 0) and thread != os.getpid()
    )


def _run_times() -> dict[int, int]:
    """Return a dict: thread of this process → nanoseconds that it has run; empty where the system does not tell."""
    found = {}
    for task in TASKS.glob("*"):
        with suppress(OSError):  # such a thread has just ended
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return found


def restart_on(threads: int, module: str, arguments: Sequence[str]) -> NoReturn:
    """Run the module anew on so many processors, so that every library counts these and no more; Linux only."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if threads > len(allowed) or os.environ.get(RESTARTED):
        sys.exit(f"{module}: --threads {threads}: this process may not use so many, or its threads cannot be limited")
    os.sched_setaffinity(0, allowed[-threads:])
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], os.environ | {RESTARTED: "1"})
