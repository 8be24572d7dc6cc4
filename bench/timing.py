"""Times of two functions, taken in turns so that both see the same disturbances."""

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time, sleep
from typing import NamedTuple

from .pinning import pinned_threads

BLOCK_SECONDS = 0.05  # at least this long is timed at once
PATIENCE = 50  # hundredths of a second


class Comparison(NamedTuple):
    """Medians over the repetitions."""

    baseline: float  # seconds a call
    ours: float
    ratio: float  # of the paired ratios, baseline / ours


def compare(baseline: Callable[[], object], ours: Callable[[], object], repeats: int) -> Comparison:
    """Time both in turns: baseline, ours, baseline, ours ..."""
    baseline()
    ours()
    with pinned_threads():
        pairs = [(_seconds_a_call(baseline), _seconds_a_call(ours)) for _ in range(repeats)]
    return Comparison(
        baseline=median(pair[0] for pair in pairs),
        ours=median(pair[1] for pair in pairs),
        ratio=median(pair[0] / pair[1] for pair in pairs),
    )


def _seconds_a_call(function: Callable[[], object]) -> float:
    """Mean over as many calls as fill a block, after one that is not counted."""
    settle()
    function()
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
