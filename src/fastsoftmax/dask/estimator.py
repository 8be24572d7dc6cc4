"""DaskSoftmaxRegression: the classifier on a cluster, by the names that LightGBM's and XGBoost's users know."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..estimators.bound import Bound, bound_passes, set_features
from ..estimators.classifier import rows_of
from ..estimators.sklearn_input import check_labels
from ..estimators.softmax_regression import SoftmaxRegression
from ..estimators.spellings import explains_spellings
from .fit import running, with_words, words_of
from .parts import feature_names, parts_of
from .passes import DaskPasses


@explains_spellings
@dataclass(kw_only=True, eq=False, repr=False)
class DaskSoftmaxRegression(SoftmaxRegression):
    """`SoftmaxRegression` for arrays, frames and delayed parts of Dask.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        None starts a `LocalCluster` for each fit.
    **parameters
        Those of `SoftmaxRegression`. By default a task has one thread: Dask runs as many tasks as a worker has threads.
    """

    client: Any = None

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, classes: Any = None, *, offset: Any = None
    ) -> "DaskSoftmaxRegression":
        """Fit to the rows of a cluster.

        Parameters
        ----------
        X, y, sample_weight, offset
            As in `fastsoftmax.dask.fit`; y of one dimension holds labels of any kind.
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
        with running(self.client) as client:
            passes = DaskPasses(client, parts_of(X, y, sample_weight, offset))
            self._cluster = passes, known, feature_names(X)
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
        """Return the same as a `SoftmaxRegression`, which knows nothing of Dask."""
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "client"}
        local = SoftmaxRegression(**parameters)
        for name, value in vars(self).items():
            if name not in parameters and name != "client":
                setattr(local, name, value)
        return local

    def predict(self, X: Any, offset: Any = None) -> Any:
        """Return the likeliest class of every sample: a collection, computed when it is asked for, if X is one."""
        return self._predicted("predict", X, (), offset)

    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """Probabilities of the classes: a collection, computed when it is asked for, if X is one."""
        return self._predicted("predict_proba", X, (len(self.classes_),), offset)

    def _predicted(self, method: str, X: Any, width: tuple[int, ...], offset: Any) -> Any:
        local = self.to_local()
        if offset is not None:
            if isinstance(X, list) or hasattr(X, "dask"):
                raise ValueError("offset must be None where X is a collection; to_local() takes one for each part")
            return getattr(local, method)(X, offset)
        if isinstance(X, list):
            from dask.delayed import delayed

            return [delayed(getattr(local, method))(part) for part in X]
        if not hasattr(X, "dask"):
            return getattr(local, method)(X)
        if hasattr(X, "columns"):
            if hasattr(local, "feature_names_in_"):
                X = X[list(local.feature_names_in_)]
                del local.feature_names_in_
            X = X.to_dask_array()
        X = X.rechunk({1: -1})
        dtype = self.classes_.dtype if not width else np.result_type(self.coef_.dtype, X.dtype)
        call = getattr(local, method)
        chunks, dropped = (X.chunks[0], *[(size,) for size in width]), [] if width else [1]
        empty = np.empty((0,) * (1 + len(width)), dtype)
        return X.map_blocks(call, dtype=dtype, chunks=chunks, drop_axis=dropped, meta=empty)

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

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return {**state, "client": None}  # a connection is no part of a model

    def __sklearn_clone__(self) -> "DaskSoftmaxRegression":
        parameters = self.get_params(deep=False)
        return type(self)(**parameters)


def _widened(W: np.ndarray, b: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters with a row for each class."""
    coef, intercept = np.zeros((len(seen), W.shape[1]), W.dtype), np.full(len(seen), -np.inf, b.dtype)
    coef[seen], intercept[seen] = W, b
    return coef, intercept
