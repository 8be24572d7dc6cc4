"""Paths checked before they are used, and files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_source(path: str | os.PathLike[str]) -> Path:
    """Return `path` if it is a file that can be read.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If something else has that name, such as a directory.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not source.is_file():
        kind = "a directory" if source.is_dir() else "not a regular file"
        raise ValueError(f"cannot read {path}: it is {kind}")
    if not os.access(source, os.R_OK):
        raise PermissionError(f"no permission to read {path}")
    return source


def check_destination(path: str | os.PathLike[str]) -> Path:
    """Return where a file for `path` will be written, links followed, or raise if that cannot be.

    To be called before long work whose result goes there.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If the directory is missing, is a file, or does not permit new files.
    ValueError
        If something that is not a regular file has that name, such as a directory or a device.
    """
    destination = Path(os.path.realpath(path))
    directory = destination.parent
    if not directory.exists():
        raise FileNotFoundError(f"cannot write {path}: there is no directory {directory}")
    if not directory.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {directory} is not a directory")
    if destination.exists() and not destination.is_file():
        kind = "a directory" if destination.is_dir() else "not a regular file"
        raise ValueError(f"cannot write {path}: it is {kind}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write {path}: no permission to create files in {directory}")
    return destination


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path of the same name; what is written there becomes `path` if the block succeeds.

    After an error or Ctrl-C in the block, `path` is as it was and nothing else is left.

    Raises
    ------
    OSError, ValueError
        As `check_destination`, and what writing raises.
    """
    destination = check_destination(path)
    # A directory of its own, beside the destination: whoever writes creates the file, with the
    # permissions that the user's umask gives, and the final rename stays on one file system.
    with tempfile.TemporaryDirectory(prefix=".fastsoftmax-", dir=destination.parent) as directory:
        temporary = Path(directory, destination.name)
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, destination)
    if os.name == "posix":
        _sync_directory(destination.parent)


def _sync_directory(directory: Path) -> None:
    """Make the new name as durable as the contents."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
