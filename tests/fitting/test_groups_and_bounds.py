"""Fits with a grouped penalty or bounds: proximal gradient finds the same, and duality gaps prove it."""

import numpy as np
import pytest
import reference
from problems import one_hot
from scipy.sparse import csr_matrix

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression, SoftmaxRegressionCV

N_CLASSES = 4
RNG = np.random.default_rng(0)
X = np.where(RNG.random((200, 10)) < 0.3, 0, RNG.standard_normal((200, 10)))
Y = (X @ RNG.standard_normal((10, N_CLASSES)) * (np.arange(N_CLASSES) < 3) + RNG.gumbel(size=(200, 4))).argmax(axis=1)
BOUNDS = (-0.3, np.where(np.arange(10) % 2, 0.0, np.inf))
SETTINGS = {
    "group": {"group": "classes", "l1": 0.05},
    "group net": {"group": "classes", "l1": 0.05, "l2": 0.02},
    "group factors": {"group": "classes", "l1": 0.05, "penalty_factor": np.linspace(0.5, 1.5, 10)},
    "bounds l1": {"bounds": BOUNDS, "l1": 0.01},
    "bounds net": {"bounds": BOUNDS, "l1": 0.01, "l2": 0.02},
    "bounds l2": {"bounds": (np.full((4, 10), -0.1), 0.2), "l2": 0.01},
    "signs": {"bounds": (0, np.inf), "l1": 0.005},
    "away from zero": {"bounds": (0.05, 0.5), "l1": 0.005},
}


def proximal_gradient(l1=0.0, l2=0.0, group=None, bounds=None, penalty_factor=1.0, n_steps=6000):
    """Proximal gradient with a fixed step: slow, and hard to get wrong."""
    W, b, Z = np.zeros((N_CLASSES, 10)), np.zeros(N_CLASSES), np.c_[X, np.ones(200)]
    step = 1 / (0.5 * np.linalg.eigvalsh(Z.T @ Z / 200)[-1] + l2)
    least = step * l1 * penalty_factor
    for _ in range(n_steps):
        _, grad_W, grad_b = reference.loss_grad(X, one_hot(Y, N_CLASSES), W, b, l2=l2)
        W, b = W - step * grad_W, b - step * grad_b
        if group:
            norms = np.linalg.norm(W, axis=0)
            W = W * np.maximum(1 - least / np.where(norms > 0, norms, 1), 0)
        else:
            W = np.sign(W) * np.maximum(np.abs(W) - least, 0)
        W = W if bounds is None else np.clip(W, *bounds)
    return W, b


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_optimum_is_that_of_proximal_gradient(name, sparse):
    setting = SETTINGS[name]
    W, b = proximal_gradient(**setting)
    result = fs.fit(csr_matrix(X) if sparse else X, Y, tol=1e-9, certify=True, **setting)
    assert result.status == "converged"
    assert abs(result.duality_gap) <= 1e-7
    best, *_ = reference.loss_grad(X, one_hot(Y, N_CLASSES), W, b, l2=setting.get("l2", 0.0))
    l1 = setting.get("l1", 0.0) * setting.get("penalty_factor", np.ones(10))
    norms = np.linalg.norm(W, axis=0) if "group" in setting else np.abs(W).sum(axis=0)
    assert result.loss == pytest.approx(best + l1 @ norms, rel=1e-9)
    # By absolute values alone, with as many classes up as down, all may shift alike.
    if "group" in setting or "l2" in setting:
        np.testing.assert_allclose(result.W, W, atol=1e-6)
        np.testing.assert_allclose(result.b - result.b.mean(), b - b.mean(), atol=1e-6)
    if "group" in setting:
        np.testing.assert_array_equal(result.W.any(axis=0), result.W.all(axis=0))
    else:
        lower, upper = setting["bounds"]
        assert ((lower <= result.W) & (upper >= result.W)).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_duality_gap_is_a_bound_on_the_way(name):
    best = fs.fit(X, Y, tol=1e-10, **SETTINGS[name]).loss
    for max_iter in (0, 1, 2):
        early = fs.fit(X, Y, tol=0, max_iter=max_iter, certify=True, **SETTINGS[name])
        assert early.duality_gap >= (early.loss - best) * (1 - 1e-6) - 1e-14


