"""What the estimators of single families share: parameters, fit, predictions."""

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..data.arguments import refuse_masked
from ..export.sklearn_means import regressor
from ..families import Gaussian, NegativeBinomial, OutputsFamily
from ..files.regression_model import RegressionModel
from ..fitting.binding import bind
from ..fitting.fit import first_of, fit_loss
from ..fitting.goodness import explained_deviance
from ..fitting.passes import decision_function, predict_mean
from ..fitting.result import FitResult
from ..fitting.solving import SOLVERS, Settings
from ..fitting.stream import fit_chunk
from ..leaves import Labels, LeavesLoss, LocalPasses, as_chunks, bind_passes, is_chunks
from ..penalties import as_penalty
from ..problem.loss import Loss
from ..runtime.arrays import FloatArray
from ..solvers import SGD
from .base import dtype_of, shortfall
from .bound import set_features
from .classifier import total_of
from .exporting_means import ExportableMeans
from .progress import ProgressLine
from .sklearn_input import as_local, as_weights
from .softmax_regression import Stream
from .spellings import SOLVERS_OF_SKLEARN, known_solver, with_note


def serves_streams(estimator: "GeneralizedLinearModel") -> bool:
    """Return true if partial_fit can serve the parameters, else raise AttributeError."""
    family = estimator._family()
    wanted = {
        "solver": ('"auto" or "sgd"', estimator.solver in ("auto", "sgd"), estimator.solver),
        "l1_ratio": ("0", not (estimator.l1_ratio and estimator.alpha), estimator.l1_ratio),
        "penalty_factor": ("None", estimator.penalty_factor is None, estimator.penalty_factor),
        "bounds": ("None", estimator.bounds is None, estimator.bounds),
        # The curvature m² of that link differs too much between samples for steps of one length.
        "link": ('"identity"', not (isinstance(family, Gaussian) and family.link == "log"), "log"),
        "dispersion": ("a number", not (isinstance(family, NegativeBinomial) and family.is_auto), "auto"),
    }
    for name, (what, serves, found) in wanted.items():
        if not serves:
            raise AttributeError(f"{name} must be {what} for partial_fit, found {found!r}")
    return True


