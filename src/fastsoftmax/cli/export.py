"""The command export: a model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from ..export.c import holds_c, save_c
from ..export.c_means import save_c_means
from ..export.onnx import holds_onnx, save_onnx, save_onnx_means
from ..export.sql import holds_sql, save_sql, select
from ..export.sql_means import select_means
from ..files.model_file import load_model
from ..files.outputs import Kind, check_output
from ..files.regression_model import RegressionModel
from .metrics import class_indices
from .options import FITTED, FORCE, JSON, TARGET, check_choice, sources_of
from .output import Report
from .reading import labels_of, read

# The formats, how their files are known, and their own options.
KINDS = {
    "onnx": Kind("a model in ONNX that fastsoftmax wrote", holds_onnx),
    "c": Kind("a C file that fastsoftmax wrote", holds_c),
    "sql": Kind("an SQL file that fastsoftmax wrote", holds_sql),
}
OPTIONS = {
    "onnx": {"--dtype"},
    "c": {"--dtype", "--name", "--data", "--target"},
    "sql": {"--table", "--column"},
}


def export_command(
    model: FITTED,
    *,
    format: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(KINDS)}.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where it goes; an older export is overwritten.")
    ],
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="onnx: of X, float64 if not given or float32. c: of the weights, float32 if not given, float64, int8.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="c: what names in it begin with, 'model' if not given.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="c, int8: a labelled table, to measure the loss of accuracy that it tells."),
    ] = None,
    target: TARGET = None,
    table: Annotated[str | None, typer.Option(metavar="NAME", help="sql: the table with the features.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="sql: a column to keep beside the predictions; may come several times."),
    ] = None,
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """Write a model as ONNX, as a C file, or as an SQL SELECT."""
    check_choice("--format", format, tuple(KINDS))
    given = {
        "--dtype": dtype,
        "--name": name,
        "--data": data,
        "--target": target,
        "--table": table,
        "--column": column or None,
    }
    for option, value in given.items():
        if value is not None and option not in OPTIONS[format]:
            raise ValueError(f"{option} is not an option of --format {format}, found {str(value)!r}")
    if data is None and target is not None:
        raise ValueError(f"--target must be given together with --data, found {target!r} alone")
    if data is not None and dtype != "int8":
        raise ValueError(f"--data measures the loss of --dtype int8 alone, found {dtype!r}")
    sources = [] if data is None else sources_of(data, target)
    check_output("--out", out, KINDS[format], sources=(model, *sources), force=force)
    fitted = load_model(model)
    if isinstance(fitted, RegressionModel):
        _export_means(fitted, format, out, dtype, name, table, column)
    elif format == "onnx":
        save_onnx(out, fitted, center=None, dtype=dtype or "float64")
    elif format == "c":
        X = labels = None
        if data is not None:
            samples = read(data, target, model=fitted)
            X, labels = samples.X, class_indices(labels_of(samples), fitted.classes)
        save_c(out, fitted, center=None, dtype=dtype or "float32", name=name or "model", X=X, labels=labels)
    else:
        save_sql(out, select(fitted, _given(table), column or ()))
    report = Report(as_json)
    report.tell(format=format)
    report.wrote(out)
    report.close()


def _export_means(
    fitted: RegressionModel,
    format: str,
    out: Path,
    dtype: str | None,
    name: str | None,
    table: str | None,
    column: list[str] | None,
) -> None:
    """Write the means of a regression."""
    if format == "onnx":
        save_onnx_means(out, fitted, dtype=dtype or "float64")
    elif format == "c":
        save_c_means(out, fitted, dtype=dtype or "float32", name=name or "model")
    else:
        save_sql(out, select_means(fitted, _given(table), column or ()))


def _given(table: str | None) -> str:
    if table is None:
        raise ValueError("--table must be given for --format sql")
    return table
