"""The options that say how a table is read and which of its columns are what: a decorator gives them to a command."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ..files.reading import Reading
from ..files.streams import spooled

# Names of delimiters, which a shell makes hard to write.
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|"}

# Standard input where data are read, standard output where they are written.
STANDARD_STREAM = Path("-")


def _option(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, rich_help_panel="How the table is read", help=text)


def _columns(text: str) -> Any:
    return Annotated[list[str] | None, _option("COLUMN", f"{text} Once for each, or a,b,c.")]


def _text(metavar: str, text: str) -> Any:
    return Annotated[str | None, _option(metavar, text)]


ROLES = {
    "features": _columns("Learn from this column; from all others if not given."),
    "text": _columns("Take its cells as names, even if they look like numbers, such as postal codes."),
    "drop": _columns("Leave out this column."),
    "id": _columns("It names the rows: no feature, but kept beside predictions."),
    "weight": _text("COLUMN", "Weights of the rows."),
    "offset": _text("COLUMN", "Added to the logit; not for softmax."),
}
FORMAT = {
    "delimiter": _text("CHAR", "Between cells: comma, semicolon, tab or bar; found in the header if not given."),
    "encoding": _text("NAME", "Of a CSV file, such as latin-1; utf-8 if not given."),
    "na": Annotated[
        list[str] | None,
        _option("TEXT", "It marks a missing cell, as NA and the empty cell do. Once for each."),
    ],
    "decimal": _text("CHAR", "Decimal mark, . or ,"),
}


def reading_options(*roles: str, mixed: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command the options, and passes them to it as `reading`, a `Reading`.

    The command's `data` may be "-", which stands for standard input; the command gets a temporary file.

    Parameters
    ----------
    *roles : str
        Those of `ROLES` that the command has, beside those of `FORMAT`.
    mixed : bool
        Whether the command learns from text and missing cells; else a model says what is done to them.
    """
    offered = {**{role: ROLES[role] for role in roles}, **FORMAT}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)

        @wraps(command)
        def wrapper(**arguments: Any) -> Any:
            said = {name: arguments.pop(name) for name in offered}
            with named_input(arguments["data"]) as data:
                return command(**(arguments | {"data": data, "reading": as_reading(said, mixed=mixed)}))

        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in offered.items()
        ]
        own = [parameter for name, parameter in signature.parameters.items() if name != "reading"]
        parameters = [*own, *added]
        wrapper.__dict__["__signature__"] = signature.replace(parameters=parameters)
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


def as_reading(said: dict[str, Any], *, mixed: bool) -> Reading:
    """Return what the options say; raise ValueError with the option's name if a value is none of its own."""
    many = {"drop": "drop", "id": "ids", "text": "texts", "na": "na"}
    chosen: dict[str, Any] = {attribute: tuple(said.get(option) or ()) for option, attribute in many.items()}
    chosen |= {option: said.get(option) for option in ("weight", "offset", "decimal")}
    features, delimiter = said.get("features"), said["delimiter"]
    chosen["features"] = None if features is None else tuple(features)
    chosen["delimiter"] = DELIMITERS.get(delimiter, delimiter)
    try:
        return Reading(mixed=mixed, encoding=said["encoding"] or "utf-8", **chosen)
    except ValueError as error:
        raise ValueError(f"--{error}") from None


@contextmanager
def named_input(data: Path) -> Iterator[Path]:
    """Give the file itself, or for "-" a temporary file of what standard input holds; errors name standard input."""
    if data != STANDARD_STREAM:
        yield data
        return
    with spooled(sys.stdin.buffer) as path:
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), "standard input")) from None


def chunk_options(reading: Reading) -> dict[str, Any]:
    """Return the arguments of `from_parquet` that say the same; raise ValueError if another option was given."""
    features, weight, offset = reading.features, reading.weight, reading.offset
    if reading != Reading(features=features, weight=weight, offset=offset, mixed=reading.mixed):
        raise ValueError("many files are read with --features, --weight and --offset alone, of the options for tables")
    # One column may hold lists.
    single = features is not None and len(features) == 1
    return {"features": features[0] if features and single else features, "sample_weight": weight, "offset": offset}
