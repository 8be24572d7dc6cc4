"""scikit-learn's LogisticRegression with our coefficients predicts as ours does, and other tools take it."""

import numpy as np
import pytest
from exported import CASES, digits, two_classes
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tolerances import EXPORT

import fastsoftmax as fs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", CASES)
def test_predicts_as_the_classifier(make, dtype):
    case = make(dtype)
    fitted = case.classifier.to_sklearn()
    assert type(fitted) is LogisticRegression
    np.testing.assert_allclose(fitted.predict_proba(case.X), case.probabilities, atol=EXPORT, rtol=0)
    assert fitted.predict(case.X).tolist() == case.labels.tolist()
    assert fitted.score(case.X, case.y) == case.classifier.score(case.X, case.y)


def test_attributes_and_parameters():
    pandas = pytest.importorskip("pandas")
    case = digits()
    frame = pandas.DataFrame(case.X, columns=[f"pixel {j}" for j in range(64)])
    ours = fs.SoftmaxRegression(C=0.5, l1_ratio=0.5, class_weight="balanced", tol=1e-2).fit(frame, case.y)
    fitted = ours.to_sklearn()
    for name in ("coef_", "intercept_", "classes_", "n_iter_", "feature_names_in_"):
        assert np.array_equal(getattr(fitted, name), getattr(ours, name)), name
        assert not np.shares_memory(getattr(fitted, name), getattr(ours, name)), name
    assert fitted.n_features_in_ == 64
    assert (fitted.C, fitted.l1_ratio, fitted.class_weight, fitted.solver) == (0.5, 0.5, "balanced", "saga")
    # Its parameters are valid ones: it can be fitted anew.
    assert fitted.set_params(max_iter=2000, tol=0.1).fit(case.X[:200], case.y[:200]).n_iter_ > 0


@pytest.mark.parametrize("refit", [True, False])
def test_cross_validation(refit):
    case = digits()
    ours = fs.SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=2, refit=refit).fit(case.X, case.y)
    fitted = ours.to_sklearn()
    np.testing.assert_allclose(fitted.predict_proba(case.X), ours.predict_proba(case.X), atol=EXPORT, rtol=0)
    assert fitted.C == ours.C_
    assert fitted.n_iter_.shape == (1,)


def test_sparse_coefficients():
    case = digits()
    fitted = case.classifier.sparsify().to_sklearn()
    np.testing.assert_allclose(fitted.predict_proba(case.X), case.probabilities, atol=EXPORT, rtol=0)


@pytest.mark.parametrize("make", [two_classes, digits])
def test_other_tools_take_it(make):
    onnxruntime = pytest.importorskip("onnxruntime")
    skl2onnx = pytest.importorskip("skl2onnx")
    case = make(np.float32)
    proto = skl2onnx.to_onnx(case.classifier.to_sklearn(), case.X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    labels, probabilities = session.run(None, {"X": case.X})
    # Its own operator folds the center away in float32.
    np.testing.assert_allclose(probabilities, case.probabilities, atol=100 * EXPORT, rtol=0)
    assert np.mean(labels == case.labels) > 0.99


@pytest.mark.parametrize("make", [two_classes, digits])
def test_m2cgen_takes_it(make):
    m2cgen = pytest.importorskip("m2cgen")
    case = make()
    names = {}
    exec(m2cgen.export_to_python(case.classifier.to_sklearn()), names)
    scores = [names["score"](x) for x in case.X[:5].tolist()]
    np.testing.assert_allclose(scores, case.classifier.decision_function(case.X[:5]), rtol=0, atol=EXPORT)


@pytest.mark.parametrize("method", ["to_onnx", "to_c", "to_sql", "to_sklearn"])
def test_an_unfitted_classifier_is_refused(method, tmp_path):
    from sklearn.exceptions import NotFittedError

    arguments = [] if method == "to_sklearn" else [tmp_path / "m"] if method != "to_sql" else ["t"]
    with pytest.raises(NotFittedError):
        getattr(fs.SoftmaxRegression(), method)(*arguments)


def test_soft_targets_have_the_numbers_of_their_columns_as_classes():
    X, y = load_digits(return_X_y=True)
    ours = fs.SoftmaxRegression().fit(X / 16, np.eye(10)[y])
    assert ours.to_sklearn().classes_.tolist() == list(range(10))
