"""DaskSoftmaxRegression: the classifier on a cluster, by the names that LightGBM's and XGBoost's users know."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cluster import ClusterClassifier, ClusterPasses
from ..estimators.spellings import explains_spellings
from .fit import passes_of, running
from .parts import feature_names


@explains_spellings
@dataclass(kw_only=True, eq=False, repr=False)
class DaskSoftmaxRegression(ClusterClassifier):
    """`SoftmaxRegression` for arrays, frames and delayed parts of Dask.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        None starts a `LocalCluster` for each fit.
    **parameters
        Those of `SoftmaxRegression`. By default a task has one thread: Dask runs as many tasks as a worker has threads.
    """

    client: Any = None

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

    @contextmanager
    def _passes(
        self, X: Any, y: Any, sample_weight: Any, offset: Any
    ) -> Iterator[tuple[ClusterPasses, tuple[str, ...] | None]]:
        with running(self.client) as client:
            yield passes_of(client, X, y, sample_weight, offset), feature_names(X)

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return {**state, "client": None}  # a connection is no part of a model

    def __sklearn_clone__(self) -> "DaskSoftmaxRegression":
        parameters = self.get_params(deep=False)
        return type(self)(**parameters)
