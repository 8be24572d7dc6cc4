"""The command line as its users meet it: what it prints, what it writes, and how it fails."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp
from command_line import MAIN, one_line, run, succeed
from sklearn.datasets import dump_svmlight_file, load_digits

import fastsoftmax as fs
from fastsoftmax.files import data_file, model_file

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


class TestFit:
    def test_equals_the_estimator(self, here):
        output = succeed("fit", "iris.csv", "--target", "species", "--C", "0.5", "--out", "m.st")
        table = data_file.read_table("iris.csv", "species")
        expected = fs.SoftmaxRegression(C=0.5, max_iter=1000).fit(table.X, table.y)
        model = model_file.load_model("m.st")
        np.testing.assert_array_equal(model.W, expected.coef_)
        np.testing.assert_array_equal(model.b, expected.intercept_)
        assert model.classes.tolist() == ["setosa", "versicolor", "virginica"]
        assert model.feature_names == ("sl", "sw", "pl", "pw")
        assert "150 samples × 4 features × 3 classes, float64" in output
        text = one_line(output)
        assert "status converged" in text
        assert f"loss {expected.result_.loss:.6g} nats" in text
        assert f"iterations {expected.result_.n_iter} " in text
        assert f"passes over the data {expected.result_.n_passes} " in text
        assert f"training accuracy {expected.score(table.X, table.y):.2%}" in text

    def test_two_classes_equal_the_estimator(self, here):
        from sklearn.datasets import load_breast_cancer

        X, y = load_breast_cancer(return_X_y=True)
        np.savez("c.npz", X=X / X.max(axis=0), y=y)
        options = ("--class-weight", "balanced", "--no-intercept", "--threads", "1", "--solver", "lbfgs")
        succeed("fit", "c.npz", *options)
        estimator = fs.SoftmaxRegression(max_iter=1000, class_weight="balanced", fit_intercept=False, solver="lbfgs")
        expected = estimator.fit(X / X.max(axis=0), y)
        model = model_file.load_model("model.safetensors")
        assert not model.b.any()
        np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-9)

    def test_max_iter_warns_and_saves(self, here):
        result = run("fit", "digits.npz", "--max-iter", "3")
        assert result.exit_code == 3
        assert "status max_iter" in one_line(result.stdout)
        assert result.stderr.startswith("warning: not converged: --max-iter = 3")
        assert result.stderr.count("\n") == 1
        assert model_file.load_model("model.safetensors").W.shape == (10, 64)

    def test_float32_is_kept(self, here):
        assert "float32" in succeed("fit", "digits.npz", "--tol", "0.01")

    def test_the_output_is_checked_before_the_training(self, here, monkeypatch):
        monkeypatch.setattr(fs.SoftmaxRegression, "fit", lambda *_: pytest.fail("trained"))
        result = run("fit", "iris.csv", "--target", "species", "--out", "absent/m.st")
        assert result.exit_code == 1
        assert "cannot write absent/m.st: there is no directory" in result.stderr

    def test_interrupted_before_anything_was_found(self, here, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(fs.SoftmaxRegression, "fit", interrupt)
        result = run("fit", "iris.csv", "--target", "species")
        assert result.exit_code == 130
        assert result.stderr == "interrupted: ended by Ctrl-C before anything was fitted; no model was written\n"
        assert not os.path.exists("model.safetensors")


class TestPredict:
    def test_files_and_standard_output_agree(self, here, model):
        succeed("predict", model, "iris.csv", "--out", "p.csv")
        succeed("predict", model, "iris.csv", "--out", "p.parquet")
        assert succeed("predict", model, "iris.csv") == (here / "p.csv").read_text()
        table = parquet.read_table("p.parquet")
        names = ["setosa", "versicolor", "virginica"]
        assert table.column_names == ["prediction"] + [f"probability_{name}" for name in names]
        assert (here / "p.csv").read_text().splitlines()[0] == ",".join(table.column_names)
        X = data_file.read_table("iris.csv", "species").X
        loaded = model_file.load_model(model)
        probabilities = np.column_stack([table[name].to_numpy() for name in table.column_names[1:]])
        np.testing.assert_array_equal(probabilities, loaded.predict_proba(X))
        assert table["prediction"].to_pylist() == loaded.predict(X).tolist()

    def test_columns_are_found_by_name(self, here, model):
        table = pa.table({name: [1.0] for name in ("pw", "extra", "pl", "sw", "sl")})
        parquet.write_table(table, "d.parquet")
        assert succeed("predict", model, "d.parquet").count("\n") == 2

    def test_svmlight_takes_its_features_from_the_model(self, here):
        (here / "train.svm").write_text("1 1:1 3:2\n2 2:1\n" * 5)
        (here / "new.svm").write_text("0 1:3\n")
        succeed("fit", "train.svm")
        assert succeed("predict", "model.safetensors", "new.svm").splitlines()[1].startswith("1,")


class TestStorage:
    """Training uses the numbers as the file stores them; every dtype of the same numbers gives the same predictions."""

    def test_bytes_and_sparse_and_mapped(self, here):
        X, y = load_digits(return_X_y=True)
        pixels = X.astype(np.uint8)
        sparse = sp.csr_matrix(X)
        np.savez("bytes.npz", X=pixels, y=y)
        np.savez("sparse.npz", data=sparse.data, indices=sparse.indices, indptr=sparse.indptr, shape=sparse.shape, y=y)
        np.save("X.npy", pixels)
        np.save("y.npy", y)
        dump_svmlight_file(X, y, "d.svm", zero_based=False)
        predictions = []
        for data, stored, target in (
            ("bytes.npz", "uint8", ()),
            ("sparse.npz", "float64, sparse", ()),
            ("X.npy", "uint8", ("--target", "y.npy")),
            ("d.svm", "float64, sparse", ()),
        ):
            output = succeed("fit", data, *target, "--standardize", "--tol", "1e-6")
            assert f"1797 samples × 64 features × 10 classes, {stored}\n" in output
            assert "converged" in output
            succeed("evaluate", "model.safetensors", data, *target)
            rows = succeed("predict", "model.safetensors", data).splitlines()[1:]
            predictions.append([row.split(",")[0] for row in rows])
        assert all(prediction == predictions[0] for prediction in predictions)
        assert np.mean(np.array(predictions[0], int) == y) > 0.99


class TestEvaluate:
    def test_numbers_and_picture(self, here, model):
        output = succeed("evaluate", model, "iris.csv", "--target", "species", "--plot", "e.png")
        text = one_line(output)
        assert "samples 150" in text
        assert re.search(r"accuracy 9\d\.\d\d%, 95 % interval", text)
        assert re.search(r"log-loss 0\.\d+ nats", text)
        assert re.search(r"calibration error 0\.\d{4}", text)
        assert "setosa 100 0 0" in text
        assert (here / "e.png").read_bytes().startswith(b"\x89PNG")

    def test_many_classes_are_not_printed_as_a_matrix(self, here):
        np.savez("many.npz", X=np.eye(30), y=np.arange(30))
        succeed("fit", "many.npz")
        assert "Confusion" not in succeed("evaluate", "model.safetensors", "many.npz")

    def test_unknown_labels(self, here):
        succeed("fit", "digits.npz", "--tol", "0.1")
        np.savez("new.npz", X=np.zeros((2, 64)), y=[3, 11])
        result = run("evaluate", "model.safetensors", "new.npz")
        assert result.exit_code == 1
        assert "a label that the model does not know: 11" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fit absent.csv --target a", "there is no file absent.csv"),
        ("fit iris.csv", "iris.csv needs a target, one of its columns: 'sl', 'sw', 'pl', 'pw', 'species'"),
        ("fit iris.csv --target speces", "no target column 'speces' (did you mean 'species'?)"),
        ("fit iris.csv --target pw", "'pw' of iris.csv must hold text, whole numbers or booleans, found 0.2"),
        (
            "fit iris.csv --target species --solver newton",
            "--solver must be one of: auto, gd, agd, sgd, lbfgs, preconditioned-lbfgs, proximal; found 'newton'",
        ),
        (
            "fit iris.csv --target species --class-weight even",
            "--class-weight must be one of: balanced, CLASS=NUMBER; found 'even'",
        ),
        ("fit iris.csv --target species --C -1", "--C must be positive, found -1"),
        ("fit iris.csv --target species --C nan", "--C must be positive, found nan"),
        ("fit iris.csv --target species --tol -1", "--tol must be a non-negative finite number, found -1.0"),
        ("fit iris.csv --target species --out .", "cannot write .: it is a directory"),
        ("fit one.npz", "the target of one.npz must hold two classes or more, found only 7"),
        ("predict absent.st iris.csv", "there is no file absent.st"),
        ("predict iris.csv iris.csv", "iris.csv is not a model file"),
        ("predict model.safetensors absent.csv", "there is no file absent.csv"),
        ("predict model.safetensors digits.npz", "digits.npz must have 4 features, as the model has, found 64"),
        ("predict model.safetensors iris.csv --out p.txt", "p.txt must end in .csv or .parquet, found '.txt'"),
        ("predict model.safetensors iris.csv --out no/p.csv", "cannot write no/p.csv: there is no directory"),
        ("evaluate model.safetensors iris.csv", "iris.csv needs a target"),
        ("evaluate model.safetensors iris.csv --target species --plot e.jpg", "--plot must end in .png, found 'e.jpg'"),
        ("evaluate model.safetensors iris.csv --target species --plot no/e.png", "cannot write no/e.png"),
        ("demo --out iris.csv", "iris.csv: File exists"),
    ],
)
def test_expected_errors_are_one_line(model, arguments, message):
    np.savez("one.npz", X=np.ones((3, 2)), y=[7, 7, 7])
    before = {path.name: path.read_bytes() for path in model.parent.iterdir()}
    result = run(*arguments.split())
    assert result.exit_code == 1
    assert re.match("error: .*" + (message if ".*" in message else re.escape(message)), result.stderr)
    assert result.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in model.parent.iterdir()} == before


@pytest.mark.parametrize("arguments", ["fitt", "fit", "fit iris.csv --max-iter -1", "fit iris.csv --threads 0"])
def test_wrong_usage(here, arguments):
    result = run(*arguments.split())
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_control_characters_of_a_file_do_not_reach_the_terminal(here):
    (here / "d.csv").write_text("a,t\n\x1b[2J\x1b]0;title\x07\n")
    result = run("fit", "d.csv", "--target", "t")
    assert result.exit_code == 1
    assert "Expected 2 columns, got 1:  [2J ]0;title" in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", result.stderr)


def test_failing_to_write_is_an_error(here, model, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device", "p.csv")

    monkeypatch.setattr(os, "replace", refuse)
    result = run("predict", model, "iris.csv", "--out", "p.csv")
    assert result.exit_code == 1
    assert result.stderr == "error: p.csv: No space left on device\n"
    assert sorted(os.listdir(here)) == ["digits.npz", "iris.csv", "model.safetensors"]


def test_version_and_config():
    assert succeed("--version") == f"fastsoftmax {fs.__version__}\n"
    assert f"version                     {fs.__version__}" in succeed("config")


def test_help_names_every_command():
    output = succeed("--help")
    for name in ("demo", "fit", "cv", "path", "evaluate", "compare", "predict", "show", "export", "config"):
        assert name in output


class TestProcess:
    def test_pipes_hold_no_control_characters(self, here):
        result = subprocess.run(
            [*MAIN, "fit", "iris.csv", "--target", "species"], capture_output=True, text=True, check=True
        )
        assert "\x1b" not in result.stdout + result.stderr
        assert "\r" not in result.stdout + result.stderr

    def test_letters_that_a_terminal_lacks(self, here):
        environment = os.environ | {"PYTHONIOENCODING": "ascii"}
        command = [*MAIN, "fit", "iris.csv", "--target", "species"]
        result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        assert "150 samples ? 4 features" in result.stdout

    def test_a_reader_that_leaves_early(self, here, model):
        command = subprocess.list2cmdline([*MAIN, "predict", str(model), "iris.csv"])
        result = subprocess.run(f"{command} | true", shell=True, capture_output=True, text=True, check=False)
        assert "Traceback" not in result.stderr

    @pytest.mark.slow
    @pytest.mark.skipif(os.name != "posix", reason="signals")
    def test_ctrl_c_keeps_the_best_model(self, here):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(5000, 40)) * np.logspace(-3, 3, 40)
        np.savez("slow.npz", X=X, y=rng.integers(0, 5, 5000))
        process = subprocess.Popen(
            [*MAIN, "fit", "slow.npz", "--tol", "0", "--C", "1e9", "--solver", "gd", "--max-iter", "100000000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A background job of a shell ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        # The command prints this line after reading the data, just before training.
        assert "5000 samples" in process.stdout.readline()
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 130, errors
        assert "status interrupted" in one_line(output)
        assert errors.splitlines()[-1] == "interrupted: model.safetensors holds the best model so far"
        assert model_file.load_model("model.safetensors").W.any()

    @pytest.mark.parametrize("package", ["typer", "rich", "matplotlib", "pyarrow", "safetensors"])
    def test_a_missing_extra_is_one_line(self, tmp_path, package):
        code = f"import sys; sys.modules[{package!r}] = None; from fastsoftmax.cli.entry import main; main()"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert result.returncode == 1
        assert 'pip install ".[cli]" in the checkout' in result.stderr
        assert f"missing: {package}" in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""

    def test_the_library_imports_no_command(self, tmp_path):
        ours = [name for name in ("typer", "rich", "matplotlib", "safetensors") if importlib.util.find_spec(name)]
        code = f"""if True:
            import sys, fastsoftmax
            rooms = "fastsoftmax.cli", "fastsoftmax.files", "fastsoftmax.estimators"
            unwanted = {{name for name in sys.modules if name.startswith(rooms)}} | set({ours!r}) & set(sys.modules)
            assert not unwanted, unwanted
        """
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


class TestDemo:
    @pytest.mark.slow
    def test_runs_without_a_terminal(self, tmp_path, monkeypatch):
        from fastsoftmax.cli import demo

        monkeypatch.setattr(demo, "LARGE", (2000, 50, 10))
        monkeypatch.setattr(demo, "REPEATS", 5)
        monkeypatch.setattr(demo, "LARGE_REPEATS", 5)
        output = succeed("demo", "--out", tmp_path / "new" / "out")
        assert "\x1b" not in output
        assert re.search(r"accuracy\s+9[67]\.\d%, 4\d\d of 450 held-out images", output)
        times = r"NumPy +█+ +[\d.]+ ms +\s+fastsoftmax +█+ +[\d.]+ ms +([\d.]+×|beside others)"
        assert re.search(rf"1347 × 64 × 10 +difference \de-0\d\s+{times}", output)
        assert re.search(r"2000 × 50 × 10", output)
        out = tmp_path / "new" / "out"
        assert sorted(os.listdir(out)) == ["model.safetensors", "speed.png", "training.png"]
        assert model_file.load_model(out / "model.safetensors").W.shape == (10, 64)
        assert all(len(line) <= 80 for line in output.splitlines() if not line.startswith("wrote"))

    def test_numpy_computes_the_same(self):
        from fastsoftmax.cli import numpy_baseline

        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(30, 7)), rng.integers(0, 4, 30)
        W, b = rng.normal(size=(4, 7)), rng.normal(size=4)
        for found, expected in zip(numpy_baseline.loss_grad(X, y, W, b), fs.loss_grad(X, y, W, b), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_loss_curve(self):
        from fastsoftmax.cli.demo import loss_curve

        lines = loss_curve([np.e**2, np.e, 1.0], width=5, height=2, blocks=" ab")
        assert lines == [
            "   7.3891 ba   ",
            "   1.0000 bbbba",
            "     loss iteration 0 to 2",
        ]
        assert loss_curve([1.0], 5, 2) == []
        assert len(loss_curve([1.0, 1.0], 5, 2)) == 3
