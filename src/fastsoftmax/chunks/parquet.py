"""Chunks of Parquet files: row groups, of which only the named columns are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..files.columns import readable_as
from ..leaves.room import Allocate
from .paths import CHUNK_BYTES, Paths, Source, sources_of
from .tables import Columns, Parts


class Groups(NamedTuple):
    """Some row groups of a file, which make a chunk."""

    source: Source
    first: int
    end: int
    n_rows: int


@dataclass(frozen=True)
class ParquetChunks:
    """Row groups of files."""

    groups: tuple[Groups, ...]
    columns: Columns
    n_features: int

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> Parts:
        return self.read(index)

    def read(self, index: int, allocate: Allocate = np.empty) -> Parts:
        """Return a chunk, in memory as it is given."""
        source, first, end, n_rows = self.groups[index]
        return _read(source, range(first, end), n_rows, self.columns, allocate)

    @property
    def n_samples(self) -> int:
        """Rows of all chunks."""
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each chunk."""
        return tuple(groups.n_rows for groups in self.groups)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, if it has any."""
        return self.columns.feature_names

    def name_of(self, index: int) -> str:
        """Return the file, and its row groups."""
        source, first, end, _ = self.groups[index]
        return f"{source.path}, row groups {first} to {end - 1}"


def from_parquet(
    source: Paths,
    target: str | Sequence[str],
    *,
    features: str | Sequence[str] | None = None,
    sample_weight: str | None = None,
    offset: str | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> ParquetChunks:
    """Return chunks of Parquet files; a chunk is a row group, or several small ones.

    Parameters
    ----------
    source : path, list of paths, folder, or pattern such as ``"data/*.parquet"``
        In the order of the list, or of names. The order of columns may differ from file to file.
    target : str or sequence of str
        The column of labels, or a column of probabilities or counts for each class.
    features : str or sequence of str, optional
        Columns of numbers, in this order, or one column of lists of the same length; all others by default.
    sample_weight, offset : str, optional
        Columns; an offset is added to the logit of a family of one output.
    chunk_bytes : int
        Small row groups are joined up to about so many bytes.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If a file is not of this format, or lacks a column, or has one that the first file has not. When a chunk is
        read, if the file is damaged or has changed, or a value is missing or is no number.
    """
    sources = sources_of("source", source, (".parquet", ".pq"))
    groups: list[Groups] = []
    columns, kinds = None, None
    for file in sources:
        metadata, schema, names = _look(file)
        if columns is None:
            columns = Columns.choose(file.path, schema, names, target, features, sample_weight, offset)
        columns.check(file.path, names)
        others = sorted(set(names) - set(columns.names)) if features is None else []
        if others:
            raise ValueError(f"{file.path} has a column {others[0]!r}, which {sources[0].path} has not")
        found = {name: schema.field(name).type for name in columns.names}
        kinds = kinds or (found if metadata.num_rows else None)
        for name, kind in found.items():
            if kinds and metadata.num_rows and kind != kinds[name]:
                raise ValueError(
                    f"column {name!r} of {file.path} must be of {kinds[name]}, as in {sources[0].path}, found {kind}"
                )
        groups += _grouped(file, metadata, chunk_bytes)
    assert columns is not None
    n_features = len(columns.features)
    if columns.are_lists and groups:
        n_features = np.shape(_read(groups[0].source, range(groups[0].first, groups[0].end), 0, columns)[0])[1]
    return ParquetChunks(tuple(groups), columns, n_features)


def _look(file: Source) -> tuple[Any, Any, list[str]]:
    """Return the metadata of a file, its schema, and the names of its columns without the index that pandas stores."""
    import pyarrow.parquet

    with readable_as("Parquet", file.path), pyarrow.parquet.ParquetFile(file.path) as opened:
        schema = opened.schema_arrow
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        return opened.metadata, schema, [name for name in schema.names if name not in index]


def _grouped(file: Source, metadata: Any, chunk_bytes: int) -> Iterator[Groups]:
    first, n_rows, n_bytes = 0, 0, 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        if n_rows and n_bytes + row_group.total_byte_size > chunk_bytes:
            yield Groups(file, first, group, n_rows)
            first, n_rows, n_bytes = group, 0, 0
        n_rows += row_group.num_rows
        n_bytes += row_group.total_byte_size
    if n_rows:
        yield Groups(file, first, metadata.num_row_groups, n_rows)


def _read(file: Source, groups: range, n_rows: int, columns: Columns, allocate: Allocate = np.empty) -> Parts:
    """Read row groups batch by batch: a table of them beside X would be as large again. Read nothing for 0 rows."""
    import pyarrow as pa
    import pyarrow.parquet

    path = file.check()
    out: list[NDArray[Any] | None] = []
    start = 0
    with (
        readable_as("Parquet", path),
        pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as opened,
    ):
        for batch in opened.iter_batches(row_groups=list(groups), columns=columns.names):
            parts = columns.of(path, pa.Table.from_batches([batch]))
            out = out or [None if part is None else allocate((n_rows, *part.shape[1:]), part.dtype) for part in parts]
            if not n_rows:
                break
            for whole, part in zip(out, parts, strict=True):
                if whole is not None and part is not None:
                    whole[start : start + len(part)] = part
            start += batch.num_rows
    if start != n_rows:
        raise ValueError(f"{path} must have {n_rows} rows in these row groups, found {start}")
    X, y, weight, offset = out
    assert X is not None
    assert y is not None
    return X, y, weight, offset
