"""Chunks of .npy files."""

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..files.columns import readable_as
from ..files.npz_file import HEADERS, read_header
from ..leaves.cut import power_of_two
from ..leaves.room import Allocate
from .paths import CHUNK_BYTES, Paths, Source, sources_of


class NpyFile(NamedTuple):
    """An array in a file."""

    source: Source
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    begin: int  # byte where it begins

    @classmethod
    def of(cls, source: Source) -> "NpyFile":
        """Read the header of a file."""
        with readable_as("NPY", source.path), source.path.open("rb") as stream:
            header = read_header(stream)
            stream.seek(0)
            _, by_columns, _ = HEADERS[npy.read_magic(stream)](stream)
            file = cls(source, header.shape, header.dtype, by_columns, stream.tell())
            if file.begin + file.n_bytes > source.n_bytes:
                raise ValueError(f"it is cut short: {source.n_bytes} bytes of {file.begin + file.n_bytes}")
        return file

    @property
    def n_bytes(self) -> int:
        """Bytes of the array."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def read(self, start: int, stop: int, allocate: Allocate = np.empty) -> NDArray[Any]:
        """Return some rows, read anew: a memory map would count as memory where that is limited."""
        n_rows, *rest = self.shape
        # A file by columns is the transposed one by rows, of which some columns are wanted.
        out = allocate((stop - start, *rest), self.dtype, "F" if self.by_columns else "C")
        lines = out.T.reshape(-1, stop - start) if self.by_columns else out[None]
        step = (n_rows if self.by_columns else stop - start) * self.dtype.itemsize
        first = self.begin + start * self.dtype.itemsize * (1 if self.by_columns else int(np.prod(rest)))
        path = self.source.check()
        with readable_as("NPY", path), path.open("rb", buffering=0) as stream:
            for number, line in enumerate(lines):
                stream.seek(first + number * step)
                rest_of_line = memoryview(line.reshape(-1).view(np.uint8))
                while len(rest_of_line):
                    n_read = stream.readinto(rest_of_line)
                    if not n_read:
                        raise ValueError("it is cut short")
                    rest_of_line = rest_of_line[n_read:]
        return out


@dataclass(frozen=True)
class NpyChunks:
    """Rows of files: X, y and weights of a chunk are from files of the same number."""

    files: tuple[tuple[NpyFile, ...], ...]
    pieces: tuple[tuple[int, int, int], ...]  # number of the files, first row, and the row after the last one
    n_features: int

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        return self.read(index)

    def read(self, index: int, allocate: Allocate = np.empty) -> tuple[NDArray[Any], ...]:
        """Return a chunk, in memory as it is given."""
        number, start, stop = self.pieces[index]
        return tuple(file.read(start, stop, allocate) for file in self.files[number])

    def name_of(self, index: int) -> str:
        """Return the file of X, and its rows."""
        number, start, stop = self.pieces[index]
        return f"{self.files[number][0].source.path}, rows {start} to {stop - 1}"


def from_npy(X: Paths, y: Paths, sample_weight: Paths | None = None, *, chunk_bytes: int = CHUNK_BYTES) -> NpyChunks:
    """Return chunks of .npy files.

    Parameters
    ----------
    X, y, sample_weight : path, list of paths, folder, or pattern such as ``"X-*.npy"``
        As many of each; files that belong together have the same number of rows. In the order of the list, or of names.
    chunk_bytes : int
        Files whose X is larger are read in parts of at most so many bytes, and half of them at least.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If a file is not of this format or is cut short, or has other rows or columns than those that belong to it. When
        a chunk is read, the same, and if the file has changed.
    """
    named = {"X": X, "y": y} | ({} if sample_weight is None else {"sample_weight": sample_weight})
    by_name = {name: list(map(NpyFile.of, sources_of(name, paths, (".npy",)))) for name, paths in named.items()}
    for name, found in by_name.items():
        if len(found) != len(by_name["X"]):
            raise ValueError(f"{name} must have a file for each of the {len(by_name['X'])} of X, found {len(found)}")
    files = tuple(zip(*by_name.values(), strict=True))
    pieces, before = [], 0
    n_features = files[0][0].shape[1] if len(files[0][0].shape) == 2 else 0
    for number, (of_X, *others) in enumerate(files):
        path = of_X.source.path
        if len(of_X.shape) != 2 or not n_features or of_X.shape[1] != n_features:
            raise ValueError(f"{path} must be a matrix, of the columns of the first one, found shape {of_X.shape}")
        for other in others:
            if other.shape[:1] != of_X.shape[:1]:
                n_rows = of_X.shape[0]
                raise ValueError(f"{other.source.path} must have the {n_rows} rows of {path}, found {other.shape}")
        n_rows = of_X.shape[0]
        step = power_of_two(chunk_bytes // (of_X.dtype.itemsize * n_features))
        # Leaves begin at multiples of a power of two, counted from the first row of all files. If chunks do too, no
        # leaf is put together from two chunks of a file.
        ends = [*range(step - before % step, n_rows, step), n_rows]
        pieces += [(number, start, end) for start, end in itertools.pairwise([0, *ends]) if n_rows]
        before += n_rows
    return NpyChunks(files, tuple(pieces), n_features)
