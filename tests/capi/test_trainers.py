"""The trainers in C reach the minimum."""

import ctypes
from itertools import pairwise

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from c_api import CALLBACK, STRUCT_TYPES, C, features, model, resources, samples, struct
from c_header import CONSTANTS
from problems import noisy, one_hot
from tolerances import SAME

import fastsoftmax as fs

PROGRESS = ctypes.POINTER(STRUCT_TYPES["fastsoftmax_progress"])


def train(method, X, y, dtype=np.float64, theta=None, num_threads=1, n_classes=4, **options):
    """Train from zero; return the name of the code, theta and the struct of the training."""
    x, parts, shape = features(X), samples(y), model(n_outputs=n_classes, dtype=dtype)
    training = struct("training", **options)
    size = ctypes.c_size_t()
    assert C.training_size(size, int(method == "gd"), x, shape, training, num_threads) == 0
    theta = np.zeros(n_classes * (X.shape[1] + 1)) if theta is None else theta.copy()
    room = resources(size.value, num_threads)
    run = C.train_gd if method == "gd" else C.train_lbfgs
    code = run(theta, x, parts, shape, training, room)
    return C.error_name(code).decode().removeprefix("FASTSOFTMAX_"), theta, training


def norm_by_reference(theta, X, y, l2):
    W, b = theta[:-4].reshape(4, -1), theta[-4:]
    dense = X.toarray() if sp.issparse(X) else X
    _, grad_W, grad_b = reference.loss_grad(dense, one_hot(y, 4) if y.ndim == 1 else y, W, b, l2=l2)
    return max(abs(grad_W).max(), abs(grad_b).max())


