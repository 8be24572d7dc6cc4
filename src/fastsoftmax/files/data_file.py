"""Read tables of features and a target from files; write tables of predictions."""

import csv
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..data.features import bind_features
from .arrow_source import ArrowSource
from .atomic import atomic_path, check_source
from .columns import (
    as_features,
    as_target,
    as_texts,
    check_labels,
    check_matrix,
    check_names,
    listed,
    physical_memory,
    readable_as,
)
from .csv_file import COMPRESSIONS, CsvFile
from .npz_file import NpzFile, read_header
from .outputs import Kind
from .preprocessing import Preprocessing
from .reading import Reading
from .table import Table, Wanted, check_count, table_of

# The arrays of a sparse matrix in a .npz file, as SciPy names them.
CSR_ARRAYS = ("data", "indices", "indptr", "shape")

# Column names in a file of predictions: the predicted class, and the prefixes of each class's probability and of the
# likeliest classes.
PREDICTION, PROBABILITY, TOP = "prediction", "probability_", "top_"


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    labelled: bool = True,
    feature_names: tuple[str, ...] | None = None,
    n_features: int | None = None,
    numeric: bool = False,
    reading: Reading | None = None,
    preprocessing: Preprocessing | None = None,
    counts_from_zero: bool | None = None,
) -> Table:
    """Read features and target from a .csv, .tsv, .parquet, .npz, .npy or .svm file.

    Parameters
    ----------
    path : path
    target : str, optional
        Where the labels are. For .csv, .tsv and .parquet: the name of a column, required. For .npz: the name of an
        array, "y" by default, or the path of a .npy file; the features are in "X", or, if sparse, in "data", "indices",
        "indptr" and "shape", as SciPy's `save_npz` names them. For .npy, which holds the features only: the path of
        another .npy file, required; the features are memory-mapped and may be larger than memory. For .svm, .svmlight
        and .libsvm: None or "label", since each line starts with its label.
    labelled : bool
        If False, read no labels; the file need not hold any.
    feature_names : tuple of str, optional
        If the columns have names: those to read, in this order. By default all but the target.
    n_features : int, optional
        The number of features that the file must have.
    numeric : bool
        If True, the target holds numbers, which are read as float64, in the place of labels.
    reading : Reading, optional
        What is said of a table of named columns: which are features, and how a CSV file is written.
    preprocessing : Preprocessing, optional
        What a model does to the columns before they are features.
    counts_from_zero : bool, optional
        Whether a .svm file counts features from 0. By default it does if it has a feature 0.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If the file is not of the format that its suffix names, or lacks what is asked for.
    """
    source = check_source(path)
    suffix = source.suffix.lower()
    if suffix in COMPRESSIONS:
        suffix = source.with_suffix("").suffix.lower()
        if suffix not in (".csv", ".tsv"):
            raise ValueError(f"{path} must be a .csv or .tsv file that is compressed, found {source.name!r}")
    reader = READERS.get(suffix)
    if reader is None:
        remedy = "; save the sheet as CSV" if suffix in (".xlsx", ".xls", ".ods") else ""
        raise ValueError(f"{path} must end in one of {', '.join(READERS)}; found {source.suffix!r}{remedy}")
    said = reading or Reading()
    wanted = Wanted(target, labelled, feature_names, n_features, numeric, said, preprocessing, counts_from_zero)
    if reader not in (_read_csv, _read_parquet):
        _refuse_named(source, wanted)
    table = reader(source, wanted)
    check_count(source, n_features, table.X.shape[1])
    return table


def _refuse_named(path: Path, wanted: Wanted) -> None:
    """Raise ValueError if columns are named of a file that has no names."""
    reading = wanted.reading
    named = {"features": reading.features, "drop": reading.drop, "weight": reading.weight, "offset": reading.offset}
    named |= {"id": reading.ids, "text": reading.texts}
    for role, names in named.items():
        if names:
            raise ValueError(f"{role} names columns, and {path} has no names of columns, found {names!r}")
    if wanted.preprocessing is not None:
        raise ValueError(f"the model needs a table with named columns, such as .csv or .parquet, found {path}")


