"""Measures of a model's quality on labelled data."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..files.columns import listed
from ..files.model_file import Model
from ..fitting.calibration import calibration, reliability, wilson
from ..fitting.logits import cross_entropy, softmax
from ..runtime.arrays import Float64Array, FloatArray, IndexArray

CLASS_DTYPE = np.dtype([*((name, np.float64) for name in ("precision", "recall", "f1", "auc")), ("count", np.int64)])

THRESHOLD_DTYPE = np.dtype(
    [(name, np.float64) for name in ("threshold", "predicted", "precision", "recall", "specificity", "f1")]
)

# The probabilities of the second class at which a table of thresholds has a row.
THRESHOLDS = np.arange(1, 10) / 10

Interval = tuple[float, float]


class Confused(NamedTuple):
    """Samples of one class that were taken for another."""

    true: int  # the number of the class
    predicted: int
    share: float  # of the samples of the true class
    samples: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Measures of a model on labelled samples.

    Attributes
    ----------
    n_samples : int
    accuracy : float
        Share of samples whose likeliest class is right.
    accuracy_interval : (low, high)
        95 %, by Wilson.
    log_loss : float
        Mean of −log p of the true class, in nats.
    log_loss_interval : (low, high)
        95 %, by the standard error of the mean; NaN of one sample.
    auc : float
        Mean over the classes of the area under the curve of one class against the rest; NaN if only one class occurs.
    calibration_error : float
        Expected calibration error, of 15 bins of equal width.
    bins : structured ndarray of shape (15,)
        As `calibration` returns them.
    reliability : structured ndarray
        As `fastsoftmax.fitting.calibration.reliability` returns it.
    confusion : ndarray of shape (n_classes, n_classes)
        Counts; row = true class, column = predicted class.
    per_class : structured ndarray of shape (n_classes,)
        precision, recall, f1 and auc, NaN where they are undefined, and the count of the class.
    thresholds : structured ndarray or None
        For two classes: what predicting the second class from a probability on gives, a row for each probability that
        occurs, from the highest on.
    classes : ndarray of shape (n_classes,)
    """

    n_samples: int
    accuracy: float
    accuracy_interval: Interval
    log_loss: float
    log_loss_interval: Interval
    auc: float
    calibration_error: float
    bins: NDArray[np.void]
    reliability: NDArray[np.void]
    confusion: NDArray[np.int64]
    per_class: NDArray[np.void]
    thresholds: NDArray[np.void] | None
    classes: NDArray[Any]

    def worst_pairs(self, most: int) -> list[Confused]:
        """Return the pairs of classes that are confused most, by their share of the true class, then by their count."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        share = row_shares(wrong, self.confusion.sum(axis=1))
        rows, columns = np.nonzero(wrong)
        order = np.lexsort((-wrong[rows, columns], -share[rows, columns]))[:most]
        return [
            Confused(i, k, float(share[i, k]), int(wrong[i, k]))
            for i, k in zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        ]


def row_shares(counts: NDArray[np.int64], totals: NDArray[np.int64] | None = None) -> Float64Array:
    """Return each row over its sum, or over the given totals; zeros where that is zero."""
    totals = counts.sum(axis=1) if totals is None else totals
    return np.asarray(counts / np.maximum(totals, 1)[:, None], dtype=np.float64)


def percent(share: float) -> str:
    """Return a share in percent; one that is not zero is never told as zero, nor one below all as all."""
    if 0 < share < 0.005:
        return "<1"
    if 0.995 <= share < 1:
        return ">99"
    return f"{100 * share:.0f}"


def evaluate(model: Model, X: ArrayLike, y: NDArray[Any], *, num_threads: int | None = None) -> Evaluation:
    """Measure a model on labelled data.

    Parameters
    ----------
    model : Model
    X : array_like of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels, all among the model's classes.
    num_threads : int, optional

    Raises
    ------
    ValueError
        If y has labels that the model does not know, or X does not fit the model.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    truth = class_indices(y, model.classes)
    logits = model.logits(X, num_threads=num_threads)
    probabilities = softmax(logits)
    predicted = logits.argmax(axis=1)
    every = np.arange(len(model.classes))
    # scikit-learn's log_loss takes probabilities, and must bound those that round to zero: use the logits.
    losses = losses_of(logits, truth)
    least, most = mean_interval(losses)
    bins, calibration_error = calibration(probabilities.max(axis=1), predicted == truth)
    per_class = np.empty(len(every), dtype=CLASS_DTYPE)
    scores = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=np.nan)
    for field, values in zip(("precision", "recall", "f1", "count"), scores, strict=True):
        per_class[field] = values
    per_class["auc"] = _aucs(truth, probabilities)
    known = per_class["auc"][~np.isnan(per_class["auc"])]
    return Evaluation(
        n_samples=len(truth),
        accuracy=float(accuracy_score(truth, predicted)),
        accuracy_interval=wilson(int((predicted == truth).sum()), len(truth)),
        log_loss=float(cross_entropy(logits, truth)),
        log_loss_interval=(max(least, 0.0), most),  # of few samples it may begin below zero, where no loss is
        auc=float(known.mean()) if len(known) else np.nan,
        calibration_error=calibration_error,
        bins=bins,
        reliability=reliability(bins),
        confusion=confusion_matrix(truth, predicted, labels=every),
        per_class=per_class,
        thresholds=_thresholds(truth, probabilities[:, 1]) if len(every) == 2 else None,
        classes=model.classes,
    )


