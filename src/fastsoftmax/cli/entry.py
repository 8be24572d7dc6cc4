"""The entry point of the `fastsoftmax` command: it reports missing packages and output that cannot be written."""

import io
import os
import sys
from importlib.util import find_spec
from typing import Any

from .. import __version__

# Import names of what the [cli] extra installs.
NEEDED = ("typer", "rich", "matplotlib", "pyarrow", "safetensors")

FAILED, INTERRUPTED = 1, 130


class OutputError(Exception):
    """Standard output could not be written.

    Not an OSError: if an OSError says that a pipe is closed, typer and rich end silently.
    """


class StandardOutput(io.FileIO):
    """Standard output as bytes. The first failure raises OutputError; all later output is discarded."""

    failed = False

    def write(self, data: Any) -> int:
        """Write bytes; return how many."""
        try:
            return len(data) if self.failed else super().write(data)
        except OSError as error:
            self.failed = True
            raise OutputError(f"cannot write to standard output: {error.strerror}") from error


def main() -> None:
    """Run the command line.

    Exits with 1 for an error, 2 for wrong usage, 3 for a fit that has not converged, 130 for Ctrl-C.
    """
    if sys.stderr is None:
        # The user closed it by 2>&-: discard what would be printed there.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        _fail(
            'the fastsoftmax command needs its extra packages: pip install ".[cli]" in the checkout of fastsoftmax '
            f"(missing: {', '.join(missing)})"
        )
    if sys.stdout is None:
        _fail("error: standard output is closed; > /dev/null throws away what is printed")
    # If the terminal's encoding lacks a letter, show "?" instead of ending the command.
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(StandardOutput(sys.stdout.fileno(), "w", closefd=False)),
            encoding=sys.stdout.encoding,
            errors="replace",
            line_buffering=sys.stdout.line_buffering,
        )
    try:
        try:
            if sys.argv[1:] == ["--version"]:
                # What the commands need takes a second to import.
                print(f"fastsoftmax {__version__}")
                return
            from .commands import app

            app(prog_name="fastsoftmax")
        finally:
            # Write the rest of the buffer now, while an error can still be reported.
            sys.stdout.flush()
    except OutputError as error:
        _fail(f"error: {error}")
    except KeyboardInterrupt:
        _fail("interrupted: ended by Ctrl-C before it had begun", INTERRUPTED)


def _fail(message: str, code: int = FAILED) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code)
