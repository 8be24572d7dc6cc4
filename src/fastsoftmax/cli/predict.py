"""The command predict: classes and probabilities, or means, of new rows."""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ..files.data_file import PREDICTION, PREDICTIONS, PROBABILITY, TOP, check_table_suffix, write_csv, write_table
from ..files.model_file import Model, load_model
from ..files.outputs import check_output
from ..files.reading import Reading
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.logits import softmax
from .options import DATA, FITTED, FORCE, JSON, THREADS, check_choice
from .output import Report, working
from .reading import read
from .table_options import STANDARD_STREAM, reading_options

COLUMNS = ("all", "labels")


@reading_options("drop", "id", "offset")
def predict_command(
    model: FITTED,
    data: DATA,
    *,
    reading: Reading,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="A .csv or .parquet file, older predictions are overwritten; CSV to standard output for - or nothing.",
        ),
    ] = None,
    force: FORCE = False,
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="all: the class and the probability of each class; labels: the class alone.",
            autocompletion=lambda: list(COLUMNS),
        ),
    ] = "all",
    top: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="The K likeliest classes with their probabilities, in the place of all."),
    ] = None,
    threads: THREADS = None,
    as_json: JSON = False,
) -> None:
    """Write the class of every row, and the probability of each class; of another family the mean of the target."""
    report = Report(as_json)
    check_choice("--columns", columns, COLUMNS)
    if top is not None and columns != "all":
        raise ValueError(f"--top must not be given together with --columns {columns}")
    out = None if out == STANDARD_STREAM else out
    if out is not None:
        check_table_suffix(out)
        check_output("--out", out, PREDICTIONS, sources=(model, data), force=force)
    fitted = load_model(model)
    if top is not None and isinstance(fitted, RegressionModel):
        raise ValueError(f"--top is for softmax models, {model} is of family {str(fitted.family)!r}")
    table = read(data, model=fitted, labelled=False, reading=reading)
    with working("predicting"):
        written = (table.ids or {}) | _columns(fitted, table, columns, top, threads)
    n_samples = table.X.shape[0]
    report.tell(samples=n_samples)
    if out is not None:
        write_table(out, written)
        report.wrote(out, f"{n_samples} predictions")
    elif as_json:
        report.tell(columns=list(written), rows=[list(row) for row in zip(*map(_plain, written.values()), strict=True)])
    else:
        write_csv(sys.stdout.buffer, written)
    report.close()


def _plain(values: NDArray[Any]) -> list[Any]:
    return list(values.tolist())


def _columns(
    fitted: Model | RegressionModel, table: Table, columns: str, top: int | None, threads: int | None
) -> dict[str, NDArray[Any]]:
    """Return the columns to write, by their names."""
    if isinstance(fitted, RegressionModel):
        return {PREDICTION: fitted.predict(table.X, offset=table.offset, num_threads=threads)[:, 0]}
    # Compare logits: probabilities near one would round to ties.
    logits = fitted.logits(table.X, num_threads=threads)
    written = {PREDICTION: fitted.classes[logits.argmax(axis=1)]}
    if columns == "labels":
        return written
    probabilities = softmax(logits)
    if top is None:
        for label, column in zip(fitted.classes.tolist(), probabilities.T, strict=True):
            written[f"{PROBABILITY}{label}"] = column
        return written
    order = np.argsort(-logits, axis=1, kind="stable")[:, :top]
    best = np.take_along_axis(probabilities, order, axis=1)
    for rank in range(order.shape[1]):
        written[f"{TOP}{rank + 1}"] = fitted.classes[order[:, rank]]
        written[f"{TOP}{rank + 1}_probability"] = best[:, rank]
    return written
