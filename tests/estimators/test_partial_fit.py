"""partial_fit: the estimator learns from chunks, comes near the optimum of all, and goes on where it was left."""

import pickle
import re

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from problems import make_problem, noisy, one_hot
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression

X, Y = noisy()


def stream(model, X, y, size=250, **arguments):
    """Pass the data by chunks."""
    for start in range(0, X.shape[0], size):
        chunk = slice(start, start + size)
        model.partial_fit(X[chunk], y[chunk], np.unique(y), **{k: v[chunk] for k, v in arguments.items()})
    return model


def objective_of(model, X, y, C, s=None):
    """What `fit` minimises, of a model with a row a class."""
    n_classes = len(model.classes_)
    W, b = model.coef_, model.intercept_
    if n_classes == 2:
        W, b = np.vstack([-W, W]) / 2, np.concatenate([-b, b]) / 2
    share = 2 if n_classes == 2 else 1
    total = len(y) if s is None else s.sum()
    return reference.loss_grad(X, one_hot(y, n_classes), W, b, s=s, l2=share / (C * total))[0]


UNSERVED_BY_STREAMS = {
    "gd": (dict(solver="gd"), "solver must be .* found 'gd'"),
    "agd": (dict(solver="agd"), "solver must be .* found 'agd'"),
    "lbfgs": (dict(solver="lbfgs"), "solver must be .* found 'lbfgs'"),
    "l1": (dict(l1_ratio=0.5), "l1_ratio must be 0 for partial_fit.* found 0.5"),
    "balanced": (dict(class_weight="balanced"), "class_weight must be a dict .* found 'balanced'"),
    "penalty_factor": (dict(penalty_factor=[1.0]), "penalty_factor must be None for partial_fit.* found"),
    "standardize": (dict(standardize=True), "standardize must be False for partial_fit.* found True"),
    "cosine": (dict(solver=fs.SGD(schedule="cosine")), "schedule must not be .* found 'cosine'"),
}

BAD_STREAM = {
    "no classes": ({}, dict(classes=None), "classes must be passed on the first call to partial_fit, found None"),
    "one class": ({}, dict(classes=[0]), r"classes must hold at least two classes, found \[0\]"),
    "unknown class": ({}, dict(classes=[0, 1, 2]), r"y must hold the classes \[0, 1, 2\], found .*3"),
    "nan": ({}, dict(X=np.full((len(Y), 2), np.nan)), "X contains NaN at row 0, column 0"),
    "columns": ({}, dict(y=one_hot(Y, 4)[:, :3]), r"y must have a column for each of the classes .* \(4000, 3\)"),
    "overflow": (dict(learning_rate=1e308, C=1e-3), {}, "learning_rate must be smaller: .* found 1e\\+308"),
    "random_state": (dict(random_state=-1), {}, "'random_state' parameter .* -1"),
}