@pytest.mark.parametrize("method", ["gd", "lbfgs"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_a_trainer_finds_the_minimum(method, sparse, soft):
    X, y = noisy(500, 6)
    X, y = sp.csr_matrix(np.maximum(X, 0)) if sparse else X, one_hot(y, 4) if soft else y.astype(np.intp)
    status, theta, training = train(method, X, y, l2=0.1, tol=1e-12, learning_rate=0.5, max_iter=5000, num_threads=2)
    assert status == "OK"
    assert training.grad_norm <= 1e-12
    assert norm_by_reference(theta, X, y, 0.1) <= 2e-12
    expected = fs.fit(X, y, l2=0.1, tol=1e-11)
    np.testing.assert_allclose(theta[:-4].reshape(4, -1), expected.W, rtol=0, atol=1e-10)
    assert training.loss == pytest.approx(expected.loss, rel=SAME)
    assert training.n_passes >= training.n_iter + 1


def test_lbfgs_takes_few_passes_and_descends():
    X, y = noisy(2000, 10)
    seen = []

    def note(progress, _):
        point = ctypes.cast(progress, PROGRESS).contents
        seen.append((point.iteration, point.loss, point.grad_norm))
        return 0

    callback = CALLBACK(note)
    options = {"callback": ctypes.cast(callback, ctypes.c_void_p).value}
    status, _, training = train("lbfgs", X, y.astype(np.intp), l2=1e-4, **options)
    assert status == "OK"
    assert training.n_passes <= 60
    assert [iteration for iteration, _, _ in seen] == list(range(training.n_iter + 1))
    assert all(after < before for (_, before, _), (_, after, _) in pairwise(seen))
    assert seen[-1][1:] == (training.loss, training.grad_norm)


@pytest.mark.parametrize("method", ["gd", "lbfgs"])
def test_a_callback_stops_and_knows_its_user(method):
    X, y = noisy(300, 4)
    mark = ctypes.c_int(5)

    def stop(progress, user):
        assert user == ctypes.addressof(mark)
        return int(ctypes.cast(progress, PROGRESS).contents.iteration == 3)

    call = CALLBACK(stop)
    options = {"callback": ctypes.cast(call, ctypes.c_void_p).value, "user": ctypes.addressof(mark)}
    status, _, training = train(method, X, y.astype(np.intp), learning_rate=0.1, **options)
    assert (status, training.n_iter) == ("STOPPED", 3)


@pytest.mark.parametrize("method", ["gd", "lbfgs"])
def test_a_fixed_b_stays(method):
    X, y = noisy(300, 4)
    theta = np.concatenate([np.zeros(16), [1.0, -1.0, 0.5, 0.0]])
    status, found, _ = train(method, X, y.astype(np.intp), theta=theta, l2=0.1, learning_rate=0.5, fixed_b=1)
    assert status == "OK"
    np.testing.assert_array_equal(found[-4:], theta[-4:])
    assert (found[:16] != 0).all()


@pytest.mark.bits
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_training(dtype):
    X, y = noisy(3000, 10)
    X, labels = X.astype(dtype), y.astype(np.intp)
    one = train("lbfgs", X, labels, dtype, l2=1e-3, tol=1e-4)
    three = train("lbfgs", X, labels, dtype, l2=1e-3, tol=1e-4, num_threads=3)
    assert one[0] == three[0] == "OK"
    np.testing.assert_array_equal(one[1], three[1])


@pytest.mark.parametrize("method", ["gd", "lbfgs"])
def test_how_a_training_ends(method):
    X, y = noisy(300, 4)
    labels = y.astype(np.intp)
    status, _, training = train(method, X, labels, max_iter=2, learning_rate=0.1)
    assert (status, training.n_iter) == ("MAX_ITER", 2)
    assert train(method, X, labels, max_iter=0, learning_rate=0.1)[0] == "MAX_ITER"
    X[3, 2] = np.nan
    status, theta, _ = train(method, X, labels, learning_rate=0.1)
    assert status == "NOT_FINITE"
    assert (theta == 0).all()


def test_gradient_descent_diverges_visibly():
    X, y = noisy(300, 4)
    assert train("gd", 1e3 * X, y.astype(np.intp), l2=10.0, learning_rate=1e3)[0] == "NOT_FINITE"


def test_float32_has_no_digits_left():
    X, y = noisy(300, 4)
    status, theta, training = train("lbfgs", X.astype(np.float32), y.astype(np.intp), np.float32, l2=0.1, tol=0.0)
    assert status == "NO_PROGRESS"
    assert training.grad_norm < 1e-5
    assert norm_by_reference(theta, X, y, 0.1) < 1e-5


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"l2": -1.0}, "BAD_NUMBER"),
        ({"l2": np.nan}, "BAD_NUMBER"),
        ({"tol": np.inf}, "BAD_NUMBER"),
        ({"max_iter": -1}, "BAD_NUMBER"),
        ({"learning_rate": 0.0}, "BAD_NUMBER"),
        ({"learning_rate": np.nan}, "BAD_NUMBER"),
    ],
)
def test_a_wrong_number_is_a_code(options, name):
    X, y = noisy(300, 4)
    status, theta, _ = train("gd", X, y.astype(np.intp), **{"learning_rate": 0.1, **options})
    assert status == name
    assert (theta == 0).all()


def test_what_a_trainer_refuses():
    X, y = noisy(300, 4)
    x, parts, shape, training = features(X), samples(y.astype(np.intp)), model(n_outputs=4), struct("training")
    size, theta = ctypes.c_size_t(), np.zeros(20)
    assert C.training_size(size, 0, x, shape, training, 1) == 0

    def code(theta=theta, x=x, parts=parts, shape=shape, training=training, size=size.value):
        room = resources(size)
        found = C.train_lbfgs(theta, x, parts, shape, training, room)
        return C.error_name(found).decode().removeprefix("FASTSOFTMAX_")

    for missing in ("theta", "x", "parts", "shape", "training"):
        assert code(**{missing: None}) == "NULL_POINTER"
    for shorter in (size.value - 1, size.value // 2, 0):
        assert code(size=shorter) == "SHORT_WORKSPACE"
    training.struct_size = 8
    assert code() == "WRONG_ABI"
    for memory in (0, -1, 1001):
        assert code(training=struct("training", memory=memory)) == "BAD_NUMBER"
    assert C.training_size(size, 0, x, shape, None, 1) == CONSTANTS["FASTSOFTMAX_NULL_POINTER"]
    assert (theta == 0).all()
