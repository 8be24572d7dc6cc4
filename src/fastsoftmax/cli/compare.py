"""The command compare: whether one of two models is better on the same rows, or the difference may be chance."""

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from ..files.model_file import Model, load_classifier
from ..files.reading import Reading
from ..files.table import Table
from ..runtime.arrays import Float64Array
from .metrics import Interval, class_indices, losses_of, mean_interval
from .options import DATA, JSON, TARGET, THREADS
from .output import Report, working
from .reading import labels_of, read
from .reports import table_of, two_columns
from .table_options import reading_options
from .wording import share_in_words

MODEL_A = Annotated[Path, typer.Argument(metavar="MODEL", help="A model that `fit` wrote.")]
MODEL_B = Annotated[Path, typer.Argument(metavar="OTHER", help="Another model that knows the same classes.")]

# Below this probability of a difference as large by chance, the report names the better model.
SIGNIFICANT = 0.05


class Judged(NamedTuple):
    """What a model does with each row."""

    losses: Float64Array  # −log p of the true class, in nats
    right: NDArray[np.bool_]


class Comparison(NamedTuple):
    """Differences of two models on the same rows, the other less the first."""

    log_loss: float
    log_loss_interval: Interval
    accuracy: float
    accuracy_interval: Interval
    only_first: int  # rows that only the first model has right
    only_other: int
    p_value: float  # of McNemar's exact test


@reading_options("drop")
def compare_command(
    model: MODEL_A,
    other: MODEL_B,
    data: DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    threads: THREADS = None,
    as_json: JSON = False,
) -> None:
    """Compare two models on the same labelled rows: differences with intervals, and McNemar's test."""
    report = Report(as_json)
    judged = [_judge(load_classifier(path), data, target, reading, threads) for path in (model, other)]
    found = compare(*judged)
    names = {"model": model, "other": other}
    report.tell(
        samples=len(judged[0].losses),
        models=[
            {"path": str(path), "log_loss": one.losses.mean(), "accuracy": one.right.mean()}
            for path, one in zip(names.values(), judged, strict=True)
        ],
        difference=found._asdict(),
    )
    grid = table_of("", "log-loss", "accuracy")
    for name, one in zip(("MODEL", "OTHER"), judged, strict=True):
        grid.add_row(name, f"{one.losses.mean():.6f}", share_in_words(one.right.mean()))
    grid.add_row("OTHER − MODEL", f"{found.log_loss:+.6f}", f"{100 * found.accuracy:+.2f} points")
    report.show(
        two_columns({"MODEL": str(model), "OTHER": str(other), "samples": str(len(judged[0].losses))}), "", grid
    )
    report.heading("Differences, with intervals of 95 %")
    report.show(two_columns(_in_words(found)))
    report.close()


def _judge(model: Model, data: Path, target: str | None, reading: Reading, threads: int | None) -> Judged:
    """Read the rows as a model wants them, and let it predict them."""
    table: Table = read(data, target, model=model, reading=reading)
    with working("evaluating"):
        truth, logits = class_indices(labels_of(table), model.classes), model.logits(table.X, num_threads=threads)
        return Judged(losses_of(logits, truth), logits.argmax(axis=1) == truth)


def compare(first: Judged, other: Judged) -> Comparison:
    """Return the differences of two models on the same rows, and the probability of McNemar's exact test.

    See McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947:
    if both models are as often right, a row that only one of them has right is as likely the one's as the other's.
    """
    from scipy.stats import binomtest

    losses = other.losses - first.losses
    right = other.right.astype(np.float64) - first.right
    only_first, only_other = int((right < 0).sum()), int((right > 0).sum())
    disagree = only_first + only_other
    return Comparison(
        log_loss=float(losses.mean()),
        log_loss_interval=mean_interval(losses),
        accuracy=float(right.mean()),
        accuracy_interval=mean_interval(right),
        only_first=only_first,
        only_other=only_other,
        p_value=float(binomtest(only_other, disagree).pvalue) if disagree else 1.0,
    )


def _in_words(found: Comparison) -> dict[str, str]:
    low, high = found.log_loss_interval
    least, most = (100 * bound for bound in found.accuracy_interval)
    words = {
        "log-loss": f"{found.log_loss:+.6f}, from {low:+.6f} to {high:+.6f}: {_better(low, high)}",
        "accuracy": f"{100 * found.accuracy:+.2f} points, from {least:+.2f} to {most:+.2f}",
        "right only in MODEL": f"{found.only_first} samples",
        "right only in OTHER": f"{found.only_other} samples",
    }
    better = "OTHER" if found.only_other > found.only_first else "MODEL"
    verdict = f"{better} is better" if found.p_value < SIGNIFICANT else "may be chance"
    return words | {"McNemar's test": f"p = {found.p_value:.3g}: {verdict}"}


def _better(low: float, high: float) -> str:
    if not (low > 0 or high < 0):
        return "may be chance"
    return f"{'OTHER' if high < 0 else 'MODEL'} is better"
