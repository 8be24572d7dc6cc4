"""The C functions give what Python's give, bit for bit, and what the reference gives."""

import ctypes

import c_api
import ml_dtypes
import numpy as np
import pytest
import reference
import scipy.sparse as sp
from c_api import C, check, features, model, resources, room_for, samples
from problems import make_problem, one_hot
from tolerances import SAME, SCORE, SUM_TO_ONE, ULPS, assert_gradient_close, assert_loss_close

import fastsoftmax as fs

SHAPES = [(1, 1, 1), (50, 6, 4), (700, 33, 3), (300, 17, 40)]
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def same(actual, expected):
    """Compare (loss, grad_W, grad_b), of which C returns doubles and Python what W is."""
    assert actual[0] == expected[0]
    for one, other in zip(actual[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one.astype(other.dtype), other)


def as_stored(X, name):
    """X (n, N) as the name says it lies in memory."""
    if name == "fortran":
        return np.asfortranarray(X)
    if name == "wide rows":
        return np.concatenate([X, X], axis=1)[:, : X.shape[1]]
    if name == "every second column":
        return np.repeat(X, 2, axis=1)[:, ::2]
    if name.startswith("csr"):
        sparse = sp.csr_matrix(np.maximum(X, 0))
        sparse.indices = sparse.indices.astype(name.split()[1])
        return sparse
    return X


@BOTH
@pytest.mark.bits
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["c", "fortran", "wide rows", "every second column", "csr int32", "csr int64"])
def test_loss_grad_has_the_bits_of_python(shape, layout, dtype):
    p = make_problem(*shape, dtype=dtype)
    X = as_stored(p.X, layout)
    weight = p.s / p.s.max()
    weight /= weight.mean()  # as Python scales them
    for y in (p.y.astype(np.intp), p.Y):
        expected = fs.loss_grad(X, y, p.W, p.b, sample_weight=p.s)
        same(c_api.loss_grad(X, y, p.W, p.b, weight), expected)
        same(c_api.loss_grad(X, y, p.W, p.b, weight, num_threads=3), expected)


@pytest.mark.parametrize("stored", [np.float16, ml_dtypes.bfloat16, np.uint8, np.int8, bool])
@BOTH
def test_loss_grad_of_every_storage(stored, dtype):
    p = make_problem(200, 33, 5, dtype=dtype)
    X = (np.abs(p.X) * 20).astype(stored)
    loss, grad_W, grad_b = c_api.loss_grad(X, p.y.astype(np.intp), p.W, p.b)
    expected = reference.loss_grad(X.astype(np.float64), one_hot(p.y, 5), p.W, p.b)
    assert_loss_close(loss, expected[0], dtype, scale=100)
    assert_gradient_close(grad_W, expected[1], X.astype(dtype))
    assert_gradient_close(grad_b, expected[2], X.astype(dtype))
    if dtype == np.float32:
        same((loss, grad_W, grad_b), fs.loss_grad(X, p.y, p.W, p.b))


@BOTH
@pytest.mark.parametrize("layout", ["c", "csr int32"])
def test_the_offset_is_added_to_the_logits(layout, dtype):
    p = make_problem(300, 6, 4, dtype=dtype)
    X = as_stored(p.X, layout)
    loss, grad_W, _ = c_api.loss_grad(X, p.Y, p.W, p.b, p.s, p.offset)
    dense = X.toarray() if sp.issparse(X) else X
    expected = reference.loss_grad(dense, p.Y, p.W, p.b, p.s, p.offset)
    share = p.s.mean()  # the reference divides by the sum of the weights
    assert_loss_close(loss / share, expected[0], dtype, scale=10)
    assert_gradient_close(grad_W / share, expected[1], p.X, p.Y.sum(axis=1).max() * p.s.max())


@BOTH
@pytest.mark.parametrize("layout", ["c", "fortran", "csr int64"])
@pytest.mark.parametrize("kind", ["labels", "targets", "neither"])
def test_hess_vec_is_the_reference(layout, kind, dtype):
    p = make_problem(300, 17, 4, dtype=dtype)
    X = as_stored(p.X, layout)
    rng = np.random.default_rng(1)
    V, v = rng.standard_normal(p.W.shape).astype(dtype), rng.standard_normal(4).astype(dtype)
    y = {"labels": p.y.astype(np.intp), "targets": p.Y, "neither": None}[kind]
    x, parts, at_W = features(X), samples(y, p.s, p.offset), model(p.W, p.b)
    hess_W, hess_b = np.empty(p.W.shape), np.empty(4)
    room = room_for("HESS_VEC", x, at_W, 2)
    check(C.hess_vec(hess_W, hess_b, x, parts, at_W, V, v, room))

    Y = p.Y if kind == "targets" else np.full_like(p.Y, 0.25)
    dense = X.toarray() if sp.issparse(X) else X
    expected = reference.hess_vec(dense, Y, p.W, p.b, V, v, s=p.s, offset=p.offset)
    mass = p.Y.sum(axis=1).max() * p.s.max() * np.linalg.norm(V)
    assert_gradient_close(hess_W / p.s.mean(), expected[0], p.X, mass)
    assert_gradient_close(hess_b / p.s.mean(), expected[1], p.X, mass)


