"""Turn columns and arrays from files into features and labels; every error names the file and the place in it."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.features import is_served

if TYPE_CHECKING:
    import pyarrow as pa

# A message lists at most 12 names, and at most 60 letters of each.
LISTED, LETTERS = 12, 60

# From 2⁵³ on, float64 no longer represents every whole number.
FIRST_ROUNDED = 2**53


def check_names(path: object, names: Sequence[str]) -> None:
    """Raise ValueError if a column has no name, or if two columns have the same name."""
    if "" in names and names.index("") == len(names) - 1:
        raise ValueError(
            f"the last column of {path}, column {len(names)}, has no name; if lines end in a delimiter, leave it out "
            "(--drop '')"
        )
    if "" in names:
        raise ValueError(
            f"column {names.index('') + 1} of {path} has no name; if it is an index that pandas "
            "wrote, write the file with index=False, or leave it out (--drop '')"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {twice[0]!r}; rename one, or leave both out (--drop)")


def check_target(path: Path, names: Sequence[str], target: str | None) -> None:
    """Raise ValueError if no target is named, or if there is no such column."""
    if target is None:
        raise ValueError(f"{path} needs a target, one of its columns: {listed(names)}")
    if target not in names:
        raise ValueError(
            f"{path} has no target column {target!r}{suggestion(target, names)}; its columns are {listed(names)}"
        )


def target_column(path: Path, table: "pa.Table", target: str | None, numeric: bool = False) -> NDArray[Any]:
    """Labels from the target column of a table, or numbers."""
    import pyarrow as pa
    import pyarrow.compute

    check_target(path, table.column_names, target)
    name = f"target column {target!r} of {path}"
    column = table[target]
    missing = pyarrow.compute.is_null(column, nan_is_null=True).to_numpy()
    refuse_missing(name, missing, "; leave such rows out of the file")
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is_text(kind) and not numeric:
        return as_texts(name, _texts(column))
    if not _is_number(kind):
        wanted = "numbers" if numeric else "text, whole numbers or booleans"
        raise ValueError(f"{name} must hold {wanted}, found {kind}")
    return as_target(name, column.cast(kind).to_numpy(), numeric)


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _texts(column: "pa.ChunkedArray") -> Iterator[str]:
    """Yield the strings of a column; equal strings of a chunk are one object."""
    import pyarrow as pa

    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        yield from map(words.__getitem__, encoded.indices.to_numpy())


def feature_columns(
    path: Path, names: Sequence[str], target: str | None, wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Names of the features: the wanted ones, or all but the target."""
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
    """Columns of a table as a matrix: of their dtype if all have the same and X may have it, else float64."""
    import pyarrow as pa
    import pyarrow.compute

    kinds = {table[name].type for name in features}
    served = {pa.float32(): np.float32, pa.float16(): np.float16, pa.uint8(): np.uint8, pa.int8(): np.int8}
    X = np.empty(
        (table.num_rows, len(features)), dtype=served.get(kinds.pop(), np.float64) if len(kinds) == 1 else float
    )
    for j, name in enumerate(features):
        place = f"feature column {name!r} of {path}"
        values = column_numbers(place, table[name])
        refuse_missing(place, pyarrow.compute.is_null(table[name], nan_is_null=True).to_numpy())
        refuse_infinite(place, values)
        X[:, j] = values
    return X


def column_numbers(name: str, column: "pa.ChunkedArray") -> NDArray[Any]:
    """Return a column of numbers or booleans, with NaN where a cell is missing; raise ValueError for any other."""
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if not _is_number(column.type) and not pa.types.is_null(column.type):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        example = column.drop_null().slice(0, 1).to_pylist()
        raise ValueError(f"{name} must hold numbers, found {kind}{f', such as {shown(example[0])}' if example else ''}")
    if column.null_count:
        column = column.cast(pa.float64())
    return column.to_numpy()


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def check_matrix(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise ValueError if an array is not a matrix of numbers, or is empty."""
    if len(shape) != 2 or dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a matrix of numbers, found shape {shape}, dtype {dtype}")
    if 0 in shape:
        raise ValueError(f"{name} must not be empty, found shape {shape}")


def as_features(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return a matrix of finite numbers: itself if X may have its dtype, else a float64 copy."""
    check_matrix(name, values.shape, values.dtype)
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


def check_labels(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], n_samples: int) -> None:
    """Raise ValueError if an array does not hold one label for each of n_samples samples."""
    if shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), a label for each row of X, found {shape}")
    if dtype.kind not in "biufU":
        raise ValueError(f"{name} must hold text, whole numbers or booleans, found {dtype}")


