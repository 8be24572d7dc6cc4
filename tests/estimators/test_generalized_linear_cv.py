"""GeneralizedLinearRegressionCV: the penalties and scores of a search by hand, folds, groups and offsets."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.linear_model import ElasticNetCV, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastsoftmax import (
    GaussianRegression,
    GeneralizedLinearRegressionCV,
    NegativeBinomialRegression,
    PoissonRegression,
    SoftmaxRegression,
)

ALPHAS = [1e-3, 1e-2, 0.1, 1.0]


@parametrize_with_checks(
    [
        GeneralizedLinearRegressionCV(cv=3),
        GeneralizedLinearRegressionCV(PoissonRegression(), alphas=[0.1, 1.0], l1_ratios=[0.0, 0.5], cv=3),
    ]
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_sklearn_contract(estimator, check):
    check(estimator)


def counts(n=300):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 8))
    return X, rng.poisson(np.exp(0.3 * X[:, :3].sum(axis=1))).astype(float), rng.uniform(0.5, 2, n)


def test_scores_are_those_of_a_search_by_hand():
    X, y, _ = counts()
    ours = GeneralizedLinearRegressionCV(PoissonRegression(tol=1e-9, max_iter=1000), alphas=ALPHAS, cv=KFold(4))
    ours.fit(X, y)
    theirs = GridSearchCV(PoissonRegressor(tol=1e-9, max_iter=1000), {"alpha": ALPHAS}, cv=KFold(4)).fit(X, y)
    by_fold = [theirs.cv_results_[f"split{f}_test_score"] for f in range(4)]
    np.testing.assert_allclose(ours.scores_[:, 0], by_fold, atol=1e-6)
    assert ours.alpha_ == theirs.best_params_["alpha"]
    np.testing.assert_allclose(ours.coef_, theirs.best_estimator_.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-6)
    # Each fold's fits go on from one another: less than a handful of passes for each.
    assert ours.n_passes_ < 12 * ours.scores_.size


def test_elastic_nets():
    X, y, _ = counts()
    ratios = [0.3, 1.0]
    ours = GeneralizedLinearRegressionCV(GaussianRegression(tol=1e-9), alphas=ALPHAS, l1_ratios=ratios, cv=KFold(3))
    ours.fit(X, y)
    theirs = ElasticNetCV(alphas=ALPHAS, l1_ratio=ratios, cv=KFold(3), tol=1e-10).fit(X, y)
    assert ours.scores_.shape == (3, 2, 4)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert (ours.alpha_, ours.l1_ratio_) == (theirs.alpha_, theirs.l1_ratio_)


def test_weights_offsets_groups_and_sparse_x():
    X, y, weight = counts()
    groups = np.arange(len(y)) // 10
    exposure = np.log(weight)[:, None]
    model = GeneralizedLinearRegressionCV(PoissonRegression(tol=1e-8), alphas=ALPHAS, cv=GroupKFold(3))
    fitted = clone(model).fit(X, y, weight, offset=exposure, groups=groups)
    sparse = clone(model).fit(scipy.sparse.csr_array(X), y, weight, offset=exposure[:, 0], groups=groups)
    np.testing.assert_allclose(sparse.scores_, fitted.scores_, atol=1e-6)
    for f, (train, test) in enumerate(GroupKFold(3).split(X, y, groups)):
        alone = PoissonRegression(alpha=0.1, tol=1e-8).fit(X[train], y[train], weight[train], offset=exposure[train])
        score = alone.score(X[test], y[test], weight[test], exposure[test])
        assert fitted.scores_[f, 0, 2] == pytest.approx(score, abs=1e-6)
    np.testing.assert_allclose(fitted.predict(X, exposure) / fitted.predict(X), np.exp(exposure[:, 0]))


def test_several_outputs():
    X, y, _ = counts()
    Y = np.column_stack([y, y[::-1]])
    fitted = GeneralizedLinearRegressionCV(GaussianRegression(tol=1e-9), alphas=ALPHAS, cv=3).fit(X, Y)
    assert fitted.coef_.shape == (2, 8)
    np.testing.assert_allclose(fitted.coef_, Ridge(alpha=fitted.alpha_ * len(y)).fit(X, Y).coef_, atol=1e-6)


BAD = {
    "estimator": (dict(estimator=SoftmaxRegression()), "estimator must be a regression of a family.*found Softmax"),
    "alpha": (dict(alphas=[1.0, -1.0]), r"alphas\[1\] must be .* found -1.0"),
    "no alpha": (dict(alphas=[]), r"alphas must be a vector that is not empty, found shape \(0,\)"),
    "ratio": (dict(l1_ratios=[2.0]), r"l1_ratios\[0\] must be between 0 and 1, found 2.0"),
    "dispersion": (
        dict(estimator=NegativeBinomialRegression(dispersion="auto")),
        'dispersion must be a number here, only fit finds it, found "auto"',
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_parameters(kind):
    parameters, message = BAD[kind]
    X, y, _ = counts(60)
    with pytest.raises(ValueError, match=message):
        GeneralizedLinearRegressionCV(**parameters).fit(X, y)
