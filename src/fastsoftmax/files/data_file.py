"""Tables in files: features and a target to fit on, and predictions to write."""

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..data.features import bind_features
from .atomic import atomic_path, check_source
from .columns import (
    as_features,
    as_labels,
    as_texts,
    check_labels,
    check_matrix,
    check_names,
    feature_columns,
    feature_matrix,
    listed,
    physical_memory,
    readable_as,
    target_column,
)
from .npz_file import NpzFile, read_header
from .outputs import Kind

# A sparse matrix in a .npz file, by the names that SciPy gives its parts.
CSR_ARRAYS = ("data", "indices", "indptr", "shape")

# Names of the columns of predictions: the class, and before each class its probability.
PREDICTION, PROBABILITY = "prediction", "probability_"


@dataclass(frozen=True, eq=False)
class Table:
    """What a data file holds.

    Attributes
    ----------
    X : ndarray or scipy.sparse.csr_matrix of shape (n_samples, n_features)
        Of a type that `fit` reads as it is.
    feature_names : tuple of str, optional
        Where the file has names for its columns.
    y : ndarray of shape (n_samples,), optional
        Booleans, int64, float64, or strings as objects.
    """

    X: Any
    feature_names: tuple[str, ...] | None = None
    y: NDArray[Any] | None = None


class Wanted(NamedTuple):
    """What to take from a file; as the arguments of `read_table`."""

    target: str | None
    labelled: bool
    feature_names: tuple[str, ...] | None
    n_features: int | None


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    labelled: bool = True,
    feature_names: tuple[str, ...] | None = None,
    n_features: int | None = None,
) -> Table:
    """Read features and target from a .csv, .parquet, .npz, .npy or .svm file.

    Parameters
    ----------
    path : path
    target : str, optional
        Where the labels are. In .csv and .parquet, a column; it has to be given. In .npz, an array, "y" by
        default; the features are in "X", or sparse in "data", "indices", "indptr" and "shape", as SciPy's `save_npz`
        names them. A .npy file, which is read as it is needed and may be larger than memory, has the features alone,
        and the target is a .npy file of its own. In .svm, .svmlight and .libsvm, each line starts with its label.
    labelled : bool
        False leaves the labels out: they need not be there.
    feature_names : tuple of str, optional
        Columns to pick, in this order, where columns have names; all but the target by default.
    n_features : int, optional
        How many features there have to be.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If the file cannot be read as what its name says it is, or does not hold what is wanted.
    """
    source = check_source(path)
    reader = READERS.get(source.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} must end in one of {', '.join(READERS)}; found {source.suffix!r}")
    table = reader(source, Wanted(target, labelled, feature_names, n_features))
    _check_count(source, n_features, table.X.shape[1])
    return table


def _check_count(path: Path, n_features: int | None, found: int) -> None:
    if n_features is not None and found != n_features:
        raise ValueError(f"{path} must have {n_features} features, as the model has, found {found}")


def write_table(path: str | os.PathLike[str], columns: dict[str, NDArray[Any]]) -> None:
    """Write columns of equal length to a .csv or .parquet file, whole or not at all.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    OSError
        If the file cannot be written there.
    """
    suffix = check_table_suffix(path)
    with atomic_path(path) as temporary:
        if suffix == ".csv":
            with temporary.open("wb") as stream:
                write_csv(stream, columns)
        else:
            import pyarrow.parquet

            # Without Arrow's own schema: readers are to see text, not how it was held here.
            pyarrow.parquet.write_table(_as_arrow(columns), temporary, store_schema=False)


def check_table_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file that `write_table` can write, or raise ValueError."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} must end in .csv or .parquet, found {suffix!r}")
    return suffix


def holds_predictions(path: str | os.PathLike[str]) -> bool:
    """Whether a file, by its suffix .csv or .parquet, has the columns that `predict` writes."""
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with readable_as("a table", path):
            csv_file = check_table_suffix(path) == ".csv"
            names = (pyarrow.csv.open_csv(path).schema if csv_file else pyarrow.parquet.read_schema(path)).names
    except ValueError:
        return False
    return names[:1] == [PREDICTION] and all(name.startswith(PROBABILITY) for name in names[1:])


