"""From the columns of a table to features: text as codes of levels, what is done to the cells, and the matrix."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.coded_matrix import CodedMatrix
from .cells import Cells
from .columns import column_numbers, listed, refuse_infinite
from .levels import Levels, refuse_dates
from .preprocessing import Number, Preprocessing, Text
from .reading import Reading
from .source import Column, Source, Survey

if TYPE_CHECKING:
    import pyarrow as pa

# Types that X may have as they are stored.
STORED = {"float": np.float32, "halffloat": np.float16, "uint8": np.uint8, "int8": np.int8}

# If a file does not say of what type its numbers are, a matrix of more bytes in float64 is made of float32, or of uint8
# where that holds all of them.
LARGE = 1 << 27

# A large table is kept as codes where its matrix would take so many times as much.
MUCH_TEXT = 2

# Numbers that are made of codes at a time.
BLOCK = 1 << 20

# The levels of booleans of which some are missing.
BOOLEANS = ("False", "True")


class Codes(NamedTuple):
    """What is read of a table: cells, the levels of the columns of text by name, and the columns that are no features.

    A column of levels that is not in `levels` has the two of booleans.
    """

    cells: Cells
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
    flags = {name for name in features if name not in given and _is_flag(survey.columns[name], survey.n_rows)}
    booleans = {name: Levels(place_of(source, name), BOOLEANS) for name in flags}
    coded = levels | booleans
    cells = Cells(survey.n_rows, [name in coded for name in features], _dtype(source, survey, features, coded))
    kept: list[pa.Table] = []
    suspects: dict[str, pa.ChunkedArray] = {}
    start = 0
    for batch in source.batches(survey, list(dict.fromkeys([*features, *others]))):
        stop = start + batch.num_rows
        if stop > survey.n_rows:
            break
        for j, name in enumerate(features):
            place = place_of(source, name)
            if name in coded:
                cells.put(start, j, coded[name].of(batch[name], start))
            elif name in given and kinds[name] == "string":
                # Text where the fitted table had numbers: look for the first cell that is none.
                found = Levels(place)
                found.of(batch[name], start)
                found.refuse_text()
                suspects[place] = batch[name]
            else:
                cells.put(start, j, column_numbers(place, batch[name]))
        if others:
            kept.append(batch.select(list(others)))
        start = stop
    for place, column in suspects.items():
        column_numbers(place, column)
    if start != survey.n_rows:
        raise ValueError(f"{source.path} has changed while it was read")
    _check_finite(source, [name for name in features if name not in coded], cells.numbers)
    return Codes(cells, levels, pa.concat_tables(kept) if kept else None)


def _is_flag(column: Column, n_rows: int) -> bool:
    """Whether a column holds booleans, of which some are missing."""
    return column.kind == "bool" and 0 < column.missing < n_rows


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


def _check_finite(source: Source, names: Sequence[str], numbers: NDArray[Any]) -> None:
    if numbers.dtype.kind != "f":
        return
    for first in range(0, len(numbers), 4096):
        infinite = np.isinf(numbers[first : first + 4096])
        if infinite.any():
            j = int(np.argmax(infinite.any(axis=0)))
            refuse_infinite(place_of(source, names[j]), np.where(np.isinf(numbers[:, j]), np.inf, 0.0))


def prepare(
    source: Source, codes: Codes, features: Sequence[str], *, standardize: bool = False
) -> tuple[Preprocessing, Cells]:
    """Return what is to be done to the columns of a table that a model is fitted to, and the columns that matter.

    Parameters
    ----------
    source : Source
    codes : Codes
        Codes of levels are changed in place, into the order of the levels.
    features : sequence of str
    standardize : bool
        Whether numbers get mean 0 and standard deviation 1.

    Raises
    ------
    ValueError
        If a column of text is none of levels; see `Levels.check`.
    """
    cells, n_rows = codes.cells, len(codes.cells)
    columns: list[Number | Text] = []
    chosen: list[int] = []
    for j, name in enumerate(features):
        levels = _ordered_levels(codes, name, j) if cells.is_text[j] else ()
        missing = cells.is_missing(j)
        any_missing = bool(missing.any())
        values = cells.column(j) if not any_missing else cells.column(j)[~missing]
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
    return Preprocessing(tuple(columns), left_out), cells.chosen(chosen)


def _ordered_levels(codes: Codes, name: str, j: int) -> tuple[str, ...]:
    """Return the levels of a column in the order of text, and give their codes this order."""
    found = codes.levels.get(name)
    if found is None:
        return BOOLEANS
    found.check(len(codes.cells))
    levels, order = found.sorted()
    codes.cells.renumber(j, order)
    return levels


def _number(name: str, values: NDArray[Any], n_missing: int, *, standardize: bool) -> Number:
    """Return what is to be done to a column of numbers, of which these are not missing."""
    values = values.astype(np.float64)
    median = float(np.median(values))
    if not standardize:
        return Number(name, median, n_missing > 0)
    imputed = np.append(values, np.full(n_missing, median))
    # A column that is constant but for missing cells has no scale.
    return Number(name, median, n_missing > 0, float(imputed.mean()), float(imputed.std()) or 1.0)


def design(preprocessing: Preprocessing, cells: Cells, *, sparse: bool | None = None, dtype: Any = None) -> Any:
    """Return the features that scikit-learn's transformers make of cells, block by block.

    Parameters
    ----------
    preprocessing : Preprocessing
    cells : Cells
    sparse : bool, optional
        By default if it would be large otherwise, and at most a third of its numbers are other than zero.
    dtype : dtype, optional
        That of the numbers by default.

    Returns
    -------
    X : ndarray or scipy.sparse.csr_matrix of shape (n_samples, n_features)
    """
    dtype = cells.numbers.dtype if dtype is None else dtype
    n_features = len(preprocessing.feature_names)
    filled = len(preprocessing.columns) + len(preprocessing.flagged)
    if sparse is None:
        sparse = 3 * filled <= n_features and 8 * len(cells) * n_features > LARGE
    transform = preprocessing.transformer(sparse=sparse).transform
    n_rows = max(1, BLOCK // (filled if sparse else n_features))
    blocks = (slice(start, start + n_rows) for start in range(0, len(cells), n_rows))
    if sparse:
        made = (transform(cells.matrix(rows, dtype)) for rows in blocks)
        return _sparse(len(cells), n_features, filled, dtype, made)
    X = np.empty((len(cells), n_features), dtype)
    for rows in blocks:
        X[rows] = transform(cells.matrix(rows, dtype))
    return X


def _sparse(n_rows: int, n_features: int, most: int, dtype: Any, blocks: Iterator[Any]) -> Any:
    """Return rows that come in blocks as one CSR matrix, of at most so many entries a row.

    To stack the blocks would hold them twice. What is reserved here and not written takes no memory.
    """
    from scipy.sparse import csr_matrix

    index = np.int32 if n_rows * most < 2**31 else np.int64
    data, indices = np.empty(n_rows * most, dtype), np.empty(n_rows * most, index)
    indptr = np.zeros(n_rows + 1, index)
    row = end = 0
    for block in map(csr_matrix, blocks):
        data[end : end + block.nnz], indices[end : end + block.nnz] = block.data, block.indices
        indptr[row + 1 : row + 1 + block.shape[0]] = end + block.indptr[1:]
        row, end = row + block.shape[0], end + block.nnz
    return csr_matrix((data[:end], indices[:end], indptr), shape=(n_rows, n_features))


def coded_design(preprocessing: Preprocessing, cells: Cells) -> Any:
    """Return the features of `design`; those of a large table with much text as a `CodedMatrix`.

    The numbers of the cells are changed in place then: a second copy of them would be as large.
    """
    n_features, columns = len(preprocessing.feature_names), preprocessing.columns
    numbers, flagged = preprocessing.numbers, preprocessing.flagged
    itemsize = cells.numbers.dtype.itemsize
    as_codes = itemsize * len(numbers) + cells.codes.itemsize * (len(flagged) + len(preprocessing.texts))
    if 8 * len(cells) * n_features <= LARGE or itemsize * n_features < MUCH_TEXT * as_codes:
        return design(preprocessing, cells)
    widths = [1] * len(flagged) + [len(columns[j].names) for j in preprocessing.texts]
    cells.make_room(max(widths, default=0))
    # One level, which only missing cells have: all others have the code of none.
    flags = [np.where(cells.is_missing(j), 0, cells.missing).astype(cells.codes.dtype)[:, None] for j in flagged]
    for j in numbers:
        column, values = columns[j], cells.column(j)
        assert isinstance(column, Number)
        values[np.isnan(values)] = column.median
        values -= values.dtype.type(column.mean)
        values /= values.dtype.type(column.scale)
    for j in preprocessing.texts:
        text, coded = columns[j], cells.column(j)
        assert isinstance(text, Text)
        if text.missing:
            coded[coded == cells.missing] = len(text.levels)
    codes = np.hstack([*flags, cells.codes]) if flags else cells.codes
    return CodedMatrix(cells.numbers, codes, np.array(widths, np.intp))
