"""C: the file compiles without a warning as C99 and as C++, and predicts as the classifier does."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported import AWKWARD, CASES, COMPILERS, WARNINGS, compiled, digits, far_from_zero
from tolerances import EXPORT

import fastsoftmax as fs
from fastsoftmax.export.quantized import quantize

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("gcc", "g++"))), reason="needs gcc and g++")


def predictions(library, X, n_classes, name="model"):
    """Class numbers and probabilities of the rows of X, float32 or float64."""
    X = np.ascontiguousarray(X)
    probabilities = np.full((len(X), n_classes), np.nan, dtype=X.dtype)
    predict, predict_proba = getattr(library, f"{name}_predict"), getattr(library, f"{name}_predict_proba")
    labels = []
    for x, row in zip(X, probabilities, strict=True):
        labels.append(predict(ctypes.c_void_p(x.ctypes.data)))
        predict_proba(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(row.ctypes.data))
    return np.array(labels), probabilities


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", CASES)
def test_predicts_as_the_classifier(make, dtype, tmp_path):
    case = make(dtype)
    path = tmp_path / "m.c"
    case.classifier.to_c(path, dtype=np.dtype(dtype).name)
    for language in COMPILERS:
        library = compiled(path, language)
        labels, probabilities = predictions(library, case.X, len(case.classifier.classes_))
        np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT, rtol=0)
        assert case.classifier.classes_[labels].tolist() == case.labels.tolist()


def test_int8_loses_what_its_comment_says(tmp_path):
    case = digits(np.float32)
    path = tmp_path / "m.c"
    case.classifier.to_c(path, dtype="int8", X=case.X, y=case.y)
    labels, probabilities = predictions(compiled(path), case.X, 10)
    text = path.read_text()
    accuracy = re.search(r"accuracy ([\d.]+) before, ([\d.]+) after", text)
    assert float(accuracy[1]) == pytest.approx(case.classifier.score(case.X, case.y), abs=1e-6)
    assert float(accuracy[2]) == pytest.approx(np.mean(labels == case.y), abs=1e-6)
    assert int(re.search(r"class changes: (\d+)", text)[1]) == np.count_nonzero(labels != case.labels)
    mean, largest = map(float, re.search(r"probability: (\S+) on average, (\S+) at most", text).groups())
    change = np.abs(probabilities - case.probabilities)
    # They are written with three digits.
    assert change.max() == pytest.approx(largest, rel=1e-2)
    assert change.mean() == pytest.approx(mean, rel=1e-2)
    assert 0 < largest < 0.1


@pytest.mark.parametrize("make", [digits, far_from_zero])
def test_int8_without_samples_bounds_its_error(make, tmp_path):
    case = make(np.float32)
    path = tmp_path / "m.c"
    case.classifier.to_c(path, dtype="int8")
    text = " ".join(path.read_text().replace("\n *", " ").split())
    assert "What this does to accuracy was not measured." in text
    half = float(re.search(r"half its scale or less, (\S+) at most", text)[1])
    W = case.classifier.coef_
    assert half == pytest.approx(np.abs(W).max() / 254, rel=1e-2)
    assert np.abs(quantize(W).W - W).max() <= half * 1.01
    _, probabilities = predictions(compiled(path), case.X, len(W))
    center = case.X.mean(axis=0) if case.classifier._center is not None else 0
    slack = 2 * half * np.abs(case.X - center).sum(axis=1).max()
    assert np.abs(np.log(probabilities + 1e-30) - np.log(case.probabilities + 1e-30)).max() <= slack * 1.01


def test_int8_of_a_class_without_weights():
    quantized = quantize(np.array([[0.0, 0.0], [-2.0, 1.0]]))
    assert quantized.q.tolist() == [[0, 0], [-127, 64]]
    assert quantized.W[0].tolist() == [0, 0]


def test_sums_in_float_serve_processors_without_double(tmp_path):
    case = digits(np.float32)
    path = tmp_path / "m.c"
    case.classifier.to_c(path)
    _, probabilities = predictions(compiled(path, "c", "-DMODEL_SUM=float"), case.X, 10)
    np.testing.assert_allclose(probabilities, case.probabilities, atol=10 * EXPORT, rtol=0)


def test_labels_and_a_caller_in_another_file(tmp_path):
    case = far_from_zero()
    case.classifier.to_c(tmp_path / "m.c", name="Words_2")
    caller = tmp_path / "caller.c"
    caller.write_text(
        "#define WORDS_2_DECLARE\n#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>\n"
        '#include "m.c"\nint main(void) {\n    int k;\n'
        "    for (k = 0; k < Words_2_n_classes; ++k) puts(Words_2_labels[k]);\n    return 0;\n}\n"
    )
    for language, command in COMPILERS.items():
        program = tmp_path / f"program-{language}"
        subprocess.run(
            [*command, *WARNINGS, "-o", program, caller, tmp_path / "m.c", "-lm"], capture_output=True, check=True
        )
        names = subprocess.run([program], capture_output=True, check=True).stdout.decode().splitlines()
        assert names == sorted(AWKWARD) == case.classifier.classes_.tolist()


def test_no_allocation_and_no_function_but_of_math(tmp_path):
    digits().classifier.to_c(tmp_path / "m.c")
    subprocess.run(["gcc", "-O2", "-c", "-o", tmp_path / "m.o", tmp_path / "m.c"], check=True)
    symbols = subprocess.run(["nm", tmp_path / "m.o"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"\bU (\w+)", symbols) == ["exp"]
    assert re.findall(r"\b[TDRBG] (\w+)", symbols) == ["model_labels", "model_predict", "model_predict_proba"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "2nd"}, "name must be a name in C: .* found '2nd'"),
        ({"name": "a b"}, "name must be a name in C: .* found 'a b'"),
        ({"dtype": "int4"}, "dtype must be one of float32, float64, int8, found 'int4'"),
        ({"dtype": "int8", "X": np.eye(64)}, "X and y must be given together, found only X"),
        ({"dtype": "int8", "y": [0]}, "X and y must be given together, found only y"),
        ({"X": np.eye(64), "y": np.zeros(64, int)}, "must not be given for others, found 'float32'"),
        ({"dtype": "int8", "X": np.eye(64), "y": np.full(64, 11)}, r"y must hold the classes .* found np.int64\(11\)"),
        ({"dtype": "int8", "X": np.eye(64), "y": np.eye(64)[:, :10]}, r"y must hold a label for each sample, found"),
        ({"dtype": "int8", "X": np.eye(4), "y": np.zeros(4, int)}, "64 features"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        digits().classifier.to_c(tmp_path / "m.c", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["a\0b", "a" * 4096])
def test_names_that_c_cannot_hold(label, tmp_path):
    classifier = fs.SoftmaxRegression().fit([[0.0], [1.0]], np.array(["a", label], dtype=object))
    with pytest.raises(ValueError, match="classes must have names of .* without NUL in C, found"):
        classifier.to_c(tmp_path / "m.c")


def test_a_failed_export_keeps_the_older_file(tmp_path):
    path = Path(tmp_path, "m.c")
    path.write_text("mine")
    with pytest.raises(ValueError, match="name must be"):
        digits().classifier.to_c(path, name="")
    assert path.read_text() == "mine"
