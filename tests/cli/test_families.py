"""The command line with families other than softmax."""

import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from command_line import one_line, run, succeed
from tolerances import EXPORT

import fastsoftmax as fs
from fastsoftmax.files import data_file, model_file

pytest.importorskip("pyarrow")


@pytest.fixture
def claims(tmp_path, monkeypatch):
    """Return the features and the counts of claims.csv and claims.npz, in the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3)) * [1, 2, 0.5] + [0, 1, 0]
    y = rng.poisson(np.exp(0.2 * X[:, 0] + 0.3)) + 0.25
    data_file.write_table("claims.csv", {"age": X[:, 0], "power": X[:, 1], "area": X[:, 2], "claims": y})
    np.savez("claims.npz", X=X, y=y)
    return X, y


@pytest.mark.parametrize("family", ["poisson", "gamma", "tweedie(1.3)", "negative-binomial(0.5)", "gaussian"])
@pytest.mark.parametrize("options", [(), ("--standardize",), ("--no-intercept", "--C", "0.1", "--standardize")])
def test_fit_predict_evaluate(claims, family, options):
    X, y = claims
    output = one_line(succeed("fit", "claims.csv", "--target", "claims", "--family", family, "--tol", "1e-8", *options))
    assert "status converged" in output
    assert f"200 samples × 3 features × a target of family {family}" in output
    model = model_file.load_model("model.safetensors")
    assert str(model.family) == family
    assert model.feature_names == ("age", "power", "area")
    C = 0.1 if "--C" in options else 1.0
    scale = shift = None
    if "--standardize" in options:
        scale, shift = fs.standardization(X, center="--no-intercept" not in options)
    intercept = "--no-intercept" not in options
    scaled = {"scale": scale, "shift": shift}
    result = fs.fit(X, y, family=family, l2=1 / (C * 200), tol=1e-8, fit_intercept=intercept, **scaled)
    expected = fs.predict_mean(X, result.W, result.b, family=family, **scaled)[:, 0]
    succeed("predict", "model.safetensors", "claims.csv", "--out", "means.csv")
    written = np.loadtxt("means.csv", skiprows=1)
    np.testing.assert_allclose(written, expected, rtol=1e-9)
    judged = one_line(succeed("evaluate", "model.safetensors", "claims.csv", "--target", "claims"))
    assert "deviance explained" in judged
    assert f"deviance explained {judged.split('deviance explained ')[1]}".strip() in output.replace("  ", " ")


def test_npz_and_a_link(claims):
    X, _ = claims
    succeed("fit", "claims.npz", "--family", "gaussian", "--link", "log")
    model = model_file.load_model("model.safetensors")
    assert model.family == fs.families.Gaussian(link="log")
    np.testing.assert_allclose(model.predict(X)[:, 0], np.exp(model.logits(X)[:, 0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--family", "poison"), "--family must be one of 'softmax', .*, found 'poison'"),
        (
            ("--family", "poisson", "--link", "identity"),
            "--link must be 'log' for --family 'poisson', found 'identity'",
        ),
        (("--family", "poisson", "--class-weight", "balanced"), "--class-weight"),
        (("--family", "bernoulli"), "y must hold 0, 1 or probabilities between them for --family 'bernoulli', found"),
        (("--link", "log"), "--link must be 'logit' for --family 'softmax', found 'log'"),
    ],
)
def test_what_a_fit_is_refused(claims, arguments, message):
    failed = run("fit", "claims.csv", "--target", "claims", *arguments)
    assert failed.exit_code == 1
    assert re.search(message, one_line(failed.stderr))


def test_a_target_must_hold_numbers(claims, tmp_path):
    (tmp_path / "text.csv").write_text("a,b\n1,x\n2,y\n")
    failed = run("fit", "text.csv", "--target", "b", "--family", "poisson")
    assert "target column 'b' of text.csv must hold numbers, found string" in one_line(failed.stderr)
    (tmp_path / "data.svm").write_text("0.5 1:1\n1.25 1:2 2:1\n")
    succeed("fit", "data.svm", "--family", "gamma")
    np.savez("bad.npz", X=np.eye(2), y=[1.0, np.nan])
    assert "array 'y' of bad.npz has 1 missing value" in run("fit", "bad.npz", "--family", "poisson").stderr


def test_what_only_softmax_has(claims):
    succeed("fit", "claims.csv", "--target", "claims", "--family", "poisson")
    failed = run("export", "model.safetensors", "--format", "c", "--dtype", "int8", "--out", "m.c")
    assert "dtype must be one of float32, float64, found 'int8'" in one_line(failed.stderr)
    failed = run("evaluate", "model.safetensors", "claims.csv", "--target", "claims", "--plot", "p.png")
    assert "--plot is for softmax models" in one_line(failed.stderr)


def test_a_regression_is_exported(claims):
    X, _ = claims
    succeed("fit", "claims.csv", "--target", "claims", "--family", "poisson")
    model = model_file.load_model("model.safetensors")
    for format, options in (("sql", ("--table", "claims", "--column", "claims")), ("c", ("--dtype", "float64"))):
        succeed("export", "model.safetensors", "--format", format, "-o", f"m.{format}", *options)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE claims (age REAL, power REAL, area REAL, claims REAL)")
    database.executemany("INSERT INTO claims VALUES (?, ?, ?, 0)", X.tolist())
    database.create_function("EXP", 1, np.exp)
    found = np.array(database.execute(Path("m.sql").read_text()).fetchall())
    np.testing.assert_allclose(found[:, 1], model.predict(X)[:, 0], rtol=EXPORT)
    assert "void model_predict(const double *x, double *means);" in Path("m.c").read_text()
    missing = run("export", "model.safetensors", "--format", "sql", "-o", "n.sql")
    assert "--table must be given for --format sql" in one_line(missing.stderr)


def test_a_regression_is_exported_as_onnx(claims):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    X, _ = claims
    succeed("fit", "claims.csv", "--target", "claims", "--family", "poisson")
    succeed("export", "model.safetensors", "--format", "onnx", "-o", "m.onnx")
    (means,) = runtime.InferenceSession("m.onnx").run(["mean"], {"X": X})
    np.testing.assert_allclose(means, model_file.load_model("model.safetensors").predict(X), rtol=EXPORT)