def test_bounds_without_a_penalty_have_an_optimum_but_no_gap():
    separable = (X[:, 0] > 0).astype(int)
    result = fs.fit(X, separable, bounds=(-1, 1), tol=1e-8)
    assert result.status == "converged"
    assert np.abs(result.W).max() == 1
    assert np.isnan(result.duality_gap)
    free = fs.fit(X, Y, tol=1e-9)
    wide = fs.fit(X, Y, bounds=(-1e3, 1e3), tol=1e-9)
    assert wide.loss == pytest.approx(free.loss, rel=1e-9)


def test_a_path_of_groups_is_that_of_separate_fits():
    l1s = np.geomspace(0.2, 0.005, 5)
    for options in ({"group": "classes"}, {"bounds": BOUNDS}):
        path = fs.path(X, Y, l1s=l1s, tol=1e-8, **options)
        for l1, result in zip(l1s, path, strict=True):
            assert result.loss == pytest.approx(fs.fit(X, Y, l1=l1, tol=1e-8, **options).loss, rel=1e-8)
    strongest = fs.path(X, Y, l1s=[10.0], group="classes")
    assert not strongest.W.any()


def test_other_solvers_refuse_bounds():
    with pytest.raises(ValueError, match="bounds must be None for solver='lbfgs'"):
        fs.fit(X, Y, bounds=(0, 1), solver="lbfgs")


@pytest.mark.bits
@pytest.mark.parametrize("options", [{"group": "classes"}, {"bounds": (-0.1, 0.1)}, {}], ids=["group", "bounds", "l1"])
@pytest.mark.parametrize("shape", [(4000, 30), (150, 900)])
def test_threads_change_no_bit(shape, options):
    rng = np.random.default_rng(1)
    data = rng.standard_normal(shape)
    y = (data[:, :5] @ rng.standard_normal((5, 3)) + rng.gumbel(size=(len(data), 3))).argmax(axis=1)
    one, three = (fs.fit(data, y, l1=0.01, num_threads=threads, **options) for threads in (1, 3))
    np.testing.assert_array_equal(one.W, three.W)
    np.testing.assert_array_equal(one.history["loss"], three.history["loss"])


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_estimators_bound_their_coefficients(n_classes, standardize):
    scaled, y = X * np.geomspace(0.1, 10, 10), np.minimum(Y, n_classes - 1)
    bounds = (-0.02, np.full(10, 0.05))
    model = SoftmaxRegression(bounds=bounds, standardize=standardize, tol=1e-8).fit(scaled, y)
    assert model.coef_.shape == (1 if n_classes == 2 else 4, 10)
    assert model.coef_.min() == pytest.approx(-0.02, abs=1e-12)
    assert model.coef_.max() == pytest.approx(0.05, abs=1e-12)
    assert SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3, bounds=bounds).fit(scaled, y).coef_.max() <= 0.05 + 1e-12


def test_a_group_of_two_classes_is_a_coefficient():
    y = (Y > 1).astype(int)
    grouped, plain = (SoftmaxRegression(C=0.1, l1_ratio=1.0, group=group, tol=1e-9) for group in ("classes", None))
    np.testing.assert_allclose(grouped.fit(X, y).coef_, plain.fit(X, y).coef_, atol=1e-7)
    whole = SoftmaxRegression(C=0.05, l1_ratio=1.0, group="classes").fit(X, Y).coef_
    np.testing.assert_array_equal(whole.any(axis=0), whole.all(axis=0))
    assert not whole.any(axis=0).all()


@pytest.mark.parametrize("options", [{"group": "classes"}, {"bounds": (0, 1)}])
def test_a_stream_has_neither(options):
    assert not hasattr(SoftmaxRegression(**options), "partial_fit")
