"""The L1 penalty: the optima of a slow reference and of scikit-learn, duality gaps that are bounds, and exact zeros."""

from functools import cache

import numpy as np
import pytest
import reference
from problems import make_problem, one_hot
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression

# Odd, so that the optimum is unique: with as many positive as negative weights of a feature, all can be shifted.
N_CLASSES = 5

SETTINGS = {
    "labels": {},
    "weights": {"sample_weight": True},
    "counts": {"counts": True},
    "offset": {"offset": True},
    "no intercept": {"fit_intercept": False},
    "elastic net": {"l2": 0.05},
    "all": {"sample_weight": True, "counts": True, "offset": True, "l2": 0.01},
}


def problem(setting, dtype=np.float64):
    """Return X, of which a third is zero, y, and the arguments for both `fit` and the reference."""
    p = make_problem(200, 12, N_CLASSES, dtype=dtype)
    setting = dict(setting)
    X = np.where(np.abs(p.X) < 0.4, 0, p.X).astype(dtype)
    y = p.Y if setting.pop("counts", False) else p.y
    if "sample_weight" in setting:
        setting["sample_weight"] = p.s
    if "offset" in setting:
        setting["offset"] = p.offset
    return X, y, setting


def value(X, y, W, b, l1, *, sample_weight=None, offset=0.0, l2=0.0, fit_intercept=True):
    Y = one_hot(y, N_CLASSES) if y.ndim == 1 else y
    loss, grad_W, grad_b = reference.loss_grad(X, Y, W, b, s=sample_weight, offset=offset, l2=l2)
    return loss + l1 * np.abs(W).sum(), grad_W, grad_b * fit_intercept


def proximal_gradient(X, y, l1, n_steps=4000, **setting):
    """FISTA with a fixed step (Beck & Teboulle, 2009), restarted if it turns back: slow, and hard to get wrong."""
    W, b = np.zeros((N_CLASSES, X.shape[1])), np.zeros(N_CLASSES)
    mass = 1.0 if y.ndim == 1 else y.sum(axis=1).max()
    Z = np.hstack([X, np.ones((len(X), 1))])
    s = setting.get("sample_weight")
    s = np.ones(len(X)) if s is None else s / s.mean()
    step = 1 / (0.5 * mass * np.linalg.eigvalsh((Z.T * s) @ Z / len(X))[-1] + setting.get("l2", 0.0))
    at_W, at_b, t = W, b, 1.0
    for _ in range(n_steps):
        _, grad_W, grad_b = value(X, y, at_W, at_b, l1, **setting)
        new_W, new_b = at_W - step * grad_W, at_b - step * grad_b
        new_W = np.sign(new_W) * np.maximum(np.abs(new_W) - step * l1, 0)
        if np.sum((at_W - new_W) * (new_W - W)) + np.sum((at_b - new_b) * (new_b - b)) > 0:
            t = 1.0
        new_t = (1 + np.sqrt(1 + 4 * t**2)) / 2
        at_W, at_b = new_W + (t - 1) / new_t * (new_W - W), new_b + (t - 1) / new_t * (new_b - b)
        W, b, t = new_W, new_b, new_t
    return W, b


@cache
def slow_optimum(name):
    X, y, setting = problem(SETTINGS[name])
    return proximal_gradient(X, y, 0.02, **setting)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_optimum_is_that_of_proximal_gradient(name, sparse):
    X, y, setting = problem(SETTINGS[name])
    W, b = slow_optimum(name)
    result = fs.fit(csr_matrix(X) if sparse else X, y, l1=0.02, tol=1e-10, **setting)
    assert result.status == "converged"
    best, *_ = value(X, y, W, b, 0.02, **setting)
    assert result.loss == pytest.approx(best, rel=1e-10)
    assert result.loss == pytest.approx(value(X, y, result.W, result.b, 0.02, **setting)[0], rel=1e-12)
    np.testing.assert_array_equal(result.W != 0, W != 0)
    np.testing.assert_allclose(result.W, W, atol=1e-6)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_duality_gap_is_a_bound_and_vanishes(setting, sparse):
    X, y, setting = problem(setting)
    best = fs.fit(X, y, l1=0.02, tol=1e-11, **setting)
    assert abs(best.duality_gap) <= 1e-8 * best.loss
    assert f"{best.duality_gap:.3g}" in best.message
    for max_iter in (0, 1, 3, 6, 12):
        early = fs.fit(csr_matrix(X) if sparse else X, y, l1=0.02, max_iter=max_iter, tol=0, **setting)
        assert early.duality_gap >= (early.loss - best.loss) * (1 - 1e-6) - 1e-14
        assert early.n_passes == early.history["n_passes"][-1] + 2


