"""scikit-learn's own LogisticRegression with our coefficients, for tools that know only that class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ..runtime.arrays import FloatArray


def logistic_regression(
    parameters: dict[str, Any],
    coef: FloatArray,
    intercept: FloatArray,
    classes: NDArray[Any],
    n_iter: int,
    feature_names: NDArray[Any] | None,
) -> LogisticRegression:
    """Return a fitted LogisticRegression.

    Parameters
    ----------
    parameters : dict
        Those of the constructor.
    coef : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
    intercept : ndarray of shape (n_classes,), or (1,) for two classes
    classes : ndarray of shape (n_classes,)
    n_iter : int
    feature_names : ndarray of shape (n_features,), optional
    """
    fitted = LogisticRegression(**parameters)
    fitted.coef_, fitted.intercept_, fitted.classes_ = coef.copy(), intercept.copy(), classes.copy()
    fitted.n_iter_ = np.array([n_iter], dtype=np.int32)
    fitted.n_features_in_ = coef.shape[1]
    if feature_names is not None:
        fitted.feature_names_in_ = feature_names.copy()
    return fitted
