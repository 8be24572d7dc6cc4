"""scikit-learn's own regressors with our coefficients, for tools that know only these."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import ElasticNet, GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.multioutput import MultiOutputRegressor

from ..families import Gamma, Gaussian, OutputsFamily, Poisson, Tweedie
from ..runtime.arrays import FloatArray


def regressor(
    family: OutputsFamily,
    parameters: dict[str, Any],
    l1_ratio: float,
    coef: FloatArray,
    intercept: Any,
    n_iter: int,
    feature_names: NDArray[Any] | None,
) -> Any:
    """Return a fitted regressor.

    Parameters
    ----------
    family : OutputsFamily
    parameters : dict
        Those of the constructor.
    l1_ratio : float
        Only ElasticNet has it.
    coef : ndarray of shape (n_features,), or (n_outputs, n_features)
    intercept : float, or ndarray of shape (n_outputs,)
    n_iter : int
    feature_names : ndarray of shape (n_features,), optional

    Raises
    ------
    ValueError
        If scikit-learn has no class for the family.
    """
    fitted: Any
    if isinstance(family, Gaussian) and family.link == "identity":
        fitted = ElasticNet(**parameters, l1_ratio=l1_ratio)
        fitted.coef_, fitted.intercept_ = coef.copy(), np.copy(intercept)[()]
    elif coef.ndim == 1:
        fitted = _one(family, parameters, coef, float(intercept))
    else:
        ones = [_one(family, parameters, w, float(b)) for w, b in zip(coef, intercept, strict=True)]
        fitted = MultiOutputRegressor(_class_of(family, parameters))
        fitted.estimators_ = ones
    for one in [fitted, *getattr(fitted, "estimators_", [])]:
        one.n_features_in_ = coef.shape[-1]
        if not isinstance(one, MultiOutputRegressor):
            one.n_iter_ = n_iter
        if feature_names is not None:
            one.feature_names_in_ = feature_names.copy()
    return fitted


def _one(family: OutputsFamily, parameters: dict[str, Any], coef: FloatArray, intercept: float) -> Any:
    fitted = _class_of(family, parameters)
    fitted.coef_, fitted.intercept_ = coef.copy(), intercept
    fitted._base_loss = fitted._get_loss()  # which predict asks for the link
    return fitted


def _class_of(family: OutputsFamily, parameters: dict[str, Any]) -> Any:
    """Return a regressor of one output that is not fitted."""
    if isinstance(family, Poisson):
        return PoissonRegressor(**parameters)
    if isinstance(family, Gamma):
        return GammaRegressor(**parameters)
    if isinstance(family, Tweedie):
        return TweedieRegressor(power=family.power, link="log", **parameters)
    if isinstance(family, Gaussian):
        return TweedieRegressor(power=0, link="log", **parameters)
    raise ValueError(f"scikit-learn has no regression for family={family.name!r}")