def test_the_duality_gap_is_a_bound_far_from_the_optimum():
    X, y, _ = problem({})
    best = fs.fit(X, y, l1=0.02, tol=1e-10).loss
    rng = np.random.default_rng(0)
    for size in (0.1, 1.0, 30.0):
        init = size * rng.standard_normal((N_CLASSES, 12)), size * rng.standard_normal(N_CLASSES)
        start = fs.fit(X, y, l1=0.02, init=init, max_iter=0)
        assert np.isfinite(start.duality_gap)
        assert start.duality_gap >= start.loss - best


def test_the_duality_gap_of_classes_that_do_not_occur():
    X, y, _ = problem({})
    y = np.where(y == 1, 0, y)
    first, second = (fs.fit(X, y, l1=0.02, tol=tol) for tol in (1e-3, 1e-7))
    assert second.loss < first.loss
    assert first.duality_gap >= first.loss - second.loss
    assert second.duality_gap <= 1e-4


def test_an_offset_of_minus_infinity_has_a_certificate():
    X, y, _ = problem({})
    offset = np.zeros((200, N_CLASSES))
    offset[::2, 3] = np.where(y[::2] == 3, 0, -np.inf)
    result = fs.fit(X, y, l1=0.02, tol=1e-10, offset=offset)
    assert result.status == "converged"
    assert abs(result.duality_gap) <= 1e-8


def test_single_precision_has_a_certificate_too():
    X, y, _ = problem({}, np.float32)
    exact = fs.fit(X.astype(np.float64), y, l1=0.02, tol=1e-10)
    result = fs.fit(X, y, l1=0.02, tol=0)
    assert result.status == "rounding"
    assert result.loss == pytest.approx(exact.loss, rel=1e-6)
    assert result.duality_gap <= 1e-5 * result.loss
    np.testing.assert_array_equal(result.W != 0, exact.W != 0)


def test_scale_and_shift_are_those_of_a_copy():
    X, y, _ = problem({})
    scale, shift = np.geomspace(0.1, 10, 12), np.linspace(-1, 1, 12)
    for matrix in (X, csr_matrix(X)):
        result = fs.fit(matrix, y, l1=0.02, tol=1e-9, scale=scale, shift=shift)
        copied = fs.fit(X * scale + shift, y, l1=0.02, tol=1e-9)
        assert result.loss == pytest.approx(copied.loss, rel=1e-9)
        assert abs(result.duality_gap) <= 1e-7


def test_the_smallest_penalty_without_features_is_where_they_vanish():
    X, y, _ = problem({})
    null = np.log(np.bincount(y) / len(y))
    _, grad_W, _ = fs.loss_grad(X, y, np.zeros((N_CLASSES, 12)), null)
    largest = np.abs(grad_W).max()
    above = fs.fit(X, y, l1=1.001 * largest, tol=1e-10)
    np.testing.assert_array_equal(above.W, 0)
    np.testing.assert_allclose(above.b - above.b.mean(), null - null.mean(), atol=1e-8)
    assert abs(above.duality_gap) <= 1e-12
    assert np.count_nonzero(fs.fit(X, y, l1=0.98 * largest, tol=1e-10).W) in (1, 2)


def test_features_that_are_always_zero_have_no_weight():
    X, y, _ = problem({})
    X[:, 3:5] = 0
    result = fs.fit(X, y, l1=1e-4, tol=1e-8)
    np.testing.assert_array_equal(result.W[:, 3:5], 0)
    assert np.count_nonzero(result.W) > 20


def test_grad_norm_is_that_of_the_least_subgradient():
    X, y, _ = problem({})
    result = fs.fit(X, y, l1=0.02, max_iter=5, tol=0)
    _, grad_W, grad_b = value(X, y, result.W, result.b, 0.02)
    least = np.where(result.W, grad_W + 0.02 * np.sign(result.W), np.maximum(np.abs(grad_W) - 0.02, 0))
    assert result.grad_norm == pytest.approx(max(np.abs(least).max(), np.abs(grad_b).max()), rel=1e-9)


