"""What holds of every family of independent outputs: it is tested by being listed in every.py."""

import numpy as np
import pytest
import scipy.sparse
from families.every import EVERY
from tolerances import FAMILY, SAME

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.data.features import bind_features
from fastsoftmax.data.samples import Samples
from fastsoftmax.penalties import ElasticNet
from fastsoftmax.problem.loss import Loss
from fastsoftmax.problem.objective import Objective

DTYPES = (np.float32, np.float64)
KERNEL = {np.float32: "float", np.float64: "double"}

pytestmark = pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)


def problem(case, n=300, n_features=6, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features))
    W, b = 0.3 * rng.standard_normal((n_outputs, n_features)), 0.2 * rng.standard_normal(n_outputs)
    return X, np.asarray(case.draw(rng, case.mean(X @ W.T + b)), np.float64), W, b


def bound(case, X, y, **options):
    features = bind_features(X)
    return Loss(features, case.family.samples(y, len(X), features.dtype, **options), case.family)


def of_logits(case, y, z, weight=None):
    """The kernels' mean loss and residuals, of y and z of one shape and dtype."""
    residual = np.full_like(z, np.nan)
    samples = Samples(None, y, y.shape[1], weight=weight, parameter=case.family.parameter)
    loss, _ = _kernels.cross_entropy[KERNEL[z.dtype.type]](residual, z, None, 0.0, samples, case.family.number, 1)
    return loss, residual


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 2), (64, 1), (131, 33)])
def test_the_loss_is_half_of_the_deviance(case, shape, dtype):
    rng = np.random.default_rng(0)
    z = rng.standard_normal(shape).astype(dtype)
    y = np.asarray(case.draw(rng, case.mean(rng.standard_normal(shape)))).astype(dtype)
    loss, _ = of_logits(case, y, z)
    expected = case.loss(y.astype(np.float64), case.mean(z.astype(np.float64))).sum(axis=1).mean()
    assert loss == pytest.approx(expected, rel=FAMILY[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_residual_is_the_slope_of_the_loss(case, dtype):
    rng = np.random.default_rng(1)
    z, step = rng.standard_normal((101, 3)).astype(dtype), 1e-6
    y = np.asarray(case.draw(rng, case.mean(rng.standard_normal(z.shape)))).astype(dtype)
    _, residual = of_logits(case, y, z)
    exact_y, exact_z = y.astype(np.float64), z.astype(np.float64)
    above, below = (case.loss(exact_y, case.mean(exact_z + t)) for t in (step, -step))
    np.testing.assert_allclose(residual, (above - below) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_cancels_near_a_perfect_fit(case, dtype):
    """Where m is nearly y, L = ½ (m − y)²/V(y): a difference of terms of the size of y would have lost it."""
    rng = np.random.default_rng(2)
    y = (1 + rng.random((64, 2))).astype(dtype) if case.family.link != "logit" else rng.random((64, 2)).astype(dtype)
    if case.family.name == "bernoulli":
        pytest.skip("the loss of probabilities is a cross-entropy, which has another minimum")
    z = (case.logit(y.astype(np.float64)) + 1e-3).astype(dtype)
    mean = case.mean(z.astype(np.float64))
    loss, _ = of_logits(case, y, z)
    expected = case.loss(y.astype(np.float64), mean).sum(axis=1).mean()
    relative = {np.float64: 1e-9, np.float32: 2e-3}[dtype]
    assert loss == pytest.approx(0.5 * ((mean - y) ** 2 / case.variance(y)).sum(axis=1).mean(), rel=5e-3)
    assert loss == pytest.approx(expected, rel=relative)


def test_the_residual_of_the_canonical_link_is_mean_less_y(case):
    rng = np.random.default_rng(3)
    z = rng.standard_normal((50, 2))
    y = np.asarray(case.draw(rng, case.mean(z)), np.float64)
    _, residual = of_logits(case, y, z)
    mean = case.mean(z)
    slope = {"log": mean, "logit": mean * (1 - mean), "identity": np.ones_like(mean)}[case.family.link]
    np.testing.assert_allclose(residual, (mean - y) * slope / case.variance(mean), rtol=1e-12, atol=1e-13)


def test_the_curvature_is_the_slope_of_the_residual_where_y_is_the_mean(case):
    """Its mean over y, since the residual is linear in y."""
    rng = np.random.default_rng(4)
    z, step = rng.standard_normal((60, 3)), 1e-6
    mean = case.mean(z)
    above, below = (of_logits(case, mean, z + t)[1] for t in (step, -step))
    slope = (above - below) / (2 * step)
    np.testing.assert_allclose(case.family.curvature(mean), slope, rtol=1e-6, atol=1e-8)
    # That of any y, which y has a part in where the link is not the canonical one.
    y = np.asarray(case.draw(rng, mean), np.float64)
    above, below = (of_logits(case, y, z + t)[1] for t in (step, -step))
    observed = case.family.observed(mean, y)
    observed = case.family.curvature(mean) if observed is None else observed
    np.testing.assert_allclose(observed, (above - below) / (2 * step), rtol=1e-5, atol=1e-6)
    # The mean by hess_vec, in the direction of one intercept, whose gradient is Σ_i C_ik / n.
    X = np.zeros((60, 1))
    loss = Loss(bind_features(X), case.family.samples(mean, 60, np.float64, offset=z), case.family)
    for k in range(3):
        product = loss.hess_vec(np.zeros(6), np.eye(6)[3 + k])
        np.testing.assert_allclose(product[3 + k], slope[:, k].mean(), rtol=1e-6)
        assert np.count_nonzero(product) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mean(case, dtype):
    z = np.linspace(-8, 8, 171).reshape(-1, 3).astype(dtype)
    out = np.empty_like(z)
    _kernels.mean(out, z, case.family.number, 1)
    np.testing.assert_allclose(out, case.mean(z.astype(np.float64)), rtol=20 * np.finfo(dtype).eps)
    W, b = np.eye(3, dtype=dtype), np.zeros(3, dtype)
    predicted = fs.predict_mean(z, W, b, family=case.family)
    np.testing.assert_allclose(predicted, out, rtol=20 * np.finfo(dtype).eps)
    shifted = fs.predict_mean(z, W, b, family=case.family, offset=np.full(z.shape, 0.5))
    np.testing.assert_allclose(shifted, case.mean(z.astype(np.float64) + 0.5), rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_extreme_logits(case, z, dtype):
    """Losses are finite or infinite, never negative and never NaN; nor are residuals NaN."""
    least = 0.5 if case.family.outside(np.zeros(1))[0] else 0.0
    most = 1.0 if case.family.link == "logit" else 1e9
    y = np.array([[least, 1.0, most]] * 5, dtype)
    loss, residual = of_logits(case, y, np.full_like(y, z))
    assert loss >= 0
    assert not np.isnan(residual).any()
    # A sample without weight has no part in either, whatever its logits are.
    _, silent = of_logits(case, y, np.full_like(y, z), weight=np.zeros(5))
    assert not silent.any()


def test_losses_are_never_negative(case):
    rng = np.random.default_rng(5)
    mean = np.exp(rng.uniform(-5, 0 if case.family.link == "logit" else 12, (400, 1)))
    for dtype in DTYPES:
        y = mean.astype(dtype)
        z = np.asarray(case.logit(mean)).astype(dtype)
        for i in range(0, 400, 40):
            assert of_logits(case, y[i : i + 1], z[i : i + 1])[0] >= 0


def test_the_gradient_by_differences(case):
    X, y, W, b = problem(case, n=60)
    loss = Objective(bound(case, X, y, sample_weight=np.arange(60) % 3), ElasticNet(0.1))
    theta = np.concatenate([W.ravel(), b])
    _, grad = loss.loss_grad(theta)
    step = 1e-6
    for j, unit in enumerate(np.eye(len(theta))):
        above, below = (loss.loss_grad(theta + t * unit)[0] for t in (step, -step))
        assert grad[j] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)
    phi = loss.line(theta, grad)
    for t in (0.0, 0.01):
        value, at = loss.loss_grad(theta + t * grad)
        assert phi(t) == pytest.approx((value, at @ grad), rel=1e-9)
    diagonal = [loss.hess_vec(theta, unit)[j] for j, unit in enumerate(np.eye(len(theta)))]
    np.testing.assert_allclose(loss.diagonal(theta), diagonal, rtol=1e-10)


def test_weights_are_repetitions(case):
    X, y, _, _ = problem(case, n=200)
    counts = np.random.default_rng(6).integers(0, 4, 200)
    weighted = fs.fit(X, y, family=case.family, sample_weight=counts, l2=0.01, tol=1e-10)
    repeated = fs.fit(X.repeat(counts, axis=0), y.repeat(counts, axis=0), family=case.family, l2=0.01, tol=1e-10)
    assert weighted.status == repeated.status == "converged"
    assert weighted.loss == pytest.approx(repeated.loss, rel=SAME)
    np.testing.assert_allclose(weighted.W, repeated.W, atol=1e-8)


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "preconditioned-lbfgs"])
def test_storages_and_solvers_agree(case, solver):
    X, y, _, _ = problem(case, n=400)
    X = np.round(X * 10) / 10 * (np.abs(X) > 0.5)
    best = fs.fit(X, y, family=case.family, l2=0.01, tol=1e-9)
    assert best.status == "converged"
    for stored in (scipy.sparse.csr_matrix(X), np.asfortranarray(X)):
        result = fs.fit(stored, y, family=case.family, l2=0.01, tol=1e-9, solver=solver)
        assert result.status == "converged"
        np.testing.assert_allclose(result.W, best.W, atol=1e-7)
        np.testing.assert_allclose(result.b, best.b, atol=1e-7)
    single = fs.fit(X.astype(np.float32), y, family=case.family, l2=0.01, tol=1e-5, solver=solver)
    assert single.status == "converged"
    np.testing.assert_allclose(single.W, best.W, atol=1e-3)


def test_bytes_with_a_scale(case):
    rng = np.random.default_rng(7)
    X = rng.integers(0, 256, (300, 7)).astype(np.uint8)
    y = np.asarray(case.draw(rng, case.mean(X / 255 @ rng.standard_normal((7, 1)) * 0.3)), np.float64)
    scaled = fs.fit(X, y, family=case.family, scale=1 / 255, l2=1e-3, tol=1e-5)
    best = fs.fit(X / 255, y, family=case.family, l2=1e-3, tol=1e-9)
    assert scaled.status == "converged"
    assert scaled.loss == pytest.approx(best.loss, rel=1e-4)


def test_an_offset_is_a_feature_of_known_weight(case):
    X, y, _, _ = problem(case)
    offset = X[:, :1] * [0.3, -0.2]
    whole = fs.fit(X, y, family=case.family, tol=1e-10)
    rest = fs.fit(X, y, family=case.family, offset=offset, tol=1e-10)
    assert rest.loss == pytest.approx(whole.loss, rel=SAME)
    np.testing.assert_allclose(rest.W[:, 0] + [0.3, -0.2], whole.W[:, 0], atol=1e-7)


def test_outputs_are_independent(case):
    X, y, _, _ = problem(case)
    both = fs.fit(X, y, family=case.family, l2=0.01, tol=1e-10)
    alone = [fs.fit(X, y[:, k], family=case.family, l2=0.01, tol=1e-10) for k in range(2)]
    np.testing.assert_allclose(both.W, np.vstack([one.W for one in alone]), atol=1e-7)
    for k, one in enumerate(alone):
        assert (both.dispersion is None) == (not case.family.has_dispersion)
        if case.family.has_dispersion:
            assert both.dispersion[k] == pytest.approx(one.dispersion[0], rel=1e-6)


def test_few_passes(case):
    X, y, _, _ = problem(case, n=2000)
    assert fs.fit(X, y, family=case.family, tol=1e-6).n_passes <= 25


def test_l1_and_its_path(case):
    X, y, _, _ = problem(case)
    path = fs.path(X, y, family=case.family, l1s=[0.2, 0.05, 0.01], tol=1e-8)
    assert set(path.status) == {"converged"}
    for l1, result in zip(path.l1s, path, strict=True):
        _, grad_W, grad_b = fs.loss_grad(X, y, result.W, result.b, family=case.family)
        assert np.abs(grad_b).max() <= 1e-7
        active = result.W != 0
        np.testing.assert_allclose(grad_W[active], -l1 * np.sign(result.W[active]), atol=1e-7)
        assert np.abs(grad_W).max() <= l1 + 1e-7
    assert np.count_nonzero(path.W[0]) <= np.count_nonzero(path.W[2])


def test_l1_on_features_that_are_nearly_alike(case):
    """The Hessian of the entries makes it Newton's method; sweeps of coordinates alone would take hundreds."""
    X, y, _, _ = problem(case, n=600, n_features=60, n_outputs=3)
    X = X + 2 * np.random.default_rng(8).standard_normal((600, 1))
    y = np.asarray(case.draw(np.random.default_rng(9), case.mean(0.1 * X[:, :3])), np.float64)
    result = fs.fit(X, y, family=case.family, l1=0.002, tol=1e-7)
    assert result.status == "converged"
    # Where the curvature depends on y, its mean takes the place of it.
    canonical = case.name in ("bernoulli-logit", "poisson-log", "gaussian-identity")
    assert result.n_passes <= (30 if canonical else 80)
    _, grad_W, _ = fs.loss_grad(X, y, result.W, result.b, family=case.family)
    np.testing.assert_allclose(grad_W[result.W != 0], -0.002 * np.sign(result.W[result.W != 0]), atol=2e-7)


def test_the_start_is_the_best_model_without_features(case):
    X, y, _, _ = problem(case)
    start = fs.fit(X, y, family=case.family, max_iter=0)
    assert not start.W.any()
    _, _, grad_b = fs.loss_grad(X, y, start.W, start.b, family=case.family)
    np.testing.assert_allclose(grad_b, 0, atol=1e-12)


@pytest.mark.bits
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bits_do_not_depend_on_threads(case, dtype):
    X, y, _, _ = problem(case, n=5000)
    for stored in (X.astype(dtype), scipy.sparse.csr_matrix(X.astype(dtype))):
        one, three = (fs.fit(stored, y, family=case.family, l2=1e-3, num_threads=threads) for threads in (1, 3))
        np.testing.assert_array_equal(one.W, three.W)
        np.testing.assert_array_equal(one.b, three.b)


def test_names_are_read_as_they_are_written(case):
    assert fs.families.as_family(str(case.family), case.family.link) == case.family


def test_y_that_cannot_be(case):
    X, y, _, _ = problem(case)
    y[7, 1] = np.nan
    with pytest.raises(ValueError, match="y contains NaN at row 7, column 1"):
        fs.fit(X, y, family=case.family)
    with pytest.raises(ValueError, match="one row for each of the 300 samples, found 299"):
        fs.fit(X, y[1:], family=case.family)
    if case.family.name != "gaussian":
        y[7, 1] = -0.5
        with pytest.raises(ValueError, match=rf"family='{case.family.name}', found -0.5 at row 7, column 1"):
            fs.fit(X, y, family=case.family)
        with pytest.raises(ValueError, match=r"found -0.5 at row 7$"):
            fs.fit(X, y[:, 1], family=case.family)
    with pytest.raises(ValueError, match=rf"link must be '.+' for family='{case.family.name}', found 'cube'"):
        fs.fit(X, y, family=case.family, link="cube")


def test_the_gradient_by_the_logits_is_where_the_chain_rule_starts(case):
    X, y, W, b = problem(case)
    weight = np.random.default_rng(2).random(len(X))
    of = {"family": str(case.family), "link": case.family.link, "sample_weight": weight}
    loss, by_logits = fs.loss_grad_logits(X @ W.T + b, y, **of)
    whole, grad_W, grad_b = fs.loss_grad(X, y, W, b, **of)
    assert loss == pytest.approx(whole, rel=SAME)
    np.testing.assert_allclose(by_logits.T @ X, grad_W, rtol=0, atol=SAME * np.abs(grad_W).max())
    np.testing.assert_allclose(by_logits.sum(axis=0), grad_b, rtol=0, atol=SAME * np.abs(grad_b).max())
