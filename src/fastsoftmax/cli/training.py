"""A softmax regression is fitted: once, or with the C that cross-validation finds."""

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimators.bound import Bound
from ..estimators.classifier import coefficients_of
from ..estimators.softmax_regression import SoftmaxRegression
from ..estimators.softmax_regression_cv import SoftmaxRegressionCV
from ..files.columns import listed
from ..files.model_file import Model
from ..files.table import Table
from ..fitting.result import FitResult
from ..runtime.arrays import Float64Array
from .fit_options import Shape, Solving, Strength
from .output import Watch, warn, working
from .reading import labels_of

NOTHING = "ended by Ctrl-C before anything was fitted; no model was written"


class WatchedRegression(SoftmaxRegression):
    """A softmax regression whose iterations a `Watch` shows, and whose penalty may be given as l1 and l2."""

    watch: Watch
    strength: Strength

    def _progress(self) -> Any:
        return self.watch

    def _bind(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Bound:
        bound = super()._bind(X, y, sample_weight, offset)
        if self.strength.is_direct:
            l1, l2 = self.strength.l1 or 0.0, self.strength.l2 or 0.0
            self.C, self.l1_ratio = _as_C(l1, l2, bound.total_weight, len(bound.classes), self.group)
        return bound


class WatchedRegressionCV(SoftmaxRegressionCV):
    """A search whose iterations a `Watch` shows."""

    watch: Watch

    def _progress(self) -> Any:
        return self.watch


def _as_C(l1: float, l2: float, total_weight: float, n_classes: int, group: str | None) -> tuple[float, float]:
    """Return C and l1_ratio of the penalty l1 ‖W‖₁ + ½ l2 ‖W‖²: the inverse of the estimators' `penalty_of`."""
    if n_classes == 2:
        l1, l2 = l1 / (math.sqrt(2) if group is not None else 1), l2 / 2
    strength = l1 + l2
    return (1 / (strength * total_weight), l1 / strength) if strength else (math.inf, 0.0)


def fit_classifier(
    table: Table, strength: Strength, shape: Shape, solving: Solving, warm_start: Model | None
) -> tuple[FitResult, Model]:
    """Fit to the samples of a table, or to the chunks that it has in their place.

    Raises
    ------
    ValueError
        If an option has a wrong value, or the model to start from has other classes or features.
    KeyboardInterrupt
        On Ctrl-C before an iteration was finished; later the result says so.
    """
    classes = None if table.y is None else np.unique(table.y)
    n_features = table.X.n_features if table.y is None else table.X.shape[1]
    estimator = WatchedRegression(
        C=1.0 if strength.C is None else strength.C,
        l1_ratio=strength.share,
        standardize=solving.standardize,
        class_weight=solving.class_weights(classes),
        n_jobs=solving.threads,
        **shape.settings(n_features, table.feature_names),
        **solving.settings,
    )
    estimator.strength, estimator._certify = strength, solving.certifies
    if warm_start is not None:
        _start_from(estimator, warm_start, classes, table.feature_names)
    with working("fitting") as show:
        estimator.watch = Watch(show)
        result = _fit_until_interrupted(estimator, table)
    return result, Model(result.W, result.b, estimator.classes_, **table.for_model)


def _start_from(
    estimator: SoftmaxRegression, model: Model, classes: NDArray[Any] | None, names: tuple[str, ...] | None
) -> None:
    """Let a fit begin at the parameters of a model."""
    if classes is not None and model.classes.tolist() != classes.tolist():
        raise ValueError(
            f"--warm-start must be a model of the classes {listed(classes.tolist())}, "
            f"found one of {listed(model.classes.tolist())}"
        )
    check_names("--warm-start", model.feature_names, names)
    coef, intercept = coefficients_of(model.W, model.b)
    estimator.set_params(warm_start=True)
    estimator.coef_, estimator.intercept_, estimator.n_features_in_ = coef, intercept, model.n_features


def check_names(option: str, found: tuple[str, ...] | None, names: tuple[str, ...] | None) -> None:
    """Raise ValueError if a model's features have other names, or the same in another order."""
    if found is not None and names is not None and found != names:
        raise ValueError(f"{option} must be a model of the features {listed(names)}, found one of {listed(found)}")


def _fit_until_interrupted(estimator: SoftmaxRegression, table: Table) -> FitResult:
    """Fit and return the result; after Ctrl-C return the best so far, if an iteration was finished."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(table.X, table.y, table.weight)
        except KeyboardInterrupt:
            # After 0 iterations the best model is the start: nothing to keep.
            if not hasattr(estimator, "result_") or not estimator.result_.n_iter:
                raise KeyboardInterrupt(NOTHING) from None
    _pass_on(caught, unfinished=False)
    return checked(estimator.result_)


def cross_validate(
    table: Table,
    Cs: Float64Array,
    l1_ratios: list[float],
    folds: int,
    scoring: str,
    shape: Shape,
    solving: Solving,
    *,
    refit: bool,
) -> SoftmaxRegressionCV:
    """Score every C and l1_ratio on held-out folds; with refit, fit all samples with the best of them.

    Raises
    ------
    ValueError
        If an option has a wrong value.
    KeyboardInterrupt
        On Ctrl-C.
    """
    settings: dict[str, Any] = {**shape.settings(table.X.shape[1], table.feature_names), **solving.settings}
    estimator = WatchedRegressionCV(
        Cs=Cs,
        l1_ratios=l1_ratios,
        cv=folds,
        scoring=scoring,
        refit=refit,
        standardize=solving.standardize,
        class_weight=solving.class_weights(np.unique(labels_of(table))),
        n_jobs=solving.threads,
        **settings,
    )
    estimator._certify = solving.certifies
    with warnings.catch_warnings(record=True) as caught, working(f"fitting {folds} folds") as show:
        warnings.simplefilter("always")
        estimator.watch = Watch(show)
        try:
            estimator.fit(table.X, table.y, table.weight)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("ended by Ctrl-C before the search was done; no model was written") from None
    _pass_on(caught, unfinished=True)
    if refit:
        checked(estimator.result_)
    return estimator


def _pass_on(caught: list[warnings.WarningMessage], *, unfinished: bool) -> None:
    """Print warnings; those of fits that have not converged only if nothing else tells of them."""
    from sklearn.exceptions import ConvergenceWarning

    for warning in caught:
        if unfinished or not issubclass(warning.category, ConvergenceWarning):
            warn(str(warning.message))


def checked(result: FitResult) -> FitResult:
    """Return the result, or raise ValueError if it is none."""
    if not np.isfinite(result.loss):
        raise ValueError(f"nothing was fitted and no model was written: {result.message}")
    return result
