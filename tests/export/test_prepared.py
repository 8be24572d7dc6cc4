"""Models of tables with text and missing cells: every exit prepares the cells as the model's file says."""

import ctypes
import math
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest
from exported import COMPILERS, compiled
from tolerances import EXPORT, EXPORT_ROUNDED

import fastsoftmax as fs
from fastsoftmax.export.c import save_c
from fastsoftmax.export.c_means import save_c_means
from fastsoftmax.export.onnx import save_onnx, save_onnx_means
from fastsoftmax.export.sql import select
from fastsoftmax.export.sql_means import select_means
from fastsoftmax.families import as_family
from fastsoftmax.files.model_file import Model
from fastsoftmax.files.preprocessing import Number, Preprocessing, Text
from fastsoftmax.files.regression_model import RegressionModel

LEVELS = ("Zürich", 'it\'s "x"', "/* */ ??/", "%d")
ALL = Preprocessing(
    (
        Text("town", LEVELS, missing=True),
        Number("a b", 3.25, missing=True, mean=2.0, scale=0.5),
        Number("c", -1.0),
        Text("flag", ("False", "True")),
        Number("*/ d", 0.5, missing=True),
    ),
    ("left out",),
)
NUMBERS = Preprocessing((Number("a", 2.0, missing=True), Number("b", 0.0)))
TEXTS = Preprocessing((Text("town", LEVELS, missing=True),))


def model_of(preparation):
    rng, names = np.random.default_rng(0), preparation.feature_names
    W, b = rng.standard_normal((3, len(names))) / 4, rng.standard_normal(3)
    return Model(W, b, np.array(["x", "y", "z"], dtype=object), names, preparation)


def regression_of(preparation):
    rng, names = np.random.default_rng(1), preparation.feature_names
    W, b = rng.standard_normal((1, len(names))) / 4, rng.standard_normal(1)
    return RegressionModel(W, b, as_family("poisson"), names, preparation)


def frame_of(preparation):
    """Rows in which each kind of cell is missing, and text unseen, once at least."""
    rng, columns = np.random.default_rng(2), {}
    for column in preparation.columns:
        if isinstance(column, Number):
            columns[column.name] = np.where(rng.random(60) < 0.3, np.nan, rng.standard_normal(60).round(3))
        else:
            choices = np.array([*column.levels, None, "never seen"], dtype=object)
            columns[column.name] = choices[rng.integers(0, len(choices), 60)]
    return pd.DataFrame(columns, dtype=None)


def means_of(model, frame):
    """What the model says of features that scikit-learn's transformers make."""
    X = fs.TablePreprocessor.from_preprocessing(model.preprocessing).transform(frame)
    return model.predict_proba(X) if isinstance(model, Model) else model.predict(X).reshape(len(X), -1)


@pytest.fixture(params=[ALL, NUMBERS, TEXTS], ids=["all", "numbers", "texts"])
def preparation(request):
    return request.param


@pytest.fixture(params=[model_of, regression_of], ids=["classes", "means"])
def model(request, preparation):
    return request.param(preparation)


def test_sql(model, preparation):
    frame = frame_of(preparation)
    database = sqlite3.connect(":memory:")
    database.create_function("EXP", 1, math.exp)
    frame.to_sql("people", database, index=False)
    rows = pd.read_sql((select if isinstance(model, Model) else select_means)(model, "people", ()), database)
    database.close()
    found = rows[[name for name in rows if name != "prediction"]].to_numpy()
    np.testing.assert_allclose(found, means_of(model, frame), atol=EXPORT)


def c_cells(preparation, frame, dtype):
    """Yield the cells of each row, as C has them."""
    numbers = frame[[column.name for column in preparation.columns if isinstance(column, Number)]].to_numpy(dtype)
    texts = frame[[column.name for column in preparation.columns if isinstance(column, Text)]].to_numpy(dtype=object)
    for row, cells in zip(numbers, texts, strict=True):
        encoded = [cell.encode() if isinstance(cell, str) else None for cell in cells]
        yield np.ascontiguousarray(row), (ctypes.c_char_p * max(1, len(encoded)))(*encoded)


