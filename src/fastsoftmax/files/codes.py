"""From the columns of a table to one matrix of numbers: text as codes of levels, and NaN where a cell is missing."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import column_numbers, listed, refuse_infinite
from .levels import Levels, refuse_dates
from .preprocessing import Number, Preprocessing, Text
from .reading import Reading
from .source import Source, Survey

if TYPE_CHECKING:
    import pyarrow as pa

# Types that X may have as they are stored.
STORED = {"float": np.float32, "halffloat": np.float16, "uint8": np.uint8, "int8": np.int8}

# If a file does not say of what type its numbers are, a matrix of more bytes in float64 is made of float32, or of uint8
# where that holds all of them.
LARGE = 1 << 27

# Numbers that are made of codes at a time.
BLOCK = 1 << 20


class Codes(NamedTuple):
    """What is read of a table.

    Attributes
    ----------
    Z : ndarray of shape (n_samples, n_columns)
        Numbers; codes of levels; NaN where a cell is missing.
    levels : dict of str to Levels
        Of the columns of text, by name.
    others : pyarrow.Table, optional
        The columns that are no features.
    """

    Z: NDArray[Any]
    levels: dict[str, Levels]
    others: "pa.Table | None"


def place_of(source: Source, name: str) -> str:
    """Return how messages name a column of features."""
    return f"feature column {name!r} of {source.path}"


def read_codes(
    source: Source,
    survey: Survey,
    features: Sequence[str],
    others: Sequence[str],
    reading: Reading,
    known: Preprocessing | None = None,
) -> Codes:
    """Read the columns of a table, batch by batch.

    Parameters
    ----------
    source : Source
    survey : Survey
        Of all these columns.
    features, others : sequence of str
    reading : Reading
    known : Preprocessing, optional
        What a fitted table had: its levels alone have codes.

    Raises
    ------
    ValueError
        If a column holds dates, or what is neither text nor numbers; or numbers where text was, or the reverse.
    """
    import pyarrow as pa

    given = {column.name: column for column in known.columns} if known is not None else {}
    kinds = {name: survey.columns[name].kind for name in features}
    levels: dict[str, Levels] = {}
    for name, kind in kinds.items():
        place, fitted = place_of(source, name), given.get(name)
        if kind.startswith(("date", "time")):
            raise refuse_dates(place, str(survey.columns[name].example or kind))
        if isinstance(fitted, Text):
            levels[name] = Levels(place, fitted.levels)
        elif kind == "string" and fitted is None:
            levels[name] = Levels(place, checked=name not in reading.texts)
    Z = np.empty((survey.n_rows, len(features)), _dtype(source, survey, features, levels))
    kept: list[pa.Table] = []
    suspects: dict[str, pa.ChunkedArray] = {}
    start = 0
    for batch in source.batches(survey, list(dict.fromkeys([*features, *others]))):
        stop = start + batch.num_rows
        if stop > len(Z):
            break
        for j, name in enumerate(features):
            place = place_of(source, name)
            if name in levels:
                Z[start:stop, j] = levels[name].of(batch[name], start)
            elif name in given and kinds[name] == "string":
                # Text where the fitted table had numbers: look for the first cell that is none.
                found = Levels(place)
                found.of(batch[name], start)
                found.refuse_text()
                suspects[place] = batch[name]
            else:
                Z[start:stop, j] = column_numbers(place, batch[name])
        if others:
            kept.append(batch.select(list(others)))
        start = stop
    for place, column in suspects.items():
        column_numbers(place, column)
    if start != survey.n_rows:
        raise ValueError(f"{source.path} has changed while it was read")
    _check_finite(source, features, Z)
    return Codes(Z, levels, pa.concat_tables(kept) if kept else None)


def _dtype(source: Source, survey: Survey, features: Sequence[str], levels: dict[str, Levels]) -> type[Any]:
    columns = [survey.columns[name] for name in features]
    missing = any(column.missing for column in columns)
    if not source.has_types:
        large = survey.n_rows * len(features) * 8 > LARGE
        if large and not levels and not missing and all(column.is_byte for column in columns):
            return np.uint8
        return np.float32 if large else np.float64
    kinds = {column.kind for column in columns}
    stored = STORED.get(kinds.pop(), np.float64) if len(kinds) == 1 and not levels else np.float64
    return np.float64 if missing and np.issubdtype(stored, np.integer) else stored


def _check_finite(source: Source, features: Sequence[str], Z: NDArray[Any]) -> None:
    if Z.dtype.kind != "f":
        return
    for first in range(0, len(Z), 4096):
        infinite = np.isinf(Z[first : first + 4096])
        if infinite.any():
            j = int(np.argmax(infinite.any(axis=0)))
            refuse_infinite(place_of(source, features[j]), np.where(np.isinf(Z[:, j]), np.inf, 0.0))


def prepare(
    source: Source, codes: Codes, features: Sequence[str], survey: Survey, *, standardize: bool = False
) -> tuple[Preprocessing, NDArray[Any]]:
    """Return what is to be done to the columns of a table that a model is fitted to, and the columns that matter.

    Parameters
    ----------
    source : Source
    codes : Codes
        Codes of levels are changed in place, into the order of the levels.
    features : sequence of str
    survey : Survey
    standardize : bool
        Whether numbers get mean 0 and standard deviation 1.

    Raises
    ------
    ValueError
        If a column of text is none of levels; see `Levels.check`.
    """
    Z, n_rows = codes.Z, len(codes.Z)
    columns: list[Number | Text] = []
    chosen: list[int] = []
    for j, name in enumerate(features):
        missing = np.isnan(Z[:, j])
        any_missing = bool(missing.any())
        if name in codes.levels:
            found = codes.levels[name]
            found.check(n_rows)
            levels, order = found.sorted()
            if levels:
                order = np.append(order, np.nan)
                Z[:, j] = order[np.where(missing, len(levels), Z[:, j]).astype(np.intp)]
        elif survey.columns[name].kind == "bool" and any_missing and not missing.all():
            levels = ("False", "True")
        else:
            levels = ()
        values = Z[:, j] if not any_missing else Z[~missing, j]
        if not len(values) or (not any_missing and (values == values[0]).all()):
            continue
        if levels:
            columns.append(Text(name, levels, any_missing))
        else:
            columns.append(_number(name, values, int(missing.sum()), standardize=standardize))
        chosen.append(j)
    present = {column.name for column in columns}
    left_out = tuple(name for name in features if name not in present)
    if not columns:
        raise ValueError(
            f"{source.path} has no feature that tells anything (n_samples = {n_rows}): all cells of {listed(left_out)} "
            "are missing or equal"
        )
    return Preprocessing(tuple(columns), left_out), Z if len(chosen) == len(features) else Z[:, chosen]


def _number(name: str, values: NDArray[Any], n_missing: int, *, standardize: bool) -> Number:
    """Return what is to be done to a column of numbers, of which these are not missing."""
    values = values.astype(np.float64)
    median = float(np.median(values))
    if not standardize:
        return Number(name, median, n_missing > 0)
    imputed = np.append(values, np.full(n_missing, median))
    # A column that is constant but for missing cells has no scale.
    return Number(name, median, n_missing > 0, float(imputed.mean()), float(imputed.std()) or 1.0)


def design(preprocessing: Preprocessing, Z: NDArray[Any], *, sparse: bool | None = None) -> Any:
    """Return the features that scikit-learn's transformers make of codes, block by block.

    Parameters
    ----------
    preprocessing : Preprocessing
    Z : ndarray of shape (n_samples, n_columns)
    sparse : bool, optional
        By default if it would be large otherwise, and at most a third of its numbers are other than zero.

    Returns
    -------
    X : ndarray or scipy.sparse.csr_matrix of shape (n_samples, n_features), of Z's dtype
    """
    n_features = len(preprocessing.feature_names)
    filled = len(preprocessing.columns) + len(preprocessing.flagged)
    if sparse is None:
        sparse = 3 * filled <= n_features and 8 * len(Z) * n_features > LARGE
    transform = preprocessing.transformer(sparse=sparse).transform
    n_rows = max(1, BLOCK // (filled if sparse else n_features))
    blocks = (slice(start, start + n_rows) for start in range(0, len(Z), n_rows))
    if sparse:
        return _sparse(Z, n_features, filled, (transform(Z[rows]) for rows in blocks))
    X = np.empty((len(Z), n_features), Z.dtype)
    for rows in blocks:
        X[rows] = transform(Z[rows])
    return X


def _sparse(Z: NDArray[Any], n_features: int, most: int, blocks: Iterator[Any]) -> Any:
    """Return rows that come in blocks as one CSR matrix of Z's dtype, of at most so many entries a row.

    To stack the blocks would hold them twice. What is reserved here and not written takes no memory.
    """
    from scipy.sparse import csr_matrix

    index = np.int32 if len(Z) * most < 2**31 else np.int64
    data, indices = np.empty(len(Z) * most, Z.dtype), np.empty(len(Z) * most, index)
    indptr = np.zeros(len(Z) + 1, index)
    row = end = 0
    for block in map(csr_matrix, blocks):
        data[end : end + block.nnz], indices[end : end + block.nnz] = block.data, block.indices
        indptr[row + 1 : row + 1 + block.shape[0]] = end + block.indptr[1:]
        row, end = row + block.shape[0], end + block.nnz
    return csr_matrix((data[:end], indices[:end], indptr), shape=(len(Z), n_features))
