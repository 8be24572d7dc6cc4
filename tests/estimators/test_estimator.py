"""SoftmaxRegression is a scikit-learn classifier and a drop-in for LogisticRegression."""

import io
import pickle
import signal
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from problems import make_problem
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tolerances import SCORE

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.estimators.progress import ProgressLine


@parametrize_with_checks(
    [
        SoftmaxRegression(),
        SoftmaxRegression(solver="gd", tol=1e-3, max_iter=5000),
        SoftmaxRegression(solver="agd", tol=1e-3, max_iter=5000),
    ]
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_sklearn_contract(estimator, check):
    check(estimator)


CASES = {
    "plain": {},
    "strong penalty": {"C": 0.01},
    "no penalty": {"C": np.inf},
    "no intercept": {"fit_intercept": False},
    "balanced": {"class_weight": "balanced"},
    "weighted classes": {"class_weight": {0: 0.3, 1: 2.0}},
}


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_are_those_of_logistic_regression(n_classes, case, weighted):
    p = make_problem(400, 6, n_classes, seed=3)
    s = p.s if weighted else None
    ours = SoftmaxRegression(**CASES[case], tol=1e-9, max_iter=1000).fit(p.X, p.y, sample_weight=s)
    theirs = LogisticRegression(**CASES[case], tol=1e-9, max_iter=1000).fit(p.X, p.y, sample_weight=s)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    np.testing.assert_allclose(ours.predict_proba(p.X), theirs.predict_proba(p.X), atol=1e-6)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_allclose(ours.decision_function(p.X), theirs.decision_function(p.X), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(p.X), theirs.predict(p.X))


def test_every_parameter_of_logistic_regression_that_has_a_meaning_here():
    ours, theirs = SoftmaxRegression().get_params(), LogisticRegression().get_params()
    without_meaning = {"penalty", "dual", "intercept_scaling"}
    assert set(theirs) - without_meaning <= set(ours)
    for name in set(theirs) - without_meaning - {"solver"}:
        assert ours[name] == theirs[name], name


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_in(frame):
    p = make_problem(100, 3, 3)
    X = frame({name: p.X[:, j] for j, name in enumerate(["height", "width", "depth"])})
    labels = np.array(["ant", "bee", "cat"])[p.y]
    model = SoftmaxRegression().fit(X, pd.Series(labels) if frame is pd.DataFrame else pl.Series(labels))
    assert list(model.feature_names_in_) == ["height", "width", "depth"]
    assert list(model.classes_) == ["ant", "bee", "cat"]
    np.testing.assert_array_equal(model.coef_, SoftmaxRegression().fit(p.X, labels).coef_)
    assert set(model.predict(X)) <= {"ant", "bee", "cat"}
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename({"depth": "weight"}) if frame is pl.DataFrame else X.rename(columns={"depth": "weight"}))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_pipeline_with_frames_between_the_steps(container):
    p = make_problem(100, 3, 3)
    X = pd.DataFrame(p.X, columns=["a", "b", "c"])
    model = make_pipeline(StandardScaler(), SoftmaxRegression()).set_output(transform=container)
    model.fit(X, p.y)
    assert list(model[-1].feature_names_in_) == ["a", "b", "c"]
    assert model.predict_proba(X).shape == (100, 3)


def test_model_selection(digits):
    X, y = digits
    search = GridSearchCV(SoftmaxRegression(tol=1e-2), {"C": [1e-4, 1.0]}, cv=3, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert cross_val_score(SoftmaxRegression(), X, y, cv=3).mean() > 0.9


def test_clone_and_pickle():
    p = make_problem(100, 5, 3)
    model = SoftmaxRegression(C=2.0, solver="gd", learning_rate=0.1, max_iter=10_000).fit(p.X, p.y)
    assert clone(model).get_params() == model.get_params()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(p.X), model.predict_proba(p.X))
    assert again.result_.status == model.result_.status


def test_target_probabilities():
    p = make_problem(200, 5, 3)
    targets = p.Y / p.Y.sum(axis=1, keepdims=True)
    model = SoftmaxRegression(C=0.5, tol=1e-8).fit(p.X, targets)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    np.testing.assert_allclose(model.coef_, fs.fit(p.X, targets, l2=1 / (0.5 * 200), tol=1e-8).W)
    # The same as each sample three times, once for each class, weighted by its probability.
    stacked = SoftmaxRegression(C=0.5, tol=1e-8).fit(
        np.repeat(p.X, 3, axis=0), np.tile([0, 1, 2], 200), sample_weight=targets.ravel()
    )
    np.testing.assert_allclose(model.coef_, stacked.coef_, atol=1e-6)


