"""Tables in files: features and a target to fit on, and predictions to write."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ._columns import (
    as_features,
    as_labels,
    check_names,
    feature_columns,
    feature_matrix,
    listed,
    suggestion,
    target_column,
)
from .atomic import atomic_path, check_source
from .features import bind_features

# A sparse matrix in a .npz file, by the names that SciPy gives its parts.
CSR_ARRAYS = ("data", "indices", "indptr", "shape")


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
        Booleans, int64, float64 or strings.
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
            temporary.write_bytes(csv_bytes(columns))
        else:
            import pyarrow as pa
            import pyarrow.parquet

            pyarrow.parquet.write_table(pa.table(columns), temporary)


def check_table_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file that `write_table` can write, or raise ValueError."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} must end in .csv or .parquet, found {suffix!r}")
    return suffix


def csv_bytes(columns: dict[str, NDArray[Any]]) -> bytes:
    """Columns of equal length as CSV with a header, in UTF-8."""
    import pyarrow as pa
    import pyarrow.csv

    header = io.StringIO()
    # pyarrow would put every name in quotes, needed or not.
    csv.writer(header, lineterminator="\n").writerow(columns)
    body = pa.BufferOutputStream()
    pyarrow.csv.write_csv(pa.table(columns), body, pyarrow.csv.WriteOptions(include_header=False))
    return header.getvalue().encode() + body.getvalue().to_pybytes()


def _read_csv(path: Path, wanted: Wanted) -> Table:
    import pyarrow.csv

    # An empty field and NA are missing values; in quotes they are text.
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    with _readable_as("CSV", path):
        table = pyarrow.csv.read_csv(path, convert_options=options)
        names = table.column_names
    return _from_columns(path, table, names, wanted)


def _read_parquet(path: Path, wanted: Wanted) -> Table:
    import pyarrow.parquet

    with _readable_as("Parquet", path):
        table = pyarrow.parquet.read_table(path)
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
    # Opened here, because NumPy leaves a damaged file open.
    with path.open("rb") as stream:
        with _readable_as("NPZ", path):
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("it holds one array without a name, as a .npy file does")
        X = _npz_features(path, file)
        if not wanted.labelled:
            return Table(X)
        name = wanted.target or "y"
        y = as_labels(f"array {name!r} of {path}", _array(path, file, name, "the target"))
    _check_labels(f"array {name!r} of {path}", y, X)
    return Table(X, None, y)


def _npz_features(path: Path, file: Any) -> Any:
    if "X" in file or not set(CSR_ARRAYS) <= set(file):
        return as_features(f"array 'X' of {path}", _array(path, file, "X", "the features"))
    data, indices, indptr, shape = (_array(path, file, name, "the features") for name in CSR_ARRAYS)
    form = str(file["format"].astype(str)) if "format" in file else "csr"
    if form != "csr":
        raise ValueError(f"{path} must hold a CSR matrix, found one of format {form!r}; write X.tocsr()")
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 1).any():
        raise ValueError(f"array 'shape' of {path} must be two positive numbers, found {shape.tolist()}")
    X = csr_matrix(tuple(shape.tolist()), dtype=data.dtype if data.dtype.kind in "iuf" else np.float64)
    X.data, X.indices, X.indptr = data, indices, indptr
    try:
        bind_features(X).check_finite("X")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return X


def _read_npy(path: Path, wanted: Wanted) -> Table:
    X = as_features(f"the array of {path}", _mapped(path))
    if not wanted.labelled:
        return Table(X)
    if wanted.target is None or Path(wanted.target).suffix.lower() != ".npy":
        raise ValueError(f"the target of {path} must be a .npy file with a label for each row, found {wanted.target!r}")
    target = check_source(wanted.target)
    y = as_labels(f"the array of {target}", np.array(_mapped(target)))
    _check_labels(f"the array of {target}", y, X)
    return Table(X, None, y)


def _mapped(path: Path) -> NDArray[Any]:
    with _readable_as("NPY", path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it holds several arrays, as a .npz file does")
    return array


def _check_labels(name: str, y: NDArray[Any], X: Any) -> None:
    if y.shape != X.shape[:1]:
        raise ValueError(f"{name} must have shape ({X.shape[0]},), a label for each row of X, found {y.shape}")


def _array(path: Path, file: Any, name: str, role: str) -> NDArray[Any]:
    if name not in file:
        names = list(file)
        raise ValueError(
            f"{path} has no array {name!r} for {role}{suggestion(name, names)}; "
            f"its arrays are {listed(names) or 'none'}"
        )
    with _readable_as("NPZ", path):
        return file[name]


def _read_svmlight(path: Path, wanted: Wanted) -> Table:
    from sklearn.datasets import load_svmlight_file

    if wanted.target not in (None, "label"):
        raise ValueError(
            f"the target of {path} is the label that each line starts with; leave target out, found {wanted.target!r}"
        )
    with _readable_as("svmlight", path):
        # The format counts features from one. To guess it from the indices that occur could shift the
        # features of one file against those of another.
        X, y = load_svmlight_file(path, n_features=wanted.n_features, zero_based=False)
    if not X.shape[0]:
        raise ValueError(f"{path} has no rows")
    needed, limit = 2 * X.shape[1] * np.dtype(np.float64).itemsize, memory_limit()
    if needed > limit:
        raise ValueError(
            f"{path} has {X.shape[1]} features: the parameters of two classes alone would take "
            f"{needed / 2**30:.1f} GiB, more than half of this machine's memory, {limit / 2**30:.1f} GiB"
        )
    if not np.isfinite(X.data).all():
        bad = np.argmin(np.isfinite(X.data))
        row = np.searchsorted(X.indptr, bad, side="right")
        found = "a missing value (NaN)" if np.isnan(X.data[bad]) else "an infinite value"
        raise ValueError(f"the matrix of {path} has {found} in row {row}, column {X.indices[bad] + 1}")
    if not wanted.labelled:
        return Table(X)
    labels = as_labels(f"the labels of {path}", y)
    # The format writes integers and floats alike.
    return Table(X, None, labels.astype(np.int64))


def memory_limit() -> int:
    """Bytes that a matrix may take: half of the machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


@contextmanager
def _readable_as(kind: str, path: Path) -> Iterator[None]:
    """Turn what a reader raises about a damaged file into a ValueError that names it."""
    try:
        yield
    except (MemoryError, KeyboardInterrupt, ImportError):
        raise
    # Damaged files make the readers raise nearly anything: BadZipFile, zlib.error, EOFError, OverflowError.
    except Exception as error:
        reason = str(error) or type(error).__name__
        if kind == "svmlight" and "Invalid index 0" in reason:
            reason = "it has a feature 0, but features are counted from 1"
        raise ValueError(f"{path} cannot be read as {kind}: {reason}") from error


READERS: dict[str, Callable[[Path, Wanted], Table]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".svm": _read_svmlight,
    ".svmlight": _read_svmlight,
    ".libsvm": _read_svmlight,
}
