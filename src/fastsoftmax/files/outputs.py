"""What a command may overwrite: never a file that it reads, and without --force only what it writes itself."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .atomic import check_destination


class Kind(NamedTuple):
    """A kind of file that commands write."""

    words: str
    recognises: Callable[[Path], bool]


def check_output(option: str, path: Path, kind: Kind, *, sources: Iterable[Path | None], force: bool) -> None:
    """Raise if a file cannot be written, or if what is there must not be lost; to be called before long work.

    Parameters
    ----------
    option : str
        The name of the option that gives the path, for messages.
    path : path
    kind : Kind
        An older file of this kind is overwritten, and so is an empty one.
    sources : iterable of path or None
        What the command reads: never overwritten, whatever name or link leads to it.
    force : bool
        Overwrite any other file too.

    Raises
    ------
    ValueError
        If the file is one of the sources, or of another kind.
    OSError, ValueError
        As `check_destination`.
    """
    destination = check_destination(path)
    if not destination.exists():
        return
    for source in sources:
        if source is not None and source.exists() and os.path.samefile(source, destination):
            same = "" if source == path else f", which is the same file as {source}"
            raise ValueError(f"{option} must not be a file that the command reads, found {path}{same}")
    if not force and destination.stat().st_size and not kind.recognises(path):
        raise ValueError(
            f"{option} must be a new file or {kind.words}, found {path}, which is neither; --force overwrites it"
        )