@dataclass(kw_only=True, eq=False, repr=False)
class GeneralizedLinearModel(ExportableMeans):
    """Parameters, and a fit to targets that are already numbers."""

    alpha: float = 1.0
    l1_ratio: float = 0.0
    fit_intercept: bool = True
    penalty_factor: Any = None
    bounds: Any = None
    solver: str = "auto"
    tol: float = 1e-4
    max_iter: int = 100
    warm_start: bool = False
    verbose: int = 0
    n_jobs: int | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "penalty_factor": ["array-like", None],
        "bounds": [tuple, list, None],
        "solver": [StrOptions({*SOLVERS, *SOLVERS_OF_SKLEARN})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "n_jobs": [None, Integral],
    }

    @abstractmethod
    def _family(self) -> OutputsFamily:
        """Return the distribution of y that the parameters tell."""

    def _fit_targets(self, X: Any, y: np.ndarray, weights: np.ndarray | None, offset: Any) -> None:
        """Fit to y, (n_samples,) or (n_samples, n_outputs), and set the fitted attributes."""
        total = float(len(y)) if weights is None else total_of(weights)
        loss = bind(
            X,
            y,
            family=first_of(self._family()),
            sample_weight=weights,
            offset=as_columns(offset),
            fit_intercept=self.fit_intercept,
            num_threads=self._num_threads(),
        )
        self._fit_loss(loss, total, is_single=y.ndim == 1)

    def _fit_chunks(self, chunks: Any, labels: Labels | None, **others: Any) -> LeavesLoss:
        """Fit to chunks, and set the fitted attributes; return their loss. The other arguments must be None."""
        loss = bind_passes(
            LocalPasses(as_chunks(chunks, **others)),
            first_of(self._family()),
            labels=labels,
            fit_intercept=self.fit_intercept,
            num_threads=self._num_threads(),
        )
        set_features(self, chunks.n_features, getattr(chunks, "feature_names", None))
        is_single = labels is None and not loss.survey.facts.form.y_shape
        self._fit_loss(loss, loss.binding.mean_weight * len(loss), is_single=is_single)
        return loss

    def _fit_loss(self, loss: Loss, total: float, *, is_single: bool) -> None:
        """Fit to data that are bound, and set the fitted attributes; total is the weight of all samples."""
        line = ProgressLine() if self.verbose else None
        penalty = as_penalty(
            *((1 - self.l1_ratio) * self.alpha, self.l1_ratio * self.alpha, (loss.n_outputs, loss.X.shape[1])),
            penalty_factor=self.penalty_factor,
            bounds=self.bounds,
        )
        settings = Settings(known_solver(self.solver), tol=self.tol, max_iter=self.max_iter, callback=line)
        result = fit_loss(loss, penalty, self._warm_start(loss.n_outputs), settings, self._family())
        result = with_note(result, self.solver)
        if line is not None:
            line.close(f"{result.status}: {result.message}")
        assert isinstance(result.family, OutputsFamily)
        self.result_, self._fitted_family = result, result.family
        self._set_coefficients(result.W, result.b, is_single, dtype_of(loss.X))
        self.n_iter_ = result.n_iter
        self._stream = Stream(len(loss), total)
        if result.status == "interrupted":
            raise KeyboardInterrupt(result.message)
        if missed := shortfall(result):
            warnings.warn(missed, ConvergenceWarning, stacklevel=4)

    def _fit_part(self, X: Any, y: np.ndarray, weights: np.ndarray | None, offset: Any) -> None:
        """Walk over a part of the data, (n_samples,) or (n_samples, n_outputs), and set the fitted attributes."""
        first, options = not hasattr(self, "coef_"), SGD()
        is_single = y.ndim == 1 if first else self._is_single
        n_outputs = (1 if y.ndim == 1 else y.shape[1]) if first else len(self._coefficients()[0])
        seen = getattr(self, "_stream", None) or Stream(0, 0.0)
        n_samples = seen.n_samples + X.shape[0]
        weight = seen.weight + (X.shape[0] if weights is None else total_of(weights))
        random = np.random.default_rng(0) if seen.random is None else seen.random
        settings, family = (self.fit_intercept,), self._family()
        walk, W, b = fit_chunk(
            X,
            y,
            seen.walk if settings == seen.settings else None,
            family=family,
            n_outputs=n_outputs,
            options=options,
            random=random,
            l2=self.alpha,
            sample_weight=weights,
            offset=as_columns(offset),
            mean_weight=weight / n_samples,
            init=None if first else self._start(),
            fit_intercept=self.fit_intercept,
            num_threads=self._num_threads(),
        )
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError(
                "the coefficients overflowed and those before are kept: scale X, or use fit; "
                f"found y from {y.min():g} to {y.max():g}"
            )
        self._set_coefficients(W, b, is_single, dtype_of(X))
        self._fitted_family, self.n_iter_ = family, 1
        self._stream = Stream(n_samples, weight, settings, walk, random)
        for of_fit in ("result_", "dispersion_"):
            self.__dict__.pop(of_fit, None)

    def _set_coefficients(self, W: FloatArray, b: FloatArray, is_single: bool, dtype: np.dtype) -> None:
        self._is_single = is_single
        self.coef_, self.intercept_ = W.astype(dtype), b.astype(dtype)
        if is_single:
            self.coef_, self.intercept_ = self.coef_[0], self.intercept_[0]

    def _start(self) -> tuple[FloatArray, FloatArray]:
        """Return coefficients to go on from."""
        W, b = self._coefficients()
        return W, b if self.fit_intercept else np.zeros_like(b)

    def _warm_start(self, n_outputs: int) -> tuple[FloatArray, FloatArray] | None:
        if not self.warm_start or not hasattr(self, "coef_"):
            return None
        W, b = self._start()
        if W.shape != (n_outputs, self.n_features_in_):
            raise ValueError(
                f"warm_start needs the outputs and features of the previous fit, whose coef_ has shape {W.shape}; "
                f"found {n_outputs} outputs and {self.n_features_in_} features"
            )
        return W, b

    def densify(self) -> "GeneralizedLinearModel":
        """Make coef_ an array again, of the shape that it had; earlier versions of scikit-learn add a dimension."""
        super().densify()
        if self._is_single:
            self.coef_ = self.coef_.ravel()
        return self

    def _coefficients(self) -> tuple[FloatArray, FloatArray]:
        W: Any = self.coef_
        return np.atleast_2d(W.toarray() if issparse(W) else W), np.atleast_1d(self.intercept_)

    def _logits(self, X: Any, offset: Any = None) -> FloatArray:
        """Logits, (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = self._validate_X(X, reset=False)
        logits = decision_function(X, *self._coefficients(), num_threads=self._num_threads())
        return logits if offset is None else logits + as_columns(offset)

    def _means(self, X: Any, offset: Any = None) -> FloatArray:
        """Means of y, (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = self._validate_X(X, reset=False)
        options = {"offset": as_columns(offset), "num_threads": self._num_threads()}
        return predict_mean(X, *self._coefficients(), family=self._fitted_family, **options)

    def _checked_weights(self, sample_weight: Any, X: Any) -> np.ndarray | None:
        refuse_masked("sample_weight", sample_weight)
        return None if sample_weight is None else as_weights(sample_weight, X)


@dataclass(kw_only=True, eq=False, repr=False)
class GeneralizedLinearRegression(RegressorMixin, GeneralizedLinearModel):
    """A regression by one family; several outputs are fitted at once, as independent ones.

    Minimises (1/Σs) Σ_i s_i d(y_i, m_i)/2 + alpha · (l1_ratio ‖W‖₁ + (1 − l1_ratio) ½‖W‖²). d is the unit deviance of
    the family, and m_i the mean, which coef_ · x_i + intercept_ is the link of.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the penalty; 0 for none.
    l1_ratio : float, default=0.0
        The share of the L1 penalty.
    fit_intercept : bool, default=True
    penalty_factor : array_like of shape (n_features,), default=None
        Multiplies the penalty of each feature; 0 leaves a feature free.
    bounds : (lower, upper), default=None
        lower ≤ coef_ ≤ upper; each a number or an array of shape (n_features,).
    solver : {"auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"}, default="auto"
        As of `fastsoftmax.fit`; scikit-learn's "newton-cholesky", for example, means "auto", and the message says so.
    tol : float, default=1e-4
        Converged when no entry of the gradient is larger, and the estimated distance to the minimum is at most tol
        times the loss.
    max_iter : int, default=100
    warm_start : bool, default=False
        Start from the coefficients of the previous fit.
    verbose : int, default=0
    n_jobs : int, default=None
        Threads: None and -1 mean all that the process may use. The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), or (n_outputs, n_features) if y has columns
        float64 if X is float64, else float32.
    intercept_ : float, or ndarray of shape (n_outputs,)
    dispersion_ : float, or ndarray of shape (n_outputs,)
        Pearson's estimate; only of families that have one.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
    result_ : FitResult
    """

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, offset: Any = None
    ) -> "GeneralizedLinearRegression":
        """Fit to numbers.

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features), or Chunks
            Read without a copy, as by `SoftmaxRegression`. Chunks, such as `fastsoftmax.chunks.from_parquet` makes,
            hold X, y, sample_weight and offset of more rows than memory holds.
        y : array_like of shape (n_samples,) or (n_samples, n_outputs), None with Chunks
        sample_weight : array_like of shape (n_samples,), optional
        offset : array_like of shape (n_samples,) or (n_samples, n_outputs), optional
            Added to the logits: with the log link, the logarithm of an exposure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        KeyboardInterrupt
            On Ctrl-C. The fitted attributes then hold the best coefficients so far.
        """
        self._validate_params()
        if is_chunks(X):
            self._fit_chunks(X, None, y=y, sample_weight=sample_weight, offset=offset)
        else:
            X = self._validate_X(X, reset=True)
            self._fit_targets(X, self._as_targets(y), self._checked_weights(sample_weight, X), offset)
        self._set_dispersion(self.result_)
        return self

    @available_if(serves_streams)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, offset: Any = None
    ) -> "GeneralizedLinearRegression":
        """Take one epoch of mini-batch steps over a part of the data, from the coefficients of the last call or `fit`.

        The objective is that of `fit`. A part takes larger steps if its mean weight exceeds that of all samples so far.
        Steps are those of `SGD()`; where the curvature has no bound, the mean of the first y tells their length.

        The method exists (see `hasattr`) only if solver is "auto" or "sgd" and there is no L1 penalty, no
        penalty_factor, no bounds, no dispersion to be found, and not the log link of the Gaussian family.

        Parameters and errors are those of `fit`; `tol`, `max_iter`, `warm_start` and `verbose` concern only that.
        """
        self._validate_params()
        X = self._validate_X(X, reset=not hasattr(self, "coef_"))
        self._fit_part(X, self._as_targets(y), self._checked_weights(sample_weight, X), offset)
        return self

    def _set_dispersion(self, result: FitResult) -> None:
        if self._family().has_dispersion:
            dispersion = result.dispersion
            self.dispersion_ = dispersion[0] if self._is_single and dispersion is not None else dispersion

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return the mean of y for every sample, of the shape of the y that was fitted."""
        means = self._means(X, offset)
        return means[:, 0] if self._is_single else means

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return D², the share of the deviance that the model explains, 1 − D(y, m)/D(y, mean of y).

        It is R² for the Gaussian family. Of several outputs it is the mean.
        """
        logits = self._logits(X, offset)
        weights = self._checked_weights(sample_weight, logits)
        return explained_deviance(self._fitted_family, self._as_targets(y), logits, weights)

    def _saved_model(self) -> RegressionModel:
        """Return the model that a file holds, in float64."""
        return self._model()

    def to_sklearn(self) -> Any:
        """Return scikit-learn's own regressor with the coefficients of this one.

        PoissonRegressor, GammaRegressor, TweedieRegressor or ElasticNet; of several outputs, a MultiOutputRegressor of
        the first three. It takes the parameters that it has in common with this one. What only this one has is in the
        coefficients, but a new fit would not know it.

        Raises
        ------
        ValueError
            If scikit-learn has no class for the family, as for the negative binomial.
        """
        check_is_fitted(self)
        W, b = self._coefficients()
        parameters = {name: getattr(self, name) for name in ("alpha", "fit_intercept", "tol", "max_iter")}
        coef, intercept = (W[0], b[0]) if self._is_single else (W, b)
        names = getattr(self, "feature_names_in_", None)
        return regressor(self._fitted_family, parameters, self.l1_ratio, coef, intercept, self.n_iter_, names)

    def _as_targets(self, y: Any) -> np.ndarray:
        refuse_masked("y", y)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        y = np.asarray(as_local("y", y))
        if y.dtype == object and all(isinstance(value, Real) for value in y.flat):
            y = y.astype(np.float64)
        tags = self.__sklearn_tags__().target_tags
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 and not tags.multi_output else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # All take several outputs. That tag is for those which take any numbers: its check passes negative ones.
        tags.target_tags.positive_only = bool(self._family().outside(np.array([-1.0]))[0])
        tags.target_tags.multi_output = not tags.target_tags.positive_only
        return tags


def as_columns(offset: Any) -> Any:
    """Return an offset with a column for each output; that of one output may be a vector."""
    return offset if offset is None or np.ndim(offset) != 1 else np.asarray(as_local("offset", offset))[:, None]
