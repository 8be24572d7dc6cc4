"""The commands' work where the target is numbers, which a family other than softmax describes."""

from typing import Any

from ..estimators.classifier import penalty_of, total_of
from ..families import OutputsFamily
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.fit import fit
from ..fitting.passes import standardization
from ..fitting.result import FitResult
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
    n_features, weight = table.X.shape[1], table.weight
    total = float(table.X.shape[0]) if weight is None else total_of(weight)
    scale = shift = init = None
    if solving.standardize:
        center, threads = not solving.no_intercept, solving.threads
        scale, shift = standardization(table.X, sample_weight=weight, center=center, num_threads=threads)
    if warm_start is not None:
        check_names("--warm-start", warm_start.feature_names, table.feature_names)
        init = warm_start.W, warm_start.b
        if scale is not None and shift is not None:
            W = warm_start.W / scale
            init = W, warm_start.b - W @ shift
    l1, l2 = strength.l1 or 0.0, strength.l2 or 0.0
    if not strength.is_direct:
        penalty = penalty_of(1.0 if strength.C is None else strength.C, strength.share, total, 1)
        l1, l2 = penalty.l1, penalty.l2
    of_data: dict[str, Any] = {"family": family, "scale": scale, "shift": shift, "init": init, "l1": l1, "l2": l2}
    of_data |= {"sample_weight": weight, "offset": column_of(table.offset)}
    of_data |= of_scaled(shape.settings(n_features, table.feature_names), scale)
    with working("fitting") as show:
        of_data |= solving.settings | {"callback": Watch(show), "num_threads": solving.threads}
        of_data["certify"] = solving.certifies
        result = fit(table.X, labels_of(table), **of_data)
    if result.status == "interrupted" and not result.n_iter:
        raise KeyboardInterrupt(NOTHING)
    checked(result)
    W, b = of_stored(result, scale, shift)
    assert isinstance(result.family, OutputsFamily)
    return result, RegressionModel(W, b, result.family, **table.for_model)


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
