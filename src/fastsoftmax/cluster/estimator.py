"""The classifier on a cluster, but for what its engine decides."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..estimators.bound import Bound, bound_passes, set_features
from ..estimators.classifier import rows_of
from ..estimators.sklearn_input import check_labels
from ..estimators.softmax_regression import SoftmaxRegression
from .fit import with_words, words_of
from .passes import ClusterPasses


@dataclass(kw_only=True, eq=False, repr=False)
class ClusterClassifier(SoftmaxRegression):
    """`SoftmaxRegression` for rows of a cluster; a subclass says in `_passes` how they are read."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, classes: Any = None, *, offset: Any = None) -> Self:
        """Fit to the rows of a cluster.

        Parameters
        ----------
        X, y, sample_weight, offset
            As in the function `fit` of this module; y of one dimension holds labels of any kind.
        classes : array_like of shape (n_classes,), optional
            All labels that there may be: others are refused. One that never comes has the probability zero, its
            intercept being −∞. By default the labels that come.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument, or a partition, has the wrong shape, type or values; the message names the partition.
        RuntimeError
            If the cluster fails. If it had evaluated the start, the fitted attributes hold the best coefficients.
        """
        known = None
        if classes is not None:
            known = np.unique(np.asarray(classes))
            check_labels("classes", known)
        with self._passes(X, y, sample_weight, offset) as (passes, names):
            self._cluster = passes, known, names
            try:
                with words_of(passes):
                    super().fit(X, y, sample_weight, offset=offset)
            except KeyboardInterrupt as interrupt:
                self._add_unseen(known)
                if not passes.failure:
                    raise
                self.result_ = with_words(self.result_, passes)
                raise RuntimeError(self.result_.message) from interrupt
            finally:
                del self._cluster
        self._add_unseen(known)
        return self

    def to_local(self) -> SoftmaxRegression:
        """Return the same as a `SoftmaxRegression`, which knows nothing of a cluster."""
        own = self.get_params(deep=False)
        local = SoftmaxRegression(**{name: own[name] for name in SoftmaxRegression().get_params(deep=False)})
        for name, value in vars(self).items():
            if name not in own:
                setattr(local, name, value)
        return local

    def _passes(
        self, X: Any, y: Any, sample_weight: Any, offset: Any
    ) -> AbstractContextManager[tuple[ClusterPasses, tuple[str, ...] | None]]:
        """Return passes over the rows for as long as a fit takes, and the names of the features if they have any."""
        raise NotImplementedError

    def _bind(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Bound:
        passes, known, names = self._cluster
        bound = bound_passes(self, passes, known, self._num_threads() or 1)
        set_features(self, bound.loss.X.shape[1], names)
        return bound

    def _add_unseen(self, known: np.ndarray | None) -> None:
        """Give the classes that never came an intercept of −∞."""
        if known is None or len(known) == len(self.classes_):
            return
        seen = np.isin(known, self.classes_)
        coef, intercept = _widened(*rows_of(self.coef_, self.intercept_), seen)
        W, b = _widened(self.result_.W, self.result_.b, seen)
        self.__dict__.update(classes_=known, coef_=coef, intercept_=intercept, result_=replace(self.result_, W=W, b=b))


def _widened(W: np.ndarray, b: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters with a row for each class."""
    coef, intercept = np.zeros((len(seen), W.shape[1]), W.dtype), np.full(len(seen), -np.inf, b.dtype)
    coef[seen], intercept[seen] = W, b
    return coef, intercept
