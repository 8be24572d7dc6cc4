"""fit on a cluster of Dask."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client

from ..cluster import ClusterPasses, chunk_parts, fit_on, names_of
from ..fitting.result import FitResult
from ..leaves import is_chunks
from .engine import DaskEngine
from .parts import parts_of


def fit(
    client: Client | None,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    offset: Any = None,
    retries: int = 0,
    patience: float = 60.0,
    **options: Any,
) -> FitResult:
    """Fit a softmax regression to the rows of a cluster; the result has the same bits on any number of workers.

    Parameters
    ----------
    client : distributed.Client or None
        None starts a `LocalCluster` for this fit.
    X : dask.array.Array, dask.dataframe.DataFrame, list of delayed parts, or Chunks
        Rows in partitions. They stay where they are, so persist what is slow to make.
    y, sample_weight, offset : the same, or None
        Partitioned as X is; None where X is Chunks or a list of delayed tuples.
    retries : int
        How often a task is tried again that has failed; a worker's death is not a failure of a task.
    patience : float
        Seconds to wait for a worker while there is none.
    **options
        l2, l1, penalty_factor, group, bounds, init and all others of `fastsoftmax.fit`. By default, a task has one
        thread: Dask runs as many tasks as a worker has threads.

    Returns
    -------
    FitResult
        If the cluster fails during the fit, the best parameters so far, with status "interrupted" and its words.

    Raises
    ------
    TypeError
        If `fastsoftmax.fit` has no such option.
    ValueError
        If an argument, or a partition, has the wrong shape, type or values; the message names the partition.
    RuntimeError
        If the cluster fails before the loss at the start is known, or a worker has another version of this package or
        another instruction set than the client.
    """
    with running(client) as connected:
        passes = passes_of(connected, X, y, sample_weight, offset, retries=retries, patience=patience)
        return fit_on(passes, **options)


def passes_of(
    client: Client,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    offset: Any = None,
    *,
    retries: int = 0,
    patience: float = 60.0,
) -> ClusterPasses:
    """Return passes over the partitions of collections, or over chunks."""
    engine = DaskEngine(client, retries=retries)
    if is_chunks(X) and not isinstance(X, list):
        parts = chunk_parts(engine, X, y=y, sample_weight=sample_weight, offset=offset)
    else:
        parts = client.compute(parts_of(X, y, sample_weight, offset), retries=retries)
    return ClusterPasses(engine, parts, names_of(X, len(parts)), patience=patience)


@contextmanager
def running(client: Client | None) -> Iterator[Client]:
    """Give the client, or that of a cluster on this machine that lives as long as the block."""
    if client is not None:
        yield client
        return
    from distributed import LocalCluster

    with LocalCluster(dashboard_address=":0") as cluster, Client(cluster) as own:
        yield own
