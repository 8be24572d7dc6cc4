"""Whether other processes want the processors that our threads run on.

All threads of a pass wait for the last one. If the operating system takes a processor away from one of them, for some
milliseconds, a pass of a millisecond takes as long, and the others, which wait in a busy loop, lose their turn next: a
fit takes ten times as long as with one thread. The system counts how often it does that: involuntary context switches.
"""

import time
from contextlib import AbstractContextManager, nullcontext

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows does not tell
    getrusage = None  # type: ignore[assignment]

# One switch in 10 ms is too many, and two at least: a quiet machine has a tenth of that. Judge by 10 ms of calls.
ENOUGH, FEWEST = 0.01, 2

# Then use one thread for a fifth of a second, and try again; after each failure for twice as long, up to two.
SHORTEST, LONGEST = 0.2, 2.0

UNWATCHED = nullcontext()


class Contention:
    """What calls with several threads have shown of the processors; results never depend on it."""

    def __init__(self) -> None:
        self._until = self._pause = self._wall = 0.0
        self._switches = 0

    @property
    def now(self) -> bool:
        """Whether one thread is better at this moment."""
        return self._until > 0 and time.perf_counter() < self._until

    def watched(self, num_threads: int) -> AbstractContextManager[None]:
        """Watch a call with this many threads."""
        return UNWATCHED if num_threads == 1 or getrusage is None else _Watch(self)

    def see(self, wall: float, switches: int) -> None:
        """Judge the calls so far, of which the last took `wall` seconds and had so many switches."""
        self._wall += wall
        self._switches += switches
        if self._wall < ENOUGH:
            return
        if self._switches >= max(FEWEST, self._wall / ENOUGH):
            self._pause = min(LONGEST, max(SHORTEST, 2 * self._pause))
            self._until = time.perf_counter() + self._pause
        else:
            self._until = self._pause = 0.0
        self._wall, self._switches = 0.0, 0


class _Watch:
    """One call that is watched. Not a generator, which takes longer than the smallest calls should wait."""

    __slots__ = ("_contention", "_start", "_switches")

    def __init__(self, contention: Contention) -> None:
        self._contention = contention

    def __enter__(self) -> None:
        self._switches = getrusage(RUSAGE_SELF).ru_nivcsw
        self._start = time.perf_counter()

    def __exit__(self, *failure: object) -> None:
        wall = time.perf_counter() - self._start
        self._contention.see(wall, getrusage(RUSAGE_SELF).ru_nivcsw - self._switches)


contention = Contention()
