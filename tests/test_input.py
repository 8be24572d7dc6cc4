"""Bad input gets an error that names the argument and what was found; nothing is guessed."""

import numpy as np
import pytest
from problems import make_problem

import fastsoftmax as fs

P = make_problem(20, 4, 3)


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
    "ragged X": (dict(X=[[1, 2], [3]]), "X is not an array of numbers"),
    "short y": (dict(y=P.y[:-1]), "y must have one row for each of the 20 samples, found 19"),
    "cube y": (dict(y=np.zeros((20, 3, 1))), r"y must have shape .* found \(20, 3, 1\)"),
    "scalar y": (dict(y=3), r"y must have shape .* found \(\)"),
    "fractional y": (dict(y=poisoned(P.y, 0.5, 4)), "whole numbers, found 0.5 at row 4"),
    "nan y": (dict(y=poisoned(P.y, np.nan, 4)), "whole numbers, found nan at row 4"),
    "negative y": (dict(y=poisoned(P.y, -1, 3)), "not negative, found -1 at row 3"),
    "text y": (dict(y=["a"] * 20), "y must hold class indices .* found dtype <U1"),
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
    with pytest.raises(ValueError, match=message):
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
    "penalty": (dict(l2=np.inf), "l2 must be a non-negative finite number, found inf"),
}


@pytest.mark.parametrize("case", BAD_LOSS_GRAD)
def test_loss_grad_names_the_argument(case):
    arguments, message = BAD_LOSS_GRAD[case]
    call = {"X": P.X, "y": P.y, "W": P.W, "b": P.b, **arguments}
    with pytest.raises(ValueError, match=message):
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
    "vector X": (dict(X=np.zeros(20)), r"X must be two-dimensional, found shape \(20,\)"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_GRAM.values(), ids=BAD_GRAM)
def test_gram_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        fs.gram(**(dict(X=P.X) | arguments))


def test_an_unknown_precision_is_refused():
    arguments = (P.X, P.y, P.W, P.b)
    with pytest.raises(ValueError, match="precision must be one of 'exact', 'fast', 'rough', found 'double'"):
        fs.loss_grad(*arguments, precision="double")
    with pytest.raises(ValueError, match="precision must be one of 'exact', 'fast', 'rough', found None"):
        fs.predict_proba(P.X, P.W, P.b, precision=None)
