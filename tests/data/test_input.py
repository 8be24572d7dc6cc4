"""Bad input gets an error that names the argument and what was found; nothing is guessed."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from problems import make_problem

import fastsoftmax as fs
from fastsoftmax.fitting.passes import decision_function
from fastsoftmax.fitting.solving import SOLVERS

P = make_problem(20, 4, 3)


@contextmanager
def refused(message):
    """Expect a plain ValueError with a message; its subclass LinAlgError, from NumPy, would name no argument."""
    with pytest.raises(ValueError, match=message) as caught:
        yield
    assert caught.type is ValueError


def poisoned(array, value, *index):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


BAD_FIT = {
    "nan": (dict(X=poisoned(P.X, np.nan, 7, 2)), "X contains NaN at row 7, column 2"),
    "infinity": (dict(X=poisoned(P.X, -np.inf, 0, 3)), "X contains infinity at row 0, column 3"),
    "no samples": (dict(X=np.empty((0, 4)), y=[]), r"X must not be empty, found shape \(0, 4\)"),
    "no features": (dict(X=np.empty((20, 0))), r"X must not be empty, found shape \(20, 0\)"),
    "vector X": (dict(X=np.zeros(20)), r"X must be two-dimensional, found shape \(20,\)"),
    "cube X": (
        dict(X=np.zeros((20, 2, 2))),
        r"X must be two-dimensional, found shape \(20, 2, 2\)",
    ),
    "object X": (dict(X=P.X.astype(object)), "X must hold real numbers, found dtype object"),
    "complex X": (dict(X=P.X + 1j), "X must hold real numbers, found dtype complex128"),
    "text X": (dict(X=np.full((20, 2), "a")), "X must hold real numbers, found dtype <U1"),
    "dates X": (
        dict(X=np.zeros((20, 2), "M8[s]")),
        r"X must hold real numbers, found dtype datetime64\[s\]",
    ),
    "lengths of time X": (dict(X=np.zeros((20, 2), "m8[s]")), r"found dtype timedelta64\[s\]"),
    "structured X": (dict(X=np.zeros((20, 2), "f8, i4")), "X must hold real numbers, found dtype"),
    "number and date X": (dict(X=[[np.datetime64("2020-01-01"), 1.0]] * 20), "X must .* at row 0, column 0"),
    "missing X": (dict(X=[[0.0, 1.0]] * 19 + [[0.0, None]]), "found dtype object with None at row 19, column 1"),
    "pandas' missing X": (dict(X=[[0.0, pd.NA]] * 20), "found dtype object with <NA> at row 0, column 1"),
    "text among X": (dict(X=[[0.0, 1.0], ["a", 1.0]] * 10), "X must hold real numbers, found dtype"),
    "large integer X": (dict(X=[[10**400, 1]] * 20), "X must hold real numbers, found dtype object;"),
    "large integer among floats": (dict(X=[[10**400, 1.0]] * 20), "X must hold real numbers|X is not an array"),
    "masked X": (dict(X=np.ma.masked_greater(P.X, 1.5)), "X must not have masked values, found [1-9]"),
    "scalar X": (dict(X=3.0), r"X must be two-dimensional, found shape \(\)"),
    "ragged X": (dict(X=[[1, 2], [3]]), "X is not an array of numbers"),
    "short y": (dict(y=P.y[:-1]), "y must have one row for each of the 20 samples, found 19"),
    "cube y": (dict(y=np.zeros((20, 3, 1))), r"y must have shape .* found \(20, 3, 1\)"),
    "scalar y": (dict(y=3), r"y must have shape .* found \(\)"),
    "fractional y": (dict(y=poisoned(P.y, 0.5, 4)), "whole numbers, found 0.5 at row 4"),
    "nan y": (dict(y=poisoned(P.y, np.nan, 4)), "whole numbers, found nan at row 4"),
    "negative y": (dict(y=poisoned(P.y, -1, 3)), "not negative, found -1 at row 3"),
    "text y": (dict(y=["a"] * 20), "y must hold class indices .* found dtype <U1 with 'a' at entry 0"),
    "missing y": (dict(y=[0, 1, None, 1] * 5), "y must hold class indices .* with None at entry 2"),
    "masked y": (dict(y=np.ma.masked_equal(P.y, 1)), "y must not have masked values"),
    "sparse y": (dict(y=sp.csr_matrix(P.Y)), r"y is a sparse matrix \(csr_matrix\); pass y.toarray\(\)"),
    "complex y": (dict(y=P.y + 0j), "y must hold class indices .* found dtype complex128"),
    "dates y": (dict(y=P.y.astype("M8[D]")), r"y must hold class indices .* found dtype datetime64\[D\]"),
    "ids y": (
        dict(y=np.where(P.y == 1, 10**13, P.y)),
        "found 10000000000000 at row .* which makes 10000000000001 classes of 20 samples; np.unique",
    ),
    "unsigned ids y": (dict(y=np.where(P.y == 1, np.uint64(2**64 - 1), 0)), "found 18446744073709551615 at row"),
    "huge y": (dict(y=np.where(P.y == 1, 1e300, 0)), r"found 1e\+300 at row .* np.unique"),
    "negative huge y": (dict(y=np.where(P.y == 1, -1e300, 0)), r"not negative, found -1e\+300"),
    "columns of labels": (
        dict(y=np.c_[P.y, P.y + 1]),
        r"y has 2 columns of whole numbers, .* unlike sums, .* counts of the classes must be floats, y.astype\(float\)",
    ),
    "columns of flags": (dict(y=np.c_[P.y > 0, np.full(20, True)]), "y has 2 columns of whole numbers"),
    "infinite mass y": (dict(y=np.full((20, 3), 1e308)), "y must not have rows whose sum overflows float64"),
    "one class": (dict(y=np.zeros(20, int)), "at least two classes, found only class 0"),
    "one column": (dict(y=np.ones((20, 1))), r"at least two classes, found shape \(20, 1\)"),
    "negative target": (
        dict(y=poisoned(P.Y, -0.5, 2, 1)),
        "y must not be negative, found -0.5 at row 2, column 1",
    ),
    "empty target": (dict(y=poisoned(P.Y, 0, 5)), "rows that sum to zero, found row 5"),
    "nan target": (dict(y=poisoned(P.Y, np.nan, 5, 1)), "y contains NaN at row 5, column 1"),
    "negative weight": (
        dict(sample_weight=poisoned(P.s, -2, 6)),
        "sample_weight must .* found -2.0 at row 6",
    ),
    "nan weight": (
        dict(sample_weight=poisoned(P.s, np.nan, 6)),
        "sample_weight must .* found nan at row 6",
    ),
    "zero weights": (dict(sample_weight=np.zeros(20)), "sample_weight must not be zero for all"),
    "short weights": (
        dict(sample_weight=np.ones(3)),
        r"sample_weight must have shape \(20,\), found \(3,\)",
    ),
    "matrix weights": (
        dict(sample_weight=np.ones((20, 1))),
        "sample_weight must be one-dimensional",
    ),
    "masked weights": (dict(sample_weight=np.ma.masked_equal(P.s, 0)), "sample_weight must not have masked values"),
    "dates weights": (dict(sample_weight=np.zeros(20, "M8[s]")), "sample_weight must hold real numbers"),
    "dates offset": (dict(offset=np.zeros((20, 3), "m8[s]")), "offset must hold real numbers"),
    "masked offset": (dict(offset=np.ma.masked_greater(P.offset, 1)), "offset must not have masked values"),
    "dates scale": (dict(scale=np.ones(4, "m8[s]")), "scale must hold real numbers, found dtype timedelta64"),
    "masked shift": (dict(shift=np.ma.masked_equal([1.0, 0, 0, 0], 1)), "shift must not have masked values"),
    "object scale": (dict(scale=[1, 2, 3, "b"]), "scale must hold real numbers, found dtype <U"),
    "large scale": (dict(scale=np.longdouble("1e400")), "scale contains infinity"),
    "overflowing center": (dict(scale=1e-300, shift=1e300), "shift over scale overflows float64 at feature 0"),
    "offset shape": (
        dict(offset=np.zeros((20, 2))),
        r"offset must have shape \(20, 3\), found \(20, 2\)",
    ),
    "nan offset": (
        dict(offset=np.full((20, 3), np.nan)),
        "offset must be finite or -inf, found nan at row 0",
    ),
    "dead offset": (dict(offset=np.full((20, 3), -np.inf)), "offset must leave a class .* row 0"),
    "l1": (dict(l1=-0.1), "l1 must be a non-negative finite number, found -0.1"),
    "l1 of a solver": (dict(l1=0.1, solver="lbfgs"), "l1 must be 0 for solver='lbfgs'.* found 0.1"),
    "negative l2": (dict(l2=-1.0), "l2 must be a non-negative finite number, found -1.0"),
    "large l2": (dict(l2=10**400), "l2 must be a non-negative finite number, found 1000"),
    "complex l2": (dict(l2=1j), "l2 must be a non-negative number, found 1j"),
    "text l2": (dict(l2="1"), "l2 must be a non-negative number, found '1'"),
    "nan tol": (dict(tol=np.nan), "tol must be a non-negative finite number, found nan"),
    "fractional max_iter": (dict(max_iter=2.5), "max_iter must be a whole number .* found 2.5"),
    "negative max_iter": (dict(max_iter=-1), "max_iter must be a whole number .* found -1"),
    "unknown solver": (
        dict(solver="newton"),
        "solver must be one of 'auto', .* found 'newton'",
    ),
    "zero rate": (
        dict(solver="gd", learning_rate=0),
        "learning_rate must be a positive finite number, found 0",
    ),
    "infinite rate": (dict(solver="gd", learning_rate=np.inf), "learning_rate must .* found inf"),
    "text rate": (dict(solver="gd", learning_rate="fast"), "learning_rate must .* found 'fast'"),
    "rate without gd": (dict(learning_rate=0.1), 'learning_rate is for solver="gd", .* found 0.1'),
    "no threads": (dict(num_threads=0), "num_threads must be a positive integer or None, found 0"),
    "fractional threads": (dict(num_threads=1.5), "num_threads must .* found 1.5"),
    "masked init": (dict(init=(np.ma.masked_less(P.W, 0), P.b)), r"init\[0\] must not have masked values"),
    "dates init": (dict(init=(P.W, P.b.astype("m8[s]"))), r"init\[1\] must hold real numbers"),
    "init alone": (dict(init=P.W), r"init must be a pair \(W, b\), found ndarray"),
    "init features": (
        dict(init=(P.W[:, :2], P.b)),
        r"init\[0\] must have a column for each of the 4 features",
    ),
    "init classes": (
        dict(init=(P.W[:2], P.b[:2])),
        r"init\[0\] must have 3 rows, one a class, found 2",
    ),
    "init intercept": (dict(init=(P.W, P.b), fit_intercept=False), r"init\[1\] must be zero"),
    "nan init": (
        dict(init=(poisoned(P.W, np.nan, 1, 1), P.b)),
        r"init\[0\] contains NaN at row 1, column 1",
    ),
}


@pytest.mark.parametrize("case", BAD_FIT)
def test_fit_names_the_argument(case):
    arguments, message = BAD_FIT[case]
    with refused(message):
        fs.fit(**{"X": P.X, "y": P.y, **arguments})


BAD_LOSS_GRAD = {
    "nan": (dict(X=poisoned(P.X, np.nan, 7, 2)), "X contains NaN at row 7, column 2"),
    "nan W": (dict(W=poisoned(P.W, np.nan, 1, 2)), "W contains NaN at row 1, column 2"),
    "infinite b": (dict(b=poisoned(P.b, np.inf, 2)), "b contains infinity at entry 2"),
    "features": (
        dict(W=P.W[:, :3]),
        r"W must have a column for each of the 4 features, found shape \(3, 3\)",
    ),
    "classes": (dict(b=P.b[:2]), r"b must have shape \(3,\), one entry a class, found \(2,\)"),
    "label": (dict(y=poisoned(P.y, 3, 9)), "between 0 and 2, found 3 at row 9"),
    "columns": (dict(y=P.Y[:, :2]), r"y must have 3 columns, one a class, found shape \(20, 2\)"),
    "weights": (dict(sample_weight=[1.0]), r"sample_weight must have shape \(20,\), found \(1,\)"),
    "huge label": (dict(y=np.where(P.y == 1, 10**13, 0)), "between 0 and 2, found 10000000000000"),
    "masked W": (dict(W=np.ma.masked_less(P.W, 0)), "W must not have masked values"),
    "dates b": (dict(b=np.zeros(3, "m8[s]")), "b must hold real numbers, found dtype timedelta64"),
    "object W": (dict(W=P.W.astype(object)), "W must hold real numbers, found dtype object"),
    "overflow": (dict(X=1e200 * P.X, W=1e200 * P.W), "X, W or y are so large that the loss or its gradient overflows"),
    "overflow of a gradient alone": (
        dict(X=np.full((20, 4), 3e38, "f4"), W=np.zeros((3, 4)), y=np.zeros(20, int)),
        "X, W or y are so large that the loss or its gradient overflows float32; scale X",
    ),
    "overflow of the cast": (
        dict(X=1e41 * P.X, W=np.zeros((3, 4), "f4")),
        "X, W or y are so large that the loss or its gradient overflows",
    ),
    "overflow of the intercepts' cast": (
        dict(y=1e100 * P.Y, b=P.b.astype("f4")),
        "X, W or y are so large that the loss or its gradient overflows float32; scale X",
    ),
    "penalty": (dict(l2=np.inf), "l2 must be a non-negative finite number, found inf"),
}


@pytest.mark.parametrize("case", BAD_LOSS_GRAD)
def test_loss_grad_names_the_argument(case):
    arguments, message = BAD_LOSS_GRAD[case]
    call = {"X": P.X, "y": P.y, "W": P.W, "b": P.b, **arguments}
    with refused(message):
        fs.loss_grad(call.pop("X"), call.pop("y"), call.pop("W"), call.pop("b"), **call)


def test_predict_proba_names_the_row():
    with pytest.raises(ValueError, match="X contains NaN at row 3, column 0"):
        fs.predict_proba(poisoned(P.X, np.nan, 3, 0), P.W, P.b)


@pytest.mark.parametrize("function", [fs.softmax, fs.log_softmax])
def test_softmax_wants_a_matrix(function):
    with pytest.raises(ValueError, match=r"logits must be two-dimensional, found shape \(3,\)"):
        function([1.0, 2.0, 3.0])


def test_cross_entropy_names_the_argument():
    with pytest.raises(ValueError, match="between 0 and 1, found 2 at row 1"):
        fs.cross_entropy([[0.0, 1.0], [1.0, 0.0]], [0, 2])


def test_finite_values_whose_sum_overflows_are_accepted():
    X = np.full((20, 4), np.finfo(np.float32).max / 4, dtype=np.float32)
    loss, *_ = fs.loss_grad(X, P.y, np.zeros((3, 4)), np.zeros(3))
    assert loss == pytest.approx(np.log(3))
    assert fs.fit(X * np.float32(1e-36), P.y, max_iter=1).status in ("max_iter", "converged")


def test_values_too_large_to_descend_on_are_refused():
    with pytest.raises(ValueError, match="X is so large .* overflows float32; scale its features"):
        fs.fit(np.float32(1e30) * P.X.astype(np.float32), P.y, solver="gd")


@pytest.mark.parametrize("y", [P.y.astype(np.uint8), P.y.astype(float), P.y.astype(np.int32), list(map(int, P.y))])
def test_whole_numbers_of_any_dtype_are_class_indices(y):
    expected = fs.loss_grad(P.X, P.y, P.W, P.b)
    np.testing.assert_array_equal(fs.loss_grad(P.X, y, P.W, P.b)[1], expected[1])


BAD_GRAM = {
    "precision": (dict(precision="half"), "precision must be one of 'exact', 'fast', 'rough', found 'half'"),
    "short weights": (dict(sample_weight=np.ones((2, 19))), r"an entry for each of the 20 samples, found \(2, 19\)"),
    "cube weights": (dict(sample_weight=np.ones((2, 20, 1))), r"sample_weight must be two-dimensional"),
    "nan weights": (
        dict(sample_weight=poisoned(np.ones((2, 20)), np.nan, 1, 3)),
        "sample_weight contains NaN at row 1, column 3",
    ),
    "infinite X": (dict(X=poisoned(P.X, np.inf, 4, 1)), "X contains infinity at row 4, column 1"),
    "large X": (dict(X=1e200 * P.X), "X or sample_weight are so large that their Gram matrix overflows float64"),
    "masked weights": (dict(sample_weight=np.ma.masked_equal(P.s, 0)), "sample_weight must not have masked values"),
    "dates weights": (dict(sample_weight=np.zeros(20, "m8[s]")), "sample_weight must hold real numbers"),
    "vector X": (dict(X=np.zeros(20)), r"X must be two-dimensional, found shape \(20,\)"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_GRAM.values(), ids=BAD_GRAM)
def test_gram_refuses(arguments, message):
    with refused(message):
        fs.gram(**(dict(X=P.X) | arguments))


@pytest.mark.parametrize("model", [fs.SoftmaxRegression(), fs.SoftmaxRegressionCV(Cs=2, cv=2)])
def test_estimators_refuse_masked_values(model):
    X, y, s = np.ma.masked_greater(P.X, 1.5), np.ma.masked_equal(P.y, 1), np.ma.masked_equal(P.s, 0)
    for name, arguments in (("X", (X, P.y)), ("y", (P.X, y)), ("sample_weight", (P.X, P.y, s))):
        with refused(f"{name} must not have masked values"):
            model.fit(*arguments)
    with refused("X must not have masked values"):
        model.fit(P.X, P.y).predict(X)


SILENT = poisoned(np.ones(20), 0, 7)  # weights

CALLS_WITH_A_SILENT_SAMPLE = {
    "loss_grad": lambda X: fs.loss_grad(X, P.y, P.W, P.b, sample_weight=SILENT),
    "standardization": lambda X: fs.standardization(X, sample_weight=SILENT),
    "path": lambda X: fs.path(X, P.y, l2s=[1, 0.1], sample_weight=SILENT),
    "l1": lambda X: fs.fit(X, P.y, l1=0.1, sample_weight=SILENT),
    **{
        solver: lambda X, solver=solver: fs.fit(X, P.y, solver=solver, sample_weight=SILENT)
        for solver in SOLVERS
        if solver != "proximal"
    },
    "estimator": lambda X: fs.SoftmaxRegression().fit(X, P.y, SILENT),
    "cross-validation": lambda X: fs.SoftmaxRegressionCV(Cs=2, cv=2).fit(X, P.y, sample_weight=SILENT),
    "partial_fit": lambda X: fs.SoftmaxRegression(solver="sgd").partial_fit(X, P.y, [0, 1, 2], SILENT),
}


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("call", CALLS_WITH_A_SILENT_SAMPLE.values(), ids=CALLS_WITH_A_SILENT_SAMPLE)
def test_a_sample_of_weight_zero_must_be_finite_too(call, value, kind):
    X = poisoned(P.X, value, 7, 2)
    with refused("X contains (NaN|infinity) at row 7, column 2"):
        call(sp.csr_matrix(X) if kind == "csr" else X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_of_weight_zero_must_be_finite_for_a_gram_matrix_too(value):
    with refused("X contains (NaN|infinity) at row 7, column 2"):
        fs.gram(poisoned(P.X, value, 7, 2), SILENT)


@pytest.mark.parametrize("call", [fs.predict_proba, decision_function])
def test_logits_that_overflow_are_refused(call):
    X, W = (1e30 * P.X).astype(np.float32), np.array([[1e30] * 4, [-1e30] * 4, [0] * 4], "f4")
    with refused("X and W are so large that the logits W x . b overflow float32; scale X, or W"):
        call(X, W, P.b)


def test_finite_logits_whose_sum_overflows_are_none():
    X = np.full((4, 1), 1e300)
    W = np.full((3, 1), 1e8)
    np.testing.assert_array_equal(fs.predict_proba(X, W, np.zeros(3)), np.full((4, 3), 1 / 3))
    np.testing.assert_array_equal(decision_function(X, W, np.zeros(3)), X @ W.T)


def test_a_logit_of_minus_infinity_by_an_overflow_is_a_probability_of_zero():
    X = np.array([[1e30]], dtype=np.float32)
    np.testing.assert_array_equal(fs.predict_proba(X, [[-1e30], [0]], [0, 0]), [[0, 1]])
    with refused("logits W x . b overflow float32"):
        decision_function(X, np.array([[-1e30], [0]], np.float32), [0, 0])


@pytest.mark.parametrize(
    "y", [np.eye(3, dtype=int)[P.y], 2 * np.eye(3, dtype=np.uint8)[P.y], np.eye(3, dtype=bool)[P.y]]
)
def test_rows_of_whole_numbers_of_equal_sums_are_probabilities_or_counts(y):
    np.testing.assert_array_equal(fs.loss_grad(P.X, y, P.W, P.b)[1], fs.loss_grad(P.X, y.astype(float), P.W, P.b)[1])


def test_many_classes_without_samples_are_served():
    assert fs.fit(P.X, np.where(P.y == 1, 999, P.y), l2=1.0, max_iter=1).W.shape == (1000, 4)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_masks_without_an_entry_and_matrices_are_arrays():
    expected = fs.loss_grad(P.X, P.y, P.W, P.b, sample_weight=P.s)
    masked = [np.ma.array(array) for array in (P.X, P.y, P.W, P.b, P.s)]
    loss, grad_W, grad_b = fs.loss_grad(*masked[:4], sample_weight=masked[4])
    matrix = fs.loss_grad(np.asmatrix(P.X), P.y, np.asmatrix(P.W), P.b, sample_weight=P.s)
    for actual in ((loss, grad_W, grad_b), matrix):
        assert all(type(array) is np.ndarray for array in actual[1:])
        for a, e in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, ">f8", ">f4", np.int8, np.uint64, bool])
def test_every_argument_may_be_of_every_kind_of_number(dtype):
    X, W, b, s, offset, scale, shift = (
        np.round(np.abs(a)).astype(dtype) for a in (P.X, P.W, P.b, P.s, P.offset, np.ones(4), np.ones(4))
    )
    y = (P.y % 2).astype(dtype)
    as_floats = [np.asarray(a, np.float64) for a in (X, W, b, s, offset, scale, shift)]

    def results(X, y, W, b, s, offset, scale, shift):
        loss, grad_W, grad_b = fs.loss_grad(X, y, W[:2], b[:2], sample_weight=s, scale=scale, shift=shift)
        fitted = fs.fit(X, y, l2=0.1, sample_weight=s, offset=offset[:, :2], init=(W[:2], b[:2]), max_iter=3)
        return loss, grad_W, grad_b, fs.gram(X, s, scale=scale), fs.softmax(offset), fitted.loss

    rtol = 1e-5
    for actual, expected in zip(
        results(X, y, W, b, s, offset, scale, shift), results(as_floats[0], P.y % 2, *as_floats[1:]), strict=True
    ):
        np.testing.assert_allclose(np.asarray(actual, np.float64), expected, rtol=rtol, atol=rtol)


def test_an_unknown_precision_is_refused():
    arguments = (P.X, P.y, P.W, P.b)
    with pytest.raises(ValueError, match="precision must be one of 'exact', 'fast', 'rough', found 'double'"):
        fs.loss_grad(*arguments, precision="double")
    with pytest.raises(ValueError, match="precision must be one of 'exact', 'fast', 'rough', found None"):
        fs.predict_proba(P.X, P.W, P.b, precision=None)