def write_table(path: str | os.PathLike[str], columns: dict[str, NDArray[Any]]) -> None:
    """Write columns of equal length to a .csv or .parquet file, whole or not at all.

    Raises
    ------
    ValueError
        If the suffix is neither of these.
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

            # Without Arrow's schema, readers see plain text columns, not the dictionaries used here.
            pyarrow.parquet.write_table(_as_arrow(columns), temporary, store_schema=False)


def check_table_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file that `write_table` can write, or raise ValueError."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} must end in .csv or .parquet, found {suffix!r}")
    return suffix


def holds_predictions(path: str | os.PathLike[str]) -> bool:
    """Whether a .csv or .parquet file has the columns that the command `predict` writes."""
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with readable_as("a table", path):
            csv_file = check_table_suffix(path) == ".csv"
            names = (pyarrow.csv.open_csv(path).schema if csv_file else pyarrow.parquet.read_schema(path)).names
    except ValueError:
        return False
    if PREDICTION not in names:
        return False
    # Columns that name the rows may stand before the prediction.
    place = names.index(PREDICTION)
    others = names[place + 1 :]
    return all(name.startswith((PROBABILITY, TOP)) for name in others) and (place == 0 or bool(others))


PREDICTIONS = Kind("predictions that fastsoftmax wrote", holds_predictions)


def write_csv(stream: BinaryIO, columns: dict[str, NDArray[Any]]) -> None:
    """Write columns of equal length as CSV with a header, in UTF-8."""
    import pyarrow.csv

    header = io.StringIO()
    # pyarrow would quote every name, even where CSV needs no quotes.
    csv.writer(header, lineterminator="\n").writerow(columns)
    table = _as_arrow(columns)
    stream.write(header.getvalue().encode())
    pyarrow.csv.write_csv(table, stream, pyarrow.csv.WriteOptions(include_header=False))


def _as_arrow(columns: dict[str, NDArray[Any]]) -> Any:
    """Columns as a pyarrow table, which stores equal texts once."""
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
    return table_of(CsvFile(path, wanted.reading), wanted)


def _read_parquet(path: Path, wanted: Wanted) -> Table:
    import pyarrow.parquet

    with readable_as("Parquet", path):
        # Keep text as a dictionary, as the file does: a repeated long text, expanded, may not fit in memory.
        names = pyarrow.parquet.read_schema(path).names
        table = pyarrow.parquet.read_table(path, read_dictionary=names, page_checksum_verification=True)
        table.validate(full=True)
        # pandas stores its index as a column. It only numbers the rows: it is no feature.
        index = (table.schema.pandas_metadata or {}).get("index_columns", [])
        names = [name for name in table.column_names if name not in index or name == wanted.target]
    check_names(path, names)
    source = ArrowSource(path, table.select(names))
    # Lists are columns of their own in the source: do not hold them twice.
    del table
    return table_of(source, wanted)


def _read_npz(path: Path, wanted: Wanted) -> Table:
    with path.open("rb") as stream:
        file = NpzFile(path, stream)
        X = _npz_features(file)
        return Table(X, None, _npz_target(file, wanted, X.shape[0]) if wanted.labelled else None)


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
    """Return SciPy's name of the sparse format, such as "csr"."""
    shape, dtype = file.header("format", "the sparse format")
    if shape != () or dtype.kind not in "SU":
        raise ValueError(f"{file.name('format')} must be a word, found shape {shape}, dtype {dtype}")
    with readable_as("NPZ", file.name("format")):
        return str(file.read("format", "the sparse format").astype(str))


def _npz_target(file: NpzFile, wanted: Wanted, n_samples: int) -> NDArray[Any]:
    target = wanted.target or "y"
    if target not in file and Path(target).suffix.lower() == ".npy":
        return _npy_target(target, wanted, n_samples)
    name = file.name(target)
    shape, dtype = file.header(target, "the target")
    check_labels(name, shape, dtype, n_samples)
    if dtype.kind == "U" and not wanted.numeric:
        return as_texts(name, file.texts(target))
    return as_target(name, file.read(target, "the target"), wanted.numeric)


def _read_npy(path: Path, wanted: Wanted) -> Table:
    X = as_features(f"the array of {path}", _mapped(path))
    if not wanted.labelled:
        return Table(X)
    if wanted.target is None or Path(wanted.target).suffix.lower() != ".npy":
        raise ValueError(f"the target of {path} must be a .npy file with a label for each row, found {wanted.target!r}")
    return Table(X, None, _npy_target(wanted.target, wanted, X.shape[0]))


def _npy_target(path: str, wanted: Wanted, n_samples: int) -> NDArray[Any]:
    """Labels from a .npy file."""
    target = check_source(path)
    labels = _mapped(target)
    check_labels(f"the array of {target}", labels.shape, labels.dtype, n_samples)
    return np.array(as_target(f"the array of {target}", labels, wanted.numeric))


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
    # The format counts features from one, but some programs count from zero: they write a feature 0. A model says from
    # where it counts. To guess that from each file would shift the features of one relative to another's.
    zero_based = bool(wanted.counts_from_zero)
    with readable_as("svmlight", path):
        try:
            X, y = load_svmlight_file(path, n_features=wanted.n_features, zero_based=zero_based)
        except ValueError as error:
            if wanted.counts_from_zero is not None or "Invalid index 0" not in str(error):
                raise
            zero_based = True
            X, y = load_svmlight_file(path, n_features=wanted.n_features, zero_based=True)
    if not X.shape[0]:
        raise ValueError(f"{path} has no rows")
    _check_width(path, X.shape[1])
    if not np.isfinite(X.data).all():
        bad = np.argmin(np.isfinite(X.data))
        row = np.searchsorted(X.indptr, bad, side="right")
        found = "a missing value (NaN)" if np.isnan(X.data[bad]) else "an infinite value"
        raise ValueError(f"the matrix of {path} has {found} in row {row}, column {X.indices[bad] + 1}")
    table = Table(X, counts_from_zero=zero_based)
    if not wanted.labelled:
        return table
    labels = as_target(f"the labels of {path}", y, wanted.numeric)
    # The format does not tell integers from floats; as_labels has checked that these convert without rounding.
    return replace(table, y=labels if wanted.numeric else labels.astype(np.int64))


def _check_width(path: Path, n_features: int) -> None:
    """Raise ValueError if a sparse matrix has so many features that W would not fit in memory."""
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
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".svm": _read_svmlight,
    ".svmlight": _read_svmlight,
    ".libsvm": _read_svmlight,
}
