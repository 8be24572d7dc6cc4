"""SoftmaxRegressionCV makes the choices of LogisticRegressionCV, without copying X for the folds."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from problems import make_problem
from python_process import run
from reference import ONE_BLAS_THREAD
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss, make_scorer, recall_score
from sklearn.model_selection import ShuffleSplit, StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression, SoftmaxRegressionCV
from fastsoftmax.data.features import DenseFeatures
from fastsoftmax.estimators.classifier import rows_of
from fastsoftmax.estimators.progress import ProgressLine

EXACT = dict(tol=1e-7, max_iter=5000)
CS = [1e-3, 1e-1, 10.0]
OURS = {"learning_rate", "penalty_factor", "group", "bounds", "standardize"}


# Tight, since repeated samples and weights are compared to seven digits.
@parametrize_with_checks([SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3, tol=1e-11)])
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_sklearn_contract(estimator, check):
    check(estimator)


def pair(X, y, sample_weight=None, **parameters):
    """Return our classifier and scikit-learn's, fitted to the same data."""
    parameters = {"scoring": "accuracy", "Cs": CS, **EXACT, **parameters}
    ours = SoftmaxRegressionCV(**parameters).fit(X, y, sample_weight)
    theirs = LogisticRegressionCV(**parameters, use_legacy_attributes=False, l1_ratios=(0,))
    with ONE_BLAS_THREAD():
        return ours, theirs.fit(X, y, sample_weight)


def assert_agree(ours, theirs, atol=1e-3):
    np.testing.assert_allclose(ours.C_, theirs.C_)
    assert ours.l1_ratio_ == theirs.l1_ratio_
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.Cs_, theirs.Cs_)
    np.testing.assert_allclose(ours.l1_ratios_, theirs.l1_ratios_)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, atol=atol)
    np.testing.assert_allclose(ours.coefs_paths_, theirs.coefs_paths_, atol=10 * atol)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=atol)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=atol)


CASES = {
    "plain": {},
    "number of Cs": {"Cs": 3},
    "log loss": {"scoring": "neg_log_loss"},
    "area": {"scoring": "roc_auc_ovr"},
    "callable": {"scoring": make_scorer(recall_score, average="macro")},
    "no refit": {"refit": False, "scoring": "neg_log_loss"},
    "no intercept": {"fit_intercept": False},
    "balanced": {"class_weight": "balanced"},
    "weighted classes": {"class_weight": {0: 0.3, 1: 2.0}},
    "three folds": {"cv": 3},
    "splitter": {"cv": StratifiedKFold(4, shuffle=True, random_state=0)},
    "overlapping folds": {"cv": ShuffleSplit(3, random_state=0)},
    "indices": {"cv": [(np.arange(300), np.arange(300, 400)), (np.r_[200:400, 250:300], np.arange(200))]},
    "unordered Cs": {"Cs": [10.0, 1e-3, 0.1]},
}


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_choice_is_that_of_logistic_regression(n_classes, case, weighted):
    p = make_problem(400, 6, n_classes, seed=3)
    y = (p.X @ p.W.T + np.random.default_rng(0).gumbel(size=(400, n_classes))).argmax(axis=1)
    assert_agree(*pair(p.X, y, p.s if weighted else None, **CASES[case]))


@pytest.mark.parametrize("two", [False, True])
def test_iris(two):
    X, y = load_iris(return_X_y=True)
    keep = y > 0 if two else y >= 0
    names = np.array(["setosa", "versicolor", "virginica"])[y[keep]]
    ours, theirs = pair(X[keep], names, Cs=[1e-3, 0.1, 1.0], scoring="neg_log_loss")
    assert_agree(ours, theirs)
    np.testing.assert_array_equal(ours.predict(X[keep]), theirs.predict(X[keep]))
    assert ours.score(X[keep], names) == pytest.approx(theirs.score(X[keep], names), abs=1e-5)


def test_digits(digits):
    X, y = digits
    ours, theirs = pair(X, y, Cs=[1e-3, 1e-2, 1e-1, 1.0, 10.0], tol=1e-6)
    assert ours.C_ == theirs.C_
    np.testing.assert_allclose(ours.scores_, theirs.scores_, atol=5e-3)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=5e-3)


def test_sparse_and_frames_are_the_same_problem():
    p = make_problem(300, 5, 3)
    dense = SoftmaxRegressionCV(Cs=CS, **EXACT).fit(p.X, p.y)
    sparse = SoftmaxRegressionCV(Cs=CS, **EXACT).fit(sp.csr_matrix(p.X), p.y)
    np.testing.assert_allclose(sparse.coefs_paths_, dense.coefs_paths_, atol=1e-4)
    assert sparse.C_ == dense.C_
    frame = SoftmaxRegressionCV(Cs=CS, **EXACT).fit(pd.DataFrame(p.X, columns=list("abcde")), pd.Series(p.y))
    np.testing.assert_allclose(frame.coef_, dense.coef_, rtol=1e-9)
    assert list(frame.feature_names_in_) == list("abcde")


