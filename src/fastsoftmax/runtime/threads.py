"""How many threads a call may use."""

import math
import operator
import os
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from .. import _kernels

# Multiply-adds, a tenth of a millisecond of them, below which waking threads and waiting for them saves little and,
# where other processes want the processors too, costs milliseconds.
SMALL_WORK = 2_000_000

# Threads that a call gets at most, where the machine has no more processors: each costs scratch memory of its own, and
# gains nothing. More than a small machine has, so that tests there can see that the number of threads changes no bit.
MOST_THREADS = 64

_IMPORTING_PROCESS = os.getpid()


@lru_cache(maxsize=1)
def cgroup_quota() -> float:
    """Processors that the control group of this process grants (Linux), infinity where there is no limit."""
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
    """Threads that this process may use: OpenMP's settings, its processors and its cgroup's quota.

    A forked child uses one: the OpenMP runtime's threads do not exist there, and waiting for them would never end.
    """
    if os.getpid() != _IMPORTING_PROCESS:
        return 1
    return max(1, math.ceil(min(_kernels.max_threads(), cgroup_quota(), most_threads())))


@lru_cache(maxsize=1)
def most_threads() -> int:
    """Threads that are started at most, however many are asked for."""
    return max(MOST_THREADS, os.cpu_count() or 1)


def resolve_num_threads(num_threads: int | None, work: int = SMALL_WORK) -> int:
    """Threads for a call of `work` multiply-adds: num_threads if it is given, else what is available and pays.

    More than `most_threads` are not started; no result depends on their number.

    Raises
    ------
    ValueError
        If num_threads is not a positive integer or None.
    """
    if num_threads is None:
        return available_threads() if work >= SMALL_WORK else 1
    try:
        count = operator.index(num_threads)
    except TypeError:
        count = 0
    if count < 1 or isinstance(num_threads, bool):
        raise ValueError(f"num_threads must be a positive integer or None, found {num_threads!r}")
    return min(count, most_threads()) if os.getpid() == _IMPORTING_PROCESS else 1


@lru_cache(maxsize=1)
def _blas() -> tuple[Any, ...]:
    """BLAS as NumPy and as SciPy have it; finding them takes a millisecond, and what is not loaded is not found."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


class OneBlasThread:
    """Keeps BLAS to the thread that calls it, as long as anybody asks for that.

    What BLAS is asked for during a fit, factorisations and vectors, is little. Its threads would save little of it, go
    on waiting for more in a busy loop, for a hundredth of a second, on the processors that the next pass needs, and
    make results depend on their number. That number is the process's: fits that overlap, in threads of Python, share
    one limit, which the last of them lifts.
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
            # Else none but the thread that has set the limit could lift it.
            for library in _blas():
                if library.internal_api == "openblas":
                    library.clear_controlling_thread()


one_blas_thread = OneBlasThread()
