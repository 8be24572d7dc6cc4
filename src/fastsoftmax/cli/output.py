"""Where a command's words go: reports on standard output, as text or as one JSON object; the rest on standard error."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from ..fitting.result import FitState
from .wording import in_options, plain

# Exit codes, beside those of entry.py; wrong usage ends with 2, as Typer has it.
UNFINISHED = 3


class Report:
    """What a command has to say on standard output: text for people, or one JSON object and nothing else."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = console()
        self._facts: dict[str, Any] = {}

    def show(self, *renderables: RenderableType) -> None:
        """Print for people; nothing where JSON is wanted."""
        if not self.as_json:
            for renderable in renderables:
                self.console.print(renderable)

    def heading(self, text: str) -> None:
        """Print a heading for people."""
        self.show(Text(f"\n{text}", style="bold"))

    def tell(self, **facts: Any) -> None:
        """Add to the JSON object; nothing for people."""
        self._facts |= facts

    def wrote(self, path: Path, what: str = "", key: str = "out") -> None:
        """Say which file was written."""
        self.tell(**{key: str(path)})
        if not self.as_json:
            self.console.print(f"wrote {what + ' to ' if what else ''}{path}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Print the JSON object, where it is wanted."""
        if self.as_json:
            typer.echo(json.dumps(jsonable(self._facts), ensure_ascii=False, allow_nan=False))


def jsonable(value: Any) -> Any:
    """Return a value in JSON's types: arrays become lists, structured ones lists of objects, NaN and infinity null."""
    if isinstance(value, dict):
        return {str(name): jsonable(item) for name, item in value.items()}
    if hasattr(value, "dtype") and value.dtype.names is not None:
        return [dict(zip(value.dtype.names, map(jsonable, row), strict=True)) for row in value.tolist()]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def console() -> Console:
    """Return the console of standard output."""
    return Console(highlight=False)


def say(kind: str, message: str, style: str) -> None:
    """Print a message on standard error: one line, which a terminal breaks between words."""
    errors = Console(stderr=True, highlight=False)
    line = Text.assemble((f"{kind}: ", style), (plain(message), style.removeprefix("bold ")))
    errors.print(line, soft_wrap=not errors.is_terminal)


def warn(message: str) -> None:
    """Print a warning on standard error."""
    say("warning", in_options(message), "bold yellow")


def describe(error: BaseException) -> str:
    """Return what an error says, in the command line's names."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return in_options(str(error))


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show on standard error, if it is a terminal, what is being done; it vanishes afterwards.

    Yields
    ------
    callable
        Called with another text, shows that in its place.
    """
    errors = Console(stderr=True, highlight=False)
    if not errors.is_terminal:
        yield lambda _: None
        return

    def line(words: str) -> Text:
        return Text(plain(words), overflow="ellipsis", no_wrap=True)

    with Status(line(text), console=errors) as status:
        yield lambda words: status.update(line(words))


class Watch:
    """What a fit is told to call after every iteration: shows where it is."""

    SECONDS_BETWEEN_UPDATES = 0.1

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._updated = 0.0

    def __call__(self, state: FitState) -> bool:
        """Show a state; never stops the fit."""
        now = time.monotonic()
        if now - self._updated > self.SECONDS_BETWEEN_UPDATES:
            self._updated = now
            self._show(
                f"fitting: iteration {state.iteration}, {state.seconds:.1f} s, loss {state.loss:.6g}, "
                f"gradient {state.grad_norm:.1e}"
            )
        return False

    def close(self, message: str) -> None:
        """End; the report says how it went."""
