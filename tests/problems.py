"""Random problems for the tests, made from a seed."""

from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fastsoftmax.data.features import bind_features
from fastsoftmax.families import SOFTMAX
from fastsoftmax.penalties import ElasticNet
from fastsoftmax.problem.loss import Loss
from fastsoftmax.problem.objective import Objective

# Timings of a shared machine say nothing about correctness; examples are the same in every run.
settings.register_profile(
    "fastsoftmax", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fastsoftmax")

# Around the widths of vectors and of the kernels' blocks.
SIZES = (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 97)
DTYPES = (np.float32, np.float64)


class Problem(NamedTuple):
    X: np.ndarray  # (n, N)
    y: np.ndarray  # (n,) labels
    Y: np.ndarray  # (n, K), rows of counts
    W: np.ndarray
    b: np.ndarray
    s: np.ndarray  # (n,) weights, some zero
    offset: np.ndarray  # (n, K)


def make_problem(n=50, n_features=6, n_classes=4, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, n).astype(np.float64)
    weights[rng.integers(n)] = 2.0
    counts = rng.integers(0, 3, (n, n_classes)).astype(dtype)
    counts[np.arange(n), rng.integers(0, n_classes, n)] += 0.5
    return Problem(
        X=rng.standard_normal((n, n_features)).astype(dtype),
        y=rng.integers(0, n_classes, n),
        Y=counts,
        W=rng.standard_normal((n_classes, n_features)).astype(dtype),
        b=rng.standard_normal(n_classes).astype(dtype),
        s=weights,
        offset=rng.standard_normal((n, n_classes)).astype(dtype),
    )


def noisy(n=4000, n_features=10, n_classes=4, seed=0):
    """Labels drawn from a softmax regression: the optimum is inside, and every batch pulls elsewhere."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features)) * np.geomspace(1, 0.2, n_features) + 0.3
    logits = X @ rng.standard_normal((n_features, n_classes))
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def one_hot(y, n_classes):
    return np.eye(n_classes)[np.asarray(y, dtype=int)]


def problems(dtypes=DTYPES, min_classes=2):
    """Return a strategy for problems of awkward sizes."""
    return st.builds(
        make_problem,
        n=st.sampled_from(SIZES) | st.integers(1, 700),
        n_features=st.sampled_from(SIZES),
        n_classes=st.sampled_from([k for k in SIZES if k >= min_classes]),
        dtype=st.sampled_from(dtypes),
        seed=st.integers(0, 2**32 - 1),
    )


def make_objective(
    X, y, n_classes=None, *, sample_weight=None, offset=None, scale=None, shift=None, l2=0.0, l1=0.0, **options
):
    """Bind data as `fit` does; n_classes may be more than y holds."""
    features = bind_features(X, scale, shift)
    samples = SOFTMAX.samples(
        *(y, len(features), features.dtype), n_outputs=n_classes, sample_weight=sample_weight, offset=offset
    )
    return Objective(Loss(features, samples, SOFTMAX, **options), ElasticNet(l2, l1))
