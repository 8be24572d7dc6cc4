"""How commands read tables: with a word of progress, and what a table for a fit must have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from scipy.sparse import issparse

from ..chunks import from_parquet
from ..chunks.paths import is_many
from ..chunks.split import split_chunks
from ..data.coded_matrix import CodedMatrix
from ..files.columns import shown
from ..files.data_file import read_table
from ..files.model_parts import LinearModel, features_of
from ..files.reading import Reading
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..leaves import is_chunks
from .fit_options import share_of
from .output import Report, say, warn, working
from .table_options import chunk_options


def read(
    data: Path,
    target: str | None = None,
    *,
    reading: Reading | None = None,
    model: LinearModel | None = None,
    labelled: bool = True,
    **wanted: Any,
) -> Table:
    """Read a file, with the features of a model if one is given, and say what the user should know of it.

    Arguments and errors as of `read_table`; an offset is refused for a softmax model.
    """
    if model is not None:
        numeric = isinstance(model, RegressionModel)
        if not numeric:
            _refuse_offset(reading)
        wanted |= {**features_of(model), "numeric": numeric}
    with working(f"reading {data}"):
        table = read_table(data, target, labelled=labelled, reading=reading, **wanted)
    for note in table.notes:
        say("note", note, "bold cyan")
    return table


def read_training(
    data: Path, target: str | None, report: Report, reading: Reading, *, numeric_for: object = None
) -> Table:
    """Read what a model is fitted to, and say what it is.

    Parameters
    ----------
    data : path
        A file; or a folder or a pattern of Parquet files, of which the table has chunks in the place of X.
    target : str, optional
    report : Report
    reading : Reading
    numeric_for : object, optional
        The family, if the target must hold numbers; by default it holds classes.

    Raises
    ------
    ValueError
        As `read_table`; or if there is a single class.
    """
    if numeric_for is None:
        _refuse_offset(reading)
    if is_many(data):
        return _read_chunks(data, target, report, reading)
    table = read(data, target, reading=reading, numeric=numeric_for is not None)
    n_samples, n_features = table.X.shape
    facts: dict[str, Any] = {"samples": n_samples, "features": n_features, "notes": table.notes}
    if numeric_for is not None:
        of_target = f"a target of family {numeric_for}"
    else:
        classes = np.unique(labels_of(table))
        if len(classes) < 2:
            found = shown(classes.tolist()[0])
            raise ValueError(f"the target of {data} must hold two classes or more, found only {found}")
        warn_of_twins(classes.tolist())
        of_target = f"{len(classes)} classes"
        facts["classes"] = classes
    how = ", sparse" if issparse(table.X) else ", text as codes" if isinstance(table.X, CodedMatrix) else ""
    stored = f"{table.X.dtype}{how}"
    report.tell(**facts)
    report.show(Text(f"{n_samples} samples × {n_features} features × {of_target}, {stored}"))
    return table


def warn_of_twins(classes: list[Any]) -> None:
    """Warn of the first two classes whose names differ in spaces or capitals alone: most often they are one class."""
    known: dict[str, str] = {}
    for label in classes:
        if isinstance(label, str):
            twin = known.setdefault(" ".join(label.split()).casefold(), label)
            if twin is not label:
                warn(f"the classes {shown(twin)} and {shown(label)} differ in spaces or capitals alone")
                return


def _refuse_offset(reading: Reading | None) -> None:
    if reading is not None and reading.offset is not None:
        raise ValueError(
            f"--offset is not for softmax, found {reading.offset!r}: what is added to all classes changes nothing"
        )


def labels_of(table: Table) -> NDArray[Any]:
    """Return the target of a table that was read with one."""
    assert table.y is not None
    return table.y


def _read_chunks(data: Path, target: str | None, report: Report, reading: Reading) -> Table:
    """Open a folder or a pattern of Parquet files, which may be larger than memory, and say what they are."""
    if target is None:
        raise ValueError(f"{data} needs a target, a column")
    chunks = from_parquet(data, target, **chunk_options(reading))
    n_files = len({groups.source.path for groups in chunks.groups})
    report.tell(samples=chunks.n_samples, features=chunks.n_features, files=n_files, chunks=len(chunks))
    shape = f"{chunks.n_samples} samples × {chunks.n_features} features"
    report.show(Text(f"{shape} in {n_files} files, {len(chunks)} chunks"))
    return Table(chunks, chunks.feature_names)


def held_out(
    table: Table, target: str | None, validation: str | None, seed: int, reading: Reading, *, numeric: bool
) -> tuple[Table, Table | None]:
    """Return the table to train on, and that to judge on, as --validation says: none, a share of the rows, a file."""
    share = share_of(validation)
    if share is not None and is_chunks(table.X):
        return chunks_apart(table, 0.0, share, seed)
    if share is not None:
        return split(table, share, seed, stratified=not numeric)
    if validation is None:
        return table, None
    if target is not None and Path(target).suffix.lower() == ".npy":
        raise ValueError(
            f"--validation must be a share, such as 0.2, where the labels are in a file, {target}, found "
            f"{validation!r}; `fastsoftmax evaluate` judges a model on other rows, with a --target of their own"
        )
    n_features = table.X.n_features if table.y is None else table.X.shape[1]
    # What is done to the columns is known from the table to train on.
    known = replace(reading, mixed=False, features=None, texts=(), ids=())
    held = read(Path(validation), target, reading=known, n_features=n_features, numeric=numeric, **table.for_model)
    return table, held


def chunks_apart(table: Table, low: float, high: float, seed: int) -> tuple[Table, Table]:
    """Return the rows of a table of chunks whose random number is not in [low, high), and those whose number is."""
    train, held = split_chunks(table.X, table.X.sizes, low, high, seed)
    return replace(table, X=train), replace(table, X=held)


def split(table: Table, share: float, seed: int, *, stratified: bool) -> tuple[Table, Table]:
    """Return the rows to train on, and a share of the rows that is held out, of each class if stratified."""
    from sklearn.model_selection import train_test_split

    y = labels_of(table)
    if stratified:
        labels, counts = np.unique(y, return_counts=True)
        if counts.min() < 2:
            raise ValueError(
                f"--validation with a share needs two rows or more of each class, found one of "
                f"{shown(labels[counts.argmin()].item() if y.dtype != object else labels[counts.argmin()])}"
            )
    train, held = train_test_split(
        np.arange(len(y)), test_size=share, random_state=seed, stratify=y if stratified else None
    )
    return rows_of(table, np.sort(train)), rows_of(table, np.sort(held))


def rows_of(table: Table, rows: NDArray[np.intp]) -> Table:
    """Return some rows of a table."""
    parts = {name: getattr(table, name) for name in ("y", "weight", "offset")}
    some: dict[str, Any] = {name: None if part is None else part[rows] for name, part in parts.items()}
    ids = None if table.ids is None else {name: cells[rows] for name, cells in table.ids.items()}
    return replace(table, X=table.X[rows], ids=ids, **some)
