"""fit and the classifier on a cluster of Ray."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from ..chunks.tables import Columns
from ..cluster import ClusterClassifier, ClusterPasses, chunk_parts, fit_on, names_of
from ..estimators.spellings import explains_spellings
from ..fitting.result import FitResult
from .engine import RayEngine


def fit(
    X: Any,
    y: Any = None,
    *,
    sample_weight: str | None = None,
    offset: str | None = None,
    retries: int = 3,
    patience: float = 60.0,
    **options: Any,
) -> FitResult:
    """Fit a softmax regression to the rows of a cluster; the result has the same bits on any number of workers.

    Where this process is connected to no cluster, Ray is started on this machine for this fit.

    Parameters
    ----------
    X : ray.data.Dataset, list of object references, or Chunks
        A reference is to a tuple such as a chunk is, made by a task: what `ray.put` has made dies with its node.
    y, sample_weight, offset : str, or list of str for y; None but for a dataset
        Columns: of labels, or of probabilities or counts of each class; of weights; of offsets. All others are
        features, of numbers; or one whose values are lists of the same length.
    retries : int
        How often a task is tried again whose worker has died, or that a file system or network has failed.
    patience : float
        Seconds to wait for a node while there is none.
    **options
        As in `fastsoftmax.dask.fit`, whose result and errors these are too. A task has one thread by default.
    """
    with _passes_of(X, y, sample_weight, offset, retries=retries, patience=patience) as (passes, _):
        return fit_on(passes, **options)


@explains_spellings
@dataclass(kw_only=True, eq=False, repr=False)
class RaySoftmaxRegression(ClusterClassifier):
    """`SoftmaxRegression` for datasets, references and chunks on a cluster of Ray, as `fastsoftmax.ray.fit` takes them.

    It has the parameters of `SoftmaxRegression`, and predicts where it is called: `to_local()` is for `map_batches`.
    """

    def _passes(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Any:
        return _passes_of(X, y, sample_weight, offset)


@contextmanager
def _passes_of(
    X: Any, y: Any, sample_weight: Any, offset: Any, **options: Any
) -> Iterator[tuple[ClusterPasses, tuple[str, ...] | None]]:
    """Give passes, and the names of the features if they have any; have a cluster as long as the block."""
    own = not ray.is_initialized()
    if own:
        ray.init(include_dashboard=False)
    try:
        engine, features = RayEngine(retries=options.pop("retries", 3)), getattr(X, "feature_names", None)
        if hasattr(X, "to_arrow_refs"):
            if not isinstance(y, str | list):
                raise ValueError(f"y must name the target's column of a dataset, found {type(y).__name__}")
            schema = X.schema()
            columns = Columns.choose("dataset", schema.base_schema, schema.names, y, None, sample_weight, offset)
            features, tables = columns.feature_names, list(X.to_arrow_refs())
            named = zip(names_of(X, len(tables)), tables, strict=True)
            parts = [engine.submit("columns", Columns.of, columns, name, table) for name, table in named]
        elif isinstance(X, list) and y is sample_weight is offset is None:
            parts = X
        else:
            parts = chunk_parts(engine, X, y=y, sample_weight=sample_weight, offset=offset)
        yield ClusterPasses(engine, parts, names_of(X, len(parts)), **options), features
    finally:
        if own:
            ray.shutdown()
