"""The commands fit, predict, evaluate, demo and config; export has its own file. Other modules do the computing."""

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.text import Text
from scipy.sparse import issparse
from typer.core import TyperGroup

from .. import __version__, show_config
from ..chunks import from_parquet
from ..chunks.paths import is_many
from ..estimators.softmax_regression import SoftmaxRegression
from ..families import FAMILIES, OutputsFamily, as_family
from ..files.columns import shown
from ..files.data_file import (
    PREDICTION,
    PREDICTIONS,
    PROBABILITY,
    Table,
    check_table_suffix,
    read_table,
    write_csv,
    write_table,
)
from ..files.model_file import MODEL, Model, load_model, save_model
from ..files.model_parts import features_of
from ..files.outputs import check_output
from ..files.reading import Reading
from ..files.regression_model import RegressionModel
from ..fitting.result import FitResult
from ..fitting.solving import SOLVERS
from .entry import INTERRUPTED
from .export import export_command
from .metrics import evaluate
from .options import DATA, FITTED, FORCE, MANY_DATA, TARGET, THREADS, check_choice, sources_of
from .regression import fit_regression, quality_of
from .reports import calibration_report, confusion_report, evaluation_report, fit_report, plain, two_columns
from .table_options import STANDARD_STREAM, chunk_options, reading_options

# The confusion matrix of more classes does not fit a terminal of 80 columns.
PRINTED_CLASSES = 10


