"""The estimators of single families: scikit-learn's contract, its estimates, scores and offsets."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastsoftmax as fs
from fastsoftmax import (
    GammaRegression,
    GaussianRegression,
    MultilabelRegression,
    NegativeBinomialRegression,
    PoissonRegression,
    TweedieRegression,
)

PEER = 1e-6


@parametrize_with_checks(
    [
        PoissonRegression(),
        PoissonRegression(alpha=0.1, l1_ratio=0.5),
        GammaRegression(),
        TweedieRegression(),
        NegativeBinomialRegression(),
        GaussianRegression(),
        GaussianRegression(alpha=0.1, l1_ratio=1.0),
        MultilabelRegression(),
    ]
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_sklearn_contract(estimator, check):
    check(estimator)


def counts(n=400, n_features=5):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n_features))
    return X, rng.poisson(np.exp(0.3 * X @ rng.standard_normal(n_features))) + 0.5, rng.uniform(0, 2, n)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (PoissonRegression, PoissonRegressor),
        (GammaRegression, GammaRegressor),
        (TweedieRegression, lambda **options: TweedieRegressor(power=1.5, **options)),
    ],
    ids=["poisson", "gamma", "tweedie"],
)
def test_estimates_and_scores_of_sklearn(ours, theirs, fit_intercept):
    X, y, weight = counts()
    options = dict(alpha=0.2, fit_intercept=fit_intercept, tol=1e-9, max_iter=1000)
    one = ours(**options).fit(X, y, sample_weight=weight)
    other = theirs(solver="newton-cholesky", **options).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=PEER)
    assert one.intercept_ == pytest.approx(other.intercept_, abs=PEER)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=PEER)
    assert one.score(X, y, weight) == pytest.approx(other.score(X, y, weight), abs=PEER)


def test_least_squares():
    X, y, weight = counts()
    ours = GaussianRegression(alpha=0.2, tol=1e-9).fit(X, y, weight)
    theirs = Ridge(alpha=0.2 * weight.sum()).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=PEER)
    assert ours.score(X, y, weight) == pytest.approx(theirs.score(X, y, weight), abs=PEER)
    ours = GaussianRegression(alpha=0.1, l1_ratio=0.7, tol=1e-9).fit(X, y)
    theirs = ElasticNet(alpha=0.1, l1_ratio=0.7, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=PEER)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


def test_several_outputs():
    X, y, _ = counts()
    Y = np.column_stack([y, y[::-1]])
    both = GaussianRegression(alpha=0.2, tol=1e-9).fit(X, Y)
    theirs = Ridge(alpha=0.2 * len(y)).fit(X, Y)
    np.testing.assert_allclose(both.coef_, theirs.coef_, atol=PEER)
    assert both.predict(X).shape == Y.shape
    assert both.score(X, Y) == pytest.approx(theirs.score(X, Y), abs=PEER)
    assert both.dispersion_.shape == (2,)
    alone = GaussianRegression(alpha=0.2, tol=1e-9).fit(X, y)
    assert alone.dispersion_ == pytest.approx(both.dispersion_[0], rel=1e-6)
    with pytest.raises(ValueError, match="y must have shape \\(400, 2\\), found \\(400, 1\\)"):
        both.score(X, y)


def test_an_exposure_is_an_offset():
    X, y, _ = counts()
    exposure = np.random.default_rng(1).uniform(0.5, 3, len(y))
    # Rates with the exposure as a weight have the same likelihood.
    weighted = PoissonRegression(alpha=0, tol=1e-10).fit(X, y / exposure, sample_weight=exposure)
    ours = PoissonRegression(alpha=0, tol=1e-10).fit(X, y, offset=np.log(exposure))
    np.testing.assert_allclose(ours.coef_, weighted.coef_, atol=PEER)
    np.testing.assert_allclose(ours.predict(X, np.log(exposure)), weighted.predict(X) * exposure, rtol=PEER)
    assert 0 < ours.score(X, y, offset=np.log(exposure)) < 1


def test_a_constant_y():
    X, y, _ = counts()
    assert GaussianRegression().fit(X, y).score(X, np.full_like(y, 2.0)) == 0.0
    constant = GaussianRegression().fit(X, np.full_like(y, 2.0))
    assert constant.score(X, np.full_like(y, 2.0)) == 1.0


def test_warm_start_goes_on():
    X, y, _ = counts()
    model = PoissonRegression(alpha=0.1, tol=1e-8, warm_start=True).fit(X, y)
    assert model.n_iter_ > 0
    assert model.fit(X, y).n_iter_ == 0
    with pytest.raises(ValueError, match="warm_start needs .* found 1 outputs and 3 features"):
        model.fit(X[:, :3], y)


def test_sparse_and_single_precision():
    X, y, _ = counts()
    X = X * (X > 0.5)
    dense = NegativeBinomialRegression(alpha=0.01, dispersion=0.5, tol=1e-8).fit(X, y)
    sparse = NegativeBinomialRegression(alpha=0.01, dispersion=0.5, tol=1e-8).fit(scipy.sparse.csr_matrix(X), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=PEER)
    single = NegativeBinomialRegression(alpha=0.01, dispersion=0.5).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.coef_, dense.coef_, atol=1e-3)


def test_the_dispersion_of_counts():
    X, y, _ = counts()
    model = NegativeBinomialRegression(alpha=0, dispersion="auto", tol=1e-8).fit(X, y)
    result = fs.fit(X, y, family="negative-binomial(auto)", tol=1e-8)
    assert model.dispersion_ == result.family.dispersion
    assert model.score(X, y) > 0
    assert NegativeBinomialRegression(dispersion=0.5).fit(X, y).dispersion_ == 0.5


def test_a_fit_that_is_not_done_warns():
    X, y, _ = counts()
    with pytest.warns(ConvergenceWarning, match="max_iter = 1 iterations reached"):
        PoissonRegression(alpha=0, tol=1e-10, max_iter=1).fit(X, y)


def test_the_log_link_of_gaussian():
    X, y, _ = counts()
    model = GaussianRegression(link="log", alpha=0, tol=1e-8).fit(X, y)
    result = fs.fit(X, y, family="gaussian", link="log", tol=1e-8)
    np.testing.assert_array_equal(model.coef_, result.W[0])
    assert (model.predict(X) > 0).all()


@pytest.mark.parametrize("kind", ["indicators", "classes"])
def test_one_versus_rest(kind):
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    X = X / X.std(axis=0)
    y = Y if kind == "indicators" else Y.sum(axis=1)
    ours = MultilabelRegression(alpha=1 / len(X), tol=1e-9).fit(X, y)
    theirs = OneVsRestClassifier(LogisticRegression(tol=1e-10, max_iter=10_000)).fit(X, y)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=PEER)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, y) == theirs.score(X, y)


def test_a_single_label():
    X, Y = make_multilabel_classification(200, 5, n_classes=2, random_state=0)
    names = np.array(["no", "yes"])[Y[:, 0]]
    ours = MultilabelRegression(alpha=1 / len(X), tol=1e-9).fit(X, names)
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, names)
    assert ours.decision_function(X).shape == (200,)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=PEER)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    with pytest.raises(ValueError, match="at least two classes, found one class only: 'no'"):
        MultilabelRegression().fit(X, np.full(200, "no"))
