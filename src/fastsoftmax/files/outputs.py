"""Which files a command may overwrite: never one that it reads; without --force, only files of the kind it writes."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .atomic import check_destination


class Kind(NamedTuple):
    """A kind of file that commands write: its name in messages, and how to recognise it."""

    words: str
    recognises: Callable[[Path], bool]


def check_output(option: str, path: Path, kind: Kind, *, sources: Iterable[Path | None], force: bool) -> None:
    """Raise if a file cannot be written, or if the file there must not be overwritten; to be called before long work.

    Parameters
    ----------
    option : str
        Name of the option that gives the path, for messages.
    path : path
    kind : Kind
        An existing file may be overwritten if it is of this kind, or empty.
    sources : iterable of path or None
        The files that the command reads: never overwritten, not even through another name or a link.
    force : bool
        Whether files of other kinds may be overwritten too.

    Raises
    ------
    ValueError
        If the file is one of the sources, or, without force, of another kind.
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
