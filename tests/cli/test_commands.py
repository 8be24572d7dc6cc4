"""What the other commands tell: the numbers of SciPy and scikit-learn, as text and as one JSON object."""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from command_line import commands, one_line, run, succeed
from scipy.stats import binomtest, ttest_1samp
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

import fastsoftmax as fs
from fastsoftmax.cli.examples import EXAMPLES
from fastsoftmax.files.data_file import read_table, write_table
from fastsoftmax.files.model_file import load_model

pytest.importorskip("pyarrow")


def told(*arguments):
    output = succeed(*arguments, "--json")
    assert output.count("\n") == 1
    return json.loads(output)


@pytest.fixture
def cancer(here):
    """Return cancer.csv with two classes, and a model of it, cancer.st."""
    X, y = load_breast_cancer(return_X_y=True)
    columns = {f"f{j}": column for j, column in enumerate((X / X.max(axis=0)).T)}
    write_table("cancer.csv", {**columns, "t": np.array(["malignant", "benign"], dtype=object)[y]})
    succeed("fit", "cancer.csv", "--target", "t", "--out", "cancer.st")
    return here


class TestEvaluate:
    def test_the_measures_are_those_of_scikit_learn(self, model):
        facts = told("evaluate", model, "iris.csv", "--target", "species")
        table, fitted = read_table("iris.csv", "species"), load_model(model)
        p, y, predicted = fitted.predict_proba(table.X), table.y.astype(str), fitted.predict(table.X).astype(str)
        assert facts["log_loss"] == pytest.approx(log_loss(y, p))
        assert facts["auc"] == pytest.approx(roc_auc_score(y, p, multi_class="ovr"))
        for field, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            expected = score(y, predicted, average=None)
            np.testing.assert_allclose([one[field] for one in facts["classes"]], expected)
        assert [one["class"] for one in facts["classes"]] == ["setosa", "versicolor", "virginica"]
        right = round(facts["accuracy"] * 150)
        interval = binomtest(right, 150).proportion_ci(method="wilson")
        np.testing.assert_allclose(facts["accuracy_interval"], interval)
        losses = -np.log(p[np.arange(150), np.unique(y, return_inverse=True)[1]])
        np.testing.assert_allclose(facts["log_loss_interval"], ttest_1samp(losses, 0).confidence_interval())
        assert sum(row["count"] for row in facts["reliability"]) == 150
        assert min(row["count"] for row in facts["reliability"]) >= 20

    def test_thresholds_of_two_classes(self, cancer):
        facts = told("evaluate", "cancer.st", "cancer.csv", "--target", "t")
        table, fitted = read_table("cancer.csv", "t"), load_model("cancer.st")
        p, truth = fitted.predict_proba(table.X)[:, 1], table.y == "malignant"
        assert len(facts["thresholds"]) == 10
        for row in facts["thresholds"]:
            chosen = p >= row["threshold"]
            assert row["predicted"] == pytest.approx(chosen.mean())
            assert row["precision"] == pytest.approx(precision_score(truth, chosen))
            assert row["recall"] == pytest.approx(recall_score(truth, chosen))
            assert row["specificity"] == pytest.approx((~chosen[~truth]).mean())
            assert row["f1"] == pytest.approx(f1_score(truth, chosen))
        best = max(f1_score(truth, p >= threshold) for threshold in p)
        assert facts["thresholds"][-1]["f1"] == pytest.approx(best)
        assert "← best F1" in succeed("evaluate", "cancer.st", "cancer.csv", "--target", "t")

    def test_thresholds_that_no_probability_reaches(self, here):
        np.savez("flat.npz", X=np.zeros((6, 1)), y=[0, 0, 0, 0, 1, 1])
        succeed("fit", "flat.npz")
        facts = told("evaluate", "model.safetensors", "flat.npz")
        by_threshold = {row["threshold"]: row for row in facts["thresholds"]}
        assert by_threshold[0.9] == {
            "threshold": 0.9,
            "predicted": 0.0,
            "precision": None,
            "recall": 0.0,
            "specificity": 1.0,
            "f1": 0.0,
        }
        assert by_threshold[0.1]["recall"] == 1.0

    def test_a_single_class_has_no_area(self, here):
        succeed("fit", "digits.npz", "--tol", "0.1")
        np.savez("one.npz", X=np.zeros((1, 64)), y=[3])
        facts = told("evaluate", "model.safetensors", "one.npz")
        assert facts["auc"] is None
        assert facts["log_loss_interval"] == [None, None]
        assert "area under the curve not defined" in one_line(succeed("evaluate", "model.safetensors", "one.npz"))

    def test_no_interval_of_the_log_loss_begins_below_zero(self, here):
        # One in thirty is far off: by Student's t the interval is wider than twice the mean.
        X = np.full((30, 1), 5.0)
        X[:15] *= -1
        np.savez("sure.npz", X=X, y=np.repeat([0, 1], 15))
        succeed("fit", "sure.npz")
        np.savez("surprise.npz", X=X, y=[*[0] * 15, *[1] * 14, 0])
        low, high = told("evaluate", "model.safetensors", "surprise.npz")["log_loss_interval"]
        assert low == 0
        assert high > 0.1

    def test_the_worst_pairs_are_named(self, here):
        rng = np.random.default_rng(0)
        names = np.array([f"a class whose name is long, number {k}" for k in range(30)])
        y = np.arange(600) % 30
        X = np.eye(30)[y] + rng.normal(scale=0.5, size=(600, 30))
        np.savez("many.npz", X=X, y=names[y])
        succeed("fit", "many.npz", "--C", "0.1")
        facts = told("evaluate", "model.safetensors", "many.npz")
        worst = facts["most_confused"][0]
        counts = np.array(facts["confusion"])
        shares = counts / counts.sum(axis=1, keepdims=True) * (1 - np.eye(30))
        assert worst["share"] == pytest.approx(shares.max())
        labels = [one["class"] for one in facts["classes"]]
        assert shares[labels.index(worst["true"]), labels.index(worst["predicted"])] == worst["share"]
        lines = succeed("evaluate", "model.safetensors", "many.npz").splitlines()
        assert all(len(line) <= 80 for line in lines)
        start = lines.index("Most confused") + 2
        block = [re.split(r"  +", line.strip())[:2] for line in lines[start : start + 10]]
        assert len(block) == 10
        assert all(true != predicted for true, predicted in block)
        assert re.fullmatch(r"…is long, number \d+", block[0][0].replace("name ", ""))


