"""The command export: what it writes predicts as `predict` does, and options of other formats are refused."""

import csv
import io
import re
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from command_line import run, succeed
from tolerances import EXPORT

from fastsoftmax.files import data_file, model_file

pytest.importorskip("pyarrow")


@pytest.fixture
def predicted(model):
    """Return X of iris.csv, and the labels and probabilities that the command predict writes."""
    _, *rows = csv.reader(io.StringIO(succeed("predict", model, "iris.csv")))
    X = data_file.read_table("iris.csv", "species").X
    return X, [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=float)


def test_onnx(predicted, here):
    runtime = pytest.importorskip("onnxruntime")
    X, labels, probabilities = predicted
    for dtype in ("float64", "float32"):
        options = () if dtype == "float64" else ("--dtype", dtype)
        assert succeed("export", "model.safetensors", "--format", "onnx", "-o", "m.onnx", *options) == "wrote m.onnx\n"
        found = runtime.InferenceSession("m.onnx").run(None, {"X": X.astype(dtype)})
        assert found[0].tolist() == labels
        np.testing.assert_allclose(found[1], probabilities, atol=EXPORT, rtol=0)


def test_sql(predicted, here):
    _, labels, probabilities = predicted
    succeed("export", "model.safetensors", "--format", "sql", "-o", "m.sql", "--table", "iris", "--column", "pw")
    database = sqlite3.connect(":memory:")
    _, *rows = csv.reader((here / "iris.csv").read_text().splitlines())
    database.execute("CREATE TABLE iris (sl REAL, sw REAL, pl REAL, pw REAL, species TEXT)")
    database.executemany("INSERT INTO iris VALUES (?, ?, ?, ?, ?)", rows)
    database.create_function("EXP", 1, np.exp)
    found = database.execute((here / "m.sql").read_text()).fetchall()
    assert [row[0] for row in found] == [float(row[3]) for row in rows]
    assert [row[1] for row in found] == labels
    np.testing.assert_allclose([row[2:] for row in found], probabilities, atol=EXPORT, rtol=0)


def test_c(predicted, here):
    X, labels, _ = predicted
    options = ("--name", "iris", "--dtype", "int8", "--data", "iris.csv", "--target", "species")
    succeed("export", "model.safetensors", "--format", "c", "-o", "m.c", *options)
    assert "measured on 150 samples" in (here / "m.c").read_text()
    rows = ",\n".join("{" + ", ".join(f"{value!r}f" for value in row) + "}" for row in X.tolist())
    (here / "main.c").write_text(
        '#define IRIS_DECLARE\n#include <stdio.h>\n#include "m.c"\n'
        f"static const float X[150][4] = {{{rows}}};\n"
        "int main(void) { for (int i = 0; i < 150; ++i) puts(iris_labels[iris_predict(X[i])]); return 0; }\n"
    )
    subprocess.run(["gcc", "-std=c99", "-o", "program", "main.c", "m.c", "-lm"], check=True)
    found = subprocess.run(["./program"], capture_output=True, text=True, check=True).stdout.splitlines()
    changed = int(re.search(r"class changes: (\d+)", (here / "m.c").read_text())[1])
    assert sum(one != other for one, other in zip(found, labels, strict=True)) == changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--format pmml -o m", "--format must be one of: onnx, c, sql; found 'pmml'"),
        ("--format onnx -o m --table t", "--table is not an option of --format onnx, found 't'"),
        ("--format onnx -o m --dtype int8", "dtype must be one of float32, float64, found 'int8'"),
        ("--format sql -o m", "--table must be given for --format sql"),
        ("--format sql -o m --table t --name a", "--name is not an option of --format sql, found 'a'"),
        ("--format c -o m --column a --column b", "--column is not an option of --format c, found"),
        ("--format c -o m --name 2", "name must be a name in C"),
        ("--format c -o m --target species", "--target must be given together with --data, found 'species' alone"),
        (
            "--format c -o m --data iris.csv --target species",
            "--data measures the loss of --dtype int8 alone, found None",
        ),
        ("--format c -o no/m", "cannot write no/m: there is no directory"),
        ("--format c -o model.safetensors", "--out must not be a file that the command reads"),
        (
            "--format c -o iris.csv --dtype int8 --data iris.csv --target species --force",
            "--out must not be a file that",
        ),
    ],
)
def test_wrong_options_are_one_line_and_write_nothing(model, options, message):
    before = {path.name: path.read_bytes() for path in model.parent.iterdir()}
    result = run("export", model.name, *options.split())
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in model.parent.iterdir()} == before


def test_the_same_model_makes_the_same_files(model, here):
    for name, options in (("m.onnx", "onnx"), ("m.c", "c"), ("m.sql", "sql --table t")):
        succeed("export", model, "-o", name, "--format", *options.split())
        first = (here / name).read_bytes()
        succeed("export", model, "-o", name, "--format", *options.split())
        assert (here / name).read_bytes() == first
        assert model_file.holds_model(name) is False


def test_a_missing_package_is_one_line(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = run("export", model, "--format", "onnx", "-o", "m.onnx")
    assert result.exit_code == 1
    assert re.match(r'error: ONNX needs the package onnx: .*pip install "\.\[onnx\]" in the checkout', result.stderr)
    assert result.stderr.count("\n") == 1
