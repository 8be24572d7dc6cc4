"""The classifiers take the data that scikit-learn takes, but refuse text and dates, which it silently converts."""

import datetime

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pytest
from problems import make_problem
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.linear_model import LogisticRegression

from fastsoftmax import SoftmaxRegression, SoftmaxRegressionCV
from fastsoftmax.estimators.sklearn_input import classes_of

P = make_problem(60, 3, 3)
TEXT = np.array(["ant", "bee", "cat"])[P.y]
DATES = np.datetime64("2026-01-01", "ms") + (1e9 * P.X).astype(int)

ESTIMATORS = [SoftmaxRegression(), SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3)]
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=["plain", "cv"])


def replaced(array, value, *place):
    array = array.astype(object)
    array[place] = value
    return array


NO_NUMBERS = {
    "text": (P.X.astype(str), "found dtype <U32"),
    "bytes": (P.X.astype(bytes), r"found dtype \|S32"),
    "text of any length": (P.X.astype(np.dtypes.StringDType()), "found dtype StringDType"),
    "list of text": (P.X.astype(str).tolist(), "found dtype <U"),
    "text among numbers": (replaced(P.X, "1.5", 4, 2), "found '1.5' at row 4, column 2"),
    "dates": (DATES, r"found dtype datetime64\[ms\]"),
    "durations": (DATES - DATES[0], r"found dtype timedelta64\[ms\]"),
    "a date among numbers": (
        replaced(P.X, datetime.date(2026, 1, 2), 1, 0),
        r"found datetime.date\(2026, 1, 2\) at row 1",
    ),
    "NumPy's date among numbers": (
        replaced(P.X, np.datetime64(7, "s"), 1, 0),
        "found .*datetime64.* at row 1, column 0",
    ),
    "frame of dates": (pd.DataFrame(DATES, columns=["a", "b", "c"]), "found dtype datetime64.* in column 'a'"),
    "frame with dates": (pd.DataFrame({"a": P.X[:, 0], "d": DATES[:, 0]}), "found dtype datetime64.* in column 'd'"),
    "frame with a time zone": (
        pd.DataFrame({"d": pd.Series(DATES[:, 0]).dt.tz_localize("UTC")}),
        "found Timestamp.* in column 'd'",
    ),
    "frame with durations": (pd.DataFrame({"d": DATES[:, 0] - DATES[0, 0]}), "found dtype timedelta64.* in column 'd'"),
    "frame with text": (pd.DataFrame({"a": P.X[:, 0], "t": P.X[:, 1].astype(str)}), "found '.*' in column 't'"),
    "frame with categories": (pd.DataFrame({"a": P.X[:, 0], "t": pd.Categorical(TEXT)}), "found '.*' in column 't'"),
    "Polars with dates": (pl.DataFrame({"a": P.X[:, 0], "d": DATES[:, 0]}), "found dtype datetime64.* in column 'd'"),
    "Polars with text": (pl.DataFrame({"a": P.X[:, 0], "t": TEXT.tolist()}), "found dtype <U3 in column 't'"),
}


@each
@pytest.mark.parametrize("case", NO_NUMBERS)
def test_text_and_dates_are_no_numbers(estimator, case):
    X, message = NO_NUMBERS[case]
    with pytest.raises(ValueError, match=f"X must hold real numbers, {message}"):
        estimator.fit(X, P.y)


def test_predictions_refuse_them_too():
    model = SoftmaxRegression().fit(P.X, P.y)
    for method in (model.predict, model.predict_proba, model.predict_log_proba, model.decision_function):
        with pytest.raises(ValueError, match="X must hold real numbers, found dtype <U32"):
            method(P.X.astype(str))
    with pytest.raises(ValueError, match="X must hold real numbers, found dtype <U32"):
        SoftmaxRegression().partial_fit(P.X.astype(str), P.y, [0, 1, 2])


@each
@pytest.mark.parametrize("value", [{"a": 1}, 1 + 1j, pd.Period("2026")])
def test_what_is_no_number_at_all_is_scikit_learns_error_by_name(estimator, value):
    with pytest.raises(TypeError, match="X must hold real numbers: .* argument must be a string or a real number"):
        estimator.fit(replaced(P.X, value, 0, 0), P.y)


