"""Where fits start: at zero, or at the shares of the classes."""

import numpy as np
import pytest
from tolerances import LOSS

import fastsoftmax as fs


@pytest.mark.parametrize("targets", ["labels", "counts"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_fit_starts_at_the_classes_shares_where_nearly_all_samples_have_one(targets, weighted):
    X, y = np.random.default_rng(0).normal(size=(900, 4)), np.zeros(900, np.intp)
    y[:9], y[9:12] = 1, 2
    weight = np.where(y == 1, 2.0, 1.0) if weighted else None
    shares = np.bincount(y, weight) / np.bincount(y, weight).sum()
    Y = y if targets == "labels" else np.eye(3)[y]
    start = fs.fit(X, Y, sample_weight=weight, max_iter=0, l2=1.0)
    assert not start.W.any()
    np.testing.assert_allclose(start.b, np.log(shares) - np.log(shares).mean(), rtol=LOSS[np.float64])
    assert start.loss == pytest.approx(-shares @ np.log(shares), rel=LOSS[np.float64])


def test_a_fit_starts_at_zero_where_classes_are_not_so_rare():
    X, y = np.random.default_rng(0).normal(size=(900, 4)), np.zeros(900, np.intp)
    y[:90] = 1
    assert not fs.fit(X, y, max_iter=0, l2=1.0).b.any()
    # Nor where a class has no sample, whose logarithm would be −∞, or where an offset moves the logits.
    y[9:90] = 0
    assert fs.fit(X, y, max_iter=0, l2=1.0).b.any()
    assert not fs.fit(X, np.eye(3)[y], max_iter=0, l2=1.0).b.any()
    assert not fs.fit(X, y, offset=np.ones((900, 2)), max_iter=0, l2=1.0).b.any()


@pytest.mark.parametrize("kind", ["rare class", "small features"])
def test_a_small_gradient_at_the_start_does_not_end_a_fit(kind):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30_000, 5))
    if kind == "rare class":
        y = np.arange(len(X)) == 7
    else:
        score = X[:, 0] + rng.normal(size=len(X))
        y = score > np.median(score)
        X *= 1e-6
    l2 = 1e-3 * X.var()
    start, best = fs.fit(X, y, l2=l2, max_iter=0), fs.fit(X, y, l2=l2, tol=1e-11)
    assert start.grad_norm <= 1e-4 < start.loss / best.loss - 1
    result = fs.fit(X, y, l2=l2)
    assert result.status == "converged"
    assert result.loss <= best.loss * (1 + 1e-3)
