"""How commands read tables: with a word of progress, and what a table for a fit must have."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from scipy.sparse import issparse

from ..chunks import from_parquet
from ..chunks.paths import is_many
from ..files.columns import shown
from ..files.data_file import Table, read_table
from ..files.model_parts import LinearModel
from ..files.regression_model import RegressionModel
from .fit_options import share_of
from .output import Report, working


def read(
    data: Path, target: str | None = None, *, model: LinearModel | None = None, labelled: bool = True, **wanted: Any
) -> Table:
    """Read a file, with the features of a model if one is given; arguments and errors as of `read_table`."""
    if model is not None:
        wanted |= {
            "feature_names": getattr(model, "feature_names", None),
            "n_features": model.n_features,
            "numeric": isinstance(model, RegressionModel),
        }
    with working(f"reading {data}"):
        return read_table(data, target, labelled=labelled, **wanted)


def read_training(data: Path, target: str | None, report: Report, *, numeric_for: object = None) -> Table:
    """Read what a model is fitted to, and say what it is.

    Parameters
    ----------
    data : path
        A file; or a folder or a pattern of Parquet files, of which the table has chunks in the place of X.
    target : str, optional
    report : Report
    numeric_for : object, optional
        The family, if the target must hold numbers; by default it holds classes.

    Raises
    ------
    ValueError
        As `read_table`; if there is a single class; or for many files of numbers.
    """
    if is_many(data):
        if numeric_for is not None:
            raise ValueError(f"--family must be softmax for many files, found {str(numeric_for)!r}")
        return _read_chunks(data, target, report)
    table = read(data, target, numeric=numeric_for is not None)
    n_samples, n_features = table.X.shape
    facts: dict[str, Any] = {"samples": n_samples, "features": n_features}
    if numeric_for is not None:
        of_target = f"a target of family {numeric_for}"
    else:
        classes = np.unique(labels_of(table))
        if len(classes) < 2:
            found = shown(classes.tolist()[0])
            raise ValueError(f"the target of {data} must hold two classes or more, found only {found}")
        of_target = f"{len(classes)} classes"
        facts["classes"] = classes
    stored = f"{table.X.dtype}, sparse" if issparse(table.X) else f"{table.X.dtype}"
    report.tell(**facts)
    report.show(Text(f"{n_samples} samples × {n_features} features × {of_target}, {stored}"))
    return table


def labels_of(table: Table) -> NDArray[Any]:
    """Return the target of a table that was read with one."""
    assert table.y is not None
    return table.y


def _read_chunks(data: Path, target: str | None, report: Report) -> Table:
    """Open a folder or a pattern of Parquet files, which may be larger than memory, and say what they are."""
    if target is None:
        raise ValueError(f"{data} needs a target, a column")
    chunks = from_parquet(data, target)
    n_files = len({groups.source.path for groups in chunks.groups})
    report.tell(samples=chunks.n_samples, features=chunks.n_features, files=n_files, chunks=len(chunks))
    shape = f"{chunks.n_samples} samples × {chunks.n_features} features"
    report.show(Text(f"{shape} in {n_files} files, {len(chunks)} chunks"))
    return Table(chunks, chunks.feature_names)


def held_out(
    table: Table, target: str | None, validation: str | None, seed: int, *, numeric: bool
) -> tuple[Table, Table | None]:
    """Return the table to train on, and that to judge on, as --validation says: none, a share of the rows, a file."""
    share = share_of(validation)
    if share is not None:
        return split(table, share, seed, stratified=not numeric)
    if validation is None:
        return table, None
    n_features = table.X.n_features if table.y is None else table.X.shape[1]
    held = read(Path(validation), target, feature_names=table.feature_names, n_features=n_features, numeric=numeric)
    return table, held


def split(table: Table, share: float, seed: int, *, stratified: bool) -> tuple[Table, Table]:
    """Return the rows to train on, and a share of the rows that is held out, of each class if stratified."""
    from sklearn.model_selection import train_test_split

    y = labels_of(table)
    train, held = train_test_split(
        np.arange(len(y)), test_size=share, random_state=seed, stratify=y if stratified else None
    )
    return rows_of(table, np.sort(train)), rows_of(table, np.sort(held))


def rows_of(table: Table, rows: NDArray[np.intp]) -> Table:
    """Return some rows of a table."""
    return Table(table.X[rows], table.feature_names, labels_of(table)[rows])
