"""What the command evaluate prints: tables that fit into 80 columns."""

import numpy as np
from numpy.typing import NDArray
from rich.table import Table as Grid
from rich.text import Text

from .metrics import Evaluation, percent, row_shares
from .names import distinct
from .reports import table_of, two_columns
from .wording import plain, share_in_words

# Letters of a class's name in a table, and in the heading of a column of the confusion matrix of so many classes.
NAME = 24
WIDTH = 80


def evaluation_report(evaluation: Evaluation) -> Grid:
    """Return how good a model is, in a few numbers."""
    low, high = evaluation.accuracy_interval
    least, most = evaluation.log_loss_interval
    of_loss = "" if np.isnan(least) else f", 95 % interval {least:.6g} to {most:.6g}"
    auc = "not defined" if np.isnan(evaluation.auc) else f"{evaluation.auc:.4f}, mean of the classes"
    return two_columns(
        {
            "samples": str(evaluation.n_samples),
            "accuracy": f"{share_in_words(evaluation.accuracy)}, 95 % interval {low:.2%} to {high:.2%}",
            "log-loss": f"{evaluation.log_loss:.6g} nats{of_loss}",
            "area under the curve": auc if len(evaluation.classes) > 2 else auc.split(",")[0],
            "calibration error": f"{evaluation.calibration_error:.4f}",
        }
    )


def classes_report(evaluation: Evaluation, most: int) -> Grid:
    """Return a row for each class, or for those with the least F1, the worst first."""
    rows = evaluation.per_class
    chosen = np.arange(len(rows))
    if len(rows) > most:
        # A class without samples and predictions has no F1, and comes last.
        chosen = np.argsort(rows["f1"], kind="stable")[:most]
    names = distinct([plain(str(label)) for label in evaluation.classes.tolist()], NAME)
    grid = table_of("class", "precision", "recall", "F1", "AUC", "samples")
    for k in chosen.tolist():
        numbers = [_share(rows[field][k]) for field in ("precision", "recall", "f1", "auc")]
        grid.add_row(Text(names[k]), *numbers, str(rows["count"][k]))
    return grid


def threshold_report(rows: NDArray[np.void]) -> Grid:
    """Return a row for each threshold; the last one has the best F1."""
    grid = table_of("from", "predicted", "precision", "recall", "specificity", "F1", "")
    for position, row in enumerate(rows):
        numbers = [_share(row[field]) for field in ("predicted", "precision", "recall", "specificity", "f1")]
        last = position == len(rows) - 1
        threshold = f"{row['threshold']:.4f}" if last else f"{row['threshold']:.1f}"
        grid.add_row(threshold, *numbers, "← best F1" if last else "", style="bold" if last else "")
    return grid


def calibration_report(evaluation: Evaluation) -> Grid:
    """Return the merged bins of confidence, a row each; those that are not as often right as sure are marked."""
    grid = table_of("confidence", "mean", "accuracy", "interval", "samples", "")
    for row in evaluation.reliability:
        off = "too sure" if row["confidence"] > row["high"] else "too unsure" if row["confidence"] < row["low"] else ""
        grid.add_row(
            f"{row['from']:.2f} to {row['to']:.2f}",
            f"{row['confidence']:.4f}",
            f"{row['accuracy']:.4f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            str(row["count"]),
            Text(off, style="yellow"),
        )
    return grid


def confusion_report(evaluation: Evaluation) -> Grid:
    """Return which share of each class was taken for which, in percent of the row."""
    n_classes = len(evaluation.classes)
    # The first column takes 14 letters, and each further one has two blanks beside it.
    width = max(4, (WIDTH - 16) // n_classes - 2)
    labels = [plain(str(label)) for label in evaluation.classes.tolist()]
    shares = row_shares(evaluation.confusion)
    grid = table_of("", *distinct(labels, min(width, 14)))
    for k, name in enumerate(distinct(labels, 14)):
        cells = [
            Text(percent(share), style="bold" if j == k else "" if share else "dim")
            for j, share in enumerate(shares[k].tolist())
        ]
        grid.add_row(Text(name, style="dim"), *cells)
    return grid


def pairs_report(evaluation: Evaluation, most: int) -> Grid:
    """Return the pairs of classes that are confused most, a row each."""
    names = distinct([plain(str(label)) for label in evaluation.classes.tolist()], NAME)
    grid = table_of("true class", "taken for", "of the class", "samples")
    for pair in evaluation.worst_pairs(most):
        grid.add_row(Text(names[pair.true]), Text(names[pair.predicted]), f"{pair.share:.1%}", str(pair.samples))
    return grid


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4f}"