PREDICTIONS = Kind("predictions that fastsoftmax wrote", holds_predictions)


def write_csv(stream: BinaryIO, columns: dict[str, NDArray[Any]]) -> None:
    """Write columns of equal length as CSV with a header, in UTF-8."""
    import pyarrow.csv

    header = io.StringIO()
    # pyarrow would put every name in quotes, needed or not.
    csv.writer(header, lineterminator="\n").writerow(columns)
    table = _as_arrow(columns)
    stream.write(header.getvalue().encode())
    pyarrow.csv.write_csv(table, stream, pyarrow.csv.WriteOptions(include_header=False))


def _as_arrow(columns: dict[str, NDArray[Any]]) -> Any:
    """Columns as a pyarrow table, which holds each text once."""
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        if values.dtype == object:
            position = {text: k for k, text in enumerate(dict.fromkeys(values))}
            codes = np.fromiter(map(position.__getitem__, values), np.int32, len(values))
            arrays[name] = pa.DictionaryArray.from_arrays(codes, pa.array(list(position)))
        else:
            arrays[name] = pa.array(values)
    return pa.table(arrays)


def _read_csv(path: Path, wanted: Wanted) -> Table:
    import pyarrow.csv

    # An empty field and NA are missing values; in quotes they are text.
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    with readable_as("CSV", path):
        table = pyarrow.csv.read_csv(path, convert_options=options)
        names = table.column_names
    return _from_columns(path, table, names, wanted)


def _read_parquet(path: Path, wanted: Wanted) -> Table:
    import pyarrow.parquet

    with readable_as("Parquet", path):
        # Text as a dictionary, as the file has it: written out, a text that occurs often may not fit in memory.
        names = pyarrow.parquet.read_schema(path).names
        table = pyarrow.parquet.read_table(path, read_dictionary=names, page_checksum_verification=True)
        table.validate(full=True)
        # pandas stores its index as a column; it numbers the rows and says nothing about them.
        index = (table.schema.pandas_metadata or {}).get("index_columns", [])
        names = [name for name in table.column_names if name not in index or name == wanted.target]
    return _from_columns(path, table, names, wanted)


def _from_columns(path: Path, table: Any, names: list[str], wanted: Wanted) -> Table:
    """Features and target among the named columns of a pyarrow table."""
    check_names(path, names)
    if table.num_rows == 0:
        raise ValueError(f"{path} has no rows, only the columns {listed(names)}")
    table = table.select(names)
    y = target_column(path, table, wanted.target) if wanted.labelled else None
    target = wanted.target if wanted.labelled else None
    features = feature_columns(path, names, target, wanted.feature_names)
    # Before the columns are looked at: what is wrong with one too many is that it is there.
    _check_count(path, wanted.n_features, len(features))
    return Table(feature_matrix(path, table, features), features, y)


def _read_npz(path: Path, wanted: Wanted) -> Table:
    with path.open("rb") as stream:
        file = NpzFile(path, stream)
        X = _npz_features(file)
        return Table(X, None, _npz_labels(file, wanted.target or "y", X.shape[0]) if wanted.labelled else None)


def _npz_features(file: NpzFile) -> Any:
    role = "the features"
    if "X" in file or any(name not in file for name in CSR_ARRAYS):
        check_matrix(file.name("X"), *file.header("X", role))
        return as_features(file.name("X"), file.read("X", role))
    for name in CSR_ARRAYS:
        header = file.header(name, role)
        if len(header.shape) != 1 or header.dtype.kind not in "biuf":
            raise ValueError(
                f"{file.name(name)} must be a vector of numbers, found shape {header.shape}, dtype {header.dtype}"
            )
    if "format" in file and (form := _npz_format(file)) != "csr":
        raise ValueError(f"{file.path} must hold a CSR matrix, found one of format {form!r}; write X.tocsr()")
    data, indices, indptr, shape = (file.read(name, role) for name in CSR_ARRAYS)
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 1).any():
        raise ValueError(f"{file.name('shape')} must be two positive numbers, found [{listed(shape.tolist())}]")
    if len(indptr) != shape[0] + 1:
        raise ValueError(
            f"{file.name('indptr')} must have {shape[0] + 1} entries for {shape[0]} rows, found {len(indptr)}"
        )
    _check_width(file.path, shape[1])
    X = csr_matrix(tuple(shape.tolist()), dtype=data.dtype if data.dtype.kind in "iuf" else np.float64)
    X.data, X.indices, X.indptr = data, indices, indptr
    try:
        bind_features(X).check_finite("X")
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None
    return X


