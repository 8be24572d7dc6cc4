"""Probabilities, losses and refusals at given logits."""

import numpy as np
import pytest
import reference
from hypothesis import given
from problems import problems
from tolerances import ULPS

import fastsoftmax as fs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_right_to_the_last_places(dtype):
    """Differences of logits over the whole range of the exponential, subnormal results included."""
    info = np.finfo(dtype)
    lowest = float(np.log(info.smallest_subnormal)) - 3
    differences = np.linspace(lowest, 0, 20011).astype(dtype)
    actual = fs.softmax(np.column_stack([differences, np.zeros_like(differences)]))[:, 0]
    exact = np.exp(differences.astype(np.longdouble))
    exact /= 1 + exact
    spacing = np.spacing(np.maximum(exact, info.smallest_subnormal).astype(dtype)).astype(np.longdouble)
    assert (np.abs(actual.astype(np.longdouble) - exact) / spacing).max() <= ULPS


@given(problems())
def test_log_softmax_is_the_logarithm(p):
    np.testing.assert_allclose(
        fs.log_softmax(p.offset),
        reference.log_softmax(p.offset.astype(float)),
        rtol=20 * np.finfo(p.X.dtype).eps,
        atol=20 * np.finfo(p.X.dtype).eps,
    )
    np.testing.assert_allclose(fs.softmax(p.offset).sum(axis=1), 1, rtol=len(p.W) * np.finfo(p.X.dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("margin", [1.0, 20.0, 80.0])
def test_small_losses_keep_their_digits(dtype, margin):
    """log(1 + exp(−margin)) and its residual, far below the rounding of 1."""
    loss, residual = fs.cross_entropy_grad(np.array([[margin, 0.0]], dtype=dtype), np.array([0]))
    rtol = 4 * float(np.finfo(dtype).eps)
    assert loss == pytest.approx(np.log1p(np.exp(-margin)), rel=rtol)
    p = 1 / (1 + np.exp(margin))
    np.testing.assert_allclose(residual, [[-p, p]], rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype):
    big = np.finfo(dtype).max
    logits = np.array([[big, -big, 0], [-big, -big, -big], [1e4, 1e4, -np.inf]], dtype=dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(fs.softmax(logits)[[0, 2]], [[1, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(fs.softmax(logits)[1], [1 / 3] * 3, rtol=1e-6)
    assert fs.cross_entropy(logits[2:], [[0.5, 0.5, 0.0]]) == pytest.approx(np.log(2))
    assert fs.cross_entropy(logits[2:], [2]) == np.inf


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("n_classes", [2, 3, 17])
def test_nan_and_infinity_are_refused(poison, n_classes):
    for k in range(n_classes):
        logits = np.zeros((5, n_classes))
        logits[3, k] = poison
        message = f"logits must be finite, or -inf for some classes, found {poison} in row 3"
        for y in (
            np.full(5, k),
            np.full(5, (k + 1) % n_classes),
            np.full((5, n_classes), 1 / n_classes),
        ):
            for function in (fs.cross_entropy, fs.cross_entropy_grad):
                for weights in (None, [1, 1, 1, 0, 1]):
                    with pytest.raises(ValueError, match=message):
                        function(logits, y, sample_weight=weights)
        for function in (fs.softmax, fs.log_softmax):
            with pytest.raises(ValueError, match=message):
                function(logits)


def test_a_row_of_logits_that_rules_out_all_classes_is_refused():
    logits = np.array([[0, 1], [-np.inf, -np.inf]])
    for call in (
        fs.softmax,
        fs.log_softmax,
        lambda z: fs.cross_entropy(z, [0, 0]),
        lambda z: fs.cross_entropy_grad(z, [0, 1]),
    ):
        with pytest.raises(ValueError, match="logits must be .* found -inf in all of row 1"):
            call(logits)
