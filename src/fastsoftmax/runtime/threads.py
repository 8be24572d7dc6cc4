"""The number of threads of a call, of this package and of BLAS."""

import math
import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from .. import _kernels
from .contention import contention

# Below this many multiply-adds (0.1 ms), use one thread: more would save little, and waking them and waiting for them
# costs milliseconds if other processes want the processors too.
SMALL_WORK = 2_000_000

# A call gets at most 64 threads, or as many as the machine has processors if these are more: each thread beyond costs
# scratch memory and gains nothing. 64 is more than small machines have, so that tests can vary the number there too.
MOST_THREADS = 64

_IMPORTING_PROCESS = os.getpid()

# Processors that a pass leaves to other threads of this process, where the caller does not say how many it takes.
_SPARED = ContextVar("spared", default=0)


@lru_cache(maxsize=1)
def cgroup_quota() -> float:
    """Processors that the control group of this process grants (Linux), infinity if there is no limit."""
    v2, v1 = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu")
    try:
        if v2.exists():
            quota, period = v2.read_text().split()
        else:
            quota = (v1 / "cpu.cfs_quota_us").read_text()
            period = (v1 / "cpu.cfs_period_us").read_text()
        return math.inf if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def available_threads() -> int:
    """Threads that this process may use, by OpenMP's settings, its processors and its cgroup's quota.

    A forked child uses one: the OpenMP runtime's threads do not exist there, so a call would wait for them forever.
    """
    if os.getpid() != _IMPORTING_PROCESS:
        return 1
    return max(1, math.ceil(min(_kernels.max_threads(), cgroup_quota(), most_threads())))


@lru_cache(maxsize=1)
def most_threads() -> int:
    """Upper limit of the threads of a call, however many are asked for."""
    return max(MOST_THREADS, os.cpu_count() or 1)


@contextmanager
def spared_threads(n_threads: int) -> Iterator[None]:
    """Let calls from this thread, if they are not told their number, use so many threads less, but one at least."""
    before = _SPARED.get()
    _SPARED.set(n_threads)
    try:
        yield
    finally:
        _SPARED.set(before)


def resolve_num_threads(num_threads: int | None, work: int = SMALL_WORK) -> int:
    """Threads for a call of `work` multiply-adds: num_threads if given, else all available ones if work is large, or 1.

    One, too, while other processes want the processors. Never more than `most_threads`, and 1 in a forked child; no
    result depends on the number.

    Raises
    ------
    ValueError
        If num_threads is not a positive integer or None.
    """
    if num_threads is None:
        return max(1, available_threads() - _SPARED.get()) if work >= SMALL_WORK and not contention.now else 1
    try:
        count = operator.index(num_threads)
    except TypeError:
        count = 0
    if count < 1 or isinstance(num_threads, bool):
        raise ValueError(f"num_threads must be a positive integer or None, found {num_threads!r}")
    return min(count, most_threads()) if os.getpid() == _IMPORTING_PROCESS else 1


@lru_cache(maxsize=1)
def _blas() -> tuple[Any, ...]:
    """Return the BLAS libraries of NumPy and of SciPy; finding them takes a millisecond."""
    # Only a loaded library is found.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


class OneBlasThread:
    """A context in which BLAS uses only the thread that calls it.

    A fit asks BLAS for little: factorisations and operations on vectors. More threads would save little time, and the
    results would depend on their number. After a call they would also wait for work in a busy loop, for 10 ms, on the
    processors that the next pass needs. BLAS has one limit per process, so overlapping fits in several Python threads
    share it, and the last fit to end restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._counts: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._counts = [library.get_num_threads() for library in _blas()]
                for library in _blas():
                    library.set_num_threads(1)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for library, count in zip(_blas(), self._counts, strict=True):
                    library.set_num_threads(count)
            # Otherwise only the thread that set the limit could restore it.
            for library in _blas():
                if library.internal_api == "openblas":
                    library.clear_controlling_thread()


one_blas_thread = OneBlasThread()