def test_passes_are_counted_and_few():
    X, y, _ = problem({})
    result = fs.fit(X, y, l1=0.005, tol=1e-9)
    assert result.n_iter <= 60
    # One pass per iteration, three at the start, two for the duality gap, and two more for each line search or new
    # diagonal.
    assert result.n_passes <= 1.2 * result.n_iter + 9
    assert np.all(np.diff(result.history["loss"]) <= 1e-15)


def test_columns_that_are_nearly_alike_take_few_iterations():
    p = make_problem(1000, 15, 4)
    rng = np.random.default_rng(2)
    X = np.repeat(np.asarray(p.X, np.float64), 3, axis=1)
    X += 1e-3 * rng.standard_normal(X.shape)
    result = fs.fit(X, p.y, l1=1e-5, tol=1e-7)
    assert result.status == "converged"
    assert result.n_iter <= 15


def test_pixels_that_few_images_have_do_not_mislead():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 5, 6000)
    X = np.where(rng.random((6000, 150)) < 0.1, rng.random((6000, 150)), 0) * (1 + rng.random((5, 150))[y])
    X[:, :20] *= rng.random((6000, 20)) < 0.005
    result = fs.fit(X.astype(np.float32), y, l1=1e-5, max_iter=20)
    assert result.status == "converged"
    assert result.distance <= 1e-2


def test_a_warm_start_goes_on_from_there():
    X, y, _ = problem({})
    first = fs.fit(X, y, l1=0.02, tol=1e-8)
    again = fs.fit(X, y, l1=0.02, tol=1e-7, init=(first.W, first.b))
    assert again.n_iter == 0
    np.testing.assert_array_equal(again.W, first.W)
    near = {"l1": 0.019, "tol": 1e-8}
    assert fs.fit(X, y, **near, init=(first.W, first.b)).n_iter < fs.fit(X, y, **near).n_iter


def test_without_a_penalty_it_is_what_the_others_find():
    X, y, _ = problem({})
    result = fs.fit(X, y, solver="proximal", l2=0.01, tol=1e-9)
    assert result.loss == pytest.approx(fs.fit(X, y, l2=0.01, tol=1e-9).loss, rel=1e-12)
    assert np.isnan(result.duality_gap)


@pytest.mark.bits
def test_the_answer_does_not_depend_on_threads():
    p = make_problem(3000, 30, 5)
    one, two = (fs.fit(p.X, p.y, l1=0.01, num_threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.W, two.W)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.4, 1.0])
def test_coefficients_are_those_of_scikit_learn(n_classes, l1_ratio):
    X, y, _ = problem({})
    y = y % n_classes
    common = {"C": 0.2, "l1_ratio": l1_ratio}
    ours = SoftmaxRegression(tol=1e-9, max_iter=500, **common).fit(X, y)
    theirs = LogisticRegression(solver="saga", tol=1e-10, max_iter=20000, random_state=0, **common).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_array_equal(ours.coef_ != 0, theirs.coef_ != 0)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "preconditioned-lbfgs"])
def test_other_solvers_refuse_the_penalty(solver):
    X, y, _ = problem({})
    with pytest.raises(ValueError, match=f"l1 must be 0 for solver='{solver}'.* found 0.1"):
        fs.fit(X, y, l1=0.1, solver=solver)


def test_a_path_goes_from_none_to_many_coefficients_and_agrees_with_separate_fits():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((300, 12))
    y = (X[:, :3] @ rng.standard_normal((3, 3)) + rng.gumbel(size=(300, 3))).argmax(axis=1)
    l1s = np.geomspace(1.0, 1e-3, 6)
    path = fs.path(X, y, l1s=l1s, tol=1e-8)
    counts = [np.count_nonzero(result.W) for result in path]
    assert counts[0] == 0
    assert counts == sorted(counts)
    for l1, result in zip(l1s, path, strict=True):
        assert result.loss == pytest.approx(fs.fit(X, y, l1=l1, tol=1e-8).loss, rel=1e-8)


def test_cross_validation_chooses_an_l1_ratio():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((150, 60))
    y = (4 * X[:, :2] @ rng.standard_normal((2, 3)) + rng.gumbel(size=(150, 3))).argmax(axis=1)
    model = fs.SoftmaxRegressionCV(Cs=[0.05, 0.2], cv=3, l1_ratios=[0.0, 1.0], max_iter=1000).fit(X, y)
    assert model.scores_.shape == (3, 2, 2)
    # Two of sixty features matter, which the L1 penalty finds.
    assert model.l1_ratio_ == 1.0
    assert np.mean(model.coef_ == 0) > 0.5