NUMBERS = {
    "objects": P.X.astype(object),
    "lists": P.X.tolist(),
    "nullable frame": pd.DataFrame(P.X).astype("Float64"),
    "frame of objects": pd.DataFrame(P.X).astype(object),
    "categories": pd.DataFrame(P.X).astype("category"),
    "Polars": pl.DataFrame(P.X),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_of_every_kind_are_read(case):
    expected = SoftmaxRegression().fit(P.X, P.y)
    model = SoftmaxRegression().fit(NUMBERS[case], P.y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.predict_proba(NUMBERS[case]), expected.predict_proba(P.X))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_number_is_named_as_nan(missing):
    X = replaced(P.X, missing, 7, 2)
    with pytest.raises(ValueError, match="Input X contains NaN at row 7, column 2"):
        SoftmaxRegression().fit(pd.DataFrame(X).astype("Float64") if missing is pd.NA else X, P.y)


class Exchanged:
    """An array of a library that offers its data to NumPy only by DLPack."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self.array)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Elsewhere(Exchanged):
    """An array in another memory than the CPU's."""

    def __dlpack__(self, **options):
        raise BufferError("it lies on device 1")


def of_torch(array):
    torch = pytest.importorskip("torch")
    return torch.tensor(array)


@each
@pytest.mark.parametrize("library", [array_api_strict.asarray, Exchanged, of_torch])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_of_other_libraries_are_read(estimator, library, dtype):
    data = P.X.astype(dtype)
    expected = estimator.fit(data, P.y, P.s)
    coef, probabilities, score = expected.coef_, expected.predict_proba(data), expected.score(data, P.y)
    X, y, s = library(data), library(P.y), library(P.s)
    model = estimator.fit(X, y, s)
    assert isinstance(model.coef_, np.ndarray)
    assert model.coef_.dtype == dtype
    np.testing.assert_array_equal(model.coef_, coef)
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)
    assert model.score(X, y) == score


