"""A Predictor says what predict_proba says, bit for bit, of one sample or of many."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_array

import fastsoftmax as fs

# Of features and classes: fewer than a vector, whole vectors, several chunks of features, many classes, a large W.
SHAPES = [(1, 1), (3, 2), (16, 4), (54, 7), (1030, 5), (64, 31), (130, 33), (700, 400)]


def model_of(n_features, n_classes, dtype=np.float32):
    rng = np.random.default_rng(n_features)
    W = rng.standard_normal((n_classes, n_features)).astype(dtype)
    return W, rng.standard_normal(n_classes).astype(dtype)


@pytest.mark.bits
@pytest.mark.parametrize(("n_features", "n_classes"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.float32, np.float64, np.float16, np.uint8, np.int8, bool, np.int32, ">f4"])
def test_bits_are_those_of_predict_proba(n_features, n_classes, dtype, stored):
    W, b = model_of(n_features, n_classes, dtype)
    X = (np.random.default_rng(1).standard_normal((40, n_features)) * 2).astype(stored)
    predictor = fs.Predictor(W, b)
    of_all = fs.predict_proba(X, W, b)
    for i in (0, 17, 39):
        proba = predictor.predict_proba(X[i])
        assert proba.dtype == of_all.dtype
        np.testing.assert_array_equal(proba, of_all[i])
    np.testing.assert_array_equal(predictor.predict_proba(X), of_all)


@pytest.mark.bits
def test_strides_and_alignment_change_no_bit():
    W, b = model_of(54, 7)
    X = np.random.default_rng(2).standard_normal((54, 6)).astype(np.float32)
    predictor = fs.Predictor(W, b)
    unaligned = np.zeros(54 * 4 + 1, np.uint8)[1:].view(np.float32)
    unaligned[:] = X[:, 3]
    for x in (X[:, 3], X[::-1, 3][::-1], np.asfortranarray(X)[:, 3], unaligned):
        np.testing.assert_array_equal(predictor.predict_proba(x), fs.predict_proba(X.T[3:4].copy(), W, b)[0])


def test_logits_and_classes():
    W, b = model_of(20, 6, np.float64)
    X = np.random.default_rng(3).standard_normal((30, 20))
    predictor = fs.Predictor(W, b)
    np.testing.assert_allclose(predictor.decision_function(X), X @ W.T + b, rtol=1e-12)
    np.testing.assert_array_equal(predictor.decision_function(X[4]), predictor.decision_function(X)[4])
    np.testing.assert_array_equal(predictor.predict(X), (X @ W.T + b).argmax(axis=1))
    assert predictor.predict(X[4]) == predictor.predict(X)[4]


def test_sparse_samples_and_lists_are_served():
    W, b = model_of(20, 6, np.float64)
    X = np.random.default_rng(3).standard_normal((30, 20)).round()
    predictor = fs.Predictor(W, b)
    np.testing.assert_array_equal(predictor.predict_proba(csr_array(X)), fs.predict_proba(csr_array(X), W, b))
    np.testing.assert_array_equal(predictor.predict_proba(X[2].tolist()), fs.predict_proba(X[2:3], W, b)[0])


def test_a_predictor_keeps_its_model():
    W, b = model_of(20, 6)
    x = np.ones(20, np.float32)
    predictor = fs.Predictor(W, b)
    expected = predictor.predict_proba(x)
    W[:], b[:] = 0, 0
    for same in (predictor, copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        for wide in (x, x.astype(np.float64)):
            np.testing.assert_allclose(same.predict_proba(wide), expected, rtol=1e-5)
        np.testing.assert_array_equal(same.predict_proba(x), expected)


def test_threads_share_a_predictor():
    W, b = model_of(130, 33)
    X = np.random.default_rng(4).standard_normal((400, 130)).astype(np.float32)
    predictor = fs.Predictor(W, b)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(predictor.predict_proba, X))
    np.testing.assert_array_equal(rows, fs.predict_proba(X, W, b))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(19, np.float32), "W must have a column for each of the 19 features"),
        (np.full(20, np.nan, np.float32), "Input X contains NaN"),
        (np.full(20, np.inf), "Input X contains infinity"),
        (np.full(20, 1e38, np.float32), "overflow float32"),
        (np.ones((2, 3, 4)), "X must be two-dimensional"),
        (np.empty(0, np.float32), "X must not be empty"),
        (np.float32(1), "X must be two-dimensional"),
        (np.array(["a"] * 20), "X must hold real numbers"),
        (np.ma.masked_equal(np.ones(20, np.float32), 1), "X must not have masked values"),
    ],
)
def test_errors_name_the_argument(x, message):
    W, b = model_of(20, 6)
    with pytest.raises(ValueError, match=message):
        fs.Predictor(10 * W, b).predict_proba(x)


def test_a_model_must_be_finite_and_fit_together():
    W, b = model_of(20, 6)
    with pytest.raises(ValueError, match="Input W contains NaN"):
        fs.Predictor(W * np.nan, b)
    with pytest.raises(ValueError, match="Input b contains infinity"):
        fs.Predictor(W, b + np.inf)
    with pytest.raises(ValueError, match="b must have shape"):
        fs.Predictor(W, b[1:])
    with pytest.raises(TypeError, match="comes from pack"):
        fs._kernels.PackedModel()


def test_the_border_refuses_what_it_cannot_write_to():
    W, b = model_of(20, 6)
    model = fs._kernels.pack["float"](W, b)
    for out in (np.empty(5, np.float32), np.empty(6), np.empty(25, np.uint8)[1:].view(np.float32)):
        with pytest.raises(ValueError, match="out must have 6 aligned numbers"):
            model.predict_row(out, W[0], True, 0)
    assert model.predict_row(np.empty(6, np.float32), W[0, 1:], True, 0) is None
