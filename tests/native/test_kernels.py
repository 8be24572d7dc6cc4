"""Every route to the loss, the gradient and the probabilities agrees with the reference, on awkward sizes."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from problems import DTYPES, make_objective, make_problem, one_hot, problems
from tolerances import FAST, GRAM, ROUGH, SAME, SUM_TO_ONE, assert_gradient_close, assert_loss_close

import fastsoftmax as fs


def logit_scale(p):
    return 1 + np.abs(p.X.astype(float) @ p.W.T.astype(float) + p.b).max()


@given(problems(), st.booleans(), st.booleans())
def test_loss_grad_is_the_reference(p, soft, weighted):
    n_classes = len(p.W)
    targets, Y = (p.Y, p.Y.astype(float)) if soft else (p.y, one_hot(p.y, n_classes))
    s = p.s if weighted else None
    mass = Y.sum(axis=1).max()

    loss, grad_W, grad_b = fs.loss_grad(p.X, targets, p.W, p.b, sample_weight=s, l2=0.1)

    expected, expected_W, expected_b = reference.loss_grad(p.X, Y, p.W, p.b, s=s, l2=0.1)
    # Weights concentrate the mean on fewer samples: the error grows by at most the largest share of a sample.
    share = mass * (1 if s is None else len(s) * s.max() / s.sum())
    assert_loss_close(loss, expected, p.X.dtype.type, scale=mass * logit_scale(p))
    assert_gradient_close(grad_W, expected_W, p.X, share * logit_scale(p))
    assert_gradient_close(grad_b, expected_b, p.X, share * logit_scale(p))
    assert grad_W.dtype == p.W.dtype
    assert grad_b.dtype == p.b.dtype


@given(problems(), st.booleans())
def test_offset_is_added_to_the_logits(p, soft):
    n_classes = len(p.W)
    Y = p.Y.astype(float) if soft else one_hot(p.y, n_classes)
    objective = make_objective(p.X, p.Y if soft else p.y, n_classes, offset=p.offset)

    loss, grad = objective.loss_grad(np.concatenate([p.W.ravel(), p.b]).astype(float))

    expected, expected_W, expected_b = reference.loss_grad(p.X, Y, p.W, p.b, offset=p.offset)
    mass = Y.sum(axis=1).max()
    assert_loss_close(loss, expected, p.X.dtype.type, scale=mass * (logit_scale(p) + 5))
    grad_W, grad_b = objective.split(grad)
    assert_gradient_close(grad_W, expected_W, p.X, mass * (logit_scale(p) + 5))
    assert_gradient_close(grad_b, expected_b, p.X, mass * (logit_scale(p) + 5))


# Sizes around the kernels' chunks of features and panels of samples, for few and for many classes.
WIDE = [(70, 801, 3), (33, 1700, 10), (129, 127, 40), (65, 129, 33), (130, 257, 64), (128, 400, 32), (200, 64, 101)]


@pytest.mark.parametrize("shape", WIDE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wide_data_and_many_classes(shape, dtype):
    p = make_problem(*shape, dtype=dtype)
    p = p._replace(W=(p.W / np.sqrt(shape[1])).astype(dtype))

    loss, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b)

    expected, expected_W, expected_b = reference.loss_grad(p.X, one_hot(p.y, shape[2]), p.W, p.b)
    assert_loss_close(loss, expected, dtype, scale=logit_scale(p))
    assert_gradient_close(grad_W, expected_W, p.X)
    assert_gradient_close(grad_b, expected_b, p.X)
    # "fast" is less exact only on a matrix unit.
    fast_loss, fast_W, _ = fs.loss_grad(p.X, p.y, p.W, p.b, precision="fast")
    assert fast_loss == pytest.approx(loss, rel=FAST)
    assert np.linalg.norm(fast_W - grad_W) <= FAST * np.linalg.norm(grad_W)
    np.testing.assert_allclose(
        fs.predict_proba(p.X, p.W, p.b, precision="fast"), fs.predict_proba(p.X, p.W, p.b), rtol=FAST * logit_scale(p)
    )
    rough_loss, rough_W, _ = fs.loss_grad(p.X, p.y, p.W, p.b, precision="rough")
    assert rough_loss == pytest.approx(loss, rel=ROUGH)
    assert np.linalg.norm(rough_W - grad_W) <= ROUGH * np.linalg.norm(grad_W)
    logits_norm = np.linalg.norm(p.X, axis=1).max() * np.linalg.norm(p.W, axis=1).max()
    np.testing.assert_allclose(
        fs.predict_proba(p.X, p.W, p.b, precision="rough"),
        fs.predict_proba(p.X, p.W, p.b),
        atol=ROUGH * logits_norm,
        rtol=0,
    )
    np.testing.assert_allclose(
        fs.predict_proba(p.X, p.W, p.b),
        reference.softmax(p.X.astype(float) @ p.W.T.astype(float) + p.b),
        rtol=logit_scale(p) * 100 * np.finfo(dtype).eps,
    )


# Short samples whose features fill their fours, and the vectors of sixteen, to every degree; and all numbers of classes
# up to three vectors of four. 70 samples end in the middle of a block.
@pytest.mark.parametrize("n_features", [16, 17, 22, 29, 54, 63, 64, 95, 110, 120])
@pytest.mark.parametrize("n_classes", range(2, 13))
@pytest.mark.parametrize("offset", [0, 4], ids=["aligned", "unaligned"])
def test_short_samples_and_few_classes(n_features, n_classes, offset):
    p = make_problem(70, n_features, n_classes, dtype=np.float32)
    W = (p.W / np.sqrt(n_features)).astype(np.float32)
    memory = np.zeros(p.X.nbytes + 64 + offset, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    X = memory[start : start + p.X.nbytes].view(np.float32).reshape(p.X.shape)
    X[:] = p.X

    loss, grad_W, grad_b = fs.loss_grad(X, p.y, W, p.b)

    expected, expected_W, expected_b = reference.loss_grad(p.X, one_hot(p.y, n_classes), W, p.b)
    scale = logit_scale(p._replace(W=W))
    assert_loss_close(loss, expected, np.float32, scale=scale)
    assert_gradient_close(grad_W, expected_W, p.X, scale)
    assert_gradient_close(grad_b, expected_b, p.X, scale)
    assert fs.loss_grad(p.X, p.y, W, p.b)[0] == loss


@given(problems(), st.booleans(), st.booleans(), st.booleans())
def test_hess_vec_is_the_reference(p, soft, weighted, with_offset):
    n_classes = len(p.W)
    Y = p.Y.astype(float) if soft else one_hot(p.y, n_classes)
    s = p.s / p.s.mean() if weighted else None
    offset = p.offset if with_offset else None
    objective = make_objective(p.X, p.Y if soft else p.y, n_classes, sample_weight=s, offset=offset, l2=0.1)
    theta = np.concatenate([p.W.ravel(), p.b]).astype(float)
    direction = np.random.default_rng(3).standard_normal(theta.size).astype(p.X.dtype).astype(float)

    product = objective.hess_vec(theta, direction)

    V, v = objective.split(direction)
    expected = reference.hess_vec(p.X, Y, p.W, p.b, V, v, s=s, offset=0.0 if offset is None else offset, l2=0.1)
    largest = np.abs(p.X.astype(float) @ V.T + v).max()
    mass = Y.sum(axis=1).max() * (1 if s is None else s.max()) * largest * (5 + logit_scale(p))
    for actual, wanted in zip(objective.split(product), expected, strict=True):
        assert_gradient_close(actual, wanted, p.X, mass)


@given(problems(dtypes=(np.float64,)))
def test_hess_vec_is_the_slope_of_the_gradient(p):
    objective = make_objective(p.X, p.y, len(p.W), l2=0.1)
    theta = np.concatenate([p.W.ravel(), p.b])
    u, v = np.random.default_rng(4).standard_normal((2, theta.size))
    step = 1e-5

    along = (objective.loss_grad(theta + step * v)[1] - objective.loss_grad(theta - step * v)[1]) / (2 * step)

    product = objective.hess_vec(theta, v)
    scale = 1 + np.abs(p.X).max() ** 3 * p.X.shape[1] * np.abs(v).max()
    np.testing.assert_allclose(product, along, rtol=1e-6, atol=1e-6 * scale)
    # The Hessian is symmetric, and never negative.
    size = np.linalg.norm(product) * np.linalg.norm(u) + np.linalg.norm(objective.hess_vec(theta, u)) * np.linalg.norm(
        v
    )
    assert u @ product == pytest.approx(v @ objective.hess_vec(theta, u), abs=SAME * size)
    assert v @ product >= 0


@given(problems(), st.sampled_from(["exact", "fast"]), st.integers(1, 3))
def test_gram_is_the_reference(p, precision, n_weights):
    weights = np.random.default_rng(5).standard_normal((n_weights, len(p.X))).astype(p.X.dtype)

    actual = fs.gram(p.X, weights, precision=precision)

    size = np.linalg.norm(reference.gram(np.abs(p.X), np.abs(weights)))
    error = np.linalg.norm(actual - reference.gram(p.X, weights))
    assert error <= GRAM[precision, p.X.dtype.type] * size
    np.testing.assert_array_equal(actual, actual.swapaxes(1, 2))
    assert actual.dtype == p.X.dtype
    np.testing.assert_array_equal(fs.gram(p.X, weights[0], precision=precision), actual[0])


@pytest.mark.bits
@pytest.mark.parametrize("precision", ["exact", "fast"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gram_of_many_samples_on_any_number_of_threads(dtype, precision):
    p = make_problem(3000, 150, 2, dtype=dtype)
    weights = p.offset.T
    one = fs.gram(p.X, weights, precision=precision, num_threads=1)
    for num_threads in (2, 3, 7):
        np.testing.assert_array_equal(fs.gram(p.X, weights, precision=precision, num_threads=num_threads), one)
    np.testing.assert_array_equal(fs.gram(np.asfortranarray(p.X), weights, precision=precision), one)
    size = np.linalg.norm(reference.gram(np.abs(p.X), np.abs(weights)))
    assert np.linalg.norm(one - reference.gram(p.X, weights)) <= GRAM[precision, dtype] * size
    np.testing.assert_array_equal(fs.gram(p.X), fs.gram(p.X, np.ones(len(p.X))))


@pytest.mark.parametrize("n_samples", [63, 64, 130, 1024, 1100, 60_000])
@pytest.mark.parametrize("value", [255.5, 1.4999, 1.7071])
def test_a_gram_matrix_of_equal_terms_rounds_no_more_than_of_others(value, n_samples):
    """Equal terms lose by rounding in the same direction, however many there are."""
    X = np.full((n_samples, 3), value, np.float32)
    exact = n_samples * float(np.float32(value)) ** 2
    np.testing.assert_allclose(fs.gram(X), exact, rtol=GRAM["exact", np.float32])


@given(problems(dtypes=(np.float64,)), st.booleans())
def test_gradient_is_the_slope_of_the_loss(p, soft):
    targets = p.Y if soft else p.y
    rng = np.random.default_rng(1)
    dW, db = rng.standard_normal(p.W.shape), rng.standard_normal(p.b.shape)
    size = np.sqrt((dW**2).sum() + (db**2).sum())
    dW, db = dW / size, db / size
    h = 1e-5

    def loss(t):
        return fs.loss_grad(p.X, targets, p.W + t * dW, p.b + t * db, sample_weight=p.s, l2=0.3)[0]

    _, grad_W, grad_b = fs.loss_grad(p.X, targets, p.W, p.b, sample_weight=p.s, l2=0.3)

    slope = (loss(h) - loss(-h)) / (2 * h)
    assert slope == pytest.approx((grad_W * dW).sum() + (grad_b * db).sum(), rel=1e-6, abs=1e-6 * (1 + loss(0)))


@given(problems())
def test_the_two_halves_make_the_whole(p):
    """The gradient of the cross-entropy and the chain rule through W x + b give loss_grad."""
    logits = (p.X.astype(float) @ p.W.T.astype(float) + p.b).astype(p.X.dtype)

    loss, residual = fs.cross_entropy_grad(logits, p.y, sample_weight=p.s)

    whole, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b, sample_weight=p.s)
    share = len(p.s) * p.s.max() / p.s.sum()
    assert_loss_close(loss, whole, p.X.dtype.type, scale=logit_scale(p))
    assert fs.cross_entropy(logits, p.y, sample_weight=p.s) == loss
    assert_gradient_close(residual.T.astype(float) @ p.X, grad_W, p.X, 2 * share * logit_scale(p))
    assert_gradient_close(residual.sum(axis=0, dtype=float), grad_b, p.X, 2 * share * logit_scale(p))


@given(problems(), st.booleans())
def test_residual_rows_sum_to_zero(p, soft):
    _, residual = fs.cross_entropy_grad(p.offset, p.Y if soft else p.y)
    eps = np.finfo(p.X.dtype).eps
    mass = p.Y.sum(axis=1).max() if soft else 1
    np.testing.assert_allclose(len(p.X) * residual.sum(axis=1, dtype=float), 0, atol=len(p.W) * mass * eps)


@given(problems(), st.floats(-1e3, 1e3))
def test_shifting_all_logits_changes_nothing(p, shift):
    """The logits are multiples of 1/8 and the shift is a whole number: adding it is exact."""
    logits = np.round(p.offset * 8) / 8
    shifted = logits + p.X.dtype.type(np.round(shift))
    np.testing.assert_array_equal(fs.softmax(shifted), fs.softmax(logits))
    assert_loss_close(fs.cross_entropy(shifted, p.y), fs.cross_entropy(logits, p.y), p.X.dtype.type)


@given(problems(dtypes=(np.float64,)))
def test_integer_weights_are_repeated_rows(p):
    repeats = p.s.astype(int)
    loss, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b, sample_weight=p.s)
    again = fs.loss_grad(np.repeat(p.X, repeats, axis=0), np.repeat(p.y, repeats), p.W, p.b)
    scale = 1 + np.abs(grad_W).max()
    assert loss == pytest.approx(again[0], rel=SAME, abs=SAME)
    np.testing.assert_allclose(grad_W, again[1], rtol=SAME, atol=SAME * scale)
    np.testing.assert_allclose(grad_b, again[2], rtol=SAME, atol=SAME * scale)


@given(problems(dtypes=(np.float64,)))
def test_weights_are_relative(p):
    loss, grad_W, _ = fs.loss_grad(p.X, p.y, p.W, p.b, sample_weight=p.s)
    for factor in (2.0**-300, 2.0**300):
        again = fs.loss_grad(p.X, p.y, p.W, p.b, sample_weight=factor * p.s)
        assert again[0] == loss
        np.testing.assert_array_equal(again[1], grad_W)


@given(problems(dtypes=(np.float64,)))
def test_the_intercept_is_a_column_of_ones(p):
    loss, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b)
    ones = np.ones((len(p.X), 1))
    again = fs.loss_grad(np.hstack([p.X, ones]), p.y, np.column_stack([p.W, p.b]), np.zeros_like(p.b))
    scale = 1 + np.abs(grad_W).max()
    assert loss == pytest.approx(again[0], rel=SAME, abs=SAME)
    np.testing.assert_allclose(np.column_stack([grad_W, grad_b]), again[1], rtol=SAME, atol=SAME * scale)


@given(problems())
def test_soft_targets_at_a_corner_are_labels(p):
    loss, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b, sample_weight=p.s)
    corner = one_hot(p.y, len(p.W)).astype(p.X.dtype)
    again = fs.loss_grad(p.X, corner, p.W, p.b, sample_weight=p.s)
    share = len(p.s) * p.s.max() / p.s.sum()
    assert_loss_close(again[0], loss, p.X.dtype.type, scale=logit_scale(p))
    assert_gradient_close(again[1], grad_W, p.X, share)
    assert_gradient_close(again[2], grad_b, p.X, share)


@pytest.mark.bits
@pytest.mark.parametrize("shape", [(9000, 33, 5), (1500, 97, 31), (1500, 97, 40), (20000, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(shape, dtype):
    p = make_problem(*shape, dtype=dtype)
    for targets in (p.y, p.Y):
        one = fs.loss_grad(p.X, targets, p.W, p.b, sample_weight=p.s, num_threads=1)
        for num_threads in (2, 3, 7):
            many = fs.loss_grad(p.X, targets, p.W, p.b, sample_weight=p.s, num_threads=num_threads)
            assert one[0] == many[0]
            np.testing.assert_array_equal(one[1], many[1])
            np.testing.assert_array_equal(one[2], many[2])
    np.testing.assert_array_equal(
        fs.predict_proba(p.X, p.W, p.b, num_threads=1),
        fs.predict_proba(p.X, p.W, p.b, num_threads=3),
    )


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every third column": lambda X: np.repeat(X, 3, axis=1)[:, ::3],
    "a slice of wider rows": lambda X: np.pad(X, ((0, 0), (5, 6)), constant_values=np.nan)[:, 5:-6],
    "transposed": lambda X: X.T.copy().T,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "unaligned": lambda X: np.frombuffer(b"x" + X.tobytes(), dtype=X.dtype, offset=1).reshape(X.shape),
    "field of records": lambda X: _as_field(X),
    "list of lists": lambda X: X.tolist() if X.dtype == np.float64 else X,
}


def _as_field(X):
    records = np.zeros(X.shape, dtype=np.dtype([("tag", "u1"), ("value", X.dtype)]))
    records["value"] = X
    return records["value"]


@pytest.mark.bits
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 17, 3), (64, 48, 16), (1, 1, 2)])
def test_layout_of_the_input_changes_no_bit(layout, dtype, shape):
    p = make_problem(*shape, dtype=dtype)
    X = LAYOUTS[layout](p.X)
    W, Y, b = LAYOUTS[layout](p.W), LAYOUTS[layout](p.Y), p.b
    for targets, other in ((p.y, p.y[::-1].copy()[::-1]), (p.Y, Y)):
        expected = fs.loss_grad(p.X, targets, p.W, b)
        actual = fs.loss_grad(X, other, W, b)
        assert actual[0] == expected[0]
        np.testing.assert_array_equal(actual[1], expected[1])
        np.testing.assert_array_equal(actual[2], expected[2])
    np.testing.assert_array_equal(fs.predict_proba(X, W, b), fs.predict_proba(p.X, p.W, b))
    np.testing.assert_array_equal(fs.softmax(Y), fs.softmax(p.Y))
    assert fs.cross_entropy(Y, p.y) == fs.cross_entropy(p.Y, p.y)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.uint64, np.float16, np.longdouble])
def test_other_dtypes_are_converted(dtype):
    p = make_problem(100, 9, 3)
    X = (4 * p.X).astype(dtype)
    loss, grad_W, _ = fs.loss_grad(X, p.y, p.W, p.b)
    computed_in = np.float32 if np.dtype(dtype).itemsize <= 2 else np.float64
    expected, expected_W, _ = fs.loss_grad(X.astype(computed_in), p.y, p.W, p.b)
    assert loss == expected
    np.testing.assert_array_equal(grad_W, expected_W)


def test_read_only_and_untouched():
    p = make_problem(200, 33, 5)
    arrays = (p.X, p.Y, p.W, p.b, p.s)
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    fs.loss_grad(p.X, p.Y, p.W, p.b, sample_weight=p.s)
    fs.fit(p.X, p.Y, sample_weight=p.s, max_iter=3)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


@given(problems(), st.booleans(), st.floats(-2, 2))
def test_line_is_loss_grad_along_it(p, soft, t):
    """phi(t) has the value and the slope of the objective, without passes over X."""
    weights = p.s / p.s.mean()
    y = p.Y if soft else p.y
    objective = make_objective(p.X, y, len(p.W), sample_weight=weights, offset=p.offset, l2=0.2)
    theta = np.concatenate([p.W.ravel(), p.b]).astype(float)
    direction = np.random.default_rng(2).standard_normal(theta.size) / np.sqrt(theta.size)

    phi = objective.line(theta, direction)
    passes = objective.n_passes
    value, slope = phi(t)
    assert objective.n_passes == passes

    loss, grad = objective.loss_grad(theta + t * direction)
    mass = (p.Y.sum(axis=1).max() if soft else 1) * weights.max() * (5 + logit_scale(p))
    assert_loss_close(value, loss, p.X.dtype.type, scale=mass)
    scale = np.linalg.norm(p.X, axis=1).mean() + np.abs(grad).max()
    assert slope == pytest.approx(grad @ direction, abs=scale * mass * (1e-13 if p.X.dtype == np.float64 else 1e-5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_rows_lose_no_accuracy(dtype):
    """A plain float32 sum over this many rows is wrong in the fourth digit."""
    n = 400_000
    rng = np.random.default_rng(0)
    X = (rng.random((n, 3)) + 1).astype(dtype)
    y = rng.integers(0, 2, n)
    W, b = np.array([[0.1, 0.2, -0.1], [0.0, 0.1, 0.3]], dtype=dtype), np.zeros(2, dtype=dtype)
    loss, grad_W, _ = fs.loss_grad(X, y, W.astype(np.float64), b)
    expected, expected_W, _ = reference.loss_grad(X, one_hot(y, 2), W, b)
    assert loss == pytest.approx(expected, rel=1e-7 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(grad_W, expected_W, rtol=1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [31, 32, 33, 64, 97, 20_000])
def test_probabilities_add_up_to_one_whatever_the_number_of_classes(dtype, n_classes):
    rng = np.random.default_rng(0)
    logits = (3 * rng.standard_normal((20, n_classes))).astype(dtype)
    eps = np.finfo(dtype).eps
    proba = fs.predict_proba(np.ones((20, 1), dtype), logits[0][:, None], np.zeros(n_classes, dtype))
    for probabilities in (fs.softmax(logits), proba):
        assert np.abs(probabilities.sum(axis=1, dtype=np.longdouble) - 1).max() <= SUM_TO_ONE * eps
    for y in (rng.integers(0, n_classes, 20), rng.random((20, n_classes)).astype(dtype)):
        loss, grad = fs.cross_entropy_grad(logits, y)
        mass = 1 if y.ndim == 1 else y.sum(axis=1).max()
        assert np.abs(20 * grad.sum(axis=1, dtype=np.longdouble)).max() <= 2 * SUM_TO_ONE * eps * mass
        assert_loss_close(loss, fs.cross_entropy(logits.astype(float), y), dtype, scale=mass * 20)
