"""A step of training on data that comes in parts."""

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_number
from ..data.features import AnyMatrix, bind_features
from ..data.samples import as_sample_weight
from ..families import SOFTMAX, Family
from ..penalties import ElasticNet
from ..problem.loss import Loss
from ..problem.objective import Objective
from ..runtime.arrays import Float64Array
from ..solvers import SGD, StochasticGradient, Walk
from .binding import Init, start
from .solving import as_learning_rate


def fit_chunk(
    X: AnyMatrix,
    y: ArrayLike,
    walk: Walk | None,
    *,
    family: Family = SOFTMAX,
    n_outputs: int,
    options: SGD,
    random: np.random.Generator,
    learning_rate: float | str = "auto",
    l2: float = 0.0,
    sample_weight: Float64Array | None = None,
    offset: ArrayLike | None = None,
    mean_weight: float = 1.0,
    init: Init | None = None,
    fit_intercept: bool = True,
    num_threads: int | None = None,
) -> tuple[Walk, Float64Array, Float64Array]:
    """Walk for an epoch over a part of the data, from where the last part has led, or from init.

    Parameters are those of `fit`, besides:

    Parameters
    ----------
    walk : Walk or None
        What the last call with these options returned.
    family : Family
        If its curvature has no bound, "auto" takes the learning rate from the curvature at the mean of the first y.
    n_outputs : int
        Columns of y, or classes.
    mean_weight : float
        Mean of sample_weight over all that has been seen: a chunk of larger weights takes larger steps.

    Returns
    -------
    walk, W, b
        W and b are infinite or NaN where the walk has diverged.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    features = bind_features(X)
    weights = as_sample_weight(sample_weight, len(features))
    if weights is not None and sample_weight is not None:
        weights *= sample_weight.mean() / mean_weight
    elif mean_weight != 1:
        weights = np.full(len(features), 1 / mean_weight)
    # The weights are those of a part: their mean is not one.
    samples = family.samples(y, len(features), features.dtype, n_outputs=n_outputs, offset=offset).weighted(weights)
    loss = Loss(features, samples, family, fit_intercept=bool(fit_intercept), num_threads=num_threads)
    objective = Objective(loss, ElasticNet(l2=as_number("l2", l2)))
    rate = as_learning_rate(learning_rate)
    begin = Walk.start(start(init, loss), options) if walk is None else walk
    if rate is None and not begin.learning_rate and family.max_curvature is None:
        rate = options.first_rate(objective.likely_curvature(), objective.n_params)
    method = StochasticGradient(options, rate, random)
    with np.errstate(over="ignore", invalid="ignore"):
        walk = method.epoch(objective, begin)
    if not np.isfinite(walk.average).all():
        features.check_finite("X")
    return walk, *objective.split(walk.average)
