"""Families by name, their parameters, and what single ones have of their own."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import families as of


def test_names_and_values():
    assert of.as_family("tweedie(1.7)") == of.Tweedie(power=1.7)
    assert of.as_family("negative-binomial(0.5)") == of.NegativeBinomial(dispersion=0.5)
    assert of.as_family("gaussian", "log") == of.Gaussian(link="log")
    assert of.as_family("softmax", "logit") is of.SOFTMAX
    assert str(of.Tweedie(1.7)) == "tweedie(1.7)"


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (
            "logistic",
            "family must be one of 'softmax', 'bernoulli', .* or a value of fastsoftmax.families, found 'logi",
        ),
        (None, "family must be one of .*, found None"),
        ("tweedie(", "found 'tweedie\\('"),
        ("tweedie(0.5)", "power must be 1 or more, found 0.5; the Gaussian family has power 0"),
        ("tweedie(abc)", "family='tweedie\\(abc\\)': could not convert"),
        ("poisson(2)", "family='poisson' has no parameter, found 'poisson\\(2\\)'"),
        ("softmax(2)", "family='softmax' has no parameter"),
        ("negative-binomial(0)", "dispersion must be a positive finite number, found 0.0"),
    ],
)
def test_families_that_there_are_not(family, message):
    with pytest.raises(ValueError, match=message):
        fs.fit(np.eye(3), [1, 2, 3], family=family)


def test_links_that_there_are_not():
    with pytest.raises(ValueError, match="link must be 'logit' for family='softmax', found 'log'"):
        fs.fit(np.eye(3), [0, 1, 2], link="log")
    with pytest.raises(ValueError, match="link must be 'identity' or 'log' for family='gaussian', found 'probit'"):
        of.Gaussian(link="probit")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(3), "y must have shape \\(n_samples, 2\\), or .* successes and failures; found \\(3,\\)"),
        ([[1, 2], [3, -1], [0, 0]], "found -1 at row 1"),
        ([[0, 0], [0, 0], [0, 0]], "y must have trials in some row, found none"),
        ([[[1, 2], [1, 2]], [[1, 2], [1, 1]], [[1, 2], [1, 2]]], "for each output .*, found \\[3.0, 2.0\\] at row 1"),
        ([["a", "b"]] * 3, "y must hold numbers of successes and failures"),
    ],
)
def test_y_that_is_not_binomial(y, message):
    with pytest.raises(ValueError, match=message):
        fs.fit(np.eye(3), y, family="binomial")


def test_binomial_is_bernoulli_with_a_row_for_each_trial():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 5, (60, 2))
    weight = rng.integers(1, 4, 60)
    ours = fs.fit(X, y, family="binomial", sample_weight=weight, l2=0.1, tol=1e-10)
    rows = np.repeat(np.arange(60), y.sum(axis=1))
    labels = np.concatenate([[1] * s + [0] * f for s, f in y])
    each = fs.fit(X[rows], labels, family="bernoulli", sample_weight=weight[rows], l2=0.1, tol=1e-10)
    np.testing.assert_allclose(ours.W, each.W, atol=1e-8)
    both = fs.fit(X, np.stack([y, y[:, ::-1]], axis=1), family="binomial", sample_weight=weight, l2=0.1, tol=1e-10)
    np.testing.assert_allclose(both.W, np.vstack([each.W, -each.W]), atol=1e-8)
    with pytest.raises(ValueError, match="not be zero for all samples that have trials"):
        fs.fit(X, np.where(np.arange(60)[:, None] < 30, y, 0), family="binomial", sample_weight=np.arange(60) >= 30)


def test_special_powers_of_tweedie():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 3)), rng.gamma(2, 1, 200)
    for power, family in ((1, "poisson"), (2, "gamma"), (3, "inverse-gaussian")):
        tweedie = fs.fit(X, y, family=of.Tweedie(power), tol=1e-10)
        other = fs.fit(X, y, family=family, tol=1e-10)
        assert tweedie.loss == pytest.approx(other.loss, rel=1e-12)
        np.testing.assert_allclose(tweedie.W, other.W, atol=1e-8)


def test_a_negative_binomial_of_no_dispersion_is_poisson():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 3)), rng.poisson(2, 200)
    ours = fs.fit(X, y, family=of.NegativeBinomial(1e-9), tol=1e-10)
    np.testing.assert_allclose(ours.W, fs.fit(X, y, family="poisson", tol=1e-10).W, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likeliest_dispersion_is_that_of_statsmodels(weighted):
    discrete = pytest.importorskip("statsmodels.discrete.discrete_model")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    y = rng.poisson(np.exp(X @ [0.3, -0.2, 0.1]) * rng.gamma(1.5, 1 / 1.5, 500))
    counts = rng.integers(1, 4, 500) if weighted else np.ones(500, int)
    rows = np.repeat(np.arange(500), counts)
    design = np.column_stack([np.ones(len(rows)), X[rows]])
    peer = discrete.NegativeBinomial(y[rows], design).fit(method="newton", tol=1e-12, maxiter=200, disp=0)
    ours = fs.fit(X, y, family="negative-binomial(auto)", sample_weight=counts, tol=1e-9)
    assert ours.status == "converged"
    np.testing.assert_allclose(np.r_[ours.b, ours.W[0], ours.family.dispersion], peer.params, atol=1e-6)
    known = fs.fit(X, y, family=ours.family, sample_weight=counts, tol=1e-9)
    np.testing.assert_allclose(known.W, ours.W, atol=1e-8)


def test_counts_that_vary_less_than_poisson():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 2)), rng.binomial(3, 0.5, 200)
    ours = fs.fit(X, y, family=of.NegativeBinomial("auto"), tol=1e-8)
    assert ours.family.dispersion == pytest.approx(1e-6)
    np.testing.assert_allclose(ours.W, fs.fit(X, y, family="poisson", tol=1e-8).W, atol=1e-5)


def test_only_fit_finds_a_dispersion():
    with pytest.raises(ValueError, match="dispersion must be a number here, only fit finds it"):
        fs.path(np.eye(3), [1, 2, 3], family="negative-binomial(auto)", l2s=[1.0])


def test_a_sure_label_has_a_loss_of_all_digits():
    logits = np.array([[40.0], [-40.0]])
    loss, _, _ = fs.loss_grad(logits, [1.0, 0.0], [[1.0]], [0.0], family="bernoulli")
    assert loss == pytest.approx(np.exp(-40), rel=1e-14)


def test_a_perfect_fit_converges():
    X = np.random.default_rng(0).standard_normal((50, 3))
    result = fs.fit(X, X @ [1.0, -2.0, 0.5] + 3, family="gaussian", tol=1e-6)
    assert result.status == "converged"
    np.testing.assert_allclose(result.W[0], [1.0, -2.0, 0.5], atol=1e-6)


def test_a_dispersion_without_freedom_is_not_known():
    result = fs.fit(np.eye(3), [1.0, 2.0, 3.0], family="gaussian")
    assert np.isnan(result.dispersion).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_overflow_is_a_status(dtype):
    X = np.array([[1.0], [2.0]], dtype)
    far = fs.fit(X, [1.0, 2.0], family="poisson", init=([[1e4]], [0.0]))
    assert far.status == "diverged"
    counts = fs.fit(X, [1e9, 3e9], family="poisson", fit_intercept=False, l2=1e-3)
    assert np.isfinite(counts.loss)


def test_an_output_without_curvature():
    """Of a mean of 1e-200 the square is zero."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = np.column_stack([rng.gamma(3, 1, 30), np.full(30, 1e-200)])
    both = fs.fit(X, y, family="gaussian", link="log", l2=0.1, tol=1e-8)
    alone = fs.fit(X, y[:, 0], family="gaussian", link="log", l2=0.1, tol=1e-8)
    assert both.status == "converged"
    np.testing.assert_allclose(both.W[0], alone.W[0], atol=1e-7)


def test_a_variance_that_underflows():
    offset = np.array([[-250.0], [-250.0], [0.0]])
    result = fs.fit(np.ones((3, 1)), [1.0, 2.0, 1.0], family="inverse-gaussian", offset=offset, max_iter=0)
    assert not result.dispersion[0] <= 1e300


def test_solvers_that_need_a_bound_of_the_curvature():
    X, y = np.random.default_rng(0).standard_normal((100, 2)), np.ones(100)
    with pytest.raises(ValueError, match="curvature of family='poisson' has no bound; pass learning_rate"):
        fs.fit(X, y, family="poisson", solver="gd")
    y = X @ [1.0, 2.0]
    assert fs.fit(X, y, family="gaussian", solver="agd", tol=1e-8, max_iter=5000).status == "converged"
    assert fs.fit(X, y > 0, family="bernoulli", solver="gd", l2=1.0).status == "converged"
