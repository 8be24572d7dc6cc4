"""A model from a file as scikit-learn's own classes."""

from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from ..export.sklearn import logistic_regression
from ..export.sklearn_means import regressor
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from .classifier import coefficients_of
from .table_preprocessor import TablePreprocessor


def to_sklearn(model: Model | RegressionModel) -> Any:
    """Return scikit-learn's estimator with the coefficients of a model that `load_model` returned.

    A model whose table had text or missing cells becomes a `Pipeline` of a `TablePreprocessor` and that estimator. The
    parameters are scikit-learn's defaults: a model file does not tell those of the fit.

    Parameters
    ----------
    model : Model or RegressionModel

    Returns
    -------
    LogisticRegression, a regressor as of `PoissonRegression.to_sklearn`, or Pipeline
        Fitted.

    Raises
    ------
    ValueError
        If scikit-learn has no class for the family.
    """
    prepared = model.preprocessing is not None
    names = None if prepared or model.feature_names is None else np.array(model.feature_names, dtype=object)
    last: Any
    if isinstance(model, Model):
        coef, intercept = coefficients_of(model.W, model.b)
        last = logistic_regression({}, coef, intercept, model.classes, 0, names)
    else:
        single = len(model.W) == 1
        coef, intercept = (model.W[0], model.b[0]) if single else (model.W, model.b)
        last = regressor(model.family, {}, 0.0, coef, intercept, 0, names)
    if model.preprocessing is None:
        return last
    return make_pipeline(TablePreprocessor.from_preprocessing(model.preprocessing), last)