@pytest.mark.skipif(not all(map(shutil.which, ("gcc", "g++"))), reason="needs gcc and g++")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_c(model, preparation, dtype, tmp_path):
    frame, path, name = frame_of(preparation), tmp_path / "m.c", np.dtype(dtype).name
    if isinstance(model, Model):
        save_c(path, model, center=None, dtype=name, name="model")
    else:
        save_c_means(path, model, dtype=name, name="model")
    expected = means_of(model, frame)
    for language in COMPILERS:
        library = compiled(path, language)
        predict = library.model_predict_proba if isinstance(model, Model) else library.model_predict
        for (numbers, texts), means in zip(c_cells(preparation, frame, dtype), expected, strict=True):
            x, out = np.full(model.n_features, np.nan, dtype), np.empty(len(means), dtype)
            library.model_prepare(ctypes.c_void_p(numbers.ctypes.data), texts, ctypes.c_void_p(x.ctypes.data))
            predict(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(out.ctypes.data))
            np.testing.assert_allclose(out, means, rtol=EXPORT_ROUNDED, atol=EXPORT_ROUNDED)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx(model, preparation, dtype, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    frame, path = frame_of(preparation), tmp_path / "m.onnx"
    if isinstance(model, Model):
        save_onnx(path, model, center=None, dtype=dtype)
    else:
        save_onnx_means(path, model, dtype=dtype)
    cells = {}
    for column in preparation.columns:
        values = frame[column.name]
        of_kind = values.fillna("").to_numpy(object) if isinstance(column, Text) else values.to_numpy(dtype)
        cells[column.name] = of_kind[:, None]
    found = runtime.InferenceSession(path).run(["probabilities" if isinstance(model, Model) else "mean"], cells)[0]
    np.testing.assert_allclose(found, means_of(model, frame), rtol=EXPORT_ROUNDED, atol=EXPORT_ROUNDED)


def test_scikit_learn(model, preparation):
    frame, pipeline = frame_of(preparation), fs.to_sklearn(model)
    assert type(pipeline[-1]).__module__.startswith("sklearn.")
    found = pipeline.predict_proba(frame) if isinstance(model, Model) else pipeline.predict(frame)[:, None]
    np.testing.assert_allclose(found, means_of(model, frame), atol=EXPORT)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scikit_learn_without_preparation(n_classes, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((60, 2)), columns=["a", "b"])
    classifier = fs.SoftmaxRegression().fit(X, rng.integers(0, n_classes, 60))
    fs.save_model(tmp_path / "m.safetensors", classifier)
    twin = fs.to_sklearn(fs.load_model(tmp_path / "m.safetensors"))
    np.testing.assert_allclose(twin.predict_proba(X), classifier.predict_proba(X), atol=EXPORT)
    assert twin.feature_names_in_.tolist() == ["a", "b"]


def test_what_a_format_cannot_have(tmp_path):
    pytest.importorskip("onnx")
    label = model_of(Preprocessing((Number("label", 0.0),)))
    with pytest.raises(ValueError, match="columns must not be named label, probabilities in ONNX, found 'label'"):
        save_onnx(tmp_path / "m.onnx", label, center=None, dtype="float64")
    nul = model_of(Preprocessing((Text("t", ("a\0", "b")),)))
    with pytest.raises(ValueError, match="levels must hold no NUL in SQL"):
        select(nul, "t", ())
    with pytest.raises(ValueError, match="levels must have names of 1 to 4095 bytes without NUL in C"):
        save_c(tmp_path / "m.c", nul, center=None, dtype="float64", name="model")
    large = model_of(Preprocessing((Number("a", 1e300),)))
    for save, more in ((save_c, {"name": "model"}), (save_onnx, {})):
        with pytest.raises(ValueError, match="dtype must be one that holds the medians of the columns"):
            save(tmp_path / "m", large, center=None, dtype="float32", **more)
