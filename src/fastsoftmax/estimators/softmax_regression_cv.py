"""SoftmaxRegressionCV: the scikit-learn classifier that finds its own penalty by cross-validation.

A fold is the whole X, in which the held-out samples have weight zero: X is bound once and never copied. All folds are
fitted with one penalty before any is fitted with the next. The components of the preconditioner depend on the penalty
far more than on the fold, so all folds share them.
"""

import warnings
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from inspect import signature
from numbers import Integral
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params

from ..data.arguments import as_number
from ..data.samples import as_sample_weight
from ..fitting.binding import bind, start
from ..fitting.path import walk
from ..fitting.result import FitResult
from ..fitting.solving import Settings, solve
from ..penalties import as_penalty
from ..problem.objective import Objective
from .base import dtype_of, shortfall
from .classifier import (
    bounds_of,
    coefficients_of,
    fitted_attributes,
    penalty_of,
    rows_of,
    total_of,
)
from .exporting import ExportableClassifier
from .parameters import FitParameters
from .sklearn_input import as_weights
from .softmax_regression import SoftmaxRegression


class Fold(NamedTuple):
    """The training objective and the test rows of a fold."""

    objective: Objective
    total_weight: float  # of the training samples
    test: np.ndarray  # indices or a mask


@dataclass(kw_only=True, eq=False, repr=False)
class SoftmaxRegressionCV(FitParameters, ExportableClassifier):
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

    # The scorer requests sample_weight, not `score` itself.
    __metadata_request__score: ClassVar[dict[str, str]] = {"sample_weight": UNUSED}

    Cs: Any = 10
    l1_ratios: Any = (0.0,)
    cv: Any = None
    scoring: Any = None
    refit: bool = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FitParameters._parameter_constraints,
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "refit": ["boolean"],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> "SoftmaxRegressionCV":
        """Find the C and l1_ratio with the best score, and fit the coefficients.

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features)
            As for `SoftmaxRegression.fit`.
        y : array_like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array_like of shape (n_samples,), optional
            Used by the fits and by the scores.
        **params
            If scikit-learn routes metadata: what the splitter (for example groups) and the scorer have requested.

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
        _raise_for_params(params, self, "fit")
        self._validate_params()
        Cs, l1_ratios = self._grid()
        X = self._validate_X(X, reset=True)
        labels, classes = self._encode(y, X.shape[0])
        if labels.ndim == 2:
            raise ValueError(f"y must hold a label for each sample, to be scored, found shape {labels.shape}")
        y = classes[labels]
        weights = self._weights(sample_weight, X, labels, classes)
        total_weight = float(X.shape[0]) if weights is None else total_of(weights)
        whole = Objective(
            bind(X, labels, sample_weight=weights, fit_intercept=self.fit_intercept, num_threads=self._num_threads()),
            as_penalty(
                0.0,
                0.0,
                (len(classes), X.shape[1]),
                penalty_factor=self.penalty_factor,
                group=self.group,
                bounds=bounds_of(self.bounds, len(classes), X.shape[1]),
            ),
        )
        weights = np.ones(X.shape[0]) if weights is None else weights
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, X)
        routed = self._routed("fit", sample_weight, params)
        splits = check_cv(self.cv, y, classifier=True).split(X, y, **routed.splitter.split)
        folds = [_fold(whole, weights, train, test) for train, test in splits]
        line = self._progress()
        settings = Settings(self.solver, self.learning_rate, self.tol, self.max_iter, line, self.random_state)
        shape = len(folds), len(l1_ratios), len(Cs)
        n_rows = 1 if len(classes) == 2 else len(classes)
        coefs = np.empty((*shape, n_rows, X.shape[1]), dtype_of(X))
        intercepts = np.empty((*shape, n_rows), dtype_of(X))
        n_iter = np.empty(shape, dtype=np.int32)
        missed = []
        for place, result in _fits(folds, Cs, l1_ratios, (len(classes), self.group), settings):
            coefs[place], intercepts[place] = coefficients_of(result.W, result.b)
            n_iter[place] = result.n_iter
            missed += [shortfall(result)]

        scores = self._scores(X, y, routed.scorer.score, folds, coefs, intercepts)
        if self.refit:
            # Of equal scores take the first C, then the first l1_ratio, as scikit-learn does.
            c, r = np.unravel_index(scores.sum(axis=0).T.argmax(), shape[:0:-1])
            C, l1_ratio = float(Cs[c]), float(l1_ratios[r])
            penalty = whole.penalty.of_strength(penalty_of(C, l1_ratio, total_weight, len(classes), self.group))
            problem = whole.variant(penalty, whole.loss.samples.weight)
            mean = coefs[:, r, c].mean(axis=0, dtype=np.float64), intercepts[:, r, c].mean(axis=0, dtype=np.float64)
            result = _checked(solve(problem, start(rows_of(*mean), problem.loss), settings))
            missed += [shortfall(result)]
            self.result_ = result
            self.__dict__.update(fitted_attributes(result.W, result.b, result.n_iter, classes, dtype_of(X)))
        else:
            best = scores.transpose(0, 2, 1).reshape(len(folds), -1).argmax(axis=1)
            c, r = np.unravel_index(best, shape[:0:-1])
            C, l1_ratio = float(Cs[c].mean()), float(l1_ratios[r].mean())
            every = np.arange(len(folds))
            self.coef_, self.intercept_ = coefs[every, r, c].mean(axis=0), intercepts[every, r, c].mean(axis=0)
            self.classes_ = classes
        self.C_, self.l1_ratio_, self.Cs_, self.l1_ratios_ = C, l1_ratio, Cs, l1_ratios
        self.scores_, self.n_iter_, self.n_passes_ = scores, n_iter, whole.n_passes
        self.coefs_paths_ = np.concatenate([coefs, intercepts[..., None]], axis=-1) if self.fit_intercept else coefs
        n_fits = scores.size + self.refit
        if line is not None:
            line.close(f"{n_fits} fits in {whole.n_passes} passes: C = {C:.4g}, l1_ratio = {l1_ratio:.4g}")
        missed = [reason for reason in missed if reason]
        if missed:
            warnings.warn(
                f"{len(missed)} of {n_fits} fits have not converged; the first: {missed[0]}",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """Score predictions for X by `scoring`; `params` are what the scorer has requested, as for `fit`."""
        _raise_for_params(params, self, "score")
        return self._get_scorer()(self, X, y, **self._routed("score", sample_weight, params).scorer.score)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata goes to `fit` itself, to the splitter and to the scorer."""
        to_score = MethodMapping().add(caller="fit", callee="score").add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(scorer=self._get_scorer(), method_mapping=to_score)
        )

    def _get_scorer(self) -> Any:
        return get_scorer(self.scoring or "accuracy")

    def _routed(self, method: str, sample_weight: Any, params: dict[str, Any]) -> Bunch:
        """Return the metadata for the splitter and for the scorer."""
        if sample_weight is not None:
            params = {"sample_weight": sample_weight, **params}
        if _routing_enabled():
            return process_routing(self, method, **params)
        return Bunch(splitter=Bunch(split={}), scorer=Bunch(score=params))

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
    ) -> np.ndarray:
        """Score every fit on the samples that its fold holds out, (n_folds, n_l1_ratios, n_cs)."""
        classes = np.unique(y)
        scorer = _told_classes(self._get_scorer(), classes)
        model = SoftmaxRegression(fit_intercept=self.fit_intercept, n_jobs=self.n_jobs)
        model.classes_, model.n_features_in_ = classes, X.shape[1]
        scores = np.empty(coefs.shape[:3])
        for f, fold in enumerate(folds):
            # Copy the test rows of one fold at a time.
            X_test, y_test = X[fold.test], y[fold.test]
            told = _check_method_params(X, params, indices=fold.test)
            for place in np.ndindex(scores.shape[1:]):
                model.coef_, model.intercept_ = coefs[f][place], intercepts[f][place]
                scores[f][place] = scorer(model, X_test, y_test, **told)
        return scores


