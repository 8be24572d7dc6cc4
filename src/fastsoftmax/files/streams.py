"""Standard input as a file, since tables are read more than once."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# How the kinds of files begin that are no text.
BEGINNINGS = ((b"PAR1", ".parquet"), (b"PK\x03\x04", ".npz"), (b"\x93NUMPY", ".npy"), (b"\x1f\x8b", ".csv.gz"))


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """Give a temporary file with all that a stream holds; its suffix is of the kind that its first bytes tell, or .csv.

    Raises
    ------
    OSError
        If the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="fastsoftmax-") as directory:
        start = stream.read(8)
        suffix = next((suffix for beginning, suffix in BEGINNINGS if start.startswith(beginning)), ".csv")
        path = Path(directory, f"standard input{suffix}")
        with path.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(stream, file)
        yield path