def test_two_columns_of_probabilities_are_two_classes():
    p = make_problem(200, 5, 2)
    corner = np.eye(2)[p.y]
    model = SoftmaxRegression(tol=1e-8).fit(p.X, corner)
    assert model.coef_.shape == (1, 5)
    np.testing.assert_allclose(model.coef_, SoftmaxRegression(tol=1e-8).fit(p.X, p.y).coef_, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_warm_start_goes_on_where_it_stopped(n_classes, fit_intercept):
    p = make_problem(300, 5, n_classes)
    model = SoftmaxRegression(warm_start=True, tol=1e-7, fit_intercept=fit_intercept).fit(p.X, p.y)
    coef = model.coef_.copy()
    model.set_params(tol=1e-6).fit(p.X, p.y)
    assert model.n_iter_[0] == 0
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-12)
    with pytest.raises(ValueError, match="warm_start needs the classes and features"):
        model.fit(p.X, np.arange(300) % 5)


def test_result_tells_how_it_went():
    p = make_problem(300, 5, 3)
    model = SoftmaxRegression().fit(p.X, p.y)
    assert model.result_.status == "converged"
    assert model.result_.n_iter == model.n_iter_[0]
    assert model.result_.W.shape == (3, 5)
    assert str(model.result_.family) == "softmax"
    assert SoftmaxRegression().fit(p.X, p.y % 2).result_.W.shape == (2, 5)


def test_max_iter_warns_with_the_gradient_norm():
    p = make_problem(300, 5, 3)
    with pytest.warns(
        ConvergenceWarning,
        match=r"max_iter = 1 iterations reached with gradient norm .*raise max_iter",
    ):
        SoftmaxRegression(max_iter=1, tol=1e-10).fit(p.X, p.y)


def test_a_fit_that_ends_far_from_the_minimum_warns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 20, 600)
    X = rng.normal(size=(20, 20))[y] + 0.3 * rng.normal(size=(600, 20))
    with pytest.warns(ConvergenceWarning, match=r"the loss may be \d+% above its minimum, lower tol: gradient norm"):
        far = SoftmaxRegression(tol=0.15).fit(X, y)
    assert far.result_.status == "converged"
    assert far.result_.distance > 0.01
    assert SoftmaxRegression().fit(X, y).result_.distance < 0.01


def test_divergence_warns_and_keeps_finite_coefficients():
    p = make_problem(300, 5, 3)
    with pytest.warns(ConvergenceWarning, match="diverged: the loss became .* learning_rate"):
        model = SoftmaxRegression(solver="gd", learning_rate=1e6).fit(p.X, p.y)
    assert np.isfinite(model.coef_).all()
    assert model.result_.status == "diverged"


def test_ctrl_c_is_raised_and_the_best_coefficients_are_kept(monkeypatch):
    p = make_problem(300, 5, 3)

    def interrupt(self, state):
        if state.iteration == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressLine, "__call__", interrupt)
    model = SoftmaxRegression(verbose=1, tol=1e-12)
    with pytest.raises(KeyboardInterrupt, match="the best so far is kept"):
        model.fit(p.X, p.y)
    assert model.result_.status == "interrupted"
    assert model.predict(p.X).shape == (300,)
    assert np.abs(model.coef_).max() > 0


def test_verbose_shows_a_line(capsys):
    p = make_problem(300, 5, 3)
    model = SoftmaxRegression(verbose=1).fit(p.X, p.y)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"iteration {model.n_iter_[0]:5d}" in printed.err
    assert "converged" in printed.err
    SoftmaxRegression().fit(p.X, p.y)
    assert capsys.readouterr().err == ""


def test_progress_rewrites_one_line_of_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    p = make_problem(300, 5, 3)
    line = ProgressLine(Terminal())
    line.SECONDS_BETWEEN_UPDATES = 0
    result = fs.fit(p.X, p.y, callback=line)
    line.close(result.message)
    text = line.stream.getvalue()
    assert text.count("\r") == result.n_iter + 2
    assert text.count("\n") == 2


@pytest.mark.parametrize("n_jobs", [1, 2, -1, -2, -100])
def test_threads_do_not_change_the_coefficients(n_jobs):
    p = make_problem(5000, 20, 3)
    np.testing.assert_array_equal(
        SoftmaxRegression(n_jobs=n_jobs).fit(p.X, p.y).coef_,
        SoftmaxRegression().fit(p.X, p.y).coef_,
    )


P = make_problem(20, 4, 3)
NAN = P.X.copy()
NAN[7, 2] = np.nan