def _fold(whole: Objective, weights: np.ndarray, train: Any, test: Any) -> Fold:
    n_samples = len(weights)
    # train holds indices or is a mask; an index that occurs twice counts twice.
    drawn = weights * np.bincount(np.arange(n_samples)[train], minlength=n_samples)
    return Fold(whole.variant(whole.penalty, as_sample_weight(drawn, n_samples)), drawn.sum(), test)


def _fits(
    folds: list[Fold], Cs: np.ndarray, l1_ratios: np.ndarray, kind: tuple[int, str | None], settings: Settings
) -> Iterator[tuple[tuple[int, int, int], FitResult]]:
    """Yield the fit of each fold, l1_ratio and C, and its place in arrays of (n_folds, n_l1_ratios, n_cs).

    kind is the number of classes, and the group.
    """
    order = np.argsort(Cs, kind="stable")
    for r, l1_ratio in enumerate(l1_ratios):
        walks = [
            walk(
                fold.objective,
                [
                    fold.objective.penalty.of_strength(penalty_of(C, l1_ratio, fold.total_weight, *kind))
                    for C in Cs[order]
                ],
                start(None, fold.objective.loss),
                settings,
            )
            for fold in folds
        ]
        for c in order:
            for f, steps in enumerate(walks):
                yield (f, r, c), _checked(next(steps))


def _checked(result: FitResult) -> FitResult:
    """Return the result, or raise KeyboardInterrupt if the fit was interrupted."""
    if result.status == "interrupted":
        raise KeyboardInterrupt(result.message)
    return result


def _told_classes(scorer: Any, classes: np.ndarray) -> Any:
    """Return a scorer whose metric knows all classes, if the metric has an argument for them: a fold may lack one."""
    asked = signature(scorer._score_func).parameters if hasattr(scorer, "_score_func") else {}
    if "labels" not in asked:
        return scorer
    known: dict[str, Any] = {"labels": classes}
    if len(classes) == 2 and "pos_label" in asked:
        known["pos_label"] = classes[-1]
    scorer = copy(scorer)
    scorer._kwargs = {**known, **scorer._kwargs}
    return scorer


def _as_vector(name: str, values: Any) -> np.ndarray:
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, found {values!r}") from None
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector that is not empty, found shape {vector.shape}")
    return vector
