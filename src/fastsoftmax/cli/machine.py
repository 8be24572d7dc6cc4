"""How busy other programs keep the machine: a time that is measured beside them says little."""

import os
import time
from pathlib import Path

# Beside others that use this share of a processor or more, on average, no ratio of times is told without a warning.
BUSY = 0.2

STAT = Path("/proc/stat")


class Load:
    """The processors that other programs use, from the start of this object on."""

    def __init__(self) -> None:
        self._wall, self._used, self._own = time.monotonic(), _processor_seconds(), time.process_time()

    def of_others(self) -> float:
        """Return how many processors the others have used on average; NaN where the system does not tell.

        Linux counts the time of all programs. Elsewhere it is the load average of the last minute, less the time that
        this program has used.
        """
        wall, own = time.monotonic() - self._wall, time.process_time() - self._own
        now = _processor_seconds()
        if self._used is None or now is None:
            return max(0.0, os.getloadavg()[0] - own / wall) if hasattr(os, "getloadavg") else float("nan")
        return max(0.0, (now - self._used - own) / wall)


def _processor_seconds() -> float | None:
    """Return the time that all processors together have worked since the machine started; None if it is not told."""
    try:
        # user, nice, system, idle, iowait, irq, softirq, steal
        counts = [int(count) for count in STAT.read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    idle = sum(counts[3:5])
    return (sum(counts) - idle) / os.sysconf("SC_CLK_TCK")
