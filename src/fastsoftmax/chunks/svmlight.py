"""Chunks of svmlight files, which are text: they are converted once."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..files.columns import readable_as
from .cache import CachedChunks, read_cache, write_cache
from .paths import CHUNK_BYTES, Paths, Source, sources_of

Progress = Callable[[int, int], object]


def from_svmlight(
    source: Paths,
    cache: str | os.PathLike[str],
    *,
    n_features: int,
    dtype: DTypeLike = np.float64,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Progress | None = None,
) -> CachedChunks:
    """Convert svmlight files to CSR matrices in a folder, and return those; if they are there already, at once.

    Parameters
    ----------
    source : path, list of paths, folder, or pattern such as ``"data/*.svm"``
        Features are counted from one.
    cache : path
        A folder of its own, as in `from_iterable`.
    n_features : int
        No part of a file tells how many there are in all.
    dtype : dtype
        float32 or float64.
    chunk_bytes : int
        About so many bytes of text make a chunk.
    progress : callable, optional
        Called with the bytes that have been converted and those of all files.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If a file is not of this format, or the cache holds other files.
    """
    sources, folder = sources_of("source", source, (".svm", ".svmlight", ".libsvm")), Path(cache)
    files = [[str(file.path.resolve()), file.n_bytes, file.modified] for file in sources]
    origin = {"files": files, "n_features": n_features, "dtype": np.dtype(dtype).name, "bytes": chunk_bytes}
    known = read_cache(folder, origin)
    if known is not None:
        return known
    return write_cache(_parts(sources, n_features, np.dtype(dtype), chunk_bytes, progress), folder, origin)


def _parts(
    sources: list[Source], n_features: int, dtype: np.dtype[Any], step: int, progress: Progress | None
) -> Iterator[tuple[Any, ...]]:
    from sklearn.datasets import load_svmlight_file

    done, total = 0, sum(file.n_bytes for file in sources)
    for file in sources:
        for start in range(0, file.n_bytes, step):
            with readable_as("svmlight", file.path):
                # Lines that begin in these bytes.
                X, y = load_svmlight_file(
                    file.path, n_features=n_features, zero_based=False, offset=start, length=step, dtype=dtype
                )
            done += min(step, file.n_bytes - start)
            if progress is not None:
                progress(done, total)
            # The format does not tell integers from floats.
            yield X, y.astype(np.int64) if (y == np.floor(y)).all() else y