BAD = {
    "l1": ({"l1_ratio": 0.5, "solver": "gd"}, {}, "l1 must be 0 for solver='gd'"),
    "solver": ({"solver": "adam"}, {}, "'solver' parameter .* 'adam'"),
    "C": ({"C": 0.0}, {}, "'C' parameter .* 0.0"),
    "n_jobs": ({"n_jobs": 0}, {}, "n_jobs must be .* found 0"),
    "nan": ({}, {"X": NAN}, "X contains NaN at row 7, column 2"),
    "one class": ({}, {"y": np.full(20, 7)}, "at least two classes, found one class only: .*7"),
    "continuous": ({}, {"y": np.linspace(0, 1, 20)}, "continuous"),
    "length": ({}, {"y": P.y[:5]}, "one label for each of the 20 samples, found 5"),
    "negative targets": ({}, {"y": -P.Y}, "y must not be negative"),
    "weighted probabilities": (
        {"class_weight": "balanced"},
        {"y": P.Y},
        "class_weight must be None",
    ),
    "zero weights": ({}, {"sample_weight": np.zeros(20)}, "[Ss]ample.weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    parameters, arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(**parameters).fit(**{"X": P.X, "y": P.y, **arguments})


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_prediction_names_the_bad_value(method):
    model = SoftmaxRegression().fit(P.X, P.y)
    with pytest.raises(ValueError, match="X contains NaN at row 7, column 2"):
        getattr(model, method)(NAN)
    with pytest.raises(NotFittedError):
        getattr(SoftmaxRegression(), method)(P.X)


def test_a_failed_fit_leaves_the_fitted_model():
    model = SoftmaxRegression().fit(P.X, P.y)
    before = model.predict_proba(P.X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(NAN, P.y)
    np.testing.assert_array_equal(model.predict_proba(P.X), before)


def test_probabilities_of_two_classes_keep_their_small_side():
    with pytest.warns(ConvergenceWarning, match="separated"):
        model = SoftmaxRegression(C=np.inf).fit([[-1.0], [1.0], [-2.0], [2.0]], [0, 1, 0, 1])
    far = np.array([[200.0], [-200.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_probabilities = model.predict_log_proba(far)
    assert np.isfinite(log_probabilities).all()
    assert log_probabilities[0, 0] < -300
    np.testing.assert_allclose(model.predict_proba(far), [[0, 1], [1, 0]], atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_may_be_sparse(n_classes):
    p = make_problem(100, 6, n_classes)
    model = SoftmaxRegression(l1_ratio=1.0, C=0.1, warm_start=True).fit(p.X, p.y)
    coef, probabilities = model.coef_, model.predict_proba(p.X)
    for sparse in (model.sparsify(), pickle.loads(pickle.dumps(model))):
        assert sp.issparse(sparse.coef_)
        for X in (p.X, sp.csr_matrix(p.X)):
            np.testing.assert_allclose(sparse.predict_proba(X), probabilities, rtol=1e-12)
            np.testing.assert_allclose(sparse.predict_log_proba(X), np.log(probabilities), rtol=1e-10)
        np.testing.assert_array_equal(sparse.predict(p.X), sparse.classes_[probabilities.argmax(axis=1)])
    np.testing.assert_array_equal(model.densify().coef_, coef)
    assert model.sparsify().fit(p.X, p.y).n_iter_[0] == 0
    stream = SoftmaxRegression(random_state=0).fit(p.X, p.y).sparsify().partial_fit(p.X, p.y)
    assert isinstance(stream.coef_, np.ndarray)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("intercept", [0.0, 0, np.float32(0)])
def test_an_intercept_may_be_a_number(n_classes, intercept):
    p = make_problem(100, 6, n_classes)
    model = SoftmaxRegression().fit(p.X, p.y)
    model.intercept_ = intercept
    scores = (p.X @ model.coef_.T).squeeze()
    np.testing.assert_allclose(model.decision_function(p.X), scores, atol=1e-12)
    model.set_params(warm_start=True).fit(p.X, p.y)
    assert model.intercept_.shape == (1 if n_classes == 2 else n_classes,)


def test_parameters_set_by_hand_are_named():
    model = SoftmaxRegression().fit(P.X, P.y)
    model.coef_ = np.ones((3, 9))
    with pytest.raises(ValueError, match=r"coef_ must have a column for each of the 4 features, found shape \(3, 9\)"):
        model.predict(P.X)
    model.coef_, model.intercept_ = np.ones((3, 4)), np.ones(2)
    with pytest.raises(ValueError, match=r"intercept_ must have shape \(3,\)"):
        model.predict(P.X)


def test_two_columns_of_labels_are_no_counts():
    labels = np.column_stack([P.y % 2 + 1, P.y % 2 + 1])
    labels[0] = 1, 2
    with pytest.raises(ValueError, match="a column of labels must stand alone"):
        SoftmaxRegression().fit(P.X, labels)
    SoftmaxRegression().fit(P.X, labels.astype(float))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_predictor_of_the_coefficients_predicts_single_samples(n_classes, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5)).astype(dtype)
    y = np.array(["a", "b", "c"])[(X[:, 0] * 2).astype(int) % n_classes]
    model = SoftmaxRegression().fit(X, y)
    predictor = model.predictor()
    assert model.classes_[predictor.predict(X[3])] == model.predict(X[3:4])[0]
    np.testing.assert_allclose(predictor.predict_proba(X[3]), model.predict_proba(X[3:4])[0], atol=SCORE[dtype])
    before = predictor.predict_proba(X[3])
    model.coef_ *= 2
    np.testing.assert_array_equal(predictor.predict_proba(X[3]), before)
    np.testing.assert_allclose(model.predictor().predict_proba(X[3]), model.predict_proba(X[3:4])[0], atol=SCORE[dtype])
    with pytest.raises(NotFittedError):
        SoftmaxRegression().predictor()
