"""sample_weight, offset and groups reach what needs them, with scikit-learn's metadata routing and without."""

import numpy as np
import pytest
from problems import make_problem
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression, SoftmaxRegressionCV

P = make_problem(90, 4, 3)
RNG = np.random.default_rng(0)
S = RNG.integers(1, 9, 90).astype(float)
OFFSET = 3 * RNG.normal(size=(90, 3))
Y = (P.X @ P.W.T + OFFSET + RNG.gumbel(size=(90, 3))).argmax(axis=1)
GROUPS = np.arange(90) % 3
EXACT = dict(tol=1e-9, max_iter=1000)


def asking(*, score_weight=False, score_offset=True):
    """Return a classifier that requests both for its fit, and what is asked for its score."""
    model = SoftmaxRegression(**EXACT).set_fit_request(sample_weight=True, offset=True)
    return model.set_score_request(sample_weight=score_weight, offset=score_offset)


def alone(rows=slice(None), **parameters):
    return SoftmaxRegression(**EXACT, **parameters).fit(P.X[rows], Y[rows], S[rows], offset=OFFSET[rows])


def test_a_grid_search_routes():
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(asking(), {"C": [0.01, 1.0]}, cv=StratifiedKFold(3))
        search.fit(P.X, Y, sample_weight=S, offset=OFFSET)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(P.X, Y)):
        for c, C in enumerate([0.01, 1.0]):
            expected = alone(train, C=C).score(P.X[test], Y[test], offset=OFFSET[test])
            assert search.cv_results_[f"split{f}_test_score"][c] == expected
    np.testing.assert_allclose(search.best_estimator_.coef_, alone(C=search.best_params_["C"]).coef_, atol=1e-9)


def test_a_grid_search_without_routing_passes_what_fit_takes():
    search = GridSearchCV(SoftmaxRegression(**EXACT), {"C": [0.01, 1.0]}, cv=3)
    search.fit(P.X, Y, sample_weight=S, offset=OFFSET)
    np.testing.assert_allclose(search.best_estimator_.coef_, alone(C=search.best_params_["C"]).coef_, atol=1e-9)


@pytest.mark.parametrize("routing", [True, False])
def test_a_pipeline_routes(routing):
    with config_context(enable_metadata_routing=routing):
        if routing:
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            # Pipeline.score passes a sample_weight always, if only None.
            model = make_pipeline(scaler, asking(score_weight=True).set_predict_request(offset=True))
            model.fit(P.X, Y, sample_weight=S, offset=OFFSET)
        else:
            model = make_pipeline(StandardScaler(), SoftmaxRegression(**EXACT))
            model.fit(P.X, Y, softmaxregression__sample_weight=S, softmaxregression__offset=OFFSET)
        X = StandardScaler().fit_transform(P.X)
        expected = SoftmaxRegression(**EXACT).fit(X, Y, S, offset=OFFSET)
        np.testing.assert_allclose(model[-1].coef_, expected.coef_, atol=1e-9)
        np.testing.assert_array_equal(model.predict(P.X, offset=OFFSET), expected.predict(X, OFFSET))
        assert (model.predict(P.X) != expected.predict(X, OFFSET)).any()
        if routing:
            assert model.score(P.X, Y, offset=OFFSET) == expected.score(X, Y, offset=OFFSET)


def test_cross_validate_routes():
    with config_context(enable_metadata_routing=True):
        params = {"sample_weight": S, "offset": OFFSET}
        found = cross_validate(asking(score_weight=True), P.X, Y, cv=StratifiedKFold(3), params=params)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(P.X, Y)):
        expected = alone(train).score(P.X[test], Y[test], S[test], OFFSET[test])
        assert found["test_score"][f] == pytest.approx(expected, rel=1e-12)


def test_regressions_are_routed_to():
    exposure = np.log(S)
    counts = np.random.default_rng(0).poisson(S * np.exp(0.3 * P.X[:, 0]))
    folds = StratifiedKFold(3).split(P.X, P.y)
    model = fs.PoissonRegression(alpha=0.01)
    with config_context(enable_metadata_routing=True):
        asked = clone(model).set_fit_request(sample_weight=True, offset=True).set_score_request(offset=True)
        asked.set_score_request(sample_weight=False)
        params = {"sample_weight": S, "offset": exposure}
        found = cross_validate(asked, P.X, counts, cv=list(folds), params=params)["test_score"]
    for f, (train, test) in enumerate(StratifiedKFold(3).split(P.X, P.y)):
        fitted = model.fit(P.X[train], counts[train], S[train], offset=exposure[train])
        assert found[f] == pytest.approx(fitted.score(P.X[test], counts[test], offset=exposure[test]), rel=1e-12)


def test_what_is_not_requested_is_an_error_of_scikit_learn():
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(SoftmaxRegression(), {"C": [1.0]}, cv=3)
        with pytest.raises(ValueError, match="offset.* are passed but are not explicitly set as requested or not"):
            search.fit(P.X, Y, offset=OFFSET)
        assert clone(asking()).get_metadata_routing().fit.requests == {"sample_weight": True, "offset": True}


@pytest.mark.parametrize("wrap", [OneVsRestClassifier, lambda model: CalibratedClassifierCV(model, cv=3)])
def test_other_meta_estimators_route_the_weights(wrap):
    with config_context(enable_metadata_routing=True):
        wanting = wrap(SoftmaxRegression().set_fit_request(sample_weight=True, offset=False))
        weighted = wanting.fit(P.X, Y, sample_weight=S).predict_proba(P.X)
    assert np.abs(weighted - wrap(SoftmaxRegression()).fit(P.X, Y).predict_proba(P.X)).max() > 1e-3