def losses_of(logits: FloatArray, truth: IndexArray) -> Float64Array:
    """Return −log p of the true class of every sample, in nats."""
    return np.asarray(cross_entropy(logits, truth, reduction="none"), dtype=np.float64)


def mean_interval(values: Float64Array) -> Interval:
    """Return the 95 % interval of a mean, by Student's t; NaN of one value."""
    from scipy.stats import t

    if len(values) < 2:
        return np.nan, np.nan
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    half = error * float(t.ppf(0.975, len(values) - 1))
    return float(values.mean()) - half, float(values.mean()) + half


def _aucs(truth: IndexArray, probabilities: FloatArray) -> Float64Array:
    """Return the area under the curve of each class against the rest; NaN if the samples are of one of both only."""
    from sklearn.metrics import roc_auc_score

    counts = np.bincount(truth, minlength=probabilities.shape[1])
    areas = np.full(len(counts), np.nan)
    for k in np.flatnonzero((counts > 0) & (counts < len(truth))):
        areas[k] = roc_auc_score(truth == k, probabilities[:, k])
    return areas


def _thresholds(truth: IndexArray, probability: FloatArray) -> NDArray[np.void]:
    """Return what each threshold gives, from the highest probability on; `Evaluation` says which columns."""
    from sklearn.metrics import confusion_matrix_at_thresholds

    tns, fps, fns, tps, thresholds = confusion_matrix_at_thresholds(truth, probability)
    rows = np.empty(len(thresholds), dtype=THRESHOLD_DTYPE)
    rows["threshold"] = thresholds
    with np.errstate(invalid="ignore"):
        rows["predicted"] = (tps + fps) / len(truth)
        rows["precision"] = tps / (tps + fps)
        rows["recall"] = tps / (tps + fns)
        rows["specificity"] = tns / (tns + fps)
        rows["f1"] = 2 * tps / (2 * tps + fps + fns)
    return rows


def at_thresholds(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the rows of `Evaluation.thresholds` that thresholds of 0.1 to 0.9 give, and what the best F1 has.

    Returns
    -------
    structured ndarray of shape (10,)
        The last row is that of the best F1. Where no probability reaches a threshold, nothing is predicted: precision
        is NaN.
    """
    # Thresholds fall: the last one that is not below the wanted threshold counts all samples above it.
    last = np.searchsorted(-rows["threshold"], -THRESHOLDS, side="right") - 1
    chosen = np.concatenate([rows[np.maximum(last, 0)], rows[[np.nanargmax(rows["f1"])]]])
    chosen["threshold"][:-1] = THRESHOLDS
    none = np.append(last < 0, False)
    for field, value in (("predicted", 0.0), ("precision", np.nan), ("recall", 0.0), ("specificity", 1.0), ("f1", 0.0)):
        chosen[field][none] = value
    return chosen


def class_indices(y: NDArray[Any], classes: NDArray[Any]) -> IndexArray:
    """Return the position of every label among the classes.

    Raises
    ------
    ValueError
        If a label is not among the classes; the text "1" is not the number 1.
    """
    position = {label: k for k, label in enumerate(classes.tolist())}
    labels, inverse = np.unique(y, return_inverse=True)
    unknown = [label for label in labels.tolist() if label not in position]
    if unknown:
        raise ValueError(
            f"the data have {'a label' if len(unknown) == 1 else f'{len(unknown)} labels'} that the "
            f"model does not know: {listed(unknown)}; its classes are {listed(classes.tolist())}"
        )
    return np.array([position[label] for label in labels.tolist()], dtype=np.intp)[inverse]
