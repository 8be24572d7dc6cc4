"""ONNX: what onnxruntime computes is what the classifier predicts."""

import json
import subprocess
import sys

import numpy as np
import pytest
from exported import CASES, bytes_of_digits, digits, far_from_zero, two_classes
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tolerances import EXPORT, EXPORT_ROUNDED

import fastsoftmax as fs
from fastsoftmax.estimators.skl2onnx import register_skl2onnx
from fastsoftmax.export import onnx as exporting

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def predictions(path_or_bytes, X):
    session = runtime.InferenceSession(path_or_bytes, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities"]
    return session.run(None, {"X": X})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", CASES)
def test_predicts_as_the_classifier(make, dtype, tmp_path):
    case = make(dtype)
    case.classifier.to_onnx(tmp_path / "m.onnx")
    labels, probabilities = predictions(tmp_path / "m.onnx", case.X)
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT, rtol=0)
    assert labels.tolist() == case.labels.tolist()


def test_float32_can_be_asked_for_and_bytes_are_converted(tmp_path):
    case = digits()
    case.classifier.to_onnx(tmp_path / "m.onnx", dtype="float32")
    _, probabilities = predictions(tmp_path / "m.onnx", case.X.astype(np.float32))
    np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT_ROUNDED, rtol=0)
    case = bytes_of_digits()
    case.classifier.to_onnx(tmp_path / "m.onnx")
    labels, probabilities = predictions(tmp_path / "m.onnx", case.X.astype(np.float32))
    assert labels.dtype == np.bool_
    np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT_ROUNDED, rtol=0)
    assert labels.tolist() == case.labels.tolist()


def test_the_first_of_equal_classes_wins(tmp_path):
    classifier = fs.SoftmaxRegression().fit(np.eye(3), [2, 5, 7])
    classifier.coef_[:], classifier.intercept_[:] = 0, 0
    classifier.to_onnx(tmp_path / "m.onnx")
    assert predictions(tmp_path / "m.onnx", np.eye(3))[0].tolist() == classifier.predict(np.eye(3)).tolist() == [2] * 3


def test_the_file_tells_its_versions_and_features_and_is_the_same_again(tmp_path):
    pandas = pytest.importorskip("pandas")
    case = digits()
    names = [f"pixel {j}" for j in range(64)]
    classifier = fs.SoftmaxRegression().fit(pandas.DataFrame(case.X, columns=names), case.y)
    classifier.to_onnx(tmp_path / "m.onnx")
    first = (tmp_path / "m.onnx").read_bytes()
    classifier.to_onnx(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == first
    proto = onnx.load(tmp_path / "m.onnx")
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 13)]
    assert json.loads({entry.key: entry.value for entry in proto.metadata_props}["feature_names"]) == names
    assert exporting.holds_onnx(tmp_path / "m.onnx")
    onnx.save(onnx.helper.make_model(proto.graph), tmp_path / "other.onnx")
    assert not exporting.holds_onnx(tmp_path / "other.onnx")


def test_wrong_arguments(tmp_path, monkeypatch):
    case = digits()
    with pytest.raises(ValueError, match="dtype must be one of float32, float64, found 'float16'"):
        case.classifier.to_onnx(tmp_path / "m.onnx", dtype="float16")
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        case.classifier.to_onnx(tmp_path / "absent" / "m.onnx")
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "MOST_BYTES", 1000)
        with pytest.raises(ValueError, match="must take less than 2 GiB in ONNX, found"):
            case.classifier.to_onnx(tmp_path / "m.onnx")
    case.classifier.coef_[0, 0] = 1e39
    with pytest.raises(ValueError, match="W overflows in it, found 'float32'"):
        case.classifier.to_onnx(tmp_path / "m.onnx", dtype="float32")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(tmp_path):
    code = """if True:
        import sys
        sys.modules["onnx"] = sys.modules["skl2onnx"] = None
        import fastsoftmax as fs
        from fastsoftmax.estimators.skl2onnx import register_skl2onnx
        classifier = fs.SoftmaxRegression().fit([[0.0], [1.0]], [0, 1])
        for call in (lambda: classifier.to_onnx("m.onnx"), register_skl2onnx):
            try:
                call()
            except ImportError as error:
                assert 'pip install ".[onnx]" in the checkout' in str(error)
                print("named")
    """
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "named\nnamed\n"


class TestSkl2onnx:
    """Pipelines that skl2onnx converts."""

    @pytest.fixture(autouse=True)
    def registered(self):
        pytest.importorskip("skl2onnx")
        register_skl2onnx()

    def converted(self, model, X, **options):
        from skl2onnx import to_onnx

        return to_onnx(model, X[:1], options={"zipmap": False, **options}).SerializeToString()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("make", [two_classes, digits, far_from_zero])
    def test_a_pipeline(self, make, dtype):
        case = make(dtype)
        pipeline = make_pipeline(StandardScaler(), PCA(3), fs.SoftmaxRegression()).fit(case.X, case.y)
        labels, probabilities = predictions(self.converted(pipeline, case.X), case.X)
        # What goes before the classifier has rounding errors of its own.
        scores = np.abs(pipeline.decision_function(case.X)).max()
        np.testing.assert_allclose(probabilities, pipeline.predict_proba(case.X), atol=EXPORT * max(1, scores), rtol=0)
        assert np.mean(labels == pipeline.predict(case.X)) == 1

    @pytest.mark.parametrize("make", CASES)
    def test_the_classifier_alone(self, make):
        case = make(np.float32)
        labels, probabilities = predictions(self.converted(case.classifier, case.X), case.X)
        np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT, rtol=0)
        assert labels.tolist() == case.labels.tolist()

    def test_cross_validation_and_integers_and_zipmap(self):
        from skl2onnx import to_onnx

        case = bytes_of_digits()
        integers = case.X.astype(np.int64)  # skl2onnx's classifiers take no bytes
        classifier = fs.SoftmaxRegressionCV(Cs=2, cv=2, tol=1e-2, max_iter=2000).fit(case.X, case.y)
        session = runtime.InferenceSession(to_onnx(classifier, integers[:1]).SerializeToString())
        labels, probabilities = session.run(None, {"X": integers})
        assert labels.tolist() == classifier.predict(case.X).astype(int).tolist()
        expected = classifier.predict_proba(case.X)[:, 1]
        np.testing.assert_allclose([row[1] for row in probabilities], expected, atol=EXPORT, rtol=0)
