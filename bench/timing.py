"""Time several functions in turns, so that all see the same disturbances."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import TypeVar

from .pinning import pinned_threads, settle

T = TypeVar("T")

BLOCK_SECONDS = 0.05  # one timing lasts at least this long


class Times:
    """Seconds per call of each function, in each repetition."""

    def __init__(self, seconds: Mapping[str, list[float]]) -> None:
        self._seconds = seconds

    def __contains__(self, name: str) -> bool:
        return name in self._seconds

    def median(self, name: str) -> float:
        """Return the median time of one function."""
        return median(self._seconds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return the median over the repetitions of the time of `slow` divided by that of `fast`."""
        return median(a / b for a, b in zip(self._seconds[slow], self._seconds[fast], strict=True))


def take_turns(calls: Mapping[str, Callable[[], object]], repeats: int) -> Times:
    """Time all functions in turns: each once, then each again, and so on."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with pinned_threads(calls.values()):
        for _ in range(repeats):
            for name, call in calls.items():
                seconds[name].append(_seconds_a_call(call))
    return Times(seconds)


def time_once(call: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of one call, and its result."""
    settle()
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


def _seconds_a_call(function: Callable[[], object]) -> float:
    """Mean over the calls that fill a block. The first call counts only if it fills a block by itself."""
    seconds, _ = time_once(function)
    if seconds >= BLOCK_SECONDS:
        return seconds
    calls, start = 0, perf_counter()
    while (seconds := perf_counter() - start) < BLOCK_SECONDS:
        function()
        calls += 1
    return seconds / calls
