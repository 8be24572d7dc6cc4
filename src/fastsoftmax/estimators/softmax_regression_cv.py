"""SoftmaxRegressionCV: the scikit-learn classifier that finds its own penalty by cross-validation."""

import warnings
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_method_params, check_is_fitted

from ..data.arguments import as_number
from ..fitting.binding import start
from ..fitting.solving import Settings, solve
from ..penalties import as_penalty
from ..problem.objective import Objective
from .base import dtype_of, shortfall
from .bound import scaled_loss
from .classifier import bounds_of, fitted_attributes, penalty_of, rows_of, total_of
from .exporting import ExportableClassifier
from .folds import Fold, HeldOut, Part, checked, fits, same_features, train_weights
from .parameters import FitParameters
from .routing import RoutesMetadata, told_classes
from .sklearn_input import as_local, as_logits, as_weights
from .spellings import OF_LOGISTIC_REGRESSION, explains_spellings, known_solver, refuse_none, with_note

LEGACY = "leave it out: the fitted attributes are as with False"


@explains_spellings
@dataclass(kw_only=True, eq=False, repr=False)
class SoftmaxRegressionCV(FitParameters, RoutesMetadata, ExportableClassifier):
    """Softmax regression with the C and l1_ratio that have the best score on held-out samples.

    A drop-in for scikit-learn's ``LogisticRegressionCV`` with ``use_legacy_attributes=False``: the fitted attributes
    are the same numbers and arrays. From the smallest C to the largest, each fit starts where the one before ended.

    Parameters
    ----------
    Cs : int or array_like, default=10
        Values of C, or their number: they are then spaced evenly in log C from 1e-4 to 1e4.
    l1_ratios : array_like, default=(0.0,)
        Values of l1_ratio, from 0 (only an L2 penalty) to 1 (only an L1 penalty).
    fit_intercept : bool, default=True
    penalty_factor, group, bounds
        As for `SoftmaxRegression`.
    cv : int, cross-validation splitter or iterable, default=None
        Number of folds, stratified by class (None for 5); or an iterable over indices of training and test samples.
    scoring : str or callable, default=None
        ``scorer(estimator, X, y)`` or the name of a scorer; None for accuracy. The scorer is passed sample_weight if
        `fit` is. With ``enable_metadata_routing=True`` in scikit-learn, it is passed what it has requested.
    tol : float, default=1e-4
        As for `SoftmaxRegression`, for every fit.
    max_iter : int, default=100
        Largest number of iterations of each fit.
    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied with sample_weight. "balanced" is over all samples, not over those of each
        fold. Scores do not use it.
    refit : bool, default=True
        If true, fit all samples with the C and l1_ratio of the best mean score. If false, choose the best C and
        l1_ratio of each fold, and take the means over the folds of these and of their coefficients.
    standardize : bool, default=False
        As for `SoftmaxRegression`; a fold has the mean and std of its own training samples.
    random_state : int, RandomState, Generator or None, default=None
        As for `SoftmaxRegression`.
    solver, learning_rate
        As for `SoftmaxRegression`.
    verbose : int, default=0
        1 shows a line of progress on standard error.
    n_jobs : int, default=None
        Threads: None and -1 mean all that the process may use, -2 all but one. The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
    intercept_ : ndarray of shape (n_classes,), or (1,) for two classes
    C_, l1_ratio_ : float
        The best values; without refit, the means over the folds of each fold's best values.
    Cs_ : ndarray of shape (n_cs,)
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, n_classes or 1, n_features + fit_intercept)
        The last column holds the intercepts, if there are any.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
    n_passes_ : int
        How often X was read by all fits together.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if the columns of X have names.
    result_ : FitResult
        What the solver returned for all samples; only with refit.
    """

    default_scoring: ClassVar[str] = "accuracy"
    _spelt_otherwise: ClassVar[dict[str, str]] = {**OF_LOGISTIC_REGRESSION, "use_legacy_attributes": LEGACY}

    Cs: Any = 10
    l1_ratios: Any = (0.0,)
    cv: Any = None
    scoring: Any = None
    refit: bool = True
    standardize: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FitParameters._parameter_constraints,
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "refit": ["boolean"],
        "standardize": ["boolean"],
    }

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, offset: Any = None, **params: Any
    ) -> "SoftmaxRegressionCV":
        """Find the C and l1_ratio with the best score, and fit the coefficients.

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features)
            As for `SoftmaxRegression.fit`.
        y : array_like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array_like of shape (n_samples,), optional
            Used by the fits and by the scores.
        offset : array_like of shape (n_samples, n_classes), optional
            As for `SoftmaxRegression.fit`; the scores use it too.
        **params
            groups for the splitter. If scikit-learn routes metadata: what the splitter and the scorer have requested.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values, or if this version does not serve a parameter.
        KeyboardInterrupt
            On Ctrl-C. The fitted attributes stay those of the previous fit, if there was one.
        """
        self._validate_params()
        Cs, l1_ratios = self._grid()
        X = self._validate_X(X, reset=True)
        labels, classes = self._encode(y, X.shape[0])
        if labels.ndim == 2:
            raise ValueError(f"y must hold a label for each sample, to be scored, found shape {labels.shape}")
        y, offset = classes[labels], as_logits(offset, len(classes))
        weights = self._weights(sample_weight, X, labels, classes)
        whole = self._part(X, labels, len(classes), weights, offset)
        weights = np.ones(X.shape[0]) if weights is None else weights
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, X)
        routed = self._routed("fit", sample_weight, params)
        folds = []
        for train, test in check_cv(self.cv, y, classifier=True).split(X, y, **routed.splitter.split):
            drawn = train_weights(weights, train)
            # Other scales make other features, which are bound anew.
            of_fold = self._part(X, labels, len(classes), drawn, offset) if self.standardize else None
            folds.append(Fold(of_fold or same_features(whole, drawn), test))
        line = self._progress()
        settings = Settings(
            known_solver(self.solver), self.learning_rate, self.tol, self.max_iter, line, self.random_state
        )
        shape = len(folds), len(l1_ratios), len(Cs)
        n_rows = 1 if len(classes) == 2 else len(classes)
        dtype = dtype_of(X)
        coefs = np.empty((*shape, n_rows, X.shape[1]), dtype)
        intercepts = np.empty((*shape, n_rows), np.float64 if self.standardize else dtype)
        n_iter = np.empty(shape, dtype=np.int32)
        missed = []
        kind = len(classes), self.group
        for place, result in fits([fold.train for fold in folds], Cs, l1_ratios, kind, settings):
            scaling = folds[place[0]].train.scaling
            found = fitted_attributes(
                scaling.to_stored(result.W), result.b, result.n_iter, classes, dtype, scaling.center
            )
            coefs[place], intercepts[place], n_iter[place] = found["coef_"], found["intercept_"], result.n_iter
            missed += [shortfall(result)]

        scores = self._scores(X, y, routed.scorer.score, folds, coefs, intercepts, offset)
        if self.refit:
            # Of equal scores take the first C, then the first l1_ratio, as scikit-learn does.
            c, r = np.unravel_index(scores.sum(axis=0).T.argmax(), shape[:0:-1])
            C, l1_ratio = float(Cs[c]), float(l1_ratios[r])
            problem, total_weight, scaling = whole
            penalty = problem.penalty.of_strength(penalty_of(C, l1_ratio, total_weight, *kind))
            problem = problem.variant(penalty, problem.loss.samples.weight)
            mean = coefs[:, r, c].mean(axis=0, dtype=np.float64), intercepts[:, r, c].mean(axis=0, dtype=np.float64)
            begin = start(scaling.to_scaled(*rows_of(*mean)), problem.loss)
            of_all = replace(settings, certify=self._certify)
            result = with_note(checked(solve(problem, begin, of_all)), self.solver)
            missed += [shortfall(result)]
            self.result_ = scaling.result(result)
            self.__dict__.update(
                fitted_attributes(self.result_.W, result.b, result.n_iter, classes, dtype, scaling.center)
            )
        else:
            best = scores.transpose(0, 2, 1).reshape(len(folds), -1).argmax(axis=1)
            c, r = np.unravel_index(best, shape[:0:-1])
            C, l1_ratio = float(Cs[c].mean()), float(l1_ratios[r].mean())
            every = np.arange(len(folds))
            self.coef_, self.intercept_ = coefs[every, r, c].mean(axis=0), intercepts[every, r, c].mean(axis=0)
            self.classes_, self._center = classes, whole.scaling.center
            self.__dict__.pop("result_", None)  # of a fit before
        self.C_, self.l1_ratio_, self.Cs_, self.l1_ratios_ = C, l1_ratio, Cs, l1_ratios
        parts = [whole, *(fold.train for fold in folds if self.standardize)]
        self.scores_, self.n_iter_, self.n_passes_ = scores, n_iter, sum(part.objective.n_passes for part in parts)
        self.coefs_paths_ = np.concatenate([coefs, intercepts[..., None]], axis=-1) if self.fit_intercept else coefs
        n_fits = scores.size + self.refit
        if line is not None:
            line.close(f"{n_fits} fits in {self.n_passes_} passes: C = {C:.4g}, l1_ratio = {l1_ratio:.4g}")
        missed = [reason for reason in missed if reason]
        if missed:
            warnings.warn(
                f"{len(missed)} of {n_fits} fits have not converged; the first: {missed[0]}",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, **params: Any) -> float:
        """Score predictions for X by `scoring`; `params` are what the scorer has requested, as for `fit`."""
        routed = self._routed("score", sample_weight, params)
        model = self
        if offset is not None:
            check_is_fitted(self)
            model = HeldOut(fit_intercept=self.fit_intercept, n_jobs=self.n_jobs)
            model.__dict__.update({name: value for name, value in vars(self).items() if name.endswith("_")})
            model._center, model.rows_offset = getattr(self, "_center", None), offset
        return self._get_scorer()(model, X, as_local("y", y), **routed.scorer.score)

    def _part(
        self, X: Any, labels: np.ndarray, n_classes: int, weights: np.ndarray | None, offset: np.ndarray | None
    ) -> Part:
        """Bind the samples, with a penalty of no strength."""
        loss, scaling = scaled_loss(self, X, labels, weights, offset)
        shape = n_classes, X.shape[1]
        penalty = as_penalty(
            *(0.0, 0.0, shape),
            penalty_factor=self.penalty_factor,
            group=self.group,
            bounds=scaling.bounds(bounds_of(self.bounds, *shape)),
        )
        total_weight = float(X.shape[0]) if weights is None else total_of(weights)
        return Part(Objective(loss, penalty), total_weight, scaling)

    def _validate_params(self) -> None:
        refuse_none("l1_ratios", self.l1_ratios, "(0.0,)")
        super()._validate_params()

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Cs and l1_ratios as checked vectors, (n_cs,) and (n_l1_ratios,)."""
        Cs = np.logspace(-4, 4, self.Cs) if isinstance(self.Cs, Integral) else _as_vector("Cs", self.Cs)
        for c, C in enumerate(Cs):
            if not C > 0:
                raise ValueError(f"Cs[{c}] must be positive, found {C}")
        l1_ratios = _as_vector("l1_ratios", self.l1_ratios)
        for r, l1_ratio in enumerate(l1_ratios):
            if as_number(f"l1_ratios[{r}]", float(l1_ratio)) > 1:
                raise ValueError(f"l1_ratios[{r}] must be between 0 and 1, found {l1_ratio}")
        return Cs, l1_ratios

    def _scores(
        self,
        X: Any,
        y: np.ndarray,
        params: dict[str, Any],
        folds: list[Fold],
        coefs: np.ndarray,
        intercepts: np.ndarray,
        offset: np.ndarray | None,
    ) -> np.ndarray:
        """Score every fit on the samples that its fold holds out, (n_folds, n_l1_ratios, n_cs)."""
        classes = np.unique(y)
        scorer = told_classes(self._get_scorer(), classes)
        model = HeldOut(fit_intercept=self.fit_intercept, n_jobs=self.n_jobs)
        model.classes_, model.n_features_in_ = classes, X.shape[1]
        scores = np.empty(coefs.shape[:3])
        for f, fold in enumerate(folds):
            # Copy the test rows of one fold at a time.
            X_test, y_test = X[fold.test], y[fold.test]
            told = _check_method_params(X, params, indices=fold.test)
            model._center = fold.train.scaling.center
            model.rows_offset = None if offset is None else offset[fold.test]
            for place in np.ndindex(scores.shape[1:]):
                model.coef_, model.intercept_ = coefs[f][place], intercepts[f][place]
                scores[f][place] = scorer(model, X_test, y_test, **told)
        return scores


def _as_vector(name: str, values: Any) -> np.ndarray:
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, found {values!r}") from None
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector that is not empty, found shape {vector.shape}")
    return vector
