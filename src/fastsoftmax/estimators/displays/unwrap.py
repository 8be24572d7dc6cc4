"""From what is fitted, or a pipeline that ends in it, to coefficients and names."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ...runtime.arrays import FloatArray
from ..base import LinearEstimator


class Unwrapped(NamedTuple):
    """A linear estimator, and the names of its features."""

    estimator: LinearEstimator
    coef: FloatArray  # (n_rows, n_features)
    feature_names: list[str]


def unwrapped(estimator: Any, feature_names: Any = None) -> Unwrapped:
    """Return a fitted estimator of this package with the names of its features, given, known, or x0, x1, ….

    Raises
    ------
    ValueError
        If it is none, or the names are not as many as the features.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    last, known = estimator, None
    if isinstance(estimator, Pipeline):
        last = estimator[-1]
        if len(estimator) > 1 and hasattr(estimator[:-1], "get_feature_names_out"):
            known = estimator[:-1].get_feature_names_out()
    if not isinstance(last, LinearEstimator):
        raise ValueError(
            "estimator must be one of fastsoftmax, a pipeline that ends in one, or a search over these, "
            f"found {type(last).__name__}"
        )
    check_is_fitted(last)
    coef = np.atleast_2d(last.coef_.toarray() if issparse(last.coef_) else np.asarray(last.coef_))
    return Unwrapped(last, coef, names_of(_first(feature_names, known, last), coef.shape[1]))


def _first(given: Any, known: Any, last: LinearEstimator) -> Any:
    if given is not None:
        return given
    return getattr(last, "feature_names_in_", None) if known is None else known


def names_of(names: Any, n_features: int) -> list[str]:
    """Return names of features, x0, x1, … for None.

    Raises
    ------
    ValueError
        If they are not as many as the features.
    """
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    listed = [str(name) for name in np.asarray(names, dtype=object).ravel()]
    if len(listed) != n_features:
        raise ValueError(f"feature_names must have {n_features} names, found {len(listed)}")
    return listed


def strongest(coef: FloatArray, n_features: int) -> np.ndarray:
    """Return the features of the largest coefficients in absolute value, strongest first; (n_rows, n_features) or more.

    Raises
    ------
    ValueError
        If n_features is not positive.
    """
    if n_features < 1:
        raise ValueError(f"n_features must be positive, found {n_features}")
    largest = np.abs(coef).max(axis=tuple(range(coef.ndim - 1)))
    return np.argsort(-largest, kind="stable")[:n_features]
