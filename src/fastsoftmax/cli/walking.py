"""Fits with many penalties, each begun where the one before ended, and their scores on held-out rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..estimators.bound import bound_arrays, bound_chunks
from ..estimators.classifier import bounds_of, penalty_of
from ..estimators.softmax_regression import SoftmaxRegression
from ..families import OutputsFamily
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.path import path_of
from ..fitting.result import FitResult
from ..fitting.solving import Settings
from ..leaves import is_chunks
from ..penalties import as_penalty
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array
from .fit_options import Shape, Solving
from .output import Watch, working
from .regression import bound_numbers, of_scaled, of_stored
from .scores import scores_of
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
    loss, classes, total = _bound(table, family, solving)
    n_classes, n_features = 1 if classes is None else len(classes), loss.X.shape[1]
    penalties = [penalty_of(C, l1_ratio, total, n_classes, shape.group) for C in Cs]
    of_penalty = shape.settings(n_features, table.feature_names)
    if classes is not None:
        of_penalty["bounds"] = bounds_of(of_penalty["bounds"], n_classes, n_features)
    common = as_penalty(0.0, 0.0, (loss.n_outputs, n_features), **of_scaled(of_penalty, loss.X.scale))
    strengths = [(penalty.l2, penalty.l1) for penalty in penalties]
    of_solver = {name: value for name, value in solving.settings.items() if name != "fit_intercept"}
    with working("fitting") as show:
        settings = Settings(**of_solver, callback=Watch(show), certify=solving.certifies)
        found = path_of(loss, common, strengths, None, settings)
    points = []
    for C, result in zip(Cs, found, strict=False):
        if result.status == "interrupted":
            break
        W, b = of_stored(checked(result), loss.X.scale, loss.X.shift)
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


def _bound(table: Table, family: OutputsFamily | None, solving: Solving) -> tuple[Loss, NDArray[Any] | None, float]:
    """Return the loss of a table or of its chunks, the classes unless y holds numbers, and the weight of all rows."""
    if family is not None:
        if solving.class_weight:
            raise ValueError(f"--class-weight is for --family softmax, found {solving.class_weight[0]!r}")
        loss, total = bound_numbers(table, family, solving)
        return loss, None, total
    options = SoftmaxRegression(
        standardize=solving.standardize,
        class_weight=solving.class_weights(None if table.y is None else np.unique(table.y)),
        fit_intercept=not solving.no_intercept,
        n_jobs=solving.threads,
    )
    bind_table = bound_chunks if is_chunks(table.X) else bound_arrays
    bound = bind_table(options, table.X, table.y, table.weight, None)
    return bound.loss, bound.classes, bound.total_weight


def _held_out(model: Model | RegressionModel, held: Table | None, threads: int | None) -> float:
    if held is None:
        return np.nan
    return scores_of(model, held, threads)["deviance" if isinstance(model, RegressionModel) else "log_loss"]


def best_of(points: list[Point]) -> Point:
    """Return the point with the least held-out loss; of equal ones that with the smallest C."""
    return min(points, key=lambda point: point.held_out)
