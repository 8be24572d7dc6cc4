"""What all estimators share: checks of X, coefficients, threads, and what a fit has not reached."""

import inspect
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import validate_data

from ..data.arguments import as_parameters, refuse_masked
from ..data.coded_matrix import CodedMatrix
from ..data.features import as_csr, is_bfloat16
from ..fitting.result import FitResult
from ..runtime.arrays import FloatArray
from ..runtime.threads import available_threads
from .notebook import fit_in_html
from .sklearn_input import as_local, check_numbers
from .spellings import ExplainsSpellings

UNCONVERGED = ("max_iter", "rounding", "separated", "diverged")

# What X may be; scikit-learn's validation turns all else into the first of these.
SERVED = [np.dtype(kind) for kind in (np.float64, np.float32, np.float16, np.uint8, np.int8)]

# A fit is far from its minimum if the loss may be more than 1 % above it.
FAR = 0.01


def shortfall(result: FitResult) -> str:
    """Say what a fit has not reached; empty if it ends where it should."""
    if result.status in UNCONVERGED:
        return f"{result.status}: {result.message}"
    if result.status == "converged" and result.distance > FAR:
        return f"the loss may be {result.distance:.0%} above its minimum, lower tol: {result.message}"
    return ""


class LinearEstimator(ExplainsSpellings, SparseCoefMixin, BaseEstimator):
    """An estimator that predicts from coef_ and intercept_."""

    def _coefficients(self) -> tuple[FloatArray, FloatArray]:
        """Return coef_ and intercept_ as dense arrays: a user may have made coef_ sparse and intercept_ one number."""
        coef = self.coef_.toarray() if issparse(self.coef_) else as_local("coef_", self.coef_)
        intercept = as_local("intercept_", self.intercept_)
        if np.ndim(intercept) == 0:
            intercept = np.full(len(coef), intercept)
        return as_parameters(coef, intercept, self.n_features_in_, ("coef_", "intercept_"))

    def _validate_params(self) -> None:
        """Check the parameters as scikit-learn does; those at their defaults are right."""
        estimator: Any = type(self)
        params = {name: (getattr(self, name), default) for name, default in defaults_of(estimator).items()}
        changed = {name: value for name, (value, default) in params.items() if value is not default}
        validate_parameter_constraints(self._parameter_constraints, changed, estimator.__name__)

    def _validate_X(self, X: Any, *, reset: bool) -> Any:
        if isinstance(X, CodedMatrix):
            # scikit-learn does not know it, and its parts were checked when they were read.
            self.n_features_in_ = X.shape[1]
            return X
        if reset and type(X) is np.ndarray and X.dtype in SERVED and X.ndim == 2 and X.size:
            # scikit-learn would find nothing to do, which takes as long as some iterations of a small fit.
            set_features(self, X.shape[1], None)
            return X
        refuse_masked("X", X)
        # Check the indices of a sparse matrix first: SciPy and scikit-learn trust them.
        if issparse(X):
            X = as_csr(X)
        else:
            X = np.asarray(X) if isinstance(X, (list, tuple)) else as_local("X", X)
            check_numbers(X)
        dtypes = [*SERVED, X.dtype] if is_bfloat16(getattr(X, "dtype", SERVED[0])) else SERVED
        # `fit` and `decision_function` check that X is finite, and name the place if it is not: do it once.
        try:
            return validate_data(self, X, accept_sparse="csr", dtype=dtypes, ensure_all_finite=False, reset=reset)
        except TypeError as error:
            raise TypeError(f"X must hold real numbers: {error}") from None

    def _html_repr(self) -> str:
        """Return what a notebook shows: scikit-learn's diagram, and how the fit went."""
        return str(super()._html_repr()) + fit_in_html(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _num_threads(self) -> int | None:
        if self.n_jobs is None:
            return None
        if self.n_jobs == 0:
            raise ValueError("n_jobs must be None, a positive number of threads, or negative; found 0")
        # As everywhere in scikit-learn: -1 means all threads, -2 all but one.
        return self.n_jobs if self.n_jobs > 0 else max(1, available_threads() + 1 + self.n_jobs)


@cache
def defaults_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters of a class with their defaults, which are checked."""
    parameters = inspect.signature(estimator).parameters
    defaults = {name: parameters[name].default for name in estimator._get_param_names()}
    given = {name: value for name, value in defaults.items() if value is not inspect.Parameter.empty}
    validate_parameter_constraints(estimator._parameter_constraints, given, estimator.__name__)
    return defaults


def set_features(estimator: Any, n_features: int, names: Any) -> None:
    """Set what scikit-learn's own validation of an array would set."""
    estimator.n_features_in_ = n_features
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def dtype_of(X: Any) -> np.dtype:
    """Return the dtype of coef_: float64 if X is float64, else float32."""
    return np.dtype(np.float64) if X.dtype == np.float64 else np.dtype(np.float32)
