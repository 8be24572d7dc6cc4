"""Chunks that were written to a folder once, because they can be read only once or are slow to read."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from ..files.atomic import atomic_path
from ..files.columns import readable_as
from ..leaves.rows import as_rows
from .paths import Source

# The file that says how many there are: it is written last, so that a folder without it is not whole.
INDEX = "chunks.json"
NAMES = ("y", "weight", "offset")
SPARSE = ("data", "indices", "indptr", "shape")


@dataclass(frozen=True)
class CachedChunks:
    """Files of a folder that `from_iterable` has written."""

    sources: tuple[Source, ...]
    n_features: int

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        path = self.sources[index].check()
        # np.load would leave a damaged file open.
        with readable_as("NPZ", path), path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if "X" in file:
                X = file["X"]
            else:
                data, indices, indptr, shape = (file[name] for name in SPARSE)
                X = csr_matrix((data, indices, indptr), tuple(shape.tolist()))
            return (X, *(file.get(name) for name in NAMES))

    def name_of(self, index: int) -> str:
        """Return the file."""
        return str(self.sources[index].path)


def from_iterable(chunks: Iterable[tuple[Any, ...]], cache: str | os.PathLike[str]) -> CachedChunks:
    """Write chunks that can be read only once into a folder, and return those.

    Parameters
    ----------
    chunks : iterable of tuples
        (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset), each as `fit` takes it; some may be empty.
    cache : path
        A folder, which is made if there is none. What an earlier call wrote there is replaced; it must hold nothing
        else.

    Raises
    ------
    ValueError
        If a chunk has the wrong shape, type or values, or there is none, or the folder holds other files. Nothing that
        can be read remains.
    OSError
        If the folder cannot be written.
    """
    return write_cache(chunks, Path(cache), {})


def write_cache(chunks: Iterable[tuple[Any, ...]], folder: Path, origin: dict[str, Any]) -> CachedChunks:
    """Write chunks, and say in the index where they are from."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in _own_files(folder):
        file.unlink()
    n_features = 0
    names = []
    for index, chunk in enumerate(chunks):
        n_features = n_features or (int(np.shape(chunk[0])[1]) if np.ndim(chunk[0]) == 2 or issparse(chunk[0]) else 0)
        rows = as_rows(chunk, n_features)
        if rows is None:
            continue
        X, *others = rows
        parts = {name: getattr(X, name) for name in SPARSE} if issparse(X) else {"X": X}
        parts |= {name: _text(part) for name, part in zip(NAMES, others, strict=True) if part is not None}
        names.append(f"{index:06}.npz")
        if any(np.asarray(part).dtype.kind in "OV" for part in parts.values()):
            raise ValueError(f"chunk {index} must hold numbers or text, found a dtype that .npy files have not")
        with atomic_path(folder / names[-1]) as temporary:
            np.savez(temporary, **parts)
    if not names:
        raise ValueError("chunks must hold samples, found none")
    index_of_all = {"n_features": n_features, "files": names, "origin": origin}
    with atomic_path(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(index_of_all), encoding="utf-8")
    return CachedChunks(tuple(Source.of(folder / name) for name in names), n_features)


def read_cache(folder: Path, origin: dict[str, Any]) -> CachedChunks | None:
    """Return the chunks of a folder, if it is whole and they are from there."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["origin"] != origin:
            return None
        return CachedChunks(tuple(Source.of(folder / name) for name in index["files"]), index["n_features"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _own_files(folder: Path) -> Iterator[Path]:
    """Yield the files of an earlier call, the index first; raise ValueError if there are others."""
    found = sorted(folder.iterdir(), key=lambda file: file.name != INDEX)
    for file in found:
        if file.name != INDEX and not (file.suffix == ".npz" and file.stem.isdigit() and len(file.stem) == 6):
            raise ValueError(f"cache must be a folder of its own, found {file.name!r} in {folder}")
    yield from found


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """Return labels that are text, which NumPy may have as objects, in a dtype that files may have."""
    if values.dtype == object and all(isinstance(value, str) for value in values.flat):
        return values.astype(np.str_)
    return values
