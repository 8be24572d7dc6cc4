"""Columns and arrays as files hold them, turned into features and labels; every refusal names the place."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .features import is_served

if TYPE_CHECKING:
    import pyarrow as pa

# The most names that a message lists.
LISTED = 12


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise ValueError if a column has no name, or the name of another."""
    if "" in names:
        raise ValueError(
            f"column {names.index('') + 1} of {path} has no name; if it is an index that pandas "
            "wrote, write the file with index=False"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {twice[0]!r}")


def target_column(path: Path, table: "pa.Table", target: str | None) -> NDArray[Any]:
    """Labels in a column of a table."""
    import pyarrow as pa
    import pyarrow.compute

    names = table.column_names
    if target is None:
        raise ValueError(f"{path} needs a target, one of its columns: {listed(names)}")
    if target not in names:
        raise ValueError(
            f"{path} has no target column {target!r}{suggestion(target, names)}; its columns are {listed(names)}"
        )
    name = f"target column {target!r} of {path}"
    column = table[target]
    _refuse_missing(name, pyarrow.compute.is_null(column, nan_is_null=True).to_numpy())
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist(), dtype=str)
    if not _is_number(column.type):
        raise ValueError(f"{name} must hold text, whole numbers or booleans, found {column.type}")
    return as_labels(name, column.to_numpy())


def feature_columns(
    path: Path, names: Sequence[str], target: str | None, wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Names of the features: those wanted, or all but the target."""
    if wanted is None:
        features = tuple(name for name in names if name != target)
        if not features:
            raise ValueError(f"{path} has no feature columns, only {listed(names)}")
        return features
    present = set(names)
    missing = [name for name in wanted if name not in present]
    if len(missing) == 1:
        hint = suggestion(missing[0], names)
        raise ValueError(f"{path} has no column {missing[0]!r}{hint}, a feature of the model")
    if missing:
        raise ValueError(f"{path} lacks {len(missing)} of the {len(wanted)} features of the model: {listed(missing)}")
    return wanted


def feature_matrix(path: Path, table: "pa.Table", features: Sequence[str]) -> NDArray[Any]:
    """Columns of a table as a matrix: of the type that all of them have if X may be of it, else float64."""
    import pyarrow as pa

    kinds = {table[name].type for name in features}
    served = {pa.float32(): np.float32, pa.float16(): np.float16, pa.uint8(): np.uint8, pa.int8(): np.int8}
    X = np.empty(
        (table.num_rows, len(features)), dtype=served.get(kinds.pop(), np.float64) if len(kinds) == 1 else float
    )
    for j, name in enumerate(features):
        X[:, j] = _feature(f"feature column {name!r} of {path}", table[name])
    return X


def _feature(name: str, column: "pa.ChunkedArray") -> NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute

    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if not _is_number(column.type) and not pa.types.is_null(column.type):
        example = column.drop_null().slice(0, 1).to_pylist()
        found = f"{column.type}, such as {example[0]!r}" if example else str(column.type)
        raise ValueError(f"{name} must hold numbers, found {found}")
    _refuse_missing(name, pyarrow.compute.is_null(column, nan_is_null=True).to_numpy())
    values = column.to_numpy()
    _refuse_infinite(name, values)
    return values


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def as_features(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return a matrix of finite numbers: of the types that X may have as it is, of others as float64."""
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a matrix of numbers, found shape {values.shape}, dtype {values.dtype}")
    if 0 in values.shape:
        raise ValueError(f"{name} must not be empty, found shape {values.shape}")
    X = values if is_served(values.dtype) and values.dtype != np.bool_ else values.astype(np.float64)
    if X.dtype.kind == "f":
        # In blocks: the file may be larger than memory.
        for start in range(0, len(X), 1024):
            bad = np.argwhere(~np.isfinite(X[start : start + 1024]))
            if len(bad):
                row, j = int(bad[0][0]) + start, int(bad[0][1])
                found = "a missing value (NaN)" if np.isnan(X[row, j]) else "an infinite value"
                raise ValueError(f"{name} has {found} in row {row + 1}, column {j + 1}")
    return X


def as_labels(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return labels as booleans, int64, float64 or strings, none of them missing."""
    kind = values.dtype.kind
    if kind not in "biufU":
        raise ValueError(f"{name} must hold text, whole numbers or booleans, found {values.dtype}")
    if kind == "f":
        _refuse_missing(name, np.isnan(values))
        _refuse_infinite(name, values)
        fractional = np.flatnonzero(values % 1)
        if len(fractional):
            first = fractional[0]
            raise ValueError(
                f"{name} must hold text, whole numbers or booleans, found {values[first].item()!r} in row {first + 1}"
            )
        return values.astype(np.float64, copy=False)
    if kind == "u" and values.max(initial=0) > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {values.max()}, which is larger than labels may be")
    return values.astype(np.int64, copy=False) if kind in "iu" else values


def _refuse_missing(name: str, missing: NDArray[np.bool_]) -> None:
    count = np.count_nonzero(missing)
    if count:
        values = "1 missing value, in" if count == 1 else f"{count} missing values, the first in"
        raise ValueError(f"{name} has {values} row {np.argmax(missing) + 1} of {len(missing)}")


def _refuse_infinite(name: str, values: NDArray[Any]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(f"{name} has an infinite value in row {np.argmin(finite) + 1} of {len(values)}")


def listed(values: Iterable[object]) -> str:
    """Names or labels as Python writes them, the first of them if they are many."""
    names = list(values)
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(repr, names[:LISTED])) + rest


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return what `name` may have been meant to be, in brackets, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
