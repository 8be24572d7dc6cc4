"""The peak memory of a call, beyond what was allocated before; known only on Linux."""

import ctypes
from collections.abc import Callable
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(call: Callable[[], object]) -> int | None:
    """Return the peak in bytes, or None if the system does not tell."""
    try:
        # The call could reuse memory that malloc keeps though it is free: return that to the system (malloc_trim(3)).
        ctypes.CDLL(None).malloc_trim(0)
        # Set the peak back to what is resident now (proc(5)).
        _RESET.write_text("5")
        before = _resident("VmHWM")
        call()
        return _resident("VmHWM") - before
    except (OSError, AttributeError):
        return None


def _resident(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} does not tell {name}")