@BOTH
@pytest.mark.bits
@pytest.mark.parametrize("layout", ["c", "csr int32"])
@pytest.mark.parametrize("family", ["poisson", "gaussian", "bernoulli"])
def test_other_families_have_the_bits_of_python(family, layout, dtype):
    p = make_problem(300, 17, 4, dtype=dtype)
    X, number = as_stored(p.X, layout), C.family_number(family.encode())
    Y = np.minimum(p.Y, 1)
    W = (p.W / 8).astype(dtype)
    weight = p.s / p.s.max()
    weight /= weight.mean()
    expected = fs.loss_grad(X, Y, W, p.b, family=family, sample_weight=p.s)
    same(c_api.loss_grad(X, Y, W, p.b, weight, family=number), expected)
    x, at_W = features(X), model(W, p.b, family=number)
    out = np.empty((300, 4), dtype)
    check(C.predict_proba(out, 4, x, at_W, room_for("PREDICT", x, at_W)))
    np.testing.assert_array_equal(out, fs.predict_mean(X, W, p.b, family=family))
    # The curvature has no part for the targets, as it has for counts of classes.
    V, v = W[:, ::-1].copy(), p.b[::-1].copy()
    products = []
    for y in (Y, None):
        hess_W, hess_b = np.empty(W.shape), np.empty(4)
        check(C.hess_vec(hess_W, hess_b, x, samples(y, weight), at_W, V, v, room_for("HESS_VEC", x, at_W)))
        products.append((hess_W, hess_b))
    np.testing.assert_array_equal(products[0][0], products[1][0])
    assert C.family_number(b"tweedie") > 0
    with pytest.raises(ValueError, match="BAD_KIND"):
        c_api.loss_grad(X, Y, W, p.b, family=C.family_number(b"tweedie"))


@BOTH
@pytest.mark.bits
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["c", "fortran", "csr int32"])
def test_predictions_have_the_bits_of_python(shape, layout, dtype):
    p = make_problem(*shape, dtype=dtype)
    n, _, n_classes = shape
    X = as_stored(p.X, layout)
    x, at_W = features(X), model(p.W, p.b)
    out = np.full((n, n_classes + 3), -1, dtype)  # a leading dimension
    for threads in (1, 3):
        room = room_for("PREDICT", x, at_W, threads)
        check(C.predict_proba(out, n_classes + 3, x, at_W, room))
        np.testing.assert_array_equal(out[:, :n_classes], fs.predict_proba(X, p.W, p.b))
    assert (out[:, n_classes:] == -1).all()
    check(C.predict_logits(out, n_classes + 3, x, at_W, room))
    np.testing.assert_array_equal(fs.softmax(np.ascontiguousarray(out[:, :n_classes])), fs.predict_proba(X, p.W, p.b))


@BOTH
@pytest.mark.bits
def test_functions_of_logits_have_the_bits_of_python(dtype):
    p = make_problem(600, 3, 7, dtype=dtype)
    logits = 3 * p.offset
    x, shape, out = features(p.X), model(n_outputs=7, dtype=dtype), np.empty_like(logits)
    room = room_for("SOFTMAX", x, shape, 2)
    check(C.softmax(out, 7, logits, 7, 600, shape, room))
    np.testing.assert_array_equal(out, fs.softmax(logits))
    in_place = logits.copy()
    check(C.log_softmax(in_place, 7, in_place, 7, 600, shape, room))
    np.testing.assert_array_equal(in_place, fs.log_softmax(logits))

    room = room_for("CROSS_ENTROPY_GRAD", x, shape, 2)
    for y in (p.y.astype(np.intp), p.Y):
        loss, parts = np.empty(1), samples(y)
        check(C.cross_entropy_grad(loss, out, 7, logits, 7, 600, parts, shape, room))
        expected_loss, expected = fs.cross_entropy_grad(logits, y)
        assert loss[0] == expected_loss
        np.testing.assert_allclose(out / 600, expected, rtol=ULPS * np.finfo(dtype).eps, atol=0)
        check(C.cross_entropy_grad(loss, None, 0, logits, 7, 600, parts, shape, room))
        assert loss[0] == expected_loss


