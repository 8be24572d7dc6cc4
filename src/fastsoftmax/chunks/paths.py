"""Names of files: lists, folders and patterns; and whether a file is still what it was."""

import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import NamedTuple

from ..files.atomic import check_source

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

# A chunk has about so many bytes, unless its file is smaller: memory of this size is used again and again, of much more
# it is asked from the system each time.
CHUNK_BYTES = 1 << 24


class Source(NamedTuple):
    """A file, and what tells whether it has changed."""

    path: Path
    n_bytes: int
    modified: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> "Source":
        """Look at a file."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def check(self) -> Path:
        """Return the path, or raise ValueError if the file is not what it was."""
        if self != Source.of(check_source(self.path)):
            raise ValueError(f"{self.path} has changed since it was opened")
        return self.path


def sources_of(name: str, paths: Paths, suffixes: tuple[str, ...]) -> list[Source]:
    """Return the files of a list of names, of a folder or of a pattern such as "data/*.npy", in the order of names.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If there is none, or one is no file.
    """
    if isinstance(paths, str | os.PathLike):
        paths = _matching(Path(paths), suffixes)
        if not paths:
            raise FileNotFoundError(f"{name} must name files that end in {' or '.join(suffixes)}, found none")
    if not len(paths):
        raise ValueError(f"{name} must name files, found none")
    return [Source.of(check_source(path)) for path in paths]


def is_many(path: Path) -> bool:
    """Whether a name is a folder, or a pattern that is no file's own name."""
    return path.is_dir() or (any(letter in str(path) for letter in "*?[") and not path.exists())


def _matching(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not is_many(path):
        return [path]
    found = map(Path, glob(str(path / "**"), recursive=True)) if path.is_dir() else map(Path, glob(str(path)))
    return sorted(file for file in found if file.is_file() and file.suffix.lower() in suffixes)
