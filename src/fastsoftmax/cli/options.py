"""The arguments that several commands have, and how they are checked."""

from pathlib import Path
from typing import Annotated

import typer

FITTED = Annotated[Path, typer.Argument(metavar="MODEL", help="A model that `fit` wrote.")]
FILES = "A .csv, .tsv, .parquet, .npz, .npy or .svm file, or - for standard input"
DATA = Annotated[Path, typer.Argument(metavar="DATA", help=f"{FILES}.")]
MANY_DATA = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help=f"{FILES}; or a folder or a pattern of .parquet files, 'data/*.parquet', which may be larger than memory.",
    ),
]
TARGET = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column with the classes; in .npz an array, 'y' if not given, or a .npy file; in .npy that; not for .svm.",
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
THREADS = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="All that the process may use if not given."),
]
PLOT = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where a picture in PNG goes; an older one is overwritten.")
]
FORCE = Annotated[bool, typer.Option("--force", help="Overwrite files of other kinds too, but never one that is read.")]


def check_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    """Raise ValueError if the value of an option is none of its choices."""
    if value not in choices:
        served = ", ".join(choice for choice in choices if choice is not None)
        raise ValueError(f"{name} must be one of: {served}; found {value!r}")


def sources_of(data: Path, target: str | None) -> list[Path]:
    """Return the files that `read_table` reads for these arguments."""
    own = target is not None and data.suffix.lower() in (".npy", ".npz") and target.lower().endswith(".npy")
    return [data, Path(target)] if own and target is not None else [data]
