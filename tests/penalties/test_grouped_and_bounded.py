"""The grouped and the bounded penalty: values, subgradients, conjugates and argument errors by their definitions."""

import numpy as np
import pytest
from scipy.optimize import minimize

from fastsoftmax.penalties import Bounded, ElasticNet, Grouped, as_penalty

RNG = np.random.default_rng(0)
W, V = RNG.standard_normal((2, 3, 5))
W[:, 2] = 0
FACTORS = np.array([0.5, 1.0, 2.0, 0.3, 4.0])
LOWER, UPPER = np.full((3, 5), -0.4), np.full((3, 5), np.inf)
LOWER[0, 1], UPPER[1, 3] = -np.inf, 0.0
INSIDE = np.clip(W, LOWER, UPPER)
PENALTIES = {
    "grouped": (Grouped(l1=0.2, factors=FACTORS), W),
    "grouped net": (Grouped(l2=0.3, l1=0.2, factors=FACTORS), W),
    "bounded": (Bounded(l1=0.2, factors=FACTORS, lower=LOWER, upper=UPPER), INSIDE),
    "bounded net": (Bounded(l2=0.3, l1=0.2, lower=LOWER, upper=UPPER), INSIDE),
    "bounded l2": (Bounded(l2=0.3, lower=LOWER, upper=UPPER), INSIDE),
}


@pytest.fixture(params=PENALTIES)
def case(request):
    return PENALTIES[request.param]


def value(penalty, W):
    factors = np.ones(5) if penalty.factors is None else penalty.factors
    absolute = np.linalg.norm(W, axis=0) if isinstance(penalty, Grouped) else np.abs(W).sum(axis=0)
    return (factors * (0.5 * penalty.l2 * (W**2).sum(axis=0) + penalty.l1 * absolute)).sum()


def test_the_parts_add_up_to_the_value(case):
    penalty, at = case
    assert penalty.square(at) + penalty.absolute(at) == pytest.approx(value(penalty, at), rel=1e-14)


def test_columns_and_strengths_stay_of_the_kind(case):
    penalty, at = case
    columns = np.array([1, 4])
    part = penalty.of_columns(columns)
    rest = np.delete(np.arange(5), columns)
    assert type(part) is type(penalty)
    total = part.absolute(at[:, columns]) + penalty.of_columns(rest).absolute(at[:, rest])
    assert total == pytest.approx(penalty.absolute(at), rel=1e-14)
    stronger = penalty.of_strength(ElasticNet(1.0, 2.0))
    assert (type(stronger), stronger.l2, stronger.l1) == (type(penalty), 1.0, 2.0)
    np.testing.assert_array_equal(stronger.nearest(5 * W), penalty.nearest(5 * W))


def test_the_least_subgradient_tells_the_steepest_descent(case):
    """The slope along its negative is −‖·‖², of directions that bounds allow; along no other is it steeper."""
    penalty, at = case
    least = penalty.least_subgradient(V, at)

    def slope(direction, t=1e-7):
        moved = penalty.nearest(at + t * direction)
        non_smooth = ElasticNet.absolute if not isinstance(penalty, Grouped) else Grouped.absolute
        return ((V * (moved - at)).sum() + non_smooth(penalty, moved) - non_smooth(penalty, at)) / t

    norm = np.linalg.norm(least)
    assert slope(-least) == pytest.approx(-(norm**2), rel=1e-4)
    for direction in RNG.standard_normal((50, 3, 5)):
        assert slope(direction / np.linalg.norm(direction)) >= -norm - 1e-5
    entries = penalty.on_entries(np.arange(17), (3, 5))
    assert sorted(entries.entries) == list(range(17))
    theta, grad = np.append(at.ravel(), [0.3, -0.1]), np.append(V.ravel(), [0.5, 0.7])
    found = np.empty(17)
    found[entries.entries] = entries.least(grad[entries.entries], theta[entries.entries])
    np.testing.assert_allclose(found, np.append(least.ravel(), [0.5, 0.7]), atol=1e-15)
    assert entries.value(theta[entries.entries]) == pytest.approx(penalty.absolute(at), rel=1e-14)
    other = np.append(penalty.nearest(at + 0.1).ravel(), [0, 0])
    change = entries.change(theta[entries.entries], other[entries.entries])
    assert change == pytest.approx(penalty.absolute(other[:15].reshape(3, 5)) - penalty.absolute(at), rel=1e-12)


