"""Whether other processes want the processors that our threads run on.

All threads of a pass wait for the last one. If the operating system takes a processor away from one of them, for some
milliseconds, a pass of a millisecond takes as long, and the others, which wait in a busy loop, lose their turn next: a
fit takes ten times as long as with one thread. Linux tells how long threads could have run and did not. All systems but
Windows count how often a processor is taken from one: involuntary context switches.
"""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows does not tell
    getrusage = None  # type: ignore[assignment]

# One switch in 10 ms of each thread but the first is too many, and two at least: a quiet machine has a tenth of that.
# Judge by 10 ms of calls. More threads bear more: if some of them are late, the others are still faster than one.
ENOUGH, FEWEST = 0.01, 2

# So it is if threads wait for a processor for a fifth of that time, all of them together.
WAITING = 0.2

# Then use one thread for a fifth of a second, and try again; after each failure for twice as long, up to two.
SHORTEST, LONGEST = 0.2, 2.0

# Looking at a thread takes some microseconds: of more threads than 8 judge by as much longer calls.
FEW_TASKS = 8

# A look takes 3 µs. After a call that is shorter than 0.2 ms, in which no thread can have waited for long, leave out
# the next seven; a thread that loses its processor makes a call longer than that.
SHORT, EVERY = 2e-4, 8

TASKS = Path("/proc/self/task")

UNWATCHED = nullcontext()


class Contention:
    """What calls with several threads have shown of the processors; results never depend on it."""

    def __init__(self) -> None:
        self._until = self._pause = self._wall = self._others = self._waited = 0.0
        self._switches, self._tasks, self._unseen = 0, 1, 0

    @property
    def now(self) -> bool:
        """Whether one thread is better at this moment."""
        return self._until > 0 and time.perf_counter() < self._until

    def watched(self, num_threads: int) -> AbstractContextManager[None]:
        """Watch a call with this many threads, if it is not one of many short ones."""
        if num_threads == 1 or getrusage is None:
            return UNWATCHED
        if self._unseen:
            self._unseen -= 1
            return UNWATCHED
        return _Watch(self, num_threads)

    def begin(self) -> None:
        """Look at what was waited for, where a new judgement begins."""
        if not self._wall:
            self._waited, self._tasks = waiting_time()

    def see(self, wall: float, switches: int, num_threads: int) -> None:
        """Judge the calls so far, of which the last took `wall` seconds and had so many switches and threads.

        A short one stands for those that are left out.
        """
        if wall < SHORT:
            wall *= EVERY
            self._unseen = EVERY - 1
        self._wall += wall
        self._others += wall * (num_threads - 1)
        self._switches += switches
        if self._wall < ENOUGH * max(1.0, self._tasks / FEW_TASKS):
            return
        waited = waiting_time()[0] - self._waited
        if self._switches >= max(FEWEST, self._others / ENOUGH) or waited >= WAITING * self._others:
            self._pause = min(LONGEST, max(SHORTEST, 2 * self._pause))
            self._until = time.perf_counter() + self._pause
        else:
            self._until = self._pause = 0.0
        self._wall, self._others, self._switches = 0.0, 0.0, 0


def waiting_time() -> tuple[float, int]:
    """Seconds in which threads of this process could run and had no processor, and how many threads there are.

    Zero, and one thread, where the system does not tell (proc(5), schedstat).
    """
    try:
        tasks = os.listdir(TASKS)
    except OSError:
        return 0.0, 1
    return 1e-9 * sum(map(_nanoseconds, tasks)), len(tasks)


def _nanoseconds(task: str) -> int:
    try:
        return int((TASKS / task / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):  # the thread has ended, or the system keeps no such numbers
        return 0


class _Watch:
    """One call that is watched. Not a generator, which takes longer than the smallest calls should wait."""

    __slots__ = ("_contention", "_num_threads", "_start", "_switches")

    def __init__(self, contention: Contention, num_threads: int) -> None:
        self._contention, self._num_threads = contention, num_threads

    def __enter__(self) -> None:
        self._contention.begin()
        self._switches = getrusage(RUSAGE_SELF).ru_nivcsw
        self._start = time.perf_counter()

    def __exit__(self, *failure: object) -> None:
        wall = time.perf_counter() - self._start
        self._contention.see(wall, getrusage(RUSAGE_SELF).ru_nivcsw - self._switches, self._num_threads)


contention = Contention()
