"""Coordinate ascent on the dual of an L2-penalised problem, in epochs; `native/dual.pxd` has the step of one sample."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import Targets
from ..data.features import Features

Vector = NDArray[np.float64]

# Epochs (passes over X) between two points that are yielded.
EPOCHS = 5


def ascend(
    X: Features,
    targets: Targets,
    mass: Vector | None,
    l2: float,
    W_out: Vector,
    b_out: Vector,
    fit_intercept: bool,
    num_threads: int,
) -> Iterator[None]:
    """Move W and b from zero towards the optimum, without end; yield after every EPOCHS passes over X.

    Parameters
    ----------
    X : Features
        Its `serves_dual_ascent` must be true.
    targets : Targets
    mass : (n_samples,), or None for ones
        s_i Σ_k y_ik
    l2 : float
        Positive.
    W_out, b_out : (n_classes, n_features) and (n_classes,) of zeros
        Changed in place.
    fit_intercept : bool
        If False, b stays zero.
    num_threads : int
    """
    n_samples = len(X)
    probabilities = np.zeros((n_samples, targets.n_classes), dtype=X.dtype)
    if targets.labels is not None:
        probabilities[np.arange(n_samples), targets.labels] = 1
    elif targets.rows is not None:
        probabilities[:] = targets.rows / targets.rows.sum(axis=1, keepdims=True)
    step = (np.ones(n_samples) if mass is None else mass) / (n_samples * l2)
    random = np.random.default_rng(0)
    center = np.zeros_like(b_out)
    while True:
        # The dual ascent penalises b too: l2/2 · ‖b − centre‖². After each round the centre moves to b (Rockafellar's
        # proximal point algorithm, SIAM Journal on Control and Optimization 14, 1976). That does not change b − centre,
        # which is a sum over the samples, as W is.
        center, b_out[:] = b_out.copy(), 2 * b_out - center
        order = np.concatenate([random.permutation(n_samples) for _ in range(EPOCHS)])
        X.dual_ascent(W_out, b_out, probabilities, step, order, fit_intercept, num_threads)
        yield
