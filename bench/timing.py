"""Times of several functions, taken in turns so that all see the same disturbances."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter, process_time, sleep
from typing import TypeVar

from .pinning import pinned_threads

T = TypeVar("T")

BLOCK_SECONDS = 0.05  # at least this long is timed at once
PATIENCE = 50  # hundredths of a second


class Times:
    """Seconds a call of each function, over the repetitions."""

    def __init__(self, seconds: Mapping[str, list[float]]) -> None:
        self._seconds = seconds

    def __contains__(self, name: str) -> bool:
        return name in self._seconds

    def median(self, name: str) -> float:
        """Return the median time of one."""
        return median(self._seconds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return the median of how many times as fast the second is, of times that were taken one after the other."""
        return median(a / b for a, b in zip(self._seconds[slow], self._seconds[fast], strict=True))


def take_turns(calls: Mapping[str, Callable[[], object]], repeats: int) -> Times:
    """Time all in turns: first, second, ..., first, second ..."""
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with pinned_threads():
        for _ in range(repeats):
            for name, call in calls.items():
                seconds[name].append(_seconds_a_call(call))
    return Times(seconds)


def time_once(call: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of one call, and what it returned."""
    settle()
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


def _seconds_a_call(function: Callable[[], object]) -> float:
    """Mean over as many calls as fill a block, after one that is not counted unless it fills a block by itself."""
    seconds, _ = time_once(function)
    if seconds >= BLOCK_SECONDS:
        return seconds
    calls, start = 0, perf_counter()
    while (seconds := perf_counter() - start) < BLOCK_SECONDS:
        function()
        calls += 1
    return seconds / calls


def settle() -> None:
    """Wait until no thread of this process is busy.

    The workers of BLAS and of OpenMP wait for more work in a busy loop, for up to a tenth of a second, and would take
    that time from the other function.
    """
    for _ in range(PATIENCE):
        before = process_time()
        sleep(0.01)
        if process_time() - before < 0.001:
            break
