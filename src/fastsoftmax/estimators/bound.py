"""From what scikit-learn's users bring to the loss of a fit."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..families import SOFTMAX
from ..fitting.binding import bind
from ..fitting.passes import standardization
from ..leaves import Labels, LocalPasses, Passes, as_chunks, bind_passes
from ..problem.loss import Loss
from .base import set_features
from .classifier import total_of
from .scaling import Scaling
from .sklearn_input import as_logits, check_labels, weights_of_classes


class Bound(NamedTuple):
    """Data, bound for a fit."""

    loss: Loss
    classes: np.ndarray
    total_weight: float
    scaling: Scaling


def bound_arrays(estimator: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Bound:
    """Return arrays, as `fit` takes them, with the estimator's weights and scale."""
    X = estimator._validate_X(X, reset=True)
    targets, classes = estimator._encode(y, X.shape[0])
    weights = estimator._weights(sample_weight, X, targets, classes)
    total_weight = float(X.shape[0]) if weights is None else total_of(weights)
    loss, scaling = scaled_loss(estimator, X, targets, weights, as_logits(offset, len(classes)))
    return Bound(loss, classes, total_weight, scaling)


def scaled_loss(
    estimator: Any, X: Any, targets: np.ndarray, weights: np.ndarray | None, offset: Any
) -> tuple[Loss, Scaling]:
    """Return the loss of checked arrays, their features scaled as the estimator says."""
    num_threads, center = estimator._num_threads(), estimator.fit_intercept
    scaling = Scaling()
    if estimator.standardize:
        scaling = Scaling(*standardization(X, sample_weight=weights, center=center, num_threads=num_threads))
    loss = bind(
        *(X, targets),
        sample_weight=weights,
        offset=offset,
        fit_intercept=center,
        scale=scaling.scale,
        shift=scaling.shift,
        num_threads=num_threads,
    )
    return loss, scaling


def bound_chunks(estimator: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Bound:
    """Return chunks, with the estimator's weights and scale; two passes with standardize, one without."""
    chunks = as_chunks(X, y=y, sample_weight=sample_weight, offset=offset)
    names = getattr(chunks, "feature_names", None)
    bound = bound_passes(estimator, LocalPasses(chunks), None, estimator._num_threads())
    set_features(estimator, chunks.n_features, names)
    return bound


def bound_passes(estimator: Any, passes: Passes, classes: np.ndarray | None, num_threads: int | None) -> Bound:
    """Return rows that are read in passes, with the estimator's weights and scale."""
    class_weight = estimator.class_weight
    weights = None if class_weight is None else partial(_class_weights, class_weight)
    loss = bind_passes(
        passes,
        SOFTMAX,
        labels=Labels(_check_y, classes, weights),
        fit_intercept=estimator.fit_intercept,
        standardize=estimator.standardize,
        num_threads=num_threads,
    )
    binding = loss.binding
    if binding.classes is None and class_weight is not None:
        raise ValueError("class_weight must be None where y holds probabilities; weigh their columns instead")
    known = np.arange(loss.n_outputs) if binding.classes is None else binding.classes
    return Bound(loss, known, binding.mean_weight * len(loss), Scaling(binding.scale, binding.shift))


def _check_y(y: np.ndarray) -> None:
    """Raise ValueError for what cannot be labels; rows are looked at by the family."""
    if y.ndim == 1:
        check_labels("y", y)


def _class_weights(class_weight: Any, classes: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Return the weight of each class, of which there is a sample each, of this mass."""
    weights = weights_of_classes(class_weight, classes, np.arange(len(classes)), masses)
    if not (masses @ weights > 0 and np.isfinite(weights).all()):
        raise ValueError(f"class_weight must leave weights to the samples, not all zero, found {class_weight!r}")
    return weights
