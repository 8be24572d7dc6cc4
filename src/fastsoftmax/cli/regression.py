"""The commands' work where the target is numbers, which a family other than softmax describes."""

from typing import Any

from ..estimators.classifier import penalty_of, total_of
from ..families import Family, OutputsFamily
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.binding import bind
from ..fitting.fit import first_of, fit_loss
from ..fitting.passes import standardization
from ..fitting.result import FitResult
from ..fitting.solving import Settings
from ..leaves import LocalPasses, as_chunks, bind_passes, is_chunks
from ..penalties import as_penalty
from ..problem.loss import Loss
from .deviance import column_of
from .fit_options import Shape, Solving, Strength
from .output import Watch, working
from .reading import labels_of
from .training import NOTHING, check_names, checked


def fit_regression(
    table: Table,
    family: OutputsFamily,
    strength: Strength,
    shape: Shape,
    solving: Solving,
    warm_start: RegressionModel | None,
) -> tuple[FitResult, RegressionModel]:
    """Fit to a column of numbers; errors as of `fit_classifier`."""
    if solving.class_weight:
        raise ValueError(f"--class-weight is for --family softmax, found {solving.class_weight[0]!r}")
    loss, total = bound_numbers(table, first_of(family), solving)
    scale, shift, init = loss.X.scale, loss.X.shift, None
    if warm_start is not None:
        check_names("--warm-start", warm_start.feature_names, table.feature_names)
        init = warm_start.W, warm_start.b
        if scale is not None and shift is not None:
            W = warm_start.W / scale
            init = W, warm_start.b - W @ shift
    l1, l2 = strength.l1 or 0.0, strength.l2 or 0.0
    if not strength.is_direct:
        of_weight = penalty_of(1.0 if strength.C is None else strength.C, strength.share, total, 1)
        l1, l2 = of_weight.l1, of_weight.l2
    of_shape = of_scaled(shape.settings(loss.X.shape[1], table.feature_names), scale)
    penalty = as_penalty(l2, l1, (loss.n_outputs, loss.X.shape[1]), **of_shape)
    of_solver = {name: value for name, value in solving.settings.items() if name != "fit_intercept"}
    with working("fitting") as show:
        settings = Settings(**of_solver, callback=Watch(show), certify=solving.certifies)
        result = fit_loss(loss, penalty, init, settings, family)
    if result.status == "interrupted" and not result.n_iter:
        raise KeyboardInterrupt(NOTHING)
    checked(result)
    W, b = of_stored(result, scale, shift)
    assert isinstance(result.family, OutputsFamily)
    return result, RegressionModel(W, b, result.family, **table.for_model)


def bound_numbers(table: Table, family: Family, solving: Solving) -> tuple[Loss, float]:
    """Return the loss of a table or of its chunks, features scaled as asked, and the weight of all rows."""
    fit_intercept, threads = not solving.no_intercept, solving.threads
    options: dict[str, Any] = {"fit_intercept": fit_intercept, "num_threads": threads}
    if is_chunks(table.X):
        with working("reading all rows once"):
            loss = bind_passes(LocalPasses(as_chunks(table.X)), family, standardize=solving.standardize, **options)
        return loss, loss.binding.mean_weight * len(loss)
    weight = table.weight
    if solving.standardize:
        found = standardization(table.X, sample_weight=weight, center=fit_intercept, num_threads=threads)
        options |= {"scale": found[0], "shift": found[1]}
    of_samples: dict[str, Any] = {"sample_weight": weight, "offset": column_of(table.offset)}
    bound = bind(table.X, labels_of(table), family=family, **of_samples, **options)
    return bound, float(len(bound)) if weight is None else total_of(weight)


def of_scaled(settings: dict[str, Any], scale: Any) -> dict[str, Any]:
    """Return the settings with bounds for the weights of scaled features: those of W over the scale."""
    if scale is not None and settings["bounds"] is not None:
        settings["bounds"] = tuple(bound / scale for bound in settings["bounds"])
    return settings


def of_stored(result: FitResult, scale: Any, shift: Any) -> tuple[Any, Any]:
    """Return W and b for X as it is stored."""
    if scale is None or shift is None:
        return result.W, result.b
    return result.W * scale, result.b + result.W @ shift
