"""The command evaluate: how good a model is on labelled data."""

from pathlib import Path
from typing import Any

from ..files.model_file import Model, load_model
from ..files.outputs import check_output
from ..files.reading import Reading
from ..files.regression_model import RegressionModel
from ..files.table import Table
from .deviance import quality_in_words, quality_of
from .evaluation_reports import (
    calibration_report,
    classes_report,
    confusion_report,
    evaluation_report,
    pairs_report,
    threshold_report,
)
from .metrics import CLASS_DTYPE, Evaluation, at_thresholds, evaluate
from .options import DATA, FITTED, FORCE, JSON, PLOT, TARGET, THREADS, sources_of
from .output import Report, working
from .pictures import PICTURE, check_png, save_figure
from .reading import labels_of, read
from .reports import two_columns
from .table_options import reading_options

# The confusion matrix of more classes does not fit a terminal of 80 columns.
PRINTED_CLASSES = 10

# Of more classes, the table has those with the least F1.
LISTED_CLASSES = 25

PAIRS = 10


@reading_options("drop", "weight", "offset")
def evaluate_command(
    model: FITTED,
    data: DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    plot: PLOT = None,
    force: FORCE = False,
    threads: THREADS = None,
    as_json: JSON = False,
) -> None:
    """Judge a model on labelled data: by class, by probability, by what is confused; of another family the deviance."""
    report = Report(as_json)
    if plot is not None:
        check_png(plot)
        check_output("--plot", plot, PICTURE, sources=(model, *sources_of(data, target)), force=force)
    fitted = load_model(model)
    table = read(data, target, model=fitted, reading=reading)
    if isinstance(fitted, RegressionModel):
        if plot is not None:
            raise ValueError(f"--plot is for softmax models, {model} is of family {str(fitted.family)!r}")
        _tell_numbers(report, fitted, table, threads)
    elif reading.weight is not None:
        raise ValueError(f"--weight is for models of other families than softmax, found {reading.weight!r}")
    else:
        _tell_classes(report, fitted, table, threads, plot)
    report.close()


def _tell_numbers(report: Report, fitted: RegressionModel, table: Table, threads: int | None) -> None:
    quality = quality_of(fitted, table, threads)
    report.tell(samples=table.X.shape[0], family=str(fitted.family), **quality)
    report.show(two_columns({"samples": f"{table.X.shape[0]}", **quality_in_words(quality)}))


def _tell_classes(report: Report, fitted: Model, table: Table, threads: int | None, plot: Path | None) -> None:
    with working("evaluating"):
        evaluation = evaluate(fitted, table.X, labels_of(table), num_threads=threads)
    report.tell(**facts_of(evaluation))
    report.show(evaluation_report(evaluation))
    some = ", the worst of them" if len(evaluation.classes) > LISTED_CLASSES else ""
    report.heading(f"Classes{some}")
    report.show(classes_report(evaluation, LISTED_CLASSES))
    if evaluation.thresholds is not None:
        report.heading(f"Thresholds of the probability of {evaluation.classes.tolist()[1]}")
        report.show(threshold_report(at_thresholds(evaluation.thresholds)))
    report.heading("Calibration, with intervals of 95 %")
    report.show(calibration_report(evaluation))
    if len(evaluation.classes) <= PRINTED_CLASSES:
        report.heading("Confusion: row = true class, column = predicted class, % of the row")
        report.show(confusion_report(evaluation))
    if evaluation.worst_pairs(1) and len(evaluation.classes) > 2:
        report.heading("Most confused")
        report.show(pairs_report(evaluation, PAIRS))
    if plot is not None:
        from .plot_evaluation import evaluation_figure

        with working("drawing"):
            save_figure(plot, evaluation_figure(evaluation))
        report.wrote(plot, key="plot")


def facts_of(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON has it."""
    thresholds, labels = evaluation.thresholds, evaluation.classes.tolist()
    fields = CLASS_DTYPE.names or ()
    per_class = [
        {"class": label, **dict(zip(fields, row, strict=True))}
        for label, row in zip(labels, evaluation.per_class.tolist(), strict=True)
    ]
    pairs = [
        pair._asdict() | {"true": labels[pair.true], "predicted": labels[pair.predicted]}
        for pair in evaluation.worst_pairs(PAIRS)
    ]
    facts = {
        name: getattr(evaluation, name)
        for name in ("accuracy", "accuracy_interval", "log_loss", "log_loss_interval", "auc", "calibration_error")
    }
    return {
        "samples": evaluation.n_samples,
        **facts,
        "classes": per_class,
        "thresholds": None if thresholds is None else at_thresholds(thresholds),
        "reliability": evaluation.reliability,
        "confusion": evaluation.confusion,
        "most_confused": pairs,
    }