def _npz_format(file: NpzFile) -> str:
    """Return the word by which SciPy names a sparse format."""
    shape, dtype = file.header("format", "the sparse format")
    if shape != () or dtype.kind not in "SU":
        raise ValueError(f"{file.name('format')} must be a word, found shape {shape}, dtype {dtype}")
    with readable_as("NPZ", file.name("format")):
        return str(file.read("format", "the sparse format").astype(str))


def _npz_labels(file: NpzFile, target: str, n_samples: int) -> NDArray[Any]:
    name = file.name(target)
    shape, dtype = file.header(target, "the target")
    check_labels(name, shape, dtype, n_samples)
    return as_texts(name, file.texts(target)) if dtype.kind == "U" else as_labels(name, file.read(target, "the target"))


def _read_npy(path: Path, wanted: Wanted) -> Table:
    X = as_features(f"the array of {path}", _mapped(path))
    if not wanted.labelled:
        return Table(X)
    if wanted.target is None or Path(wanted.target).suffix.lower() != ".npy":
        raise ValueError(f"the target of {path} must be a .npy file with a label for each row, found {wanted.target!r}")
    target = check_source(wanted.target)
    labels = _mapped(target)
    check_labels(f"the array of {target}", labels.shape, labels.dtype, X.shape[0])
    return Table(X, None, np.array(as_labels(f"the array of {target}", labels)))


def _mapped(path: Path) -> NDArray[Any]:
    with readable_as("NPY", path):
        if is_zipfile(path):
            raise ValueError("it holds several arrays, as a .npz file does")
        with path.open("rb") as stream:
            read_header(stream)
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_svmlight(path: Path, wanted: Wanted) -> Table:
    from sklearn.datasets import load_svmlight_file

    if wanted.target not in (None, "label"):
        raise ValueError(
            f"the target of {path} is the label that each line starts with; leave target out, found {wanted.target!r}"
        )
    with readable_as("svmlight", path):
        # The format counts features from one. To guess it from the indices that occur could shift the
        # features of one file against those of another.
        X, y = load_svmlight_file(path, n_features=wanted.n_features, zero_based=False)
    if not X.shape[0]:
        raise ValueError(f"{path} has no rows")
    _check_width(path, X.shape[1])
    if not np.isfinite(X.data).all():
        bad = np.argmin(np.isfinite(X.data))
        row = np.searchsorted(X.indptr, bad, side="right")
        found = "a missing value (NaN)" if np.isnan(X.data[bad]) else "an infinite value"
        raise ValueError(f"the matrix of {path} has {found} in row {row}, column {X.indices[bad] + 1}")
    if not wanted.labelled:
        return Table(X)
    labels = as_labels(f"the labels of {path}", y)
    # The format writes integers and floats alike, and these are small enough to be the same in both.
    return Table(X, None, labels.astype(np.int64))


def _check_width(path: Path, n_features: int) -> None:
    """Raise ValueError if a sparse matrix, whose width costs nothing, has too many features for a fit."""
    needed, limit = 2 * int(n_features) * np.dtype(np.float64).itemsize, memory_limit()
    if needed > limit:
        raise ValueError(
            f"{path} has {n_features} features: the parameters of two classes alone would take "
            f"{needed / 2**30:.1f} GiB, more than half of this machine's memory, {limit / 2**30:.1f} GiB"
        )


def memory_limit() -> int:
    """Bytes that a matrix may take: half of the machine's memory."""
    return physical_memory() // 2


READERS: dict[str, Callable[[Path, Wanted], Table]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".svm": _read_svmlight,
    ".svmlight": _read_svmlight,
    ".libsvm": _read_svmlight,
}