def test_array_api_dispatch_changes_nothing(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    expected = SoftmaxRegression().fit(P.X, P.y)
    with config_context(array_api_dispatch=True):
        model = SoftmaxRegression(warm_start=True).fit(array_api_strict.asarray(P.X), array_api_strict.asarray(P.y))
        np.testing.assert_array_equal(model.coef_, expected.coef_)
        np.testing.assert_array_equal(model.predict(array_api_strict.asarray(P.X)), expected.predict(P.X))
        assert model.fit(array_api_strict.asarray(P.X), array_api_strict.asarray(P.y)).n_iter_[0] == 0


def test_a_stream_of_tensors():
    torch = pytest.importorskip("torch")
    expected = SoftmaxRegression(random_state=0).partial_fit(P.X, P.y, [0, 1, 2])
    model = SoftmaxRegression(random_state=0)
    model.partial_fit(torch.tensor(P.X), torch.tensor(P.y), torch.tensor([0, 1, 2]))
    np.testing.assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_arrays_that_numpy_cannot_read_are_named(name):
    arguments = {"X": P.X, "y": P.y, "sample_weight": P.s}
    arguments[name] = Elsewhere(np.asarray(arguments[name]))
    with pytest.raises(ValueError, match=f"{name} must be an array that NumPy can read, found a .*Elsewhere: it lies"):
        SoftmaxRegression().fit(**arguments)


class OnGpu(Exchanged):
    """An array of a library that would copy it from the GPU, if NumPy asked."""

    device = "cuda:0"

    def __array__(self, *arguments, **options):
        return self.array

    def __dlpack_device__(self):
        return 2, 0


@pytest.mark.parametrize("name", ["X", "y", "sample_weight", "offset"])
def test_what_lies_on_a_gpu_is_named(name):
    arguments = {"X": P.X, "y": P.y, "sample_weight": P.s, "offset": np.zeros((len(P.y), 3))}
    arguments[name] = OnGpu(np.asarray(arguments[name]))
    with pytest.raises(ValueError, match=f"{name} must be .*, found a .*OnGpu: it is on cuda:0, copy it to the CPU"):
        SoftmaxRegression().fit(**arguments)
    strict = array_api_strict.asarray(P.X, device=array_api_strict.Device("device1"))
    with pytest.raises(ValueError, match="X must be an array that NumPy can read, .* on the .*device1"):
        SoftmaxRegression().fit(strict, P.y)


def test_a_tensor_that_numpy_cannot_read_is_named():
    torch = pytest.importorskip("torch")
    for X in (torch.tensor(P.X, requires_grad=True), torch.tensor(P.X).to("meta"), torch.tensor(P.X).to_sparse()):
        with pytest.raises(ValueError, match=r"X must be an array that NumPy can read, found a torch.Tensor: "):
            SoftmaxRegression().fit(X, P.y)


def test_a_tensor_of_bfloat16_is_read_as_it_is_stored():
    torch = pytest.importorskip("torch")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    model = SoftmaxRegression().fit(torch.tensor(P.X, dtype=torch.bfloat16), P.y)
    expected = SoftmaxRegression().fit(P.X.astype(ml_dtypes.bfloat16), P.y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    assert model.coef_.dtype == np.float32


MISSING = {
    "None": replaced(TEXT, None, 7),
    "NaN": replaced(TEXT, np.nan, 7),
    "NA": replaced(TEXT, pd.NA, 7),
    "NaT": replaced(TEXT, pd.NaT, 7),
    "series": pd.Series(replaced(TEXT, pd.NA, 7), dtype="string"),
    "categories": pd.Series(replaced(TEXT, None, 7), dtype="category"),
    "Polars": pl.Series(replaced(TEXT, None, 7).tolist()),
    "a column": replaced(TEXT, None, 7)[:, None],
    "integers": replaced(P.y, None, 7),
    "dates": np.where(np.arange(60) == 7, np.datetime64("NaT"), DATES[:, 0]),
}


@each
@pytest.mark.parametrize("case", MISSING)
def test_a_missing_label_is_named(estimator, case):
    with pytest.raises(ValueError, match="Input y contains NaN where a label must be, found .* at row 7"):
        estimator.fit(P.X, MISSING[case])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        estimator.fit(P.X, np.where(np.arange(60) == 7, np.nan, P.y))


@each
@pytest.mark.parametrize("other", [1, b"ant", 2.5])
def test_labels_of_two_kinds_are_named(estimator, other):
    with pytest.raises(ValueError, match=f"y must hold labels of one kind, found '.*' and {other!r}"):
        estimator.fit(P.X, replaced(TEXT, other, 7))


def test_classes_of_a_stream_are_judged_too():
    with pytest.raises(ValueError, match="Input classes contains NaN where a label must be, found None at row 1"):
        SoftmaxRegression().partial_fit(P.X, TEXT, ["ant", None, "bee", "cat"])


@each
def test_text_of_any_length_is_a_label(estimator):
    model = estimator.fit(P.X, TEXT.astype(np.dtypes.StringDType()))
    assert model.classes_.tolist() == ["ant", "bee", "cat"]


@each
def test_lengths_that_differ_are_named(estimator):
    with pytest.raises(
        ValueError, match="Found input variables with inconsistent numbers of samples: y must .* found 5"
    ):
        estimator.fit(P.X, P.y[:5])


FIGURES = P.y.astype(str)

BAD_WEIGHTS = {
    "negative": (P.y, {1: -1}, "class_weight must hold finite numbers, not negative, found -1 for 1"),
    "nan": (P.y, {1: np.nan}, "class_weight must hold finite numbers, not negative, found nan for 1"),
    "infinite": (P.y, {1: np.inf}, "class_weight must hold finite numbers, not negative, found inf for 1"),
    "no number": (P.y, {1: "2"}, "class_weight must hold finite numbers, not negative, found '2' for 1"),
    "text for integers": (P.y, {"1": 2.0}, "class_weight must have labels as its keys, found '1' .* class 0"),
    "integers for text": (FIGURES, {1: 2.0}, "class_weight must have labels as its keys, found 1 .* class '0'"),
    "zero": (P.y, {0: 0.0, 1: 0.0, 2: 0.0}, "class_weight must leave finite weights .* not all zero"),
    "overflow": (P.y, {0: 1e308}, "class_weight must leave finite weights"),
}


@each
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_class_weights_that_mean_nothing_are_named(estimator, case):
    y, class_weight, message = BAD_WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        type(estimator)(class_weight=class_weight).fit(P.X, y, sample_weight=np.full(60, 10.0))


@each
def test_balance_needs_weight_in_every_class(estimator):
    with pytest.raises(ValueError, match="class_weight='balanced' needs samples .* found none of the class 'bee'"):
        type(estimator)(class_weight="balanced").fit(P.X, TEXT, sample_weight=(P.y != 1).astype(float))


@pytest.mark.parametrize(
    ("y", "class_weight"),
    [
        (P.y, {0: 2.0, 2: 0.5}),
        (P.y.astype(float), {0: 2.0, 2: 0.5}),
        (TEXT, {"ant": 2.0, "bee": 1.0, "cat": 0.5, "dog": 7.0}),
    ],
)
def test_class_weights_are_those_of_logistic_regression(y, class_weight):
    settings = dict(class_weight=class_weight, tol=1e-9, max_iter=1000)
    ours, theirs = SoftmaxRegression(**settings).fit(P.X, y), LogisticRegression(**settings).fit(P.X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_figures_as_text_have_weights_by_text():
    expected = SoftmaxRegression(class_weight={0: 2.0, 1: 0.5}).fit(P.X, P.y)
    model = SoftmaxRegression(class_weight={"0": 2.0, "1": 0.5}).fit(P.X, FIGURES)
    np.testing.assert_array_equal(model.coef_, expected.coef_)


@each
def test_weights_and_penalties_that_overflow_are_named(estimator):
    with pytest.raises(ValueError, match=r"sample_weight must have a finite sum, found weights of up to 1e\+308"):
        estimator.fit(P.X, P.y, sample_weight=np.full(60, 1e308))
    with pytest.raises(ValueError, match=r"C must not be so small that .* overflows, found "):
        estimator.fit(P.X, P.y, sample_weight=np.full(60, 5e-321))


@each
def test_only_X_may_be_sparse(estimator):
    for y in (csr_array(np.eye(3)[P.y]), csr_array(P.y[None])):
        with pytest.raises(ValueError, match=r"y is a sparse matrix \(csr_array\); pass y.toarray\(\)"):
            estimator.fit(P.X, y)
    with pytest.raises(ValueError, match="sample_weight is a sparse matrix"):
        estimator.fit(P.X, P.y, csr_array(np.ones((60, 1))))


@each
def test_infinite_weights_of_both_signs_are_refused_without_a_warning(estimator):
    weights = np.ones(60, np.float16)
    weights[:2] = np.inf, -np.inf
    with pytest.raises(ValueError, match="sample_weight contains infinity"):
        estimator.fit(P.X, P.y, weights)


@pytest.mark.parametrize(
    "y",
    [
        [2, 0, 1, 1],
        [-5, 7, -5, 3],
        [0, 0, 3],
        [-128, 127, 5],
        [10**15, -(10**15), 3],
        [2**63, 2**63 + 1, 2**63],
        ["b", "a", "b"],
        [0.5, 2, 0.5],
        [True, False, True],
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [None, np.int8, np.uint8, np.int32])
def test_classes_are_those_of_unique(y, dtype):
    y = np.array(y)
    if dtype is not None:
        if y.dtype.kind not in "iu" or not np.can_cast(np.min_scalar_type(y.max()), dtype) or y.min() < -128:
            return
        y = y.astype(dtype)
    classes, labels = classes_of(y)
    expected, places = np.unique(y, return_inverse=True)
    assert classes.dtype == y.dtype
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(labels, places)


def test_labels_that_are_wide_apart_take_no_memory_for_those_between():
    classes, labels = classes_of(np.array([0, 2**62, 5]))
    assert classes.tolist() == [0, 5, 2**62]
    assert labels.tolist() == [0, 2, 1]


def test_a_fit_of_a_plain_array_forgets_the_names_of_a_frame():
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    model = SoftmaxRegression().fit(pd.DataFrame(X, columns=["a", "b"]), y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    model.fit(X[:, :1], y)
    assert model.n_features_in_ == 1
    assert not hasattr(model, "feature_names_in_")


def test_defaults_of_a_subclass_are_checked_too():
    class Mine(SoftmaxRegression):
        def __init__(self, C=-1.0):
            super().__init__(C=C)

    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    with pytest.raises(ValueError, match="'C' parameter of Mine must be"):
        Mine().fit(X, y)
    with pytest.raises(ValueError, match="'C' parameter of SoftmaxRegression must be"):
        SoftmaxRegression().set_params(C=-1.0).fit(X, y)
