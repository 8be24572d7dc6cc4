"""X that is refused: what is not finite, of a type that is not served, or a sparse matrix that lies about itself."""

import ml_dtypes
import numpy as np
import pytest
import scipy.sparse as sp
from problems import make_problem

import fastsoftmax as fs

STORED = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}


@pytest.mark.parametrize("stored", ["float16", "bfloat16", "float32", "csr"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named(stored, value):
    p = make_problem(1500, 5, 3, seed=10)
    X = p.X.astype(np.float32)
    X[1200, 3] = value
    X = sp.csr_matrix(X) if stored == "csr" else X.astype(STORED[stored])
    name = "NaN" if np.isnan(value) else "infinity"
    for call in (
        lambda: fs.loss_grad(X, p.y, p.W, p.b),
        lambda: fs.predict_proba(X, p.W, p.b),
        lambda: fs.fit(X, p.y),
        lambda: fs.standardization(X),
    ):
        with pytest.raises(ValueError, match=f"X contains {name} at row 1200, column 3"):
            call()


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3", "M8[s]"])
def test_types_that_are_not_served_are_named(dtype):
    X = np.zeros((4, 2)).astype(dtype)
    with pytest.raises(ValueError, match="served are float64, float32, float16, bfloat16, uint8, int8 and bool"):
        fs.fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"scale": 0}, "scale must not be zero, found zero at feature 0"),
        ({"scale": [1, 1, 0]}, "scale must not be zero, found zero at feature 2"),
        ({"scale": [1, 2]}, r"scale must be a number or have shape \(3,\), found shape \(2,\)"),
        ({"shift": np.nan}, "shift contains NaN at entry 0"),
        ({"shift": "a"}, "shift must hold real numbers, found dtype <U1 with 'a'"),
    ],
)
def test_bad_scaling(scaling, message):
    p = make_problem(10, 3, 2, seed=11)
    for call in (
        lambda: fs.loss_grad(p.X, p.y, p.W, p.b, **scaling),
        lambda: fs.predict_proba(p.X, p.W, p.b, **scaling),
        lambda: fs.fit(p.X, p.y, **scaling),
        lambda: fs.gram(p.X, **scaling),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def hostile(attribute, change):
    X = sp.csr_matrix(np.eye(6, 5, dtype=np.float32) + np.eye(6, 5, k=1, dtype=np.float32))
    setattr(X, attribute, change(getattr(X, attribute).copy()))
    return X


def put(index, value):
    def change(array):
        array[index] = value
        return array

    return change


HOSTILE = {
    "negative index": ("indices", put(3, -1), r"X.indices must be between 0 and 4, found -1 in row 1"),
    "index past the end": ("indices", put(2, 5), r"X.indices must be between 0 and 4, found 5 in row 1"),
    "huge index": ("indices", lambda a: put(0, 2**40)(a.astype(np.int64)), "found 1099511627776 in row 0"),
    "decreasing indptr": ("indptr", put(2, 1), "X.indptr must never decrease, found 1 after 2 at row 1"),
    "negative indptr": ("indptr", put(0, -1), "X.indptr must start at 0, found -1"),
    "indptr past the end": ("indptr", put(-1, 100), "X.indptr must end within the 9 entries of X, found 100"),
    "short indptr": ("indptr", lambda a: a[:-1], "X.indptr must have 7 entries"),
    "short data": ("data", lambda a: a[:-1], "X.indptr must end within the 8 entries of X, found 9"),
    "float indices": ("indices", lambda a: a.astype(float), "X.indices must hold int32 or int64, found dtype float64"),
    "byte indices": ("indices", lambda a: a.astype(np.uint8), "X.indices must hold int32 or int64, found dtype uint8"),
    "unsigned indptr": ("indptr", lambda a: a.astype(np.uint64), "X.indptr must hold int32 or int64"),
    "complex data": ("data", lambda a: a + 1j, "X must hold real numbers, found a sparse matrix of dtype complex64"),
    "object data": ("data", lambda a: a.astype(object), "X must hold real numbers, found a sparse matrix of dtype obj"),
    "square data": ("data", lambda a: a.reshape(3, 3), r"X.data must be one-dimensional, found shape \(3, 3\)"),
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_hostile_csr(case):
    attribute, change, message = HOSTILE[case]
    y, W, b = np.arange(6) % 2, np.zeros((2, 5)), np.zeros(2)
    fitted = fs.SoftmaxRegression().fit(np.eye(6, 5), y)
    for call in (
        lambda X: fs.loss_grad(X, y, W, b),
        lambda X: fs.predict_proba(X, W, b),
        lambda X: fs.fit(X, y),
        lambda X: fs.standardization(X),
        lambda X: fs.gram(X),
        lambda X: fs.SoftmaxRegression().fit(X, y),
        fitted.predict,
        fitted.predict_proba,
        fitted.decision_function,
    ):
        with pytest.raises(ValueError, match=message):
            call(hostile(attribute, change))


@pytest.mark.parametrize("form", ["csc", "coo"])
def test_hostile_sparse_of_other_formats(form):
    X = sp.csr_matrix(np.eye(6, 5)).asformat(form)
    (X.indices if form == "csc" else X.row)[2] = 77
    with pytest.raises(ValueError, match="X is a sparse matrix that cannot be read"):
        fs.fit(X, np.arange(6) % 2)


def test_sparse_gram_is_refused():
    with pytest.raises(ValueError, match="X must be dense"):
        fs.gram(sp.eye(4, format="csr"))


def test_shapes_of_sparse_matrices():
    with pytest.raises(ValueError, match=r"X must not be empty, found shape \(0, 3\)"):
        fs.fit(sp.csr_matrix((0, 3)), [])
    with pytest.raises(ValueError, match=r"X must be two-dimensional, found shape \(3,\)"):
        fs.fit(sp.coo_array(np.ones(3)), [0, 1, 0])