def test_a_class_that_a_fold_lacks_is_scored():
    p = make_problem(60, 3, 3)
    y = np.r_[np.zeros(30, int), np.ones(27, int), np.full(3, 2)]
    folds = [(np.arange(20, 60), np.arange(20)), (np.r_[:30, 45:60], np.arange(30, 45))]
    ours, theirs = pair(p.X, y, cv=folds, scoring="neg_log_loss", Cs=[0.1, 1.0])
    assert_agree(ours, theirs)


def test_parameters_are_those_of_logistic_regression():
    ours, theirs = SoftmaxRegressionCV().get_params(), LogisticRegressionCV().get_params()
    without_meaning = {"penalty", "dual", "intercept_scaling", "use_legacy_attributes"}
    assert set(theirs) - without_meaning == set(ours) - OURS
    for name in set(theirs) - without_meaning - {"solver", "scoring", "l1_ratios"}:
        assert ours[name] == theirs[name], name
    model = SoftmaxRegressionCV(Cs=3, refit=False)
    assert clone(model).get_params() == model.get_params()


def test_float32_stays_float32():
    p = make_problem(100, 5, 3, dtype=np.float32)
    model = SoftmaxRegressionCV(Cs=2).fit(p.X, p.y)
    assert model.coef_.dtype == model.intercept_.dtype == model.coefs_paths_.dtype == np.float32


@pytest.mark.bits
def test_threads_do_not_change_the_result(digits):
    X, y = digits
    one, two = (SoftmaxRegressionCV(Cs=3, cv=3, max_iter=1000, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.coefs_paths_, two.coefs_paths_)
    np.testing.assert_array_equal(one.coef_, two.coef_)


def test_warm_starts_and_passes_are_counted(digits):
    X, y = digits
    model = SoftmaxRegressionCV(Cs=5).fit(X, y)
    separate = 5 * sum(fs.fit(X, y, l2=1 / (C * len(X))).n_passes for C in model.Cs_)
    assert 0 < model.n_passes_ < separate
    assert model.n_passes_ > model.n_iter_.sum()


def test_folds_read_the_same_data(monkeypatch, digits):
    """Every objective holds X itself, not a copy."""
    X, y = digits
    seen = []
    loss_grad = DenseFeatures.loss_grad
    monkeypatch.setattr(
        DenseFeatures, "loss_grad", lambda self, *rest: seen.append(self.array is X) or loss_grad(self, *rest)
    )
    SoftmaxRegressionCV(Cs=2, max_iter=1000).fit(X, y)
    assert seen
    assert all(seen)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_folds_are_no_copies():
    """Peak memory besides X, which takes 188 MB; a fold's test samples are a fifth of it."""
    done = run(
        "import numpy as np, warnings, fastsoftmax as fs\n"
        "warnings.simplefilter('ignore')\n"
        "def peak(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "X = np.zeros((60_000, 784), np.float32); X[:, ::2] = 1\n"
        "y = np.arange(60_000) % 10\n"
        "fs.SoftmaxRegressionCV(Cs=2, cv=2, max_iter=1).fit(np.tile(np.eye(20), (4, 1)), np.arange(80) % 10)\n"
        "before = peak()\n"
        "fs.SoftmaxRegressionCV(Cs=2, max_iter=1, solver='lbfgs').fit(X, y)\n"
        "print((peak() - before) / 1024)"
    )
    assert float(done.stdout) < 100, done.stderr


def test_fits_that_did_not_converge_are_counted():
    p = make_problem(300, 5, 3)
    with pytest.warns(ConvergenceWarning, match=r"\d of 7 fits have not converged; the first: max_iter: "):
        SoftmaxRegressionCV(Cs=2, cv=3, max_iter=1, tol=1e-10).fit(p.X, p.y)


def test_ctrl_c_leaves_what_was_fitted_before(monkeypatch):
    p = make_problem(300, 5, 3)
    model = SoftmaxRegressionCV(Cs=2, verbose=1).fit(p.X, p.y)
    coef = model.coef_

    def interrupt(self, state):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLine, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt, match="interrupted in iteration"):
        model.fit(p.X, p.y)
    assert model.coef_ is coef


def test_verbose_tells_the_choice(capsys):
    p = make_problem(300, 5, 3)
    SoftmaxRegressionCV(Cs=[0.1, 1.0], verbose=1).fit(p.X, p.y)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "11 fits in" in printed.err


P = make_problem(60, 4, 3)
NAN = P.X.copy()
NAN[7, 2] = np.nan