class TestPartialFit:
    @pytest.mark.parametrize("n_classes", [2, 4])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("C", [0.01, 10])
    def test_a_stream_approaches_fit(self, n_classes, weighted, C):
        X, y = noisy(20_000, 10, n_classes)
        s = np.random.default_rng(1).integers(0, 4, len(y)).astype(float) if weighted else None
        with reference.ONE_BLAS_THREAD():
            best = LogisticRegression(C=C, tol=1e-8, max_iter=1000).fit(X, y, sample_weight=s)
        model = SoftmaxRegression(C=C, random_state=0)
        stream(model, X, y, **({"sample_weight": s} if weighted else {}))
        assert model.coef_.shape == best.coef_.shape
        gap = objective_of(model, X, y, C, s) - objective_of(best, X, y, C, s)
        start = np.log(n_classes) - objective_of(best, X, y, C, s)
        assert 0 <= gap <= 0.01 * start

    def test_one_chunk_in_one_batch_is_the_first_epoch_of_fit(self):
        options = fs.SGD(batch_size=10_000)
        once = SoftmaxRegression(solver=options, C=0.1, random_state=0).partial_fit(X, Y, np.unique(Y))
        result = fs.fit(X, Y, solver=options, l2=1 / (0.1 * len(X)), max_iter=1, random_state=0)
        np.testing.assert_allclose(once.coef_, result.W, rtol=1e-12)
        np.testing.assert_allclose(once.intercept_, result.b, rtol=1e-12)

    def test_heavier_chunks_take_larger_steps(self):
        """Weights count between the chunks, not only within: those of a chunk in relation to all that was seen."""
        p = make_problem(200, 4, 3)
        half = slice(100), slice(100, 200)
        light, heavy = (
            SoftmaxRegression(C=np.inf, random_state=0, learning_rate=0.1, solver=fs.SGD(momentum=0, average=False))
            for _ in range(2)
        )
        moved = []
        for model, weight in ((light, 1.0), (heavy, 3.0)):
            model.partial_fit(p.X[half[0]], p.y[half[0]], [0, 1, 2], np.ones(100))
            before = model.coef_
            model.partial_fit(p.X[half[1]], p.y[half[1]], None, np.full(100, weight))
            moved.append(model.coef_ - before)
        # 3 to a mean of 2; the first step of both is from the same point.
        np.testing.assert_allclose(moved[1], 1.5 * moved[0], rtol=1e-10)

    @pytest.mark.parametrize("stored", ["uint8", "float32", "csr"])
    def test_storage(self, digits, stored):
        X, y = digits
        pixels = np.round(16 * X)
        other = sp.csr_matrix(pixels) if stored == "csr" else pixels.astype(stored)
        expected = stream(SoftmaxRegression(random_state=0), pixels, y)
        actual = stream(SoftmaxRegression(random_state=0), other, y)
        assert actual.coef_.dtype == (np.float64 if stored == "csr" else np.float32)
        np.testing.assert_allclose(actual.coef_, expected.coef_, atol=1e-4)
        assert actual.score(other, y) > 0.9

    def test_a_pickled_stream_goes_on_as_if_nothing_had_been(self):
        model = stream(SoftmaxRegression(random_state=0), X[:1000], Y[:1000])
        again = pickle.loads(pickle.dumps(model))
        stream(model, X[1000:], Y[1000:])
        stream(again, X[1000:], Y[1000:])
        np.testing.assert_array_equal(model.coef_, again.coef_)
        assert clone(model).set_params(C=2.0).get_params()["C"] == 2.0

    @pytest.mark.bits
    def test_threads_change_nothing(self):
        models = [stream(SoftmaxRegression(random_state=0, n_jobs=n_jobs), X, Y, size=2000) for n_jobs in (1, 2)]
        np.testing.assert_array_equal(models[0].coef_, models[1].coef_)

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_goes_on_from_fit(self, n_classes):
        y = Y % n_classes
        model = SoftmaxRegression(tol=1e-8, random_state=0).fit(X, y)
        fitted = model.coef_
        model.set_params(learning_rate=1e-9).partial_fit(X[:100], y[:100])
        np.testing.assert_allclose(model.coef_, fitted, atol=1e-6)
        assert not hasattr(model, "result_")
        assert model.n_iter_ == 1

    def test_fit_forgets_the_stream(self):
        model = stream(SoftmaxRegression(tol=1e-8), X, Y).fit(X, Y)
        np.testing.assert_array_equal(model.coef_, SoftmaxRegression(tol=1e-8).fit(X, Y).coef_)

    def test_other_settings_go_on_from_the_same_coefficients(self):
        model = stream(SoftmaxRegression(random_state=0), X, Y)
        before = model.coef_
        model.set_params(solver=fs.SGD(rule="adam"), learning_rate=1e-9).partial_fit(X[:100], Y[:100])
        np.testing.assert_allclose(model.coef_, before, atol=1e-6)

    def test_class_weights_are_sample_weights(self):
        labels = np.array(["ant", "bee", "cat", "dog"])[Y]
        weight = {"ant": 2.0, "bee": 0.5}
        s = np.array([weight.get(label, 1.0) for label in labels])
        by_class = stream(SoftmaxRegression(class_weight=weight, random_state=0), X, labels)
        by_sample = stream(SoftmaxRegression(random_state=0), X, labels, sample_weight=s)
        np.testing.assert_allclose(by_class.coef_, by_sample.coef_, rtol=1e-12)
        assert list(by_class.classes_) == ["ant", "bee", "cat", "dog"]

    def test_a_chunk_may_lack_classes(self):
        model = SoftmaxRegression(random_state=0)
        for k in range(4):
            model.partial_fit(X[k == Y], Y[k == Y], classes=[3, 1, 2, 0])
        assert model.predict_proba(X).shape == (len(X), 4)
        assert list(model.classes_) == [0, 1, 2, 3]

    def test_rows_of_probabilities(self):
        p = make_problem(200, 5, 3)
        hard = SoftmaxRegression(random_state=0).partial_fit(p.X, p.y, [0, 1, 2])
        soft = SoftmaxRegression(random_state=0).partial_fit(p.X, one_hot(p.y, 3))
        np.testing.assert_allclose(soft.coef_, hard.coef_, rtol=1e-10)

    @pytest.mark.parametrize(("parameters", "message"), UNSERVED_BY_STREAMS.values(), ids=UNSERVED_BY_STREAMS)
    def test_what_streams_do_not_serve_has_none(self, parameters, message):
        model = SoftmaxRegression(**parameters)
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError) as error:
            model.partial_fit(X, Y)
        assert re.search(message, str(error.value.__cause__))
        # Meta-estimators ask: this one has it where its estimator has.
        assert not hasattr(SelectFromModel(model), "partial_fit")
        assert hasattr(SelectFromModel(SoftmaxRegression()), "partial_fit")

    @pytest.mark.parametrize(("parameters", "arguments", "message"), BAD_STREAM.values(), ids=BAD_STREAM)
    def test_bad_input_is_named(self, parameters, arguments, message):
        with pytest.raises(ValueError, match=message):
            SoftmaxRegression(**parameters).partial_fit(**(dict(X=X, y=Y, classes=[0, 1, 2, 3]) | arguments))

    def test_later_calls_check_what_the_first_said(self):
        model = SoftmaxRegression(random_state=0).partial_fit(X, Y, [0, 1, 2, 3])
        before = model.coef_
        with pytest.raises(
            ValueError, match=r"classes must be those of the call before, \[0, 1, 2, 3\], found \[0, 1\]"
        ):
            model.partial_fit(X, Y, [0, 1])
        with pytest.raises(ValueError, match="X has 2 features, but SoftmaxRegression is expecting 10"):
            model.partial_fit(X[:, :2], Y)
        with pytest.raises(ValueError, match="X contains NaN at row 3"):
            model.partial_fit(np.where(np.arange(len(X))[:, None] == 3, np.nan, X), Y)
        np.testing.assert_array_equal(model.coef_, before)
        model.partial_fit(X, Y)
        assert np.abs(model.coef_ - before).max() > 0
