"""Coordinate ascent on the dual of an L2-penalised problem, in epochs; `native/dual.pxd` has the step of one sample."""

from collections.abc import Iterator

import numpy as np

from ..data.features import Features, Parameters
from ..data.samples import Samples


def ascend(
    X: Features,
    samples: Samples,
    l2: float,
    at_out: Parameters,
    fit_intercept: bool,
    n_epochs: int,
    num_threads: int,
) -> Iterator[int]:
    """Move W from zero and b towards the optimum, without end; yield the passes over X that the point took.

    Parameters
    ----------
    X : Features
        Its `serves_dual_ascent` must be true.
    samples : Samples
        Without an offset.
    l2 : float
        Positive.
    at_out : Parameters
        Zeros, changed in place.
    fit_intercept : bool
        If False, b stays zero.
    n_epochs : int
        Passes over X between two points that are yielded.
    num_threads : int
    """
    n_samples, b_out = len(X), at_out.b
    probabilities = np.zeros((n_samples, samples.n_outputs), dtype=X.dtype)
    if samples.labels is not None:
        probabilities[np.arange(n_samples), samples.labels] = 1
    elif samples.targets is not None and samples.trials is not None:
        probabilities[:] = samples.targets / samples.trials[:, None]
    mass = np.ones(n_samples) if samples.mass is None else samples.mass
    step = mass / (n_samples * l2)
    random = np.random.default_rng(0)
    shares = mass @ probabilities / mass.sum()
    if fit_intercept and shares.all():
        # The b of W = 0, from which the optimum's is not far.
        b_out[:] = np.log(shares)
        b_out -= b_out.mean()
    center = b_out.copy()
    while True:
        # The dual ascent penalises b too: l2/2 · ‖b − centre‖². After each round the centre moves to b (Rockafellar's
        # proximal point algorithm, SIAM Journal on Control and Optimization 14, 1976). That does not change b − centre,
        # which is a sum over the samples, as W is.
        center, b_out[:] = b_out.copy(), 2 * b_out - center
        order = np.concatenate([random.permutation(n_samples) for _ in range(n_epochs)])
        X.dual_ascent(at_out, probabilities, step, order, fit_intercept, num_threads)
        yield n_epochs
