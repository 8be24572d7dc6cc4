"""Weights of eight bits: w_kj ≈ scale_k q_kj with q_kj in −127 … 127, and what that costs."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..fitting.logits import softmax
from ..fitting.passes import decision_function
from ..runtime.arrays import FloatArray, IndexArray
from .affine import Affine


class Quantized(NamedTuple):
    """Rows of W as small integers, each with one scale.

    Attributes
    ----------
    q : ndarray of shape (n_classes, n_features), int8
    scale : ndarray of shape (n_classes,), float32
    """

    q: NDArray[np.int8]
    scale: NDArray[np.float32]

    @property
    def W(self) -> FloatArray:
        """The weights that these stand for, (n_classes, n_features), float64."""
        return self.scale[:, None].astype(np.float64) * self.q


class Loss(NamedTuple):
    """What quantisation changes on labelled samples."""

    n_samples: int
    accuracy: float  # before
    quantized_accuracy: float
    n_changed: int  # samples of which the predicted class changes
    largest: float  # change of a probability
    mean: float  # change of a probability


def quantize(W: FloatArray) -> Quantized:
    """Round the rows of W to 255 steps between ± the largest weight of the row."""
    scale = (np.abs(W).max(axis=1) / 127).astype(np.float32)
    steps = W / np.where(scale > 0, scale, 1)[:, None]
    return Quantized(np.clip(np.rint(steps), -127, 127).astype(np.int8), scale)


def measure(exact: Affine, quantized: Quantized, X: Any, labels: IndexArray) -> Loss:
    """Compare the predictions for X, (n_samples, n_features), before and after; labels are class indices."""
    before, after = _logits(exact, exact.W, X), _logits(exact, quantized.W, X)
    change = np.abs(softmax(after) - softmax(before))
    classes, quantized_classes = before.argmax(axis=1), after.argmax(axis=1)
    return Loss(
        len(labels),
        float(np.mean(classes == labels)),
        float(np.mean(quantized_classes == labels)),
        int(np.count_nonzero(classes != quantized_classes)),
        float(change.max()),
        float(change.mean()),
    )


def _logits(exact: Affine, W: FloatArray, X: Any) -> FloatArray:
    """W (x − center) + b with other weights, (n_samples, n_classes)."""
    if exact.center is None:
        return decision_function(X, W, exact.b)
    return decision_function(X, W, exact.b - W @ exact.center, center=exact.center)