class TestCompare:
    def test_paired_differences_and_mcnemar(self, here):
        fit = ("fit", "iris.csv", "--target", "species")
        succeed(*fit, "--out", "a.st")
        succeed(*fit, "--C", "0.01", "--out", "b.st")
        facts = told("compare", "a.st", "b.st", "iris.csv", "--target", "species")
        table = read_table("iris.csv", "species")
        truth = np.unique(table.y.astype(str), return_inverse=True)[1]
        losses, right = [], []
        for name in ("a.st", "b.st"):
            p = load_model(name).predict_proba(table.X)
            losses.append(-np.log(p[np.arange(150), truth]))
            right.append(p.argmax(axis=1) == truth)
        difference = facts["difference"]
        paired = ttest_1samp(losses[1] - losses[0], 0)
        assert difference["log_loss"] == pytest.approx(np.mean(losses[1] - losses[0]))
        np.testing.assert_allclose(difference["log_loss_interval"], paired.confidence_interval())
        only = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
        assert (difference["only_first"], difference["only_other"]) == only
        assert difference["p_value"] == pytest.approx(binomtest(int(only[1]), int(sum(only))).pvalue)
        assert "MODEL is better" in succeed("compare", "a.st", "b.st", "iris.csv", "--target", "species")

    def test_a_model_is_as_good_as_itself(self, model):
        output = one_line(succeed("compare", model, model, "iris.csv", "--target", "species"))
        assert "McNemar's test p = 1: may be chance" in output
        assert "log-loss +0.000000, from +0.000000 to +0.000000: may be chance" in output


class TestPath:
    def test_the_fits_are_those_of_the_estimator(self, here):
        facts = told("path", "iris.csv", "--target", "species", "--Cs", "0.05,1", "--tol", "1e-8", "--standardize")
        X, y = load_iris(return_X_y=True)
        for one in facts["path"]:
            settings = {"C": one["C"], "l1_ratio": 1, "tol": 1e-8, "standardize": True, "max_iter": 1000}
            expected = fs.SoftmaxRegression(**settings).fit(X, y)
            np.testing.assert_allclose(one["W"], expected.coef_, rtol=1e-4, atol=1e-6)
            assert one["features"] == np.any(expected.coef_, axis=0).sum()
        assert facts["path"][0]["features"] < facts["path"][1]["features"]

    def test_held_out_rows_and_a_picture(self, here):
        path = ("path", "iris.csv", "--target", "species", "--Cs", "4", "--validation", "0.3")
        output = succeed(*path, "--plot", "path.png")
        assert output.count("← best") == 1
        assert (here / "path.png").read_bytes().startswith(b"\x89PNG")

    def test_fits_that_have_not_converged(self, here):
        result = run("path", "iris.csv", "--target", "species", "--Cs", "3", "--max-iter", "0")
        assert result.exit_code == 3
        assert re.match(r"warning: not converged: \d of 3 fits; the first: --max-iter = 0", result.stderr)


def test_cv_scores_every_pair_and_writes_a_picture(here):
    cv = ("cv", "iris.csv", "--target", "species", "--folds", "3", "--Cs", "0.1,1", "--l1-ratios", "0,1")
    facts = told(*cv, "--scoring", "accuracy", "--plot", "cv.png")
    X, y = load_iris(return_X_y=True)
    settings = {"Cs": [0.1, 1], "l1_ratios": [0, 1], "cv": 3, "scoring": "accuracy", "max_iter": 1000}
    expected = fs.SoftmaxRegressionCV(**settings).fit(X, y)
    np.testing.assert_array_equal([row["score"] for row in facts["scores"]], expected.scores_.mean(axis=0).ravel())
    assert facts["best"] == {"C": expected.C_, "l1_ratio": expected.l1_ratio_}
    assert (here / "cv.png").exists()
    assert not (here / "model.safetensors").exists()


