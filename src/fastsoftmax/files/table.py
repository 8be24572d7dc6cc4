"""What a data file holds, and how features, target and the rest are taken from the columns of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cells import Cells
from .codes import Codes, coded_design, place_of, prepare, read_codes
from .columns import check_names, check_target, feature_columns, listed, refuse_missing, shown, target_column
from .preprocessing import Preprocessing
from .reading import Reading, Roles
from .source import Source, Survey

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Table:
    """What a data file holds.

    Attributes
    ----------
    X : ndarray, scipy.sparse.csr_matrix or CodedMatrix of shape (n_samples, n_features)
        Of a type that `fit` reads without a copy.
    feature_names : tuple of str, optional
        Names of the columns of X, if the file has any.
    y : ndarray of shape (n_samples,), optional
        Booleans, int64, float64, or strings as objects.
    weight, offset : ndarray of shape (n_samples,), float64, optional
    ids : dict of str to ndarray of shape (n_samples,)
        The columns that name the rows, as objects.
    preprocessing : Preprocessing, optional
        How X was made of the columns of the file, if these are not its columns.
    notes : tuple of str
        What the user should know, a sentence each.
    counts_from_zero : bool
        Whether a .svm file counts features from 0.
    """

    X: Any
    feature_names: tuple[str, ...] | None = None
    y: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    offset: NDArray[np.float64] | None = None
    ids: dict[str, NDArray[Any]] | None = None
    preprocessing: Preprocessing | None = None
    notes: tuple[str, ...] = ()
    counts_from_zero: bool = False

    @property
    def for_model(self) -> dict[str, Any]:
        """What a model must hold to read other tables as this one: arguments of `Model` and `RegressionModel`."""
        names = ("feature_names", "preprocessing", "counts_from_zero")
        return {name: getattr(self, name) for name in names}


class Wanted(NamedTuple):
    """What to take from a file: the arguments of `read_table` of the same names."""

    target: str | None
    labelled: bool
    feature_names: tuple[str, ...] | None
    n_features: int | None
    numeric: bool
    reading: Reading = Reading()
    preprocessing: Preprocessing | None = None
    counts_from_zero: bool | None = None


def check_count(path: Any, n_features: int | None, found: int) -> None:
    """Raise ValueError if a file has not the number of features that the model has."""
    if n_features is not None and found != n_features:
        raise ValueError(f"{path} must have {n_features} features, as the model has, found {found}")


def table_of(source: Source, wanted: Wanted) -> Table:
    """Take features, target and the rest from a table with named columns; errors as of `read_table`."""
    reading, known = _with_members(source, wanted.reading), wanted.preprocessing
    names = [name for name in source.names if name not in reading.drop]
    check_names(source.path, names)
    target = wanted.target if wanted.labelled else None
    if wanted.labelled:
        check_target(source.path, source.names, target)
    roles = Roles.choose(source.path, source.names, target, reading)
    asked = wanted.feature_names if known is None else tuple(column.name for column in known.columns)
    features = feature_columns(source.path, names, target, asked) if asked is not None else roles.features
    # Check the count before the contents: a message about a column too many must not blame its values.
    if known is None:
        check_count(source.path, wanted.n_features, len(features))
    survey = source.survey(list(dict.fromkeys([*features, *roles.others])))
    if survey.n_rows == 0:
        raise ValueError(f"{source.path} has no rows, only the columns {listed(source.names)}")
    served = reading.mixed or known is not None
    if not served:
        _refuse_text(source, survey, features)
    codes = read_codes(source, survey, features, roles.others, reading, known)
    y = target_column(source.path, codes.others, target, wanted.numeric) if target is not None else None
    parts: dict[str, Any] = {"weight": _numbers(source, codes, roles.weight, "weight", least=0.0)}
    parts["offset"] = _numbers(source, codes, roles.offset, "offset")
    parts["ids"] = {name: _cells(codes.others, name) for name in roles.ids}
    if known is not None:
        X = coded_design(known, codes.cells)
        return Table(X, known.feature_names, y, **parts, preprocessing=known, notes=_unseen(codes))
    cells = codes.cells
    missing = [j for j, name in enumerate(features) if survey.columns[name].missing or _has_nan(cells, j)]
    if missing and not served:
        refuse_missing(place_of(source, features[missing[0]]), cells.is_missing(missing[0]))
    if not missing and not codes.levels:
        return Table(cells.numbers, tuple(features), y, **parts)
    preprocessing, cells = prepare(source, codes, features)
    del codes
    notes: tuple[str, ...] = ()
    if preprocessing.left_out:
        notes = (f"left out, since all cells are missing or equal: {listed(preprocessing.left_out)}",)
    X = coded_design(preprocessing, cells)
    return Table(X, preprocessing.feature_names, y, **parts, preprocessing=preprocessing, notes=notes)


def _has_nan(cells: Cells, j: int) -> bool:
    """Whether a column has NaN that the table itself does not call missing."""
    return not cells.is_text[j] and cells.numbers.dtype.kind == "f" and bool(np.isnan(cells.column(j)).any())


def _with_members(source: Source, reading: Reading) -> Reading:
    """Name the places of lists where a column of lists is named, and each column where several are named as "a,b"."""

    def all_of(names: Sequence[str]) -> tuple[str, ...]:
        found: list[str] = []
        for name in names:
            parts = [name] if name in source.names or name in source.members else name.split(",")
            known = all(part in source.names or part in source.members for part in parts)
            for part in parts if known else [name]:
                found += source.members.get(part, (part,))
        return tuple(found)

    features = None if reading.features is None else all_of(reading.features)
    drop, ids, texts = map(all_of, (reading.drop, reading.ids, reading.texts))
    return replace(reading, features=features, drop=drop, ids=ids, texts=texts)


def _refuse_text(source: Source, survey: Survey, features: Sequence[str]) -> None:
    for name in features:
        column = survey.columns[name]
        if column.kind == "string":
            example = f", such as {shown(column.example)}" if column.example is not None else ""
            raise ValueError(f"{place_of(source, name)} must hold numbers, found string{example}")


def _numbers(
    source: Source, codes: Codes, name: str | None, role: str, least: float = -np.inf
) -> NDArray[np.float64] | None:
    """Return a column of finite numbers, or None if none is named."""
    if name is None or codes.others is None:
        return None
    place = f"{role} column {name!r} of {source.path}"
    try:
        values = target_column(source.path, codes.others, name, numeric=True)
    except ValueError as error:
        raise ValueError(str(error).replace("target column", f"{role} column", 1)) from None
    small = np.flatnonzero(values < least)
    if len(small):
        raise ValueError(f"{place} must not be negative, found {values[small[0]].item()!r} in row {small[0] + 1}")
    return values.astype(np.float64)


def _cells(others: "pa.Table | None", name: str) -> NDArray[Any]:
    """Return the cells of a column as they are; text as objects."""
    assert others is not None
    cells = others[name].to_pylist()
    if all(type(cell) is int for cell in cells):
        return np.array(cells)
    texts = np.empty(len(cells), dtype=object)
    texts[:] = ["" if cell is None else str(cell) for cell in cells]
    return texts


def _unseen(codes: Codes) -> tuple[str, ...]:
    """Return a sentence for each column with text that the fitted table had not."""
    notes = []
    for name, levels in codes.levels.items():
        if levels.first_unseen is not None:
            level, row = levels.first_unseen
            cells = "1 cell is" if levels.unseen == 1 else f"{levels.unseen} cells are"
            notes.append(
                f"in column {name!r} {cells} text that the model has not seen, such as {shown(level)} in row "
                f"{row + 1}: none of its levels"
            )
    return tuple(notes)
