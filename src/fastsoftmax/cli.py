"""The entry point of the `fastsoftmax` command, which says what to install where something is missing."""

import sys
from importlib.util import find_spec
from io import TextIOWrapper

# What the [cli] extra installs, by the names that are imported.
NEEDED = ("typer", "rich", "matplotlib", "pyarrow", "safetensors")


def main() -> None:
    """Run the command line; exits with 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            'the fastsoftmax command needs its extra packages: pip install "fastsoftmax[cli]" '
            f"(missing: {', '.join(missing)})",
            file=sys.stderr,
        )
        raise SystemExit(1)
    # A terminal that cannot show a letter shows "?" instead of ending the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    from .commands import app

    app()
