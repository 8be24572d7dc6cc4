"""Check paths before they are used, and write files that appear whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """Return the file that writing to `path` will create or replace, with links followed; raise if it cannot.

    To be called before long work whose result goes there.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If the directory is missing, is a file, or does not permit new files, or if the file exists and is read-only.
    ValueError
        If the name belongs to something that is not a regular file, such as a directory or a device.
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
    # The rename would replace a read-only file too, but whoever made it read-only wants to keep it.
    if destination.exists() and not os.access(destination, os.W_OK):
        raise PermissionError(f"cannot write {path}: the file is read-only")
    return destination


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path with the same file name; the file written there becomes `path` if the block succeeds.

    A replaced file keeps its mode, and its owner if that is permitted; a new file gets the mode of the umask. After an
    error or Ctrl-C in the block, `path` is as before and no temporary file is left.

    Raises
    ------
    OSError, ValueError
        As `check_destination`, and what writing raises; if the disk is full, the error names `path`.
    """
    destination = check_destination(path)
    # A temporary directory beside the destination: the writer creates the file itself, so that the
    # user's umask gives its permissions, and the final rename stays on one file system.
    try:
        with tempfile.TemporaryDirectory(prefix=".fastsoftmax-", dir=destination.parent) as directory:
            temporary = Path(directory, destination.name)
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            if destination.exists():
                _copy_permissions(destination, temporary)
            os.replace(temporary, destination)
        if os.name == "posix":
            _sync_directory(destination.parent)
    except OSError as error:
        # A write error names no file, or the temporary file, which the user does not know.
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


def _copy_permissions(source: Path, target: Path) -> None:
    """Copy the mode of a file to another, and its owner if that is permitted."""
    status = source.stat()
    if os.name == "posix":
        with suppress(PermissionError):
            os.chown(target, status.st_uid, status.st_gid)
    # Set the mode last: changing the owner clears bits of it.
    target.chmod(stat.S_IMODE(status.st_mode))


def _sync_directory(directory: Path) -> None:
    """Sync a directory, so that a crash loses the new name no more than the contents."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
