"""Tables of Arrow, and frames of other libraries as such tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .columns import column_numbers
from .source import Column, Survey

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowSource:
    """A table of Arrow in memory. A column of lists of one length d stands for the columns name[0] to name[d − 1].

    Parameters
    ----------
    path : path or str
        For messages.
    table : pyarrow.Table
    """

    def __init__(self, path: Any, table: "pa.Table") -> None:
        self.path, self.has_types = path, True
        self.table, self.members = _without_lists(path, table)
        self.names: Sequence[str] = self.table.column_names

    def survey(self, names: Sequence[str]) -> Survey:
        """Return the type of each named column, what is missing, and the number of rows."""
        return Survey(self.table.num_rows, {name: _column(self.table[name]) for name in names})

    def batches(self, survey: Survey, names: Sequence[str]) -> Iterator["pa.Table"]:
        """Yield the named columns, all rows at once."""
        yield self.table.select(list(names))


def _without_lists(place: Any, table: "pa.Table") -> tuple["pa.Table", dict[str, tuple[str, ...]]]:
    """Return a table with a column for each place of a list, and the names of these."""
    import pyarrow as pa

    if not any(is_list(field.type) for field in table.schema):
        return table, {}
    columns: list[Any] = []
    names: list[str] = []
    members: dict[str, tuple[str, ...]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not is_list(column.type):
            columns.append(column)
            names.append(name)
            continue
        values = list_matrix(f"column {name!r} of {place}", column)
        members[name] = tuple(f"{name}[{i}]" for i in range(values.shape[1]))
        columns += [pa.array(np.ascontiguousarray(part)) for part in values.T]
        names += members[name]
    return pa.table(columns, names), members


def is_list(kind: "pa.DataType") -> bool:
    """Whether values are lists."""
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))


def list_matrix(place: str, column: "pa.ChunkedArray") -> NDArray[Any]:
    """Return lists of one length as rows; raise ValueError if they are not, or hold other than numbers."""
    import pyarrow as pa
    import pyarrow.compute

    array = (
        column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    )
    lengths = pyarrow.compute.list_value_length(array).fill_null(-1).to_numpy(zero_copy_only=False)
    if len(lengths) and (lengths != lengths[0]).any():
        row = int(np.argmax(lengths != lengths[0]))
        first, other = ("none" if length < 0 else f"one of {length}" for length in (lengths[0], lengths[row]))
        raise ValueError(f"{place} must hold lists of one length, found {first} in row 1 and {other} in row {row + 1}")
    values = array.flatten()
    if values.null_count:
        row = pyarrow.compute.index(values.is_null(), True).as_py() // max(1, int(lengths[0]))
        raise ValueError(f"{place} has a missing value in the list of row {row + 1}")
    return column_numbers(place, pa.chunked_array([values])).reshape(len(array), -1 if len(values) else 0)


def _column(column: "pa.ChunkedArray") -> Column:
    import pyarrow as pa
    import pyarrow.compute

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(column.type):
        kind = pa.string()
    missing = pyarrow.compute.is_null(column, nan_is_null=True) if column.type != pa.null() else column.is_null()
    example = column.drop_null().slice(0, 1).to_pylist()
    count = pyarrow.compute.sum(missing).as_py() or 0
    return Column(str(kind), count, example[0] if example else None)


def as_arrow(name: str, frame: Any) -> "pa.Table":
    """Return a table of pandas, polars, Arrow, DuckDB or whatever narwhals knows, or a matrix, as a table of Arrow.

    Columns of a matrix are named x0, x1, …

    Raises
    ------
    ValueError
        If it is no table, or a column holds values of several types.
    """
    try:
        import narwhals
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(f'tables of {name} need narwhals and pyarrow: pip install "fastsoftmax[tables]"') from error

    if hasattr(frame, "tocsr"):
        raise ValueError(f"{name} must be a table or a dense matrix; sparse input is not supported, pass X.toarray()")
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    try:
        native = narwhals.from_native(frame)
    except TypeError:
        return _of_matrix(name, frame)
    try:
        if isinstance(native, narwhals.LazyFrame):
            native = native.collect("pyarrow")
        for column in native.columns:
            if not isinstance(column, str):
                raise ValueError(f"{name} must have columns whose names are text, found {column!r}")
        # pandas's index would be one column more.
        return native.to_arrow().select(native.columns)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{name} must have columns of one type each: {'; '.join(map(str, error.args))}") from None


def _of_matrix(name: str, values: Any) -> "pa.Table":
    """Return the columns of a matrix; those of a matrix of objects are of the type of their cells."""
    import pyarrow as pa

    matrix = np.asarray(values)
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must be a table or a matrix, found shape {matrix.shape}. Expected 2D array: Reshape your data"
        )
    if matrix.dtype.kind == "c":
        raise ValueError(f"{name} must hold real numbers or text. Complex data not supported: {matrix.dtype}")
    names = [f"x{j}" for j in range(matrix.shape[1])]
    try:
        columns = [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in matrix.T]
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{name} must have columns of one type each: {'; '.join(map(str, error.args))}") from None
    return pa.table(columns, names)
