"""save_model takes all that is fitted, and load_model predicts as it does."""

import sys

import numpy as np
import pandas as pd
import pytest
from problems import make_problem
from python_process import run
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import fastsoftmax as fs

P = make_problem(120, 4, 3)
FRAME = pd.DataFrame(P.X, columns=["age", "Größe", "c", "d"])
NAMES = np.array(["no", "maybe", "yes"], dtype=object)[P.y]

CLASSIFIERS = {
    "plain": fs.SoftmaxRegression(),
    "standardised": fs.SoftmaxRegression(standardize=True),
    "cross-validated": fs.SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3),
    "sparse": fs.SoftmaxRegression(l1_ratio=1.0, C=0.1),
}


@pytest.mark.parametrize("case", CLASSIFIERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers_come_back(tmp_path, case, n_classes):
    y = np.where(NAMES == "maybe", "yes", NAMES) if n_classes == 2 else NAMES
    model = CLASSIFIERS[case].fit(FRAME, y)
    if case == "sparse":
        model.sparsify()
    fs.save_model(tmp_path / "m.safetensors", model)
    loaded = fs.load_model(tmp_path / "m.safetensors")
    assert loaded.feature_names == ("age", "Größe", "c", "d")
    np.testing.assert_array_equal(loaded.predict(P.X), model.predict(FRAME))
    np.testing.assert_allclose(loaded.predict_proba(P.X), model.predict_proba(FRAME), atol=1e-12)
    fs.save_model(tmp_path / "again.safetensors", loaded)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


@pytest.mark.parametrize(
    "model",
    [
        fs.PoissonRegression(),
        fs.NegativeBinomialRegression(dispersion="auto"),
        fs.TweedieRegression(power=1.2),
        fs.GaussianRegression(alpha=0.1),
    ],
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressions_come_back(tmp_path, model, n_outputs):
    y = np.random.default_rng(0).poisson(2, size=(120, n_outputs)).astype(float)
    if isinstance(model, fs.NegativeBinomialRegression):  # "auto" serves one output
        model.set_params(dispersion="auto" if n_outputs == 1 else 0.5)
    model.fit(FRAME, y[:, 0] if n_outputs == 1 else y)
    fs.save_model(tmp_path / "m.safetensors", model)
    loaded = fs.load_model(tmp_path / "m.safetensors")
    np.testing.assert_allclose(loaded.predict(P.X), model.predict(FRAME).reshape(120, -1), rtol=1e-12)
    assert str(loaded.family) == str(model.result_.family)


def test_results_come_back(tmp_path):
    softmax, poisson = fs.fit(P.X, P.y), fs.fit(P.X, P.y, family="poisson")
    for result in (softmax, poisson):
        fs.save_model(tmp_path / "m.safetensors", result)
        loaded = fs.load_model(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(loaded.W, result.W)
        np.testing.assert_array_equal(loaded.b, result.b)
    assert loaded.family == poisson.family


def test_what_no_file_holds_is_named(tmp_path):
    path = tmp_path / "m.safetensors"
    multilabel = fs.MultilabelRegression().fit(P.X, P.y)
    for model, kind in (
        (multilabel, "MultilabelRegression"),
        (LogisticRegression().fit(P.X, P.y), "LogisticRegression"),
        (fs.SoftmaxRegression, "SoftmaxRegression"),
        (None, "NoneType"),
    ):
        with pytest.raises(ValueError, match=f"model must be a fitted softmax classifier .*, found {kind}"):
            fs.save_model(path, model)
    for model in (fs.SoftmaxRegression(), fs.PoissonRegression()):
        with pytest.raises(NotFittedError):
            fs.save_model(path, model)
    assert not path.exists()


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="model files need the package safetensors: pip install safetensors"):
        fs.load_model(tmp_path / "m.safetensors")


def test_importing_the_package_imports_none_of_it():
    done = run(
        "import sys, fastsoftmax\n"
        "heavy = {'sklearn', 'safetensors', 'matplotlib', 'pandas', 'fastsoftmax.files'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert callable(fastsoftmax.load_model) and 'save_model' in dir(fastsoftmax)"
    )
    assert done.returncode == 0, done.stderr