def test_the_conjugate_is_the_largest_difference_to_a_linear_function(case):
    penalty, at = case
    if not penalty.l2:
        V_small = penalty.shrinkage(V) * V
        assert penalty.shrinkage(V_small) == pytest.approx(1, rel=1e-14)
        assert np.isfinite(penalty.conjugate(V_small))
        assert penalty.shrinkage(V) < 1
        for _ in range(200):
            trial = penalty.nearest(10 * RNG.standard_normal((3, 5)))
            assert (V_small * trial).sum() - value(penalty, trial) <= penalty.conjugate(V_small) + 1e-12
        return
    limits = list(zip(np.broadcast_to(-np.inf, 15), np.broadcast_to(np.inf, 15), strict=True))
    if isinstance(penalty, Bounded):
        limits = list(zip(penalty.lower.ravel(), penalty.upper.ravel(), strict=True))
    best = max(
        -minimize(
            lambda w: value(penalty, w.reshape(3, 5)) - V.ravel() @ w, start.ravel(), method="L-BFGS-B", bounds=limits
        ).fun
        for start in (at, penalty.nearest(2 * V), penalty.nearest(V / 2))
    )
    assert penalty.conjugate(V) == pytest.approx(best, rel=1e-4)
    assert penalty.conjugate(V) >= best - 1e-12


def test_a_feature_stays_zero_if_its_slope_is_at_most_the_penalty():
    grouped = Grouped(l1=0.5, factors=FACTORS)
    np.testing.assert_allclose(grouped.slopes(V), np.linalg.norm(V, axis=0))
    zero = np.zeros((3, 5))
    bounded = Bounded(l1=0.5, factors=FACTORS, lower=np.minimum(LOWER, 0), upper=UPPER)
    for penalty in (grouped, bounded, ElasticNet(l1=0.5, factors=FACTORS)):
        stays = penalty.slopes(V) <= penalty.l1_of_features
        np.testing.assert_array_equal(stays, ~penalty.least_subgradient(V, zero).any(axis=0))
    assert np.isinf(Bounded(lower=np.full((3, 5), 0.1), upper=UPPER).slopes(V)).all()


BAD = {
    "group": ({"group": "features"}, "group must be None or \"classes\", found 'features'"),
    "both": ({"group": "classes", "bounds": (0, 1)}, "bounds must be None with group='classes'"),
    "no pair": ({"bounds": 3}, r"bounds must be a pair \(lower, upper\), found int"),
    "crossed": (
        {"bounds": (1, [2, 2, 0, 2, 2])},
        r"bounds\[0\] must not exceed bounds\[1\], found 1.0 and 0.0 at .* 2",
    ),
    "shape": ({"bounds": (0, [1, 2])}, r"bounds\[1\] must be a number or have shape \(5,\) or \(3, 5\), found \(2,\)"),
    "nan": ({"bounds": (np.nan, 1)}, r"bounds\[0\] must not be NaN, found it at class 0, feature 0"),
    "text": ({"bounds": ("low", 1)}, r"bounds\[0\] must hold real numbers"),
    "infinite": ({"bounds": (-1, -np.inf)}, r"bounds\[0\] must not exceed|bounds\[1\] must leave room"),
    "both infinite": ({"bounds": (np.inf, np.inf)}, r"bounds\[0\] must leave room for finite weights, found inf"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        as_penalty(0.1, 0.1, (3, 5), **arguments)