class Commands(TyperGroup):
    """A group of commands; an expected error prints one line and sets the exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, MemoryError, ImportError) as error:
            _say("error", _describe(error), "bold red")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            _say("interrupted", str(interrupt) or "ended by Ctrl-C before it was done", "bold yellow")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Softmax (multinomial logistic) regression and generalised linear models on CPUs.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fastsoftmax {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Softmax (multinomial logistic) regression on CPUs."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where model.safetensors and training.png go.")] = Path(
        "fastsoftmax-demo"
    ),
    force: FORCE = False,
) -> None:
    """Learn handwritten digits, and compare the speed with NumPy on this machine."""
    from .demo import run

    run(out, _console(), force=force)


@app.command("fit")
@reading_options("features", "text", "drop", "weight", "offset", "id", mixed=True)
def fit_command(
    data: MANY_DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the model goes; an older model is overwritten.")
    ] = Path("model.safetensors"),
    force: FORCE = False,
    family: Annotated[
        str,
        typer.Option(
            metavar="NAME", help=f"Distribution of the target: {', '.join(FAMILIES)}; also tweedie(1.5) and the like."
        ),
    ] = "softmax",
    link: Annotated[str | None, typer.Option(metavar="NAME", help="The family's own if not given.")] = None,
    C: Annotated[
        float,
        typer.Option(
            "--C", metavar="NUMBER", help="Inverse strength of the penalty, as in scikit-learn; inf for none."
        ),
    ] = 1.0,
    solver: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(SOLVERS)}.")] = "auto",
    max_iter: Annotated[int, typer.Option(min=0, metavar="N", help="The most iterations.")] = 1000,
    tol: Annotated[
        float, typer.Option(metavar="NUMBER", help="Converged when no entry of the gradient is larger.")
    ] = 1e-4,
    no_intercept: Annotated[bool, typer.Option("--no-intercept", help="Hold the intercepts at zero.")] = False,
    standardize: Annotated[
        bool, typer.Option("--standardize", help="Train on features of mean 0 and standard deviation 1.")
    ] = False,
    class_weight: Annotated[
        str | None, typer.Option(metavar="NAME", help="'balanced' gives every class the same total weight.")
    ] = None,
    threads: THREADS = None,
) -> None:
    """Fit a model to a table, or to many, and write it to a file. Ctrl-C keeps the best model so far."""
    check_output("--out", out, MODEL, sources=sources_of(data, target), force=force)
    check_choice("--solver", solver, SOLVERS)
    check_choice("--class-weight", class_weight, (None, "balanced"))
    of = as_family(family, link)
    settings: dict[str, Any] = {"solver": solver, "max_iter": max_iter, "tol": tol, "fit_intercept": not no_intercept}
    settings |= {"C": C, "standardize": standardize, "class_weight": class_weight}
    if isinstance(of, OutputsFamily):
        if is_many(data):
            raise ValueError(f"--family must be softmax for many files, found {str(of)!r}")
        table = read_table(data, target, numeric=True, reading=reading)
        _say_shape(table, f"a target of family {of}")
        result, regression = fit_regression(table, of, threads=threads, **settings)
        _save(out, regression)
        _finish(result, tol, quality_of(regression, table, threads), out, unit="of half of the deviance")
        return
    table = _read_chunks(data, target, reading) if is_many(data) else _read_whole(data, target, reading)
    # The same table makes the same file.
    estimator = SoftmaxRegression(random_state=0, n_jobs=threads, verbose=sys.stderr.isatty(), **settings)
    result = _fit_until_interrupted(estimator, table.X, table.y, table.weight)
    model = Model(result.W, result.b, estimator.classes_, **table.for_model)
    _save(out, model)
    chunks = ((table.X, table.y),) if table.y is not None else table.X
    right = [model.predict(X, num_threads=threads) == y for X, y, *_ in chunks]
    accuracy = float(np.mean(np.concatenate(right)))
    _finish(result, tol, {"training accuracy": f"{accuracy:.2%}"}, out)


def _say_shape(table: Table, of_target: str) -> None:
    _say_notes(table)
    n_samples, n_features = table.X.shape
    stored = f"{table.X.dtype}, sparse" if issparse(table.X) else f"{table.X.dtype}"
    _console().print(f"{n_samples} samples × {n_features} features × {of_target}, {stored}")


def _say_notes(table: Table) -> None:
    for note in table.notes:
        _say("note", note, "bold cyan")


def _refuse_offset(reading: Reading) -> None:
    if reading.offset is not None:
        raise ValueError(
            f"--offset is not for softmax, found {reading.offset!r}: what is added to all classes changes nothing"
        )


def _finish(result: FitResult, tol: float, quality: dict[str, str], out: Path, unit: str = "nats") -> None:
    """Report a fit whose model is saved."""
    _console().print(fit_report(result, tol, quality, out, unit))
    if result.status == "interrupted":
        _say("interrupted", f"{out} holds the best model so far", "bold yellow")
        raise typer.Exit(INTERRUPTED)
    if result.status != "converged":
        _say("warning", f"not converged: {result.message}", "bold yellow")


@app.command()
@reading_options("drop", "id", "offset")
def predict(
    model: FITTED,
    data: DATA,
    *,
    reading: Reading,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .csv or .parquet file, older predictions are overwritten; CSV to standard output for - or nothing.",
        ),
    ] = None,
    force: FORCE = False,
    threads: THREADS = None,
) -> None:
    """Write the class of every row, and the probability of each class; of another family the mean of the target."""
    out = None if out == STANDARD_STREAM else out
    if out is not None:
        check_table_suffix(out)
        check_output("--out", out, PREDICTIONS, sources=(model, data), force=force)
    fitted = load_model(model)
    table = read_table(data, labelled=False, reading=reading, **features_of(fitted))
    _say_notes(table)
    columns: dict[str, Any] = dict(table.ids or {})
    if isinstance(fitted, RegressionModel):
        columns[PREDICTION] = fitted.predict(table.X, offset=table.offset, num_threads=threads)[:, 0]
    else:
        _refuse_offset(reading)
        columns[PREDICTION] = fitted.predict(table.X, num_threads=threads)
        probabilities = fitted.predict_proba(table.X, num_threads=threads)
        for label, column in zip(fitted.classes.tolist(), probabilities.T, strict=True):
            columns[f"{PROBABILITY}{label}"] = column
    if out is None:
        write_csv(sys.stdout.buffer, columns)
    else:
        write_table(out, columns)
        _console().print(f"wrote {table.X.shape[0]} predictions to {out}", markup=False, soft_wrap=True)


@app.command("evaluate")
@reading_options("drop", "weight", "offset")
def evaluate_command(
    model: FITTED,
    data: DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where a picture in PNG goes; an older one is overwritten.")
    ] = None,
    force: FORCE = False,
    threads: THREADS = None,
) -> None:
    """Judge a model on labelled data: accuracy, log-loss, calibration, confusion; of another family the deviance."""
    if plot is not None:
        if plot.suffix.lower() != ".png":
            raise ValueError(f"--plot must end in .png, found {str(plot)!r}")
        from .plot import PICTURE, evaluation_figure, save_figure

        check_output("--plot", plot, PICTURE, sources=(model, *sources_of(data, target)), force=force)
    fitted = load_model(model)
    numeric = isinstance(fitted, RegressionModel)
    table = read_table(data, target, numeric=numeric, reading=reading, **features_of(fitted))
    _say_notes(table)
    if isinstance(fitted, RegressionModel):
        if plot is not None:
            raise ValueError(f"--plot is for softmax models, {model} is of family {str(fitted.family)!r}")
        of_model = {"samples": f"{table.X.shape[0]}", **quality_of(fitted, table, threads)}
        _console().print(two_columns(of_model))
        return
    _refuse_offset(reading)
    if table.weight is not None:
        raise ValueError(f"--weight is for models of other families than softmax, found {reading.weight!r}")
    evaluation = evaluate(fitted, table.X, np.asarray(table.y), num_threads=threads)
    console = _console()
    console.print(evaluation_report(evaluation))
    console.print("\nCalibration", style="bold")
    console.print(calibration_report(evaluation))
    if len(evaluation.classes) <= PRINTED_CLASSES:
        console.print("\nConfusion: row = true class, column = predicted class", style="bold")
        console.print(confusion_report(evaluation))
    if plot is not None:
        save_figure(plot, evaluation_figure(evaluation))
        console.print(f"wrote {plot}", markup=False, soft_wrap=True)


app.command("export")(export_command)


@app.command()
def config() -> None:
    """Show the version, the compiler, the instruction sets and the threads in use."""
    show_config()


def _read_whole(data: Path, target: str | None, reading: Reading) -> Table:
    """Read a file, and say what it holds."""
    _refuse_offset(reading)
    table = read_table(data, target, reading=reading)
    classes = np.unique(np.asarray(table.y))
    if len(classes) < 2:
        raise ValueError(f"the target of {data} must hold two classes or more, found only {shown(classes.tolist()[0])}")
    _say_shape(table, f"{len(classes)} classes")
    return table


def _read_chunks(data: Path, target: str | None, reading: Reading) -> Table:
    """Open a folder or a pattern of Parquet files, which may be larger than memory, and say what they are."""
    if target is None:
        raise ValueError(f"{data} needs a target, a column")
    chunks = from_parquet(data, target, **chunk_options(reading))
    n_files = len({groups.source.path for groups in chunks.groups})
    shape = f"{chunks.n_samples} samples × {chunks.n_features} features"
    _console().print(f"{shape} in {n_files} files, {len(chunks)} chunks")
    return Table(chunks, chunks.feature_names)


def _fit_until_interrupted(estimator: SoftmaxRegression, X: Any, y: Any, sample_weight: Any) -> FitResult:
    """Fit and return the result; after Ctrl-C return the best so far, if an iteration was finished."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(X, y, sample_weight)
        except KeyboardInterrupt:
            # After 0 iterations the best model is the start, all zeros: nothing to keep.
            if not hasattr(estimator, "result_") or not estimator.result_.n_iter:
                raise KeyboardInterrupt("ended by Ctrl-C before anything was fitted; no model was written") from None
    for warning in caught:
        # The report already says whether the fit converged.
        if not issubclass(warning.category, ConvergenceWarning):
            _say("warning", str(warning.message), "bold yellow")
    result = estimator.result_
    if not np.isfinite(result.loss):
        raise ValueError(f"nothing was fitted and no model was written: {result.message}")
    return result


def _save(out: Path, model: Model | RegressionModel) -> None:
    """Save a model. If that fails, save it in a temporary directory, since the fit may have taken long, and raise."""
    try:
        save_model(out, model)
    except (OSError, ValueError) as error:
        raise OSError(f"{_describe(error)}; {_keep(out.name, model)}") from error


def _keep(name: str, model: Model | RegressionModel) -> str:
    """Save a model in a new temporary directory; return a sentence that says where, or why it failed."""
    try:
        directory = tempfile.mkdtemp(prefix="fastsoftmax-")
        try:
            save_model(Path(directory, name), model)
        except OSError:
            Path(directory).rmdir()
            raise
    except OSError as error:
        return f"nor could the fitted model be kept in a temporary directory: {_describe(error)}"
    return f"the fitted model is in {Path(directory, name)}: copy it from there"


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return str(error)


def _say(kind: str, message: str, style: str) -> None:
    """Print one line on standard error."""
    line = Text.assemble((f"{kind}: ", style), (plain(message), style.removeprefix("bold ")))
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)


def _console() -> Console:
    return Console(highlight=False)