def pack(W, b):
    """The memory of a scorer, of the size that it takes and not aligned to more than eight bytes."""
    size, at_W = ctypes.c_size_t(), model(W, b)
    check(C.scorer_size(size, at_W, W.shape[1]))
    memory = np.zeros(size.value // 8 + 2)[1:]
    check(C.scorer_pack(memory, size.value, at_W, W.shape[1]))
    return memory


@BOTH
@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (2, 3), (5, 7), (10, 784), (33, 16), (1000, 17), (4, 31)])
def test_a_scorer_predicts_one_row(shape, dtype):
    rng = np.random.default_rng(0)
    W = (rng.standard_normal(shape) / np.sqrt(shape[1])).astype(dtype)
    b, X = rng.standard_normal(shape[0]).astype(dtype), rng.standard_normal((20, shape[1])).astype(dtype)
    scorer = pack(W, b).copy()  # it may be moved
    expected = reference.softmax(X.astype(np.float64) @ W.T.astype(np.float64) + b)
    logits, out = np.empty(shape[0], dtype), np.full(shape[0] + 1, -1, dtype)
    for x, row in zip(X, expected, strict=True):
        x = x.copy()
        check(C.scorer_logits(logits, scorer, x))
        np.testing.assert_allclose(logits, W.astype(np.float64) @ x + b, rtol=0, atol=SCORE[dtype])
        check(C.scorer_proba(out, scorer, x))
        np.testing.assert_allclose(out[:-1], row, rtol=SCORE[dtype])
        assert abs(out[:-1].sum(dtype=np.float64) - 1) <= SUM_TO_ONE * np.finfo(dtype).eps * np.sqrt(shape[0])
        assert out[-1] == -1


@BOTH
@pytest.mark.parametrize("logits", [[0.0, 1000.0], [-np.inf, 0.0, -200.0], [1e30, 1e30], [5.0]])
def test_a_scorer_knows_extreme_logits(logits, dtype):
    b = np.array(logits, dtype)
    out, x = np.empty(len(b), dtype), np.zeros(1, dtype)
    check(C.scorer_proba(out, pack(np.ones((len(b), 1), dtype), b), x))
    np.testing.assert_allclose(out, reference.softmax(b[None].astype(np.float64))[0], rtol=SAME, atol=1e-37)


@BOTH
@pytest.mark.parametrize("n_classes", [3, 40])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_nan_shows_in_a_score(n_classes, place, dtype):
    W, b = np.ones((n_classes, 2), dtype), np.zeros(n_classes, dtype)
    b[place] = np.nan
    out, x = np.empty(n_classes, dtype), np.ones(2, dtype)
    check(C.scorer_proba(out, pack(W, b), x))
    assert np.isnan(out).all()


def test_nan_is_no_error_and_shows():
    p = make_problem(50, 6, 4)
    p.X[7, 2] = np.nan
    loss, grad_W, _ = c_api.loss_grad(p.X, p.y.astype(np.intp), p.W, p.b)
    assert np.isnan(loss)
    assert np.isnan(grad_W).any(axis=1).all()


@pytest.mark.parametrize("operation", ["LOSS_GRAD", "HESS_VEC", "PREDICT", "CROSS_ENTROPY_GRAD", "SOFTMAX"])
def test_more_threads_take_no_less(operation):
    X, at_W = features(np.zeros((5000, 30))), model(n_outputs=4)
    sizes = [c_api.workspace_size(operation, X, at_W, threads) for threads in (1, 2, 8, 100, 1024)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("shift", [0, 1, 8, 63])
def test_a_workspace_may_lie_anywhere(shift):
    p = make_problem(500, 6, 4)
    x, y, at_W = features(p.X), samples(p.y.astype(np.intp)), model(p.W, p.b)
    size = c_api.workspace_size("LOSS_GRAD", x, at_W)
    memory = np.full(size + 64, 7, np.uint8)
    room = resources(size)
    room.workspace = memory.ctypes.data + shift
    loss, grad_W, grad_b = np.empty(1), np.empty(p.W.shape), np.empty(4)
    check(C.loss_grad(loss, grad_W, grad_b, x, y, at_W, room))
    same((loss[0], grad_W, grad_b), fs.loss_grad(p.X, p.y, p.W, p.b))
    assert (memory[:shift] == 7).all()
    assert (memory[shift + size :] == 7).all()
