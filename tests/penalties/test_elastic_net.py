"""The penalties' own mathematics: each formula against the definition that it comes from."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from fastsoftmax.penalties import ElasticNet, soft_threshold, subgradient

RNG = np.random.default_rng(0)
W, V = RNG.standard_normal((2, 3, 5))
FACTORS = np.array([0.5, 1.0, 2.0, 0.3, 4.0])
PENALTIES = {
    "plain": ElasticNet(l2=0.3, l1=0.2),
    "factors": ElasticNet(l2=0.3, l1=0.2, factors=FACTORS),
    "l2": ElasticNet(l2=0.3, factors=FACTORS),
    "l1": ElasticNet(l1=0.2, factors=FACTORS),
}


@pytest.fixture(params=PENALTIES)
def penalty(request):
    return PENALTIES[request.param]


def value(penalty, W):
    factors = np.ones(5) if penalty.factors is None else penalty.factors
    return (factors * (0.5 * penalty.l2 * W**2 + penalty.l1 * np.abs(W))).sum()


def test_the_parts_add_up_to_the_value(penalty):
    grad = np.zeros_like(W)
    smooth = penalty.add_smooth(W, grad)
    assert smooth == pytest.approx(penalty.square(W), rel=1e-14)
    assert smooth + penalty.absolute(W) == pytest.approx(value(penalty, W), rel=1e-14)


def test_the_smooth_part_has_this_slope_and_curvature(penalty):
    grad, product = np.ones_like(W), np.ones_like(W)
    penalty.add_smooth(W, grad)
    penalty.add_smooth_hess_vec(V, product)
    a, b, c = penalty.smooth_line(W, V)
    for t in (-1.0, 0.0, 0.5):
        assert a + 2 * b * t + c * t * t == pytest.approx(penalty.square(W + t * V), rel=1e-13)
    assert ((grad - 1) * V).sum() == pytest.approx(2 * b, rel=1e-13)
    assert ((product - 1) * V).sum() == pytest.approx(2 * c, rel=1e-13)


def test_columns_have_their_own_factors(penalty):
    columns = np.array([1, 4])
    rest = np.delete(np.arange(5), columns)
    of_parts = value(penalty, np.where(np.isin(np.arange(5), columns), W, 0))
    part = penalty.of_columns(columns)
    assert part.square(W[:, columns]) + part.absolute(W[:, columns]) == pytest.approx(of_parts, rel=1e-14)
    assert penalty.of_columns(rest).absolute(W[:, rest]) <= penalty.absolute(W)


@pytest.mark.parametrize("name", ["plain", "factors", "l2"])
def test_the_conjugate_is_the_largest_difference_to_a_linear_function(name):
    penalty = PENALTIES[name]
    factors = np.ones(5) if penalty.factors is None else penalty.factors
    largest = 0.0
    for v, f in zip(V.ravel(), np.tile(factors, 3), strict=True):
        found = minimize_scalar(
            lambda w, v=v, f=f: f * (0.5 * penalty.l2 * w * w + penalty.l1 * abs(w)) - v * w, tol=1e-12
        )
        largest -= found.fun
    assert penalty.conjugate(V) == pytest.approx(largest, rel=1e-9)


def test_shrinkage_is_as_little_as_it_must_be():
    penalty = PENALTIES["l1"]
    c = penalty.shrinkage(V)
    assert c < 1
    ratios = np.abs(c * V) / (penalty.l1 * FACTORS)
    assert ratios.max() == pytest.approx(1, rel=1e-14)
    assert penalty.shrinkage(c / 2 * V) == 1


def test_the_threshold_is_the_argmin():
    points = np.linspace(-3, 3, 60_001)
    for u in (-2.0, -0.3, 0.0, 0.1, 0.7):
        for threshold in (0.0, 0.2, 1.0):
            best = points[np.argmin(0.5 * (points - u) ** 2 + threshold * np.abs(points))]
            assert soft_threshold(np.array([u]), threshold)[0] == pytest.approx(best, abs=1e-4)


def test_the_subgradient_is_the_one_of_least_norm():
    theta, l1 = np.array([0.0, 0.0, 2.0, -1.0]), np.array([0.5, 0.5, 0.5, 0.0])
    grad = np.array([0.3, -0.8, 0.1, 0.4])
    np.testing.assert_allclose(subgradient(grad, theta, l1), [0.0, -0.3, 0.6, 0.4])


def test_what_is_penalised_at_all():
    assert not ElasticNet()
    assert ElasticNet(l2=1e-9)
    assert not ElasticNet(l2=1.0, factors=np.array([1.0, 0.0])).penalizes_all
    assert ElasticNet(l1=1.0, factors=np.array([1.0, 0.1])).least_l1 == pytest.approx(0.1)
    assert ElasticNet(l1=1.0, factors=np.zeros(2)).least_l1 == 0