def as_target(name: str, values: NDArray[Any], numeric: bool) -> NDArray[Any]:
    """Return labels as `as_labels` does, or finite float64 numbers."""
    if not numeric:
        return as_labels(name, values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, found dtype {values.dtype}")
    numbers = values.astype(np.float64)
    refuse_missing(name, np.isnan(numbers))
    refuse_infinite(name, numbers)
    return numbers


def as_labels(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return labels as booleans, int64, float64 or strings; raise ValueError if one is missing or would be rounded."""
    kind = values.dtype.kind
    if kind == "U":
        with readable_as("text", name):
            texts = values.tolist()
        return as_texts(name, texts)
    if kind == "f":
        refuse_missing(name, np.isnan(values))
        refuse_infinite(name, values)
        fractional = np.flatnonzero(values % 1)
        if len(fractional):
            first = fractional[0]
            raise ValueError(
                f"{name} must hold text, whole numbers or booleans, found {values[first].item()!r} in row {first + 1}"
            )
        rounded = np.flatnonzero(np.abs(values) >= FIRST_ROUNDED)
        if len(rounded):
            first = rounded[0]
            raise ValueError(
                f"{name} must hold text, or whole numbers below 2**53 (larger ones are rounded, which makes different "
                f"labels equal), found {float(values[first])!r} in row {first + 1}"
            )
        return values.astype(np.float64, copy=False)
    if kind == "u" and values.max(initial=0) > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {values.max()}, which is larger than labels may be")
    return values.astype(np.int64, copy=False) if kind in "iu" else values


def as_texts(name: str, texts: Iterable[str | None]) -> NDArray[np.object_]:
    """Return strings as an array of objects; equal strings are one object.

    NumPy's own strings are all as long as the longest: one long label would need its length for every sample.
    """
    distinct: dict[str | None, str | None] = {}
    values = [distinct.setdefault(text, text) for text in texts]
    if None in distinct:
        refuse_missing(name, np.array([text is None for text in values]))
    for text in distinct:
        if not isinstance(text, str):
            raise ValueError(f"{name} must hold strings, found {shown(text)}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} must hold text that UTF-8 can write, found {shown(text)}") from error
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    return labels


def refuse_missing(name: str, missing: NDArray[np.bool_], remedy: str = "") -> None:
    """Raise ValueError if a value is missing; the message ends with what helps."""
    count = np.count_nonzero(missing)
    if count:
        values = "1 missing value, in" if count == 1 else f"{count} missing values, the first in"
        raise ValueError(f"{name} has {values} row {np.argmax(missing) + 1} of {len(missing)}{remedy}")


def refuse_infinite(name: str, values: NDArray[Any]) -> None:
    """Raise ValueError if a value is infinite."""
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(f"{name} has an infinite value in row {np.argmin(finite) + 1} of {len(values)}")


def listed(values: Iterable[object]) -> str:
    """Names or labels as Python writes them, separated by commas; the first LISTED if there are more."""
    names = list(values)
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(shown, names[:LISTED])) + rest


def shown(value: object) -> str:
    """Return a value as Python writes it, cut to LETTERS letters."""
    text = repr(value)
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}… ({len(text)} letters)"


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a hint to the most similar of `names`, in brackets, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def physical_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def readable_as(kind: str, place: object) -> Iterator[None]:
    """Turn the error of a reader about a damaged file into a ValueError that names the place."""
    try:
        yield
    except (MemoryError, KeyboardInterrupt, ImportError):
        raise
    # Damaged files make the readers raise nearly anything: BadZipFile, zlib.error, EOFError, OverflowError.
    except Exception as error:
        reason = str(error) or type(error).__name__
        if kind == "svmlight" and "Invalid index 0" in reason:
            reason = "it has a feature 0, but features are counted from 1"
        raise ValueError(f"{place} cannot be read as {kind}: {reason}") from error
