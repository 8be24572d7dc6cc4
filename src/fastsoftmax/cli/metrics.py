"""Measures of a model's quality on labelled data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..files.columns import listed
from ..files.model_file import Model
from ..fitting.calibration import calibration
from ..fitting.logits import cross_entropy, softmax
from ..runtime.arrays import IndexArray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Measures of a model on labelled samples.

    Attributes
    ----------
    n_samples : int
    accuracy : float
        Share of samples whose likeliest class is right.
    log_loss : float
        Mean of −log p of the true class, in nats.
    calibration_error : float
        Expected calibration error: mean over the samples of |accuracy − confidence| of their bin.
    bins : structured ndarray of shape (15,)
        Samples grouped by the probability of their likeliest class, in bins of equal width, closed on the right. Each
        bin has its mean confidence, its accuracy (both NaN if it is empty) and its count.
    confusion : ndarray of shape (n_classes, n_classes)
        Counts; row = true class, column = predicted class.
    classes : ndarray of shape (n_classes,)
    """

    n_samples: int
    accuracy: float
    log_loss: float
    calibration_error: float
    bins: NDArray[np.void]
    confusion: NDArray[np.int64]
    classes: NDArray[Any]


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
    from sklearn.metrics import accuracy_score, confusion_matrix

    truth = class_indices(y, model.classes)
    logits = model.logits(X, num_threads=num_threads)
    probabilities = softmax(logits)
    predicted = logits.argmax(axis=1)
    bins, calibration_error = calibration(probabilities.max(axis=1), predicted == truth)
    return Evaluation(
        n_samples=len(truth),
        accuracy=float(accuracy_score(truth, predicted)),
        # scikit-learn's log_loss takes probabilities, and must bound those that round to zero: use the logits.
        log_loss=float(cross_entropy(logits, truth)),
        calibration_error=calibration_error,
        bins=bins,
        confusion=confusion_matrix(truth, predicted, labels=np.arange(len(model.classes))),
        classes=model.classes,
    )


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