BAD = {
    "Cs": ({"Cs": [1.0, -2.0]}, {}, r"Cs\[1\] must be positive, found -2.0"),
    "no Cs": ({"Cs": []}, {}, r"Cs must be a vector that is not empty, found shape \(0,\)"),
    "zero Cs": ({"Cs": 0}, {}, "'Cs' parameter .* 0 "),
    "text": ({"Cs": ["weak"]}, {}, r"Cs must hold numbers, found \['weak'\]"),
    "l1_ratios": ({"l1_ratios": [0.0, 1.5]}, {}, r"l1_ratios\[1\] must be between 0 and 1, found 1.5"),
    "scoring": ({"scoring": "beauty"}, {}, "'scoring' parameter .* 'beauty'"),
    "probabilities": ({}, {"y": P.Y}, r"y must hold a label for each sample.*found shape \(60, 3\)"),
    "one class": ({}, {"y": np.full(60, 7)}, "at least two classes, found one class only"),
    "nan": ({}, {"X": NAN}, "X contains NaN at row 7, column 2"),
    "zero weights": ({}, {"sample_weight": np.zeros(60)}, "[Ss]ample.weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    parameters, arguments, message = BAD[case]
    with warnings.catch_warnings(), pytest.raises(ValueError, match=message):
        SoftmaxRegressionCV(**parameters).fit(**{"X": P.X, "y": P.y, **arguments})


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_each_fold_is_standardised_by_its_own_samples(n_classes, refit, fit_intercept):
    p = make_problem(300, 5, n_classes)
    X = p.X * np.geomspace(0.1, 100, 5) + 50 * fit_intercept
    y = (p.X @ p.W.T + np.random.default_rng(0).gumbel(size=(300, n_classes))).argmax(axis=1)
    options = dict(standardize=True, fit_intercept=fit_intercept, **EXACT)
    model = SoftmaxRegressionCV(Cs=CS, cv=3, refit=refit, scoring="neg_log_loss", **options).fit(X, y)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        for c, C in enumerate(CS):
            alone = SoftmaxRegression(C=C, **options).fit(X[train], y[train])
            path = model.coefs_paths_[f, 0, c]
            np.testing.assert_allclose(path[:, :5], alone.coef_, rtol=1e-4, atol=1e-5)
            if fit_intercept:
                np.testing.assert_allclose(path[:, 5], alone.intercept_, rtol=1e-4, atol=1e-4)
            assert model.scores_[f, 0, c] == pytest.approx(-log_loss(y[test], alone.predict_proba(X[test])), rel=1e-5)
    if refit:
        whole = SoftmaxRegression(C=model.C_, **options).fit(X, y)
        np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.predict_proba(X), whole.predict_proba(X), atol=1e-5)
        np.testing.assert_allclose(model.result_.W, rows_of(model.coef_, model.intercept_)[0], rtol=1e-12)


def test_bounds_and_passes_of_standardised_features():
    p = make_problem(300, 5, 3)
    X = p.X * np.geomspace(0.1, 10, 5)
    model = SoftmaxRegressionCV(Cs=[0.1, 10.0], cv=2, standardize=True, bounds=(0, 0.05)).fit(X, p.y)
    for coef in (model.coef_, model.coefs_paths_[..., :5]):
        assert coef.min() >= 0
        assert coef.max() == pytest.approx(0.05, rel=1e-12)
    assert model.n_passes_ > model.n_iter_.sum()


def test_scores_know_the_offset():
    p = make_problem(300, 4, 3)
    offset = 3 * np.random.default_rng(0).normal(size=(300, 3))
    y = (p.X @ p.W.T + offset + np.random.default_rng(1).gumbel(size=(300, 3))).argmax(axis=1)
    arguments = dict(Cs=CS, cv=3, scoring="neg_log_loss", **EXACT)
    model = SoftmaxRegressionCV(**arguments).fit(p.X, y, offset=offset)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(p.X, y)):
        for c, C in enumerate(CS):
            alone = SoftmaxRegression(C=C, **EXACT).fit(p.X[train], y[train], offset=offset[train])
            expected = -log_loss(y[test], alone.predict_proba(p.X[test], offset[test]))
            assert model.scores_[f, 0, c] == pytest.approx(expected, rel=1e-5)
    assert model.scores_.max() > SoftmaxRegressionCV(**arguments).fit(p.X, y).scores_.max() + 0.1
    expected = -log_loss(y, model.predict_proba(p.X, offset=offset))
    assert model.score(p.X, y, offset=offset) == pytest.approx(expected)
    assert model.score(p.X, y) < expected


@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_may_be_sparse(n_classes):
    p = make_problem(100, 6, n_classes)
    model = SoftmaxRegressionCV(Cs=[0.1], l1_ratios=[1.0], cv=3, standardize=True).fit(p.X + 5, p.y)
    coef, probabilities = model.coef_, model.predict_proba(p.X)
    assert sp.issparse(model.sparsify().coef_)
    np.testing.assert_allclose(model.predict_proba(p.X), probabilities, rtol=1e-12)
    np.testing.assert_array_equal(model.densify().coef_, coef)
