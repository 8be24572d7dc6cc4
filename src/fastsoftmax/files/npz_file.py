"""Arrays in .npz files: a header is checked before memory is allocated for its array."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .columns import listed, physical_memory, readable_as, suggestion

# What helps where there are no features.
REMEDY = "; save dense features as X, or sparse ones by scipy.sparse.save_npz, with their labels in a .npy file"

# Bytes of text that are read at a time.
BLOCK = 2**20

HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


class Header(NamedTuple):
    """Shape and dtype of an array in a file, as its header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class NpzFile:
    """The arrays of an open .npz file, by name.

    Parameters
    ----------
    path : path
        For messages.
    stream : binary file

    Raises
    ------
    ValueError
        If the file is not a .npz file or is damaged. All methods raise it too.
    """

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path = path
        with readable_as("NPZ", path):
            if stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                raise ValueError("it holds one array without a name, as a .npy file does")
            self._zip = ZipFile(stream)
            self._entries = {entry.filename.removesuffix(".npy"): entry for entry in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def name(self, array: str) -> str:
        """Return how messages name an array."""
        return f"array {array!r} of {self.path}"

    def header(self, name: str, role: str) -> Header:
        """Return shape and dtype of an array, or raise ValueError if it is missing, cut short or larger than memory."""
        if name not in self._entries:
            raise ValueError(
                f"{self.path} has no array {name!r} for {role}{suggestion(name, self._entries)}; "
                f"its arrays are {listed(self._entries) or 'none'}"
                f"{REMEDY if name == 'X' else ''}"
            )
        with readable_as("NPZ", self.name(name)):
            entry = self._entries[name]
            with self._zip.open(entry) as member:
                header = read_header(member)
                claimed = math.prod(header.shape) * header.dtype.itemsize
                stored = entry.file_size - member.tell()
            if claimed != stored:
                raise ValueError(
                    f"its header has shape {header.shape} and dtype {header.dtype}, which is {claimed} bytes, but it "
                    f"holds {stored}"
                )
            if claimed > physical_memory() and header.dtype.kind != "U":
                raise ValueError(
                    f"it takes {claimed / 2**30:.1f} GiB, more than this machine's memory, "
                    f"{physical_memory() / 2**30:.1f} GiB; a .npy file is read as it is needed"
                )
        return header

    def read(self, name: str, role: str) -> NDArray[Any]:
        """Return an array."""
        self.header(name, role)
        with readable_as("NPZ", self.name(name)), self._zip.open(self._entries[name]) as member:
            return npy.read_array(member, allow_pickle=False)

    def texts(self, name: str) -> Iterator[str]:
        """Yield the strings of a vector. NumPy gives all the width of the longest: together they may exceed memory."""
        with readable_as("NPZ", self.name(name)), self._zip.open(self._entries[name]) as member:
            (n_texts,), dtype = read_header(member)
            per_block = max(1, BLOCK // dtype.itemsize)
            for start in range(0, n_texts, per_block):
                data = member.read(min(per_block, n_texts - start) * dtype.itemsize)
                yield from np.frombuffer(data, dtype).tolist()


def read_header(stream: IO[bytes]) -> Header:
    """Return the header that begins here, or raise ValueError if its array cannot be read."""
    version = npy.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"its format must be {' or '.join(map(str, HEADERS))}, found {version}")
    shape, _, dtype = HEADERS[version](stream)
    if any(length < 0 for length in shape):
        raise ValueError(f"its header has shape {shape}")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which can run code; save array.astype(str) or numbers instead")
    return Header(shape, dtype)
