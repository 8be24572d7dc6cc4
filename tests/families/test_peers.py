"""Estimates agree with those of independent packages."""

import numpy as np
import pytest
from families.every import EVERY
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, TweedieRegressor

import fastsoftmax as fs
from fastsoftmax import families as of

PEER = 1e-6


def draw(case, n=500, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features))
    y = np.asarray(case.draw(rng, case.mean(0.3 * X @ rng.standard_normal(n_features) + 0.2)), np.float64)
    return X, y, rng


def statsmodels_family(sm, family):
    log, kind = sm.families.links.Log(), sm.families
    by_name = {
        "bernoulli": lambda: kind.Binomial(),
        "binomial": lambda: kind.Binomial(),
        "poisson": lambda: kind.Poisson(log),
        "gaussian": lambda: kind.Gaussian(log) if family.link == "log" else kind.Gaussian(),
        "gamma": lambda: kind.Gamma(log),
        "inverse-gaussian": lambda: kind.InverseGaussian(log),
        "tweedie": lambda: kind.Tweedie(log, var_power=family.power),
        "negative-binomial": lambda: kind.NegativeBinomial(log, alpha=family.dispersion),
    }
    return by_name[family.name]()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
def test_statsmodels(case, weighted):
    sm = pytest.importorskip("statsmodels.api")
    X, y, rng = draw(case)
    if case.family.name == "bernoulli":
        y = np.round(y)
    weight = rng.uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    weight /= weight.mean()
    offset = 0.1 * rng.standard_normal(len(y)) if weighted else np.zeros(len(y))
    kind = statsmodels_family(sm, case.family)
    start = None if case.family.link != "log" else np.r_[np.log(max(y.mean(), 0.1)), np.zeros(5)]
    peer = sm.GLM(y, sm.add_constant(X), family=kind, var_weights=weight, offset=offset)
    peer = peer.fit(start_params=start, tol=1e-14, maxiter=1000)
    ours = fs.fit(X, y, family=case.family, sample_weight=weight, offset=offset[:, None], tol=1e-10)
    assert ours.status == "converged"
    np.testing.assert_allclose(np.r_[ours.b, ours.W[0]], peer.params, atol=PEER, rtol=PEER)
    assert 2 * ours.loss * len(y) == pytest.approx(peer.deviance, rel=PEER)
    if case.family.has_dispersion:
        assert ours.dispersion[0] == pytest.approx(peer.pearson_chi2 / peer.df_resid, rel=PEER)


def test_binomial_of_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(0)
    X, trials = rng.standard_normal((300, 4)), rng.integers(1, 30, 300)
    successes = rng.binomial(trials, 1 / (1 + np.exp(-X @ [0.5, -0.2, 0.1, 0.0])))
    y = np.column_stack([successes, trials - successes])
    peer = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-14)
    ours = fs.fit(X, y, family="binomial", tol=1e-10)
    np.testing.assert_allclose(np.r_[ours.b, ours.W[0]], peer.params, atol=PEER)
    assert 2 * ours.loss * trials.sum() == pytest.approx(peer.deviance, rel=PEER)


@pytest.mark.parametrize(
    ("family", "peer"),
    [
        (of.Poisson(), PoissonRegressor),
        (of.Gamma(), GammaRegressor),
        (of.Tweedie(1.5), lambda **options: TweedieRegressor(power=1.5, **options)),
        (of.Tweedie(2.5), lambda **options: TweedieRegressor(power=2.5, **options)),
        (of.InverseGaussian(), lambda **options: TweedieRegressor(power=3, **options)),
    ],
    ids=["poisson", "gamma", "tweedie-1.5", "tweedie-2.5", "inverse-gaussian"],
)
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_sklearn(family, peer, alpha):
    X, y, rng = draw(EVERY[f"{family}-log"])
    weight = rng.uniform(0, 2, len(y))
    # Beyond the power 2 their Hessian may be indefinite.
    solver = "newton-cholesky" if family.variance_power <= 2 else "lbfgs"
    theirs = peer(alpha=alpha, solver=solver, tol=1e-10, max_iter=1000).fit(X, y, sample_weight=weight)
    ours = fs.fit(X, y, family=family, sample_weight=weight, l2=alpha, tol=1e-10)
    np.testing.assert_allclose(ours.W[0], theirs.coef_, atol=PEER)
    assert ours.b[0] == pytest.approx(theirs.intercept_, abs=PEER)


def test_a_logistic_regression_for_each_label():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    Y = rng.random((400, 3)) < 1 / (1 + np.exp(-X[:, :3] - 0.5))
    ours = fs.fit(X, Y.astype(float), family="bernoulli", l2=0.01, tol=1e-10)
    for k in range(3):
        theirs = LogisticRegression(C=1 / (0.01 * 400), tol=1e-10, max_iter=10_000).fit(X, Y[:, k])
        np.testing.assert_allclose(ours.W[k], theirs.coef_[0], atol=PEER)
        assert ours.b[k] == pytest.approx(theirs.intercept_[0], abs=PEER)


def test_two_classes_of_softmax_are_bernoulli():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 4)), rng.integers(0, 2, 300)
    softmax = fs.fit(X, y, tol=1e-10)
    ours = fs.fit(X, y, family="bernoulli", tol=1e-10)
    assert ours.loss == pytest.approx(softmax.loss, rel=1e-12)
    np.testing.assert_allclose(ours.W[0], softmax.W[1] - softmax.W[0], atol=PEER)


def test_the_election_of_1996():
    """llf −1461.9227 is what statsmodels documents for its multinomial logit of these data."""
    sm = pytest.importorskip("statsmodels.api")
    data = sm.datasets.anes96.load_pandas()
    X, y = data.exog.to_numpy(), data.endog.to_numpy().astype(int)
    ours = fs.fit(X, y, tol=1e-9)
    assert -ours.loss * len(y) == pytest.approx(-1461.9227, abs=1e-4)
    theirs = sm.MNLogit(y, sm.add_constant(X)).fit(method="newton", tol=1e-12, disp=0)
    parameters = np.column_stack([ours.b, ours.W])
    np.testing.assert_allclose((parameters[1:] - parameters[0]).T, theirs.params, rtol=PEER, atol=PEER)
