"""Whether other processes want the processors that our threads run on.

All threads of a pass wait for the last one. If the operating system takes a processor away from one of them, for some
milliseconds, a pass of a millisecond takes as long, and the others, which wait in a busy loop, lose their turn next: a
fit takes ten times as long as with one thread. The system counts how often it does that: involuntary context switches.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows does not tell
    getrusage = None  # type: ignore[assignment]

# One switch in 10 ms is too many, and two at least: a quiet machine has a tenth of that. Judge by 10 ms of calls.
ENOUGH, FEWEST = 0.01, 2

# Then use one thread for a fifth of a second, and try again; after each failure for twice as long, up to two.
SHORTEST, LONGEST = 0.2, 2.0


class Contention:
    """What calls with several threads have shown of the processors; results never depend on it."""

    def __init__(self) -> None:
        self._until = self._pause = self._wall = 0.0
        self._switches = 0

    @property
    def now(self) -> bool:
        """Whether one thread is better at this moment."""
        return self._until > 0 and time.perf_counter() < self._until

    @contextmanager
    def watched(self, num_threads: int) -> Iterator[None]:
        """Watch a call with this many threads."""
        if num_threads == 1 or getrusage is None:
            yield
            return
        switches, start = getrusage(RUSAGE_SELF).ru_nivcsw, time.perf_counter()
        yield
        self.see(time.perf_counter() - start, getrusage(RUSAGE_SELF).ru_nivcsw - switches)

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


contention = Contention()
