"""A line of progress on a terminal, for `verbose=1`."""

import sys
import time
from typing import TextIO

from ..fitting.result import FitState


class ProgressLine:
    """A callback for `fit` that updates one line of a terminal; on another stream it writes only the last line."""

    SECONDS_BETWEEN_UPDATES = 0.1

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self._text = ""
        self._updated = 0.0

    def __call__(self, state: FitState) -> bool:
        """Show a state; never stops the fit."""
        self._text = (
            f"iteration {state.iteration:5d}   passes {state.n_passes:5d}   {state.seconds:7.2f} s   "
            f"loss {state.loss:.8g}   gradient {state.grad_norm:.2e}"
        )
        now = time.monotonic()
        if self.stream.isatty() and now - self._updated > self.SECONDS_BETWEEN_UPDATES:
            self._updated = now
            self.stream.write(f"\r\x1b[K{self._text}")
            self.stream.flush()
        return False

    def close(self, message: str = "") -> None:
        """Write the last state and a message, each on its own line."""
        start = "\r\x1b[K" if self.stream.isatty() else ""
        self.stream.write(f"{start}{self._text}\n{message}\n")
        self.stream.flush()
