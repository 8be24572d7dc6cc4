"""GeneralizedLinearRegressionCV: a regression of any family that finds its own penalty by cross-validation.

A fold is the whole X, in which the held-out samples have weight zero: X is bound once and never copied. All folds are
fitted with one penalty before any is fitted with the next, and share what is known of the features.
"""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from ..data.arguments import as_number
from ..data.samples import as_sample_weight
from ..families import OutputsFamily
from ..files.regression_model import RegressionModel
from ..fitting.binding import bind, start
from ..fitting.goodness import explained_deviance
from ..fitting.passes import decision_function
from ..fitting.path import walk
from ..fitting.solving import Settings
from ..penalties import ElasticNet, as_penalty
from ..problem.objective import Objective
from .base import LinearEstimator, shortfall
from .generalized_linear import GeneralizedLinearRegression, as_columns
from .progress import ProgressLine
from .regressions import GaussianRegression

# The range of alphas where only their number is given.
WEAKEST, STRONGEST = 1e-5, 10.0


@dataclass(eq=False, repr=False)
class GeneralizedLinearRegressionCV(RegressorMixin, LinearEstimator):
    """A regression with the alpha and l1_ratio that explain the largest share of the deviance of held-out samples.

    From the strongest penalty to the weakest, each fit starts where the one before ended.

    Parameters
    ----------
    estimator : GeneralizedLinearRegression, default=None
        `PoissonRegression()`, for example; its other parameters are those of every fit. None for GaussianRegression().
    alphas : int or array_like, default=10
        Values of alpha, or their number: they are then spaced evenly in log alpha from 1e-5 to 10.
    l1_ratios : array_like, default=(0.0,)
        Values of l1_ratio, from 0 (only an L2 penalty) to 1 (only an L1 penalty).
    cv : int, cross-validation splitter or iterable, default=None
        Number of folds (None for 5); or a splitter, or an iterable over indices of training and test samples.

    Attributes
    ----------
    estimator_ : GeneralizedLinearRegression
        Fitted to all samples with the best penalty; it predicts.
    coef_, intercept_
        Those of estimator_.
    alpha_, l1_ratio_ : float
    alphas_ : ndarray of shape (n_alphas,)
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_alphas)
        D² of the held-out samples.
    n_passes_ : int
        How often X was read by the fits of all folds together.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
    """

    estimator: Any = None
    alphas: Any = 10
    l1_ratios: Any = (0.0,)
    cv: Any = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "cv": ["cv_object"],
    }

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, offset: Any = None, groups: Any = None
    ) -> "GeneralizedLinearRegressionCV":
        """Find the alpha and l1_ratio with the best score, and fit all samples with them.

        Parameters
        ----------
        X, y, sample_weight, offset
            As for the estimator's own `fit`.
        groups : array_like of shape (n_samples,), optional
            For a splitter that keeps groups together.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        KeyboardInterrupt
            On Ctrl-C.
        """
        self._validate_params()
        model = self._model()
        model._validate_params()
        alphas, l1_ratios = self._grid()
        X = self._validate_X(X, reset=True)
        y, weights, offset = model._as_targets(y), model._checked_weights(sample_weight, X), as_columns(offset)
        family = model._family()
        whole = self._whole(model, X, y, family, weights, offset)
        line = ProgressLine() if model.verbose else None
        settings = Settings(solver=model.solver, tol=model.tol, max_iter=model.max_iter, callback=line)
        weighs, missed = np.ones(len(y)) if weights is None else weights, []
        folds = []
        for train, test in check_cv(self.cv, y).split(X, y, groups):
            # train holds indices or is a mask; an index that occurs twice counts twice.
            drawn = weighs * np.bincount(np.arange(len(y))[train], minlength=len(y))
            folds.append((whole.variant(whole.penalty, as_sample_weight(drawn, len(y))), test))
        scores, order = np.empty((len(folds), len(l1_ratios), len(alphas))), np.argsort(-alphas, kind="stable")
        for r, l1_ratio in enumerate(l1_ratios):
            strengths = [ElasticNet((1 - l1_ratio) * alpha, l1_ratio * alpha) for alpha in alphas[order]]
            penalties = [whole.penalty.of_strength(strength) for strength in strengths]
            walks = [walk(fold, penalties, start(None, fold.loss), settings) for fold, _ in folds]
            for a in order:
                for f, (steps, (_, test)) in enumerate(zip(walks, folds, strict=True)):
                    result = next(steps)
                    if result.status == "interrupted":
                        raise KeyboardInterrupt(result.message)
                    missed += [shortfall(result)]
                    logits = decision_function(X[test], result.W, result.b, num_threads=model._num_threads())
                    logits = logits if offset is None else logits + offset[test]
                    scores[f, r, a] = explained_deviance(family, y[test], logits, weights_of(weights, test))
        # Of equal scores take the first alpha, then the first l1_ratio.
        best_alpha, best_ratio = np.unravel_index(scores.mean(axis=0).T.argmax(), scores.shape[:0:-1])
        self.alpha_, self.l1_ratio_ = float(alphas[best_alpha]), float(l1_ratios[best_ratio])
        self.alphas_, self.l1_ratios_, self.scores_, self.n_passes_ = alphas, l1_ratios, scores, whole.n_passes
        if line is not None:
            line.close(f"{scores.size} fits in {whole.n_passes} passes: alpha = {self.alpha_:.4g}")
        model.set_params(alpha=self.alpha_, l1_ratio=self.l1_ratio_)
        self.estimator_ = model.fit(X, y, weights, offset=offset)
        missed = [reason for reason in missed if reason]
        if missed:
            message = f"{len(missed)} of {scores.size} fits have not converged; the first: {missed[0]}"
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return the mean of y for every sample, of the shape of the y that was fitted."""
        return self._fitted().predict(self._validate_X(X, reset=False), offset)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return D², the share of the deviance that the model explains."""
        return self._fitted().score(self._validate_X(X, reset=False), y, sample_weight, offset)

    @property
    def coef_(self) -> Any:
        """Coefficients, (n_features,) or (n_outputs, n_features)."""
        return self.estimator_.coef_

    @coef_.setter
    def coef_(self, coef: Any) -> None:
        # For sparsify and densify.
        self.estimator_.coef_ = coef

    @property
    def intercept_(self) -> Any:
        """Intercepts, a number or (n_outputs,)."""
        return self.estimator_.intercept_

    def _fitted(self) -> GeneralizedLinearRegression:
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def _saved_model(self) -> RegressionModel:
        """Return the model that a file holds, that of estimator_."""
        return self._fitted()._saved_model()

    def _model(self) -> GeneralizedLinearRegression:
        """Return an estimator to be fitted."""
        if self.estimator is None:
            return GaussianRegression()
        if not isinstance(self.estimator, GeneralizedLinearRegression):
            name = type(self.estimator).__name__
            raise ValueError(f"estimator must be a regression of a family, such as PoissonRegression(), found {name}")
        model: GeneralizedLinearRegression = clone(self.estimator)
        return model

    def _whole(
        self, model: GeneralizedLinearRegression, X: Any, y: Any, family: OutputsFamily, weights: Any, offset: Any
    ) -> Objective:
        """Bind the samples, with a penalty of no strength."""
        loss = bind(
            *(X, y),
            family=family,
            sample_weight=weights,
            offset=offset,
            fit_intercept=model.fit_intercept,
            num_threads=model._num_threads(),
        )
        shape = loss.n_outputs, X.shape[1]
        options = {"penalty_factor": model.penalty_factor, "bounds": model.bounds}
        return Objective(loss, as_penalty(0.0, 0.0, shape, **options))

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Alphas and l1_ratios as checked vectors, (n_alphas,) and (n_l1_ratios,)."""
        by_number = isinstance(self.alphas, Integral)
        alphas = np.geomspace(WEAKEST, STRONGEST, self.alphas) if by_number else as_grid("alphas", self.alphas)
        l1_ratios = as_grid("l1_ratios", self.l1_ratios)
        for r, l1_ratio in enumerate(l1_ratios):
            if l1_ratio > 1:
                raise ValueError(f"l1_ratios[{r}] must be between 0 and 1, found {l1_ratio}")
        return alphas, l1_ratios

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags = self._model().__sklearn_tags__().target_tags
        return tags


def weights_of(weights: np.ndarray | None, rows: Any) -> np.ndarray | None:
    """Return the weights of some rows."""
    return None if weights is None else weights[rows]


def as_grid(name: str, values: Any) -> np.ndarray:
    """Return values of a penalty as a vector of numbers that are not negative."""
    vector = np.asarray(values)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector that is not empty, found shape {vector.shape}")
    return np.array([as_number(f"{name}[{v}]", value) for v, value in enumerate(vector.tolist())])
