"""The estimated distance to the minimum, and the fits that it keeps from ending too early."""

from itertools import pairwise

import numpy as np
import pytest
from problems import make_objective, noisy
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits

import fastsoftmax as fs
from fastsoftmax.solvers import LBFGS

X, Y = noisy(600, n_classes=3)


def digits(scaled):
    X, y = load_digits(return_X_y=True)
    deviation = X.std(axis=0)
    return ((X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1) if scaled else X / 16), y


def separated(n_samples=3000, n_features=60, n_classes=20, seed=0):
    """Embeddings whose classes are far apart: after one step all gradients are small."""
    rng = np.random.default_rng(seed)
    centers, y = rng.standard_normal((n_classes, n_features)), rng.integers(0, n_classes, n_samples)
    return (centers[y] + rng.standard_normal((n_samples, n_features))).astype(np.float32), y


PROBLEMS = {"digits": lambda: digits(False), "z-scores": lambda: digits(True), "separated": separated}


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_default_fit_ends_near_the_minimum(name, C):
    X, y = PROBLEMS[name]()
    l2 = 1 / (C * len(y))
    result = fs.fit(X, y, l2=l2)
    best = fs.fit(X.astype(np.float64), y, l2=l2, tol=1e-9, max_iter=5000)
    assert result.status == "converged"
    assert -1e-6 <= result.loss / best.loss - 1 <= 1e-3
    assert result.distance <= 1e-4


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_estimate_is_near_the_distance(name, tol):
    X, y = PROBLEMS[name]()
    l2 = 1 / len(y)
    result = fs.fit(X, y, l2=l2, tol=tol)
    best = fs.fit(X.astype(np.float64), y, l2=l2, tol=1e-10, max_iter=5000)
    true = result.loss / best.loss - 1
    assert 0.1 * true <= result.distance <= 10 * true
    assert f"the loss is an estimated {result.distance:.1g} of itself above its minimum" in result.message


def test_rare_events_are_predicted_as_often_as_they_are():
    X = np.random.default_rng(0).normal(size=(20_000, 3))
    y = (np.arange(20_000) < 6) + 0
    model = fs.SoftmaxRegression().fit(X, y)
    assert model.predict_proba(X)[:, 1].sum() == pytest.approx(6, rel=0.05)


def test_the_estimate_of_a_quadratic_is_exact():
    """With the whole Hessian for M, ½ ⟨g, M⁻¹ g⟩ is the distance of a function that is nearly quadratic."""
    objective = make_objective(X, Y, l2=1.0)
    best = fs.fit(X, Y, l2=1.0, tol=1e-12)
    theta = np.concatenate([best.W.ravel(), best.b])
    method = LBFGS(preconditioned=True)
    state = method.init(objective, theta + 1e-3)
    while np.abs(state.grad).max() > 1e-5:
        state = method.step(objective, state)
    assert state.distance() == pytest.approx(objective.loss_grad(state.theta)[0] - best.loss, rel=0.3)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "sgd"])
def test_a_solver_without_curvature_estimates_nothing(solver):
    result = fs.fit(X, Y, l2=0.1, solver=solver, tol=1e-2, random_state=0)
    assert np.isnan(result.distance)
    assert "estimated" not in result.message


def test_with_an_l1_penalty_the_gap_bounds_it():
    result = fs.fit(X, Y, l1=0.01, tol=1e-5)
    assert result.distance == pytest.approx(result.duality_gap / result.loss)


def test_a_fit_that_ends_too_early_says_what_it_missed():
    X, y = separated()
    result = fs.fit(X, y, l2=1e-3 / len(y), tol=1e-3, max_iter=3)
    assert result.status == "max_iter"
    assert result.grad_norm <= 1e-3
    assert "estimated distance to the minimum" in result.message
    assert result.distance > 1e-2


@pytest.mark.parametrize("stored", [np.asarray, csr_matrix])
@pytest.mark.parametrize("C", [0.01, 1.0, 1e4])
def test_a_certificate_bounds_the_distance(stored, C):
    X, y = separated(600, 20, 5)
    l2 = 1 / (C * len(y))
    best = fs.fit(X.astype(np.float64), y, l2=l2, tol=1e-10, max_iter=5000)
    for tol in (1e-2, 1e-4):
        result = fs.fit(stored(X), y, l2=l2, tol=tol, certify=True)
        loss = fs.loss_grad(X.astype(np.float64), y, result.W, result.b, l2=l2)[0]  # that of the fit is of float32
        assert result.duality_gap >= (1 - 1e-6) * (loss - best.loss)
        assert result.distance == pytest.approx(result.duality_gap / result.loss)
        assert f"duality gap {result.duality_gap:.3g}" in result.message
    assert result.duality_gap < 0.1 * best.loss


def test_a_certificate_of_a_path_is_one_for_each_penalty():
    path = fs.path(X, Y, l2s=[0.1, 0.01], certify=True)
    assert all(0 <= result.duality_gap < 1e-3 for result in path)
    assert np.isnan(fs.path(X, Y, l2s=0.1)[0].duality_gap)


@pytest.mark.parametrize("penalty", [{}, {"l2": 0.1, "penalty_factor": np.arange(10)}], ids=["none", "free"])
def test_without_a_penalty_there_is_no_certificate(penalty):
    with pytest.raises(
        ValueError, match="certify must be False unless every feature has a penalty, found True with l2"
    ):
        fs.fit(X, Y, certify=True, **penalty)


@pytest.mark.parametrize("C", [1.0, 1e2, 1e4])
@pytest.mark.parametrize(("n_samples", "n_features"), [(100, 2000), (500, 300)])
def test_a_first_step_into_saturation_is_no_end(n_samples, n_features, C):
    """A long first step makes the model sure of all samples: F is then all penalty, and far above its minimum."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    W = rng.standard_normal((4, n_features)) * (rng.random(n_features) < 0.02)
    y = (X @ W.T + rng.gumbel(size=(n_samples, 4))).argmax(axis=1)
    l2 = 1 / (C * n_samples)
    best = fs.fit(X, y, l2=l2, tol=1e-10, max_iter=5000)
    result = fs.fit(X.astype(np.float32), y, l2=l2)
    assert result.status == "converged"
    assert result.loss <= (1 + 1e-3) * best.loss


@pytest.mark.parametrize("stored", [np.asarray, csr_matrix])
def test_penalties_that_are_nearly_alike_have_models_of_their_own(stored):
    # Classes are separated, so that with weak penalties all gradients at the start of the next fit are small.
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.5)
    y = (X @ rng.normal(size=(40, 3))).argmax(axis=1)
    l1s = 1 / (len(y) * np.geomspace(1, 1e4, 200))
    path = fs.path(stored(X), y, l1s=l1s)
    for stronger, weaker in pairwise(path):
        assert (weaker.W != stronger.W).any()
        assert weaker.loss < stronger.loss
    for l1, result in zip(l1s[::40], path[::40], strict=True):
        best = fs.fit(stored(X), y, l1=l1, tol=1e-9)
        assert -1e-6 <= result.loss / best.loss - 1 <= 1e-3