def test_a_cross_validating_classifier_is_routed_to():
    """Its own offset and weights, and the groups of its splitter, come through a pipeline."""
    inner = dict(Cs=[0.01, 1.0], **EXACT)
    folds = list(GroupKFold(3).split(P.X, Y, GROUPS))
    expected = SoftmaxRegressionCV(cv=folds, **inner).fit(P.X, Y, S, offset=OFFSET)
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        model = SoftmaxRegressionCV(cv=GroupKFold(3), scoring=scorer, **inner)
        model.set_fit_request(sample_weight=True, offset=True)
        pipe = make_pipeline(model).fit(P.X, Y, sample_weight=S, offset=OFFSET, groups=GROUPS)
    np.testing.assert_array_equal(pipe[-1].scores_, expected.scores_)
    np.testing.assert_array_equal(pipe[-1].coef_, expected.coef_)


@pytest.mark.parametrize("routing", [True, False])
def test_splitters_are_passed_groups(routing):
    folds = list(GroupKFold(3).split(P.X, P.y, GROUPS))
    expected = SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=folds).fit(P.X, P.y)
    with config_context(enable_metadata_routing=routing):
        model = SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=GroupKFold(3)).fit(P.X, P.y, groups=GROUPS)
    np.testing.assert_array_equal(model.scores_, expected.scores_)


def test_what_nobody_takes_is_an_error():
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        SoftmaxRegressionCV().fit(P.X, P.y, colour=GROUPS)
    model = SoftmaxRegressionCV(Cs=[1.0], cv=3).fit(P.X, P.y)
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        model.score(P.X, P.y, groups=GROUPS)


def test_scorers_are_passed_what_they_request():
    p = make_problem(300, 4, 2)
    s = np.random.default_rng(0).integers(1, 9, 300).astype(float)
    arguments = dict(Cs=[0.1, 1.0], cv=3)
    with config_context(enable_metadata_routing=True):
        wanting, refusing = (get_scorer("accuracy").set_score_request(sample_weight=asks) for asks in (True, False))
        weighted = SoftmaxRegressionCV(scoring=wanting, **arguments).fit(p.X, p.y, sample_weight=s)
        plain = SoftmaxRegressionCV(scoring=refusing, **arguments).fit(p.X, p.y, sample_weight=s)
        assert weighted.score(p.X, p.y, sample_weight=s) != plain.score(p.X, p.y)
        with pytest.raises(
            TypeError, match=r"SoftmaxRegressionCV.score got unexpected argument\(s\) {'sample_weight'}"
        ):
            plain.score(p.X, p.y, sample_weight=s)
    without_routing = SoftmaxRegressionCV(**arguments).fit(p.X, p.y, sample_weight=s)
    np.testing.assert_array_equal(weighted.scores_, without_routing.scores_)
    assert (plain.scores_ != weighted.scores_).any()
    np.testing.assert_array_equal(plain.coefs_paths_, weighted.coefs_paths_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_offset_is_that_of_the_functional_interface(n_classes):
    y = P.y % n_classes
    offset = OFFSET[:, :n_classes]
    result = fs.fit(P.X, y, l2=(2 if n_classes == 2 else 1) / 90, offset=offset, tol=1e-9)
    model = SoftmaxRegression(**EXACT).fit(P.X, y, offset=offset)
    np.testing.assert_allclose(model.result_.W, result.W, atol=1e-8)
    logits = P.X @ result.W.T + result.b + offset
    np.testing.assert_allclose(model.predict_proba(P.X, offset), fs.softmax(logits), atol=1e-8)
    np.testing.assert_allclose(model.predict_log_proba(P.X, offset), fs.log_softmax(logits), atol=1e-7)
    np.testing.assert_array_equal(model.predict(P.X, offset), logits.argmax(axis=1))


def test_the_offset_of_two_classes_may_be_log_odds():
    y, odds = P.y > 0, OFFSET[:, 0]
    columns = np.column_stack([np.zeros(90), odds])
    one, two = (SoftmaxRegression(**EXACT).fit(P.X, y, offset=offset) for offset in (odds, columns))
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-8)
    np.testing.assert_allclose(one.decision_function(P.X, odds), two.decision_function(P.X, columns), atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_offset_rules_a_class_out(n_classes):
    y = P.y % n_classes
    offset = np.zeros((90, n_classes))
    offset[np.arange(90), (y + 1) % n_classes] = -np.inf
    model = SoftmaxRegression().fit(P.X, y, offset=offset)
    probabilities = model.predict_proba(P.X, offset)
    assert (probabilities[np.isneginf(offset)] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


BAD_OFFSETS = {
    "columns": (np.zeros((90, 2)), r"offset must have shape \(90, 3\), found \(90, 2\)"),
    "vector": (np.zeros(90), r"offset must be .*found shape \(90,\)"),
    "nan": (np.full((90, 3), np.nan), "offset must be finite or -inf, found nan at row 0, column 0"),
    "text": (np.full((90, 3), "a"), "offset must hold real numbers"),
    "none left": (np.full((90, 3), -np.inf), "offset must leave a class to every sample"),
}


@pytest.mark.parametrize("case", BAD_OFFSETS)
@pytest.mark.parametrize("estimator", [SoftmaxRegression, SoftmaxRegressionCV])
def test_a_bad_offset_is_named(estimator, case):
    offset, message = BAD_OFFSETS[case]
    with pytest.raises(ValueError, match=message):
        estimator().fit(P.X, P.y, offset=offset)
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression().fit(P.X, P.y).predict(P.X, offset)
