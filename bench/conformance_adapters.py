"""Our classifiers under the names and parameters of scikit-learn's, for which its tests take them.

During a fit, parameters that we lack are translated to ours; those without a meaning here are stored and ignored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from sklearn.metrics import get_scorer

import fastsoftmax as fs

# Scikit-learn's solver → ours. The default maps to the default.
SOLVERS = {
    "lbfgs": "auto",
    "newton-cg": "lbfgs",
    "newton-cholesky": "preconditioned-lbfgs",
    "sag": "agd",
    "saga": "auto",
    "liblinear": "auto",
}

# Liblinear's tol does not bound the gradient of the mean loss; with the same tol it iterates for longer than ours.
LIBLINEAR_TOL = 1e-3

L1_RATIO = {"l1": 1.0, "l2": 0.0}  # by the deprecated penalty


class Adapter:
    """What the two adapters share."""

    solver: Any
    tol: float

    # Parameters that only our classifiers have.
    standardize: Any = False
    learning_rate: Any = "auto"

    @contextmanager
    def _in_our_words(self, **ours: Any) -> Iterator[None]:
        theirs = {name: getattr(self, name) for name in ("solver", "tol", *ours)}
        tol = self.tol * LIBLINEAR_TOL if self.solver == "liblinear" else self.tol
        self.__dict__.update({"solver": SOLVERS[self.solver], "tol": tol, **ours})
        try:
            yield
        finally:
            self.__dict__.update(theirs)


class LogisticRegression(Adapter, fs.SoftmaxRegression):
    """`SoftmaxRegression` in the place of `sklearn.linear_model.LogisticRegression`."""

    def __init__(
        self,
        penalty: Any = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            C=C,
            l1_ratio=cast(float, l1_ratio),
            tol=tol,
            fit_intercept=fit_intercept,
            class_weight=class_weight,
            random_state=random_state,
            solver=solver,
            max_iter=max_iter,
            verbose=verbose,
            warm_start=warm_start,
            n_jobs=n_jobs,
        )
        self.penalty, self.dual, self.intercept_scaling = penalty, dual, intercept_scaling

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LogisticRegression":
        """Fit `SoftmaxRegression` with the translated parameters."""
        l1_ratio = L1_RATIO.get(self.penalty, self.l1_ratio)
        if l1_ratio is None and self.penalty != "elasticnet":
            l1_ratio = 0.0
        with self._in_our_words(C=np.inf if self.penalty is None else self.C, l1_ratio=l1_ratio):
            return super().fit(X, y, sample_weight)


class LogisticRegressionCV(Adapter, fs.SoftmaxRegressionCV):
    """`SoftmaxRegressionCV` in the place of `sklearn.linear_model.LogisticRegressionCV`."""

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = "warn",
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: Any = "deprecated",
        scoring: Any = "warn",
        solver: str = "lbfgs",
        tol: float = 1e-4,
        max_iter: int = 100,
        class_weight: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: Any = None,
        use_legacy_attributes: Any = "warn",
    ) -> None:
        super().__init__(
            Cs=Cs,
            l1_ratios=l1_ratios,
            fit_intercept=fit_intercept,
            cv=cv,
            scoring=scoring,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            class_weight=class_weight,
            n_jobs=n_jobs,
            verbose=verbose,
            refit=refit,
            random_state=random_state,
        )
        self.penalty, self.dual, self.intercept_scaling = penalty, dual, intercept_scaling
        self.use_legacy_attributes = use_legacy_attributes

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> "LogisticRegressionCV":
        """Fit `SoftmaxRegressionCV`; with `use_legacy_attributes` convert the attributes to their legacy shapes."""
        one_ratio = self.penalty != "elasticnet" and (self.l1_ratios is None or isinstance(self.l1_ratios, str))
        l1_ratios = (L1_RATIO.get(self.penalty, 0.0),) if one_ratio else self.l1_ratios
        scoring = None if isinstance(self.scoring, str) and self.scoring == "warn" else self.scoring
        with self._in_our_words(l1_ratios=l1_ratios, scoring=scoring):
            super().fit(X, y, sample_weight, **params)
        if self.use_legacy_attributes:
            self._restore_former_attributes(one_ratio)
        return self

    def _get_scorer(self) -> Any:
        return get_scorer("accuracy") if self.scoring == "warn" else super()._get_scorer()

    def _restore_former_attributes(self, one_ratio: bool) -> None:
        """Convert arrays (n_folds, n_l1_ratios, n_cs, …) to dicts from class to (n_folds, n_cs, n_l1_ratios, …)."""
        names = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        places = (slice(None), slice(None), 0) if one_ratio else ()
        paths = np.moveaxis(self.coefs_paths_.swapaxes(1, 2), 3, 0)
        former = {
            "coefs_paths_": {name: path[places] for name, path in zip(names, paths, strict=True)},
            "scores_": dict.fromkeys(names, self.scores_.swapaxes(1, 2)[places]),
            "n_iter_": self.n_iter_.swapaxes(1, 2)[places][None],
            "C_": np.full(len(names), self.C_),
            "l1_ratio_": np.full(len(names), self.l1_ratio_),
        }
        self.__dict__.update(former)
