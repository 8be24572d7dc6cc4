"""fit on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from distributed import Client
from numpy.typing import ArrayLike

from ..families import as_family
from ..fitting.binding import Init
from ..fitting.fit import fit_loss
from ..fitting.path import split_options
from ..fitting.result import FitResult
from ..leaves import bind_passes
from ..penalties import Bounds, as_penalty
from .parts import parts_of
from .passes import DaskPasses, EngineFailed


def fit(
    client: Client | None,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    offset: Any = None,
    l2: float = 0.0,
    l1: float = 0.0,
    penalty_factor: ArrayLike | None = None,
    group: str | None = None,
    bounds: Bounds | None = None,
    init: Init | None = None,
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
    l2, l1, penalty_factor, group, bounds, init
        As in `fastsoftmax.fit`.
    retries : int
        How often a task is tried again that has failed; a worker's death is not a failure of a task.
    patience : float
        Seconds to wait for a worker while there is none.
    **options
        As in `fastsoftmax.fit`. By default, a task has one thread: Dask runs as many tasks as a worker has threads.

    Returns
    -------
    FitResult
        If the cluster fails during the fit, the best parameters so far, with status "interrupted" and its words.

    Raises
    ------
    ValueError
        If an argument, or a partition, has the wrong shape, type or values; the message names the partition.
    RuntimeError
        If the cluster fails before the loss at the start is known, or a worker has another version of this package or
        another instruction set than the client.
    """
    of_data, settings = split_options(options, "fit")
    family = as_family(of_data.pop("family", "softmax"), of_data.pop("link", None))
    threads = of_data.pop("num_threads", None)
    with running(client) as connected:
        passes = DaskPasses(connected, parts_of(X, y, sample_weight, offset), retries=retries, patience=patience)
        with words_of(passes):
            loss = bind_passes(passes, family, num_threads=threads or 1, **of_data)
            shape = loss.n_outputs, loss.X.shape[1]
            penalty = as_penalty(l2, l1, shape, penalty_factor=penalty_factor, group=group, bounds=bounds)
            result = fit_loss(loss, penalty, init, settings)
    return with_words(result, passes)


@contextmanager
def running(client: Client | None) -> Iterator[Client]:
    """Give the client, or that of a cluster on this machine that lives as long as the block."""
    if client is not None:
        yield client
        return
    from distributed import LocalCluster

    with LocalCluster(dashboard_address=":0") as cluster, Client(cluster) as own:
        yield own


@contextmanager
def words_of(passes: DaskPasses) -> Iterator[None]:
    """Raise RuntimeError, with what the cluster says, where it fails before there is anything to return."""
    try:
        yield
    except EngineFailed as error:
        raise RuntimeError(f"the cluster failed before anything was fitted: {passes.failure}") from error


def with_words(result: FitResult, passes: DaskPasses) -> FitResult:
    """Return the result; where the cluster has failed, its message says what the cluster said."""
    return replace(result, message=f"{result.message}; {passes.failure}") if passes.failure else result