class TestPredict:
    def test_the_likeliest_classes(self, model):
        rows = [line.split(",") for line in succeed("predict", model, "iris.csv", "--top", "2").splitlines()]
        assert rows[0] == ["prediction", "top_1", "top_1_probability", "top_2", "top_2_probability"]
        probabilities = np.sort(load_model(model).predict_proba(read_table("iris.csv", "species").X), axis=1)
        found = np.array([[row[2], row[4]] for row in rows[1:]], dtype=float)
        np.testing.assert_allclose(found, probabilities[:, :0:-1])
        assert all(row[0] == row[1] for row in rows[1:])

    def test_labels_alone_are_predictions_too(self, model):
        for _ in range(2):
            succeed("predict", model, "iris.csv", "--columns", "labels", "--out", "p.csv")
        lines = (model.parent / "p.csv").read_text().splitlines()
        assert lines[0] == "prediction"
        assert len(lines) == 151
        succeed("predict", model, "iris.csv", "--top", "9", "--out", "p.csv")
        succeed("predict", model, "iris.csv", "--out", "p.csv")

    def test_json(self, model):
        facts = told("predict", model, "iris.csv", "--columns", "labels")
        assert facts["columns"] == ["prediction"]
        assert len(facts["rows"]) == facts["samples"] == 150


def test_show(here, model):
    facts = told("show", model, "--top", "2", "--class", "setosa")
    assert facts["classes"] == ["setosa", "versicolor", "virginica"]
    (strongest,) = facts["strongest"]
    W = load_model(model).W[0]
    names = np.array(["sl", "sw", "pl", "pw"])[np.argsort(-np.abs(W))[:2]]
    assert list(strongest["coefficients"]) == names.tolist()
    result = run("show", model, "--class", "rose")
    assert "--class must be one of: 'setosa', 'versicolor', 'virginica'; found 'rose'" in result.stderr


def test_config_and_export_as_json(model):
    assert told("config")["version"] == fs.__version__
    facts = told("export", model, "--format", "sql", "--table", "t", "--out", "m.sql")
    assert facts == {"format": "sql", "out": "m.sql"}


@pytest.mark.parametrize("name", sorted(commands.COMMANDS))
def test_help_has_examples_and_exit_codes(name):
    output = one_line(re.sub(r"\x1b\[[\d;]*m", "", succeed(name, "--help")))
    assert EXAMPLES[name][0] in output
    assert "3 a fit that has not converged" in output
    assert "--json" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [line for name in EXAMPLES if name != "demo" for line in EXAMPLES[name] if "|" not in line]
)
def test_an_example_runs(here, line):
    import pyarrow.parquet

    X, y = load_iris(return_X_y=True)
    names = load_iris().target_names.astype(object)
    columns = dict(zip(["a", "b", "c", "d"], X.T, strict=True))
    for file in ("train.csv", "test.csv"):
        write_table(file, {**columns, "species": names[y]})
    write_table("new.csv", columns)
    write_table("claims.csv", {"age": X[:, 0], "claims": y + 0.0})
    (here / "data").mkdir()
    pyarrow.parquet.write_table(pyarrow.table({**columns, "label": y}), "data/one.parquet")
    for out in ("model.safetensors", "other.st"):
        succeed("fit", "train.csv", "--target", "species", "--out", out)
    program, *arguments = shlex.split(line)
    assert program == "fastsoftmax"
    succeed(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--version"], ["typer", "rich", "scipy.sparse", "sklearn", "pyarrow", "matplotlib"]),
        (["--help"], ["sklearn", "pyarrow", "matplotlib"]),
        (["fit", "--help"], ["sklearn", "pyarrow", "matplotlib"]),
    ],
)
def test_what_is_asked_often_imports_little(tmp_path, arguments, unwanted):
    code = f"""if True:
        import sys
        sys.argv[1:] = {arguments!r}
        from fastsoftmax.cli.entry import main
        try:
            main()
        except SystemExit as end:
            assert end.code in (0, None)
        assert not set({unwanted!r}) & set(sys.modules), set({unwanted!r}) & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "fastsoftmax" in done.stdout


@pytest.mark.slow
def test_a_shell_can_complete(tmp_path):
    environment = os.environ | {"_FASTSOFTMAX_COMPLETE": "complete_bash", "COMP_WORDS": "fastsoftmax fit --solver p"}
    code = "import sys; sys.argv[0] = 'fastsoftmax'; from fastsoftmax.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment | {"COMP_CWORD": "3"},
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.split() == ["preconditioned-lbfgs", "proximal"]
