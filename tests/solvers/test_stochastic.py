"""Accelerated and stochastic gradients: near the optimum, and the same every time."""

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from problems import make_objective, make_problem, noisy, one_hot
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.data.arguments import as_generator
from fastsoftmax.solvers import StochasticGradient, Walk

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
    objective = make_objective(p.X, p.y, l2=0.1)
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
