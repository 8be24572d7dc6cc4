"""fit on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from ..families import as_family
from ..fitting.binding import Init
from ..fitting.fit import fit_loss
from ..fitting.path import split_options
from ..fitting.result import FitResult
from ..leaves import bind_passes
from ..penalties import Bounds, as_penalty
from .passes import ClusterPasses, EngineFailed


def fit_on(
    passes: ClusterPasses,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    penalty_factor: ArrayLike | None = None,
    group: str | None = None,
    bounds: Bounds | None = None,
    init: Init | None = None,
    **options: Any,
) -> FitResult:
    """Fit to the rows of a cluster, as `fastsoftmax.fit` does to rows in memory; a task has one thread by default.

    If the cluster fails during the fit, the result has the best parameters so far, the status "interrupted", and in its
    message what the cluster said. If it fails before the loss at the start is known, RuntimeError is raised.
    """
    of_data, settings = split_options(options, "fit")
    family = as_family(of_data.pop("family", "softmax"), of_data.pop("link", None))
    threads = of_data.pop("num_threads", None)
    with words_of(passes):
        loss = bind_passes(passes, family, num_threads=threads or 1, **of_data)
        shape = loss.n_outputs, loss.X.shape[1]
        penalty = as_penalty(l2, l1, shape, penalty_factor=penalty_factor, group=group, bounds=bounds)
        result = fit_loss(loss, penalty, init, settings)
    return with_words(result, passes)


@contextmanager
def words_of(passes: ClusterPasses) -> Iterator[None]:
    """Raise RuntimeError, with what the cluster says, where it fails before there is anything to return."""
    try:
        yield
    except EngineFailed as error:
        raise RuntimeError(f"the cluster failed before anything was fitted: {passes.failure}") from error


def with_words(result: FitResult, passes: ClusterPasses) -> FitResult:
    """Return the result; where the cluster has failed, its message says what the cluster said."""
    return replace(result, message=f"{result.message}; {passes.failure}") if passes.failure else result
