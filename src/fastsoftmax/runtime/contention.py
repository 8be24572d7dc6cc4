"""Whether other processes want the processors that our threads run on.

All threads of a pass wait for the last one. If the operating system takes a processor away from one of them, for some
milliseconds, a pass of a millisecond takes as long, and the others, which wait in a busy loop, lose their turn next: a
fit takes ten times as long as with one thread. Threads that all run use their number times the time that passes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Judge by calls of 2 ms together: the clock of a process may have ticks of a tenth of that.
ENOUGH = 2e-3

# Threads that use less than this share of the time wait for a processor.
SHARE = 0.75

# Use one thread for a twentieth of a second, then try again; after each failure for twice as long, up to a second.
SHORTEST, LONGEST = 0.05, 1.0


class Contention:
    """What calls with several threads have shown of the processors; results never depend on it."""

    def __init__(self) -> None:
        self._until = self._pause = 0.0
        self._wall = self._used = 0.0

    @property
    def now(self) -> bool:
        """Whether one thread is better at this moment."""
        return self._until > 0 and time.perf_counter() < self._until

    @contextmanager
    def watched(self, num_threads: int) -> Iterator[None]:
        """Watch what a call with this many threads uses of the processors."""
        if num_threads == 1:
            yield
            return
        wall, used = time.perf_counter(), time.process_time()
        yield
        self.see(num_threads, time.perf_counter() - wall, time.process_time() - used)

    def see(self, num_threads: int, wall: float, used: float) -> None:
        """Judge a call that took `wall` seconds and used `used` seconds of processors."""
        self._wall += wall * num_threads
        self._used += used
        if self._wall < ENOUGH * num_threads:
            return
        if self._used < SHARE * self._wall:
            self._pause = min(LONGEST, max(SHORTEST, 2 * self._pause))
            self._until = time.perf_counter() + self._pause
        else:
            self._until = self._pause = 0.0
        self._wall = self._used = 0.0


contention = Contention()
