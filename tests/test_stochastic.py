"""Accelerated and stochastic gradients, and partial_fit: they come near the optimum, with the same bits every time."""

import pickle
import re

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from problems import make_problem, one_hot
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.data.arguments import Targets, as_generator
from fastsoftmax.data.features import bind_features
from fastsoftmax.problem.objective import SoftmaxObjective
from fastsoftmax.solvers import StochasticGradient, Walk


def noisy(n=4000, n_features=10, n_classes=4, seed=0):
    """X, and labels drawn from a softmax regression: the optimum is finite, and batches have different gradients."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features)) * np.geomspace(1, 0.2, n_features) + 0.3
    logits = X @ rng.standard_normal((n_features, n_classes))
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


X, Y = noisy()
L2 = 1e-3
BEST = fs.fit(X, Y, l2=L2, tol=1e-9)


class TestAccelerated:
    def test_first_steps_are_nesterovs(self):
        p = make_problem(60, 4, 3)
        seen = []
        fs.fit(
            *(p.X, p.y),
            **dict(solver="agd", learning_rate=0.05, l2=0.1, tol=0, max_iter=6),
            callback=lambda state: seen.append((state.W, state.b)),
        )
        descended = theta = np.zeros((3, 5))
        t = 1.0
        for W, b in seen:
            np.testing.assert_allclose(np.column_stack([W, b]), theta, rtol=SAME, atol=SAME)
            _, grad_W, grad_b = reference.loss_grad(p.X, one_hot(p.y, 3), theta[:, :4], theta[:, 4], l2=0.1)
            grad = np.column_stack([grad_W, grad_b])
            before, descended = descended, theta - 0.05 * grad
            assert (grad * (descended - before)).sum() <= 0  # no restart yet
            t_next = (1 + np.sqrt(1 + 4 * t**2)) / 2
            theta = descended + (t - 1) / t_next * (descended - before)
            t = t_next

    def test_fewer_passes_than_gradient_descent(self):
        scaled = X * np.geomspace(1, 5, X.shape[1])
        agd, gd = (fs.fit(scaled, Y, solver=solver, l2=1e-2, tol=1e-4, max_iter=20_000) for solver in ("agd", "gd"))
        assert agd.status == gd.status == "converged"
        assert agd.loss == pytest.approx(fs.fit(scaled, Y, l2=1e-2, tol=1e-9).loss, abs=1e-6)
        np.testing.assert_array_equal(np.diff(agd.history["n_passes"]), 1)
        assert agd.n_passes < gd.n_passes / 5

    def test_restarts_keep_it_from_swinging(self):
        """On this strongly convex problem, 400 iterations would not suffice without restarts."""
        result = fs.fit(X, Y, solver="agd", l2=0.1, tol=1e-10, max_iter=400)
        assert result.status == "converged"

    def test_the_gradient_that_is_judged_is_that_of_what_is_returned(self):
        result = fs.fit(X, Y, solver="agd", l2=L2, tol=1e-3)
        assert result.status == "converged"
        loss, grad_W, grad_b = reference.loss_grad(X, one_hot(Y, 4), result.W, result.b, l2=L2)
        assert result.loss == pytest.approx(loss, rel=SAME)
        assert max(np.abs(grad_W).max(), np.abs(grad_b).max()) <= 1e-3

    @pytest.mark.parametrize("solver", ["gd", "agd", "sgd"])
    def test_features_without_curvature_have_nothing_to_descend(self, solver):
        result = fs.fit(np.zeros((20, 3)), np.arange(20) % 2, solver=solver, fit_intercept=False)
        assert result.status == "converged"
        assert result.loss == pytest.approx(np.log(2))


def walk(options, n_epochs=3, learning_rate=0.05):
    """Walk for some epochs of a single batch, all samples, so that the formulas of the papers apply."""
    p = make_problem(40, 3, 3)
    objective = SoftmaxObjective(bind_features(p.X), Targets(p.y.astype(np.intp), None, 3), l2=0.1)
    method = StochasticGradient(options, learning_rate, np.random.default_rng(0), n_epochs)
    state = Walk.start(np.zeros(objective.n_params), options)
    for _ in range(n_epochs):
        state = method.epoch(objective, state)
    return objective, state


class TestRules:
    def test_momentum_is_nesterovs(self):
        objective, actual = walk(fs.SGD(schedule="constant", average=False))
        position, velocity = np.zeros((2, objective.n_params))
        for _ in range(3):
            # Sutskever et al. (2013), equations 3 and 4.
            velocity = 0.9 * velocity - 0.05 * objective.loss_grad(position + 0.9 * velocity)[1]
            position = position + velocity
        np.testing.assert_allclose(actual.theta, position + 0.9 * velocity, rtol=1e-10, atol=1e-13)

    def test_adam_is_kingmas_and_bas(self):
        objective, actual = walk(fs.SGD(rule="adam", schedule="constant", average=False))
        theta, m, u = np.zeros((3, objective.n_params))
        for t in range(1, 4):
            grad = objective.loss_grad(theta)[1]
            m, u = 0.9 * m + 0.1 * grad, 0.999 * u + 0.001 * grad**2
            theta = theta - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(u / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(actual.theta, theta, rtol=1e-9)

    @pytest.mark.parametrize(
        ("schedule", "shares"),
        {
            "constant": [1, 1, 1],
            "invscaling": 1 / np.sqrt(1 + np.arange(3) / 1000),
            "cosine": 0.5 * (1 + np.cos(np.pi * np.arange(3) / 3)),
        }.items(),
    )
    def test_schedules(self, schedule, shares):
        objective, actual = walk(fs.SGD(momentum=0, schedule=schedule, average=False))
        theta = np.zeros(objective.n_params)
        for share in shares:
            theta = theta - 0.05 * share * objective.loss_grad(theta)[1]
        np.testing.assert_allclose(actual.theta, theta, rtol=1e-10, atol=1e-13)

    def test_the_average_weighs_the_later_iterates_more(self):
        """Shamir & Zhang: the share of iterate t is proportional to (t + 2)(t + 1) t where γ = 3."""
        options = fs.SGD(momentum=0, schedule="constant")
        iterates = np.array([walk(options, n)[1].theta for n in range(1, 6)])
        shares = np.array([(t + 2) * (t + 1) * t for t in range(1, 6)], dtype=float)
        expected = shares @ iterates / shares.sum()
        np.testing.assert_allclose(walk(options, 5)[1].average, expected, rtol=1e-10, atol=1e-13)


class TestStochastic:
    @pytest.mark.parametrize("rule", ["momentum", "adam"])
    @pytest.mark.parametrize("schedule", ["constant", "invscaling", "cosine"])
    @pytest.mark.parametrize("scale", [0.01, 1, 100])
    def test_near_the_optimum_after_a_few_epochs_at_any_scale(self, rule, schedule, scale):
        """Without an intercept and a penalty, scaled features are the same problem in other units."""
        best = fs.fit(X, Y, fit_intercept=False, tol=1e-9).loss
        solver = fs.SGD(rule=rule, schedule=schedule)
        result = fs.fit(scale * X, Y, solver=solver, fit_intercept=False, max_iter=20, tol=0, random_state=0)
        assert 0 <= result.loss - best <= 3e-3

    def test_averaging_takes_the_noise_away(self):
        gaps = {
            average: fs.fit(
                *(X, Y),
                **dict(solver=fs.SGD(average=average, schedule="constant"), l2=L2, tol=0, max_iter=15, random_state=1),
            ).loss
            - BEST.loss
            for average in (False, True)
        }
        assert 0 < gaps[True] < gaps[False] / 4

    def test_gap_closes_with_the_epochs(self):
        result = fs.fit(X, Y, solver="sgd", l2=L2, tol=0, max_iter=60, random_state=0)
        gap = result.history["loss"] - BEST.loss
        assert gap[60] < gap[10] / 2 < gap[1] / 4
        assert gap[60] <= 3e-4

    def test_samples_in_order_of_their_classes_are_learned_as_well(self):
        order = np.argsort(Y)
        result = fs.fit(X[order], Y[order], solver="sgd", l2=L2, tol=0, max_iter=15, random_state=0)
        assert result.loss - BEST.loss <= 1e-3

    def test_an_epoch_is_two_passes(self):
        result = fs.fit(X, Y, solver="sgd", learning_rate=0.1, tol=0, max_iter=5)
        np.testing.assert_array_equal(result.history["n_passes"], np.arange(1, 12, 2))
        automatic = fs.fit(X, Y, solver="sgd", tol=0, max_iter=5, random_state=0)
        assert automatic.n_passes <= result.n_passes + 2  # finding the curvature of a batch of 128 samples

    def test_what_is_reported_is_the_whole_at_what_is_returned(self):
        result = fs.fit(X, Y, solver="sgd", l2=L2, tol=1e-2)
        assert result.status == "converged"
        loss, grad_W, grad_b = reference.loss_grad(X, one_hot(Y, 4), result.W, result.b, l2=L2)
        assert result.loss == pytest.approx(loss, rel=SAME)
        assert result.grad_norm == pytest.approx(max(np.abs(grad_W).max(), np.abs(grad_b).max()), rel=1e-9)
        assert result.grad_norm <= 1e-2

    @pytest.mark.bits
    @pytest.mark.parametrize("rule", ["momentum", "adam"])
    def test_same_random_state_same_bits_on_any_number_of_threads(self, rule):
        solver = fs.SGD(rule=rule, batch_size=500)
        first, second = (
            fs.fit(X, Y, solver=solver, tol=0, max_iter=3, random_state=7, num_threads=num_threads)
            for num_threads in (1, 2)
        )
        np.testing.assert_array_equal(first.W, second.W)
        np.testing.assert_array_equal(first.b, second.b)
        other = fs.fit(X, Y, solver=solver, tol=0, max_iter=3, random_state=8)
        assert np.abs(first.W - other.W).max() > 0

    @pytest.mark.parametrize(
        "make", [np.random.default_rng, np.random.RandomState, int, np.int64], ids=lambda make: make.__name__
    )
    def test_random_states(self, make):
        first, second = (as_generator("random_state", make(3)).random(4) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_a_given_generator_goes_on(self):
        for given in (np.random.default_rng(0), np.random.RandomState(0)):
            first, second = (as_generator("random_state", given).random(4) for _ in range(2))
            assert (first != second).all()
        assert (as_generator("random_state", None).random(4) != as_generator("random_state", None).random(4)).all()

    @pytest.mark.parametrize("stored", ["bytes", "columns", "csr"])
    def test_storage_changes_nothing(self, stored):
        pixels = np.random.default_rng(0).integers(0, 9, (300, 6)).astype(np.uint8)
        y = np.arange(300) % 3
        arguments = dict(solver="sgd", tol=0, max_iter=3, random_state=0, scale=0.25, l2=0.1)
        expected = fs.fit(pixels.astype(float), y, **arguments)
        other = {
            "bytes": pixels,
            "columns": np.asfortranarray(pixels.astype(float)),
            "csr": sp.csr_matrix(pixels.astype(float)),
        }[stored]
        np.testing.assert_allclose(
            fs.fit(other, y, **arguments).W, expected.W, atol=1e-5 if stored == "bytes" else SAME
        )

    def test_integer_weights_are_repeated_samples(self):
        """One batch holds all samples, so that their order does not matter."""
        p = make_problem(60, 4, 3)
        solver = fs.SGD(batch_size=1000)
        repeats = p.s.astype(int)
        repeated = fs.fit(np.repeat(p.X, repeats, axis=0), np.repeat(p.y, repeats), solver=solver, max_iter=20, tol=0)
        weighted = fs.fit(p.X, p.y, sample_weight=p.s, solver=solver, max_iter=20, tol=0)
        np.testing.assert_allclose(weighted.W, repeated.W, rtol=1e-8, atol=1e-10)


BAD_SGD = {
    "empty batches": (dict(batch_size=0), "batch_size must be a positive whole number, found 0"),
    "fractional batches": (dict(batch_size=2.5), "batch_size must be a positive whole number, found 2.5"),
    "rule": (dict(rule="adagrad"), "rule must be one of 'momentum', 'adam', found 'adagrad'"),
    "schedule": (dict(schedule="step"), "schedule must be one of 'constant', .* found 'step'"),
    "momentum": (dict(momentum=1.0), r"momentum must be a number in \[0, 1\), found 1.0"),
    "text momentum": (dict(momentum="0.9"), r"momentum must be a number in \[0, 1\), found '0.9'"),
    "average": (dict(average="yes"), "average must be true or false, found 'yes'"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_SGD.values(), ids=BAD_SGD)
def test_sgd_names_the_parameter(arguments, message):
    with pytest.raises(ValueError, match=message):
        fs.SGD(**arguments)


@pytest.mark.parametrize("random_state", [-1, 1.5, "0", True])
def test_fit_names_a_bad_random_state(random_state):
    with pytest.raises(ValueError, match=f"random_state must be None, .* found {random_state!r}"):
        fs.fit(X, Y, solver="sgd", random_state=random_state)


def stream(model, X, y, size=250, **arguments):
    """Pass the data in chunks to partial_fit."""
    for start in range(0, X.shape[0], size):
        chunk = slice(start, start + size)
        model.partial_fit(X[chunk], y[chunk], np.unique(y), **{k: v[chunk] for k, v in arguments.items()})
    return model


def objective_of(model, X, y, C, s=None):
    """What `fit` minimises, at the coefficients of a model."""
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
        """A chunk's weights are relative to the mean weight of all samples so far, not to its own mean."""
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
        # Weight 3 with a mean of 2 makes a step 1.5 times as large; both first steps start at the same point.
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
        # A meta-estimator has partial_fit only if its estimator has it.
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
