"""Fits with many penalties, each begun where the one before ended, and their scores on held-out rows."""

from typing import Any, NamedTuple

import numpy as np

from ..estimators.classifier import bounds_of, penalty_of, total_of
from ..estimators.sklearn_input import weights_of_classes
from ..families import OutputsFamily
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.logits import cross_entropy
from ..fitting.passes import standardization
from ..fitting.path import path
from ..fitting.result import FitResult
from ..runtime.arrays import Float64Array
from .deviance import column_of, quality_of
from .fit_options import Shape, Solving
from .metrics import class_indices
from .output import Watch, working
from .reading import labels_of
from .regression import of_scaled, of_stored
from .training import checked


class Point(NamedTuple):
    """The fit with one penalty."""

    C: float
    result: FitResult
    model: Model | RegressionModel
    held_out: float  # mean log-loss, or deviance, of held-out rows; NaN without


def walk_path(
    table: Table,
    held: Table | None,
    family: OutputsFamily | None,
    Cs: Float64Array,
    l1_ratio: float,
    shape: Shape,
    solving: Solving,
) -> list[Point]:
    """Fit with every C, from the smallest on; family is None for softmax.

    After Ctrl-C, return what is done.

    Raises
    ------
    ValueError
        If an option has a wrong value, or a start diverges.
    KeyboardInterrupt
        On Ctrl-C before the first fit was done.
    """
    classes = None if family is not None else np.unique(labels_of(table))
    targets, weights = labels_of(table), table.weight
    if solving.class_weight and classes is None:
        raise ValueError(f"--class-weight is for --family softmax, found {solving.class_weight[0]!r}")
    given = solving.class_weights(classes)
    n_samples, n_features = table.X.shape
    n_classes = 1 if classes is None else len(classes)
    if classes is not None:
        targets = np.searchsorted(classes, labels_of(table))
        if given is not None:
            of_classes = weights_of_classes(given, classes, targets, weights)[targets]
            weights = of_classes if weights is None else of_classes * weights
    total = float(n_samples) if weights is None else total_of(weights)
    of_penalty = shape.settings(n_features, table.feature_names)
    penalties = [penalty_of(C, l1_ratio, total, n_classes, shape.group) for C in Cs]
    scale = shift = None
    if solving.standardize:
        center = not solving.no_intercept
        scale, shift = standardization(table.X, sample_weight=weights, center=center, num_threads=solving.threads)
    if classes is not None:
        of_penalty["bounds"] = bounds_of(of_penalty["bounds"], n_classes, n_features)
    of_penalty = of_scaled(of_penalty, scale)
    settings: dict[str, Any] = {
        "family": "softmax" if family is None else family,
        "l1s": [penalty.l1 for penalty in penalties],
        "l2s": [penalty.l2 for penalty in penalties],
        "sample_weight": weights,
        "offset": column_of(table.offset),
        "scale": scale,
        "shift": shift,
        "num_threads": solving.threads,
        "certify": solving.certifies,
    }
    with working("fitting") as show:
        found = path(table.X, targets, **settings, **of_penalty, **solving.settings, callback=Watch(show))
    points = []
    for C, result in zip(Cs, found, strict=False):
        if result.status == "interrupted":
            break
        W, b = of_stored(checked(result), scale, shift)
        model: Model | RegressionModel
        if classes is None:
            assert isinstance(result.family, OutputsFamily)
            model = RegressionModel(W, b, result.family, **table.for_model)
        else:
            model = Model(W, b, classes, **table.for_model)
        points.append(Point(float(C), result, model, _held_out(model, held, solving.threads)))
    if not points:
        raise KeyboardInterrupt("ended by Ctrl-C before anything was fitted; nothing was written")
    return points


def _held_out(model: Model | RegressionModel, held: Table | None, threads: int | None) -> float:
    if held is None:
        return np.nan
    if isinstance(model, RegressionModel):
        return quality_of(model, held, threads)["deviance"]
    logits = model.logits(held.X, num_threads=threads)
    return float(cross_entropy(logits, class_indices(labels_of(held), model.classes)))


def best_of(points: list[Point]) -> Point:
    """Return the point with the least held-out loss; of equal ones that with the smallest C."""
    return min(points, key=lambda point: point.held_out)
