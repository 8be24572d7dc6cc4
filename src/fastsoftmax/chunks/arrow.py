"""Chunks of what Arrow has in memory, in memory maps or in its datasets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .paths import CHUNK_BYTES
from .tables import Columns, Parts


@dataclass(frozen=True)
class ArrowChunks:
    """Fragments of a dataset, or slices of a table."""

    parts: tuple[Any, ...]
    columns: Columns
    n_features: int

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> Parts:
        return self.columns.of("dataset", _table(self.parts[index], self.columns))

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, if it has any."""
        return self.columns.feature_names

    def name_of(self, index: int) -> str:
        """Return the file of a fragment, or the rows of a slice."""
        part = self.parts[index]
        return f"rows {part[1]} to {part[2] - 1}" if isinstance(part, tuple) else f"fragment {index}, {part.path}"


def from_arrow_dataset(
    dataset: Any,
    target: str | Sequence[str],
    *,
    features: str | Sequence[str] | None = None,
    sample_weight: str | None = None,
    offset: str | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> ArrowChunks:
    """Return chunks of a `pyarrow.dataset.Dataset`, a `pyarrow.Table` or a `datasets.Dataset` of Hugging Face.

    Rows are read in Arrow's columns, never one by one. Of a dataset in Parquet files, a chunk is a row group.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset, pyarrow.Table or datasets.Dataset
    target, features, sample_weight, offset
        As in `from_parquet`.
    chunk_bytes : int
        Tables are read in parts of about so many bytes, at eight a number.

    Raises
    ------
    ValueError
        If the dataset is of another type, is empty or lacks a column. When a chunk is read, if a value is missing or is
        no number.
    """
    if hasattr(dataset, "get_fragments"):
        schema, parts = dataset.schema, _fragments(dataset)
    elif hasattr(dataset, "column_names") and hasattr(dataset, "num_rows"):
        schema = dataset.features.arrow_schema if hasattr(dataset, "features") else dataset.schema
        parts = [(dataset, 0, min(1, dataset.num_rows))]
    else:
        raise ValueError(f"dataset must be a dataset or a table of Arrow, found {type(dataset).__name__}")
    columns = Columns.choose("dataset", schema, schema.names, target, features, sample_weight, offset)
    shapes = (np.shape(columns.of("dataset", _table(part, columns))[0]) for part in parts)
    first = next((shape for shape in shapes if shape[0]), None)
    if first is None:
        raise ValueError("dataset must have rows, found none")
    if isinstance(parts[0], tuple):
        step = max(1, chunk_bytes // (8 * first[1]))
        n_rows = dataset.num_rows
        parts = [(dataset, start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
    return ArrowChunks(tuple(parts), columns, int(first[1]))


def _fragments(dataset: Any) -> list[Any]:
    fragments: list[Any] = []
    for fragment in dataset.get_fragments():
        fragments += fragment.split_by_row_group() if hasattr(fragment, "split_by_row_group") else [fragment]
    return [fragment for fragment in fragments if fragment.count_rows()]


def _table(part: Any, columns: Columns) -> Any:
    if not isinstance(part, tuple):
        return part.to_table(columns=columns.names)
    table, start, stop = part
    if hasattr(table, "with_format"):  # Hugging Face's, whose own format makes Python objects of rows
        return table.with_format("arrow")[start:stop].select(columns.names)
    return table.select(columns.names).slice(start, stop - start)
