"""What fit trains with: every option is the estimator's, C is chosen where it is asked for."""

import json
import re
import warnings

import numpy as np
import pytest
from command_line import one_line, run, succeed
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning

import fastsoftmax as fs
from fastsoftmax.files.model_file import load_about, load_model

pytest.importorskip("pyarrow")

FIT = ("fit", "iris.csv", "--target", "species", "--tol", "1e-9", "--max-iter", "5000")


def told(*arguments):
    return json.loads(succeed(*arguments, "--json"))


def coefficients(path="model.safetensors"):
    return load_model(path).W


OPTIONS = {
    "l1 ratio": (("--l1-ratio", "0.7", "--C", "3"), {"l1_ratio": 0.7, "C": 3}),
    "group": (("--l1-ratio", "1", "--group", "classes"), {"l1_ratio": 1, "group": "classes"}),
    "bounds": (("--bounds", "-0.5", "inf"), {"bounds": (-0.5, np.inf)}),
    "penalty factor": (("--penalty-factor", "pw=0"), {"penalty_factor": [1, 1, 1, 0]}),
    "class weights": (
        ("--class-weight", "setosa=2", "--class-weight", "virginica=0.5"),
        {"class_weight": {"setosa": 2, "virginica": 0.5}},
    ),
    "standardize": (("--standardize",), {"standardize": True}),
    "no intercept": (("--no-intercept",), {"fit_intercept": False}),
    "learning rate": (("--solver", "agd", "--learning-rate", "0.05"), {"solver": "agd", "learning_rate": 0.05}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_the_parameter_of_the_estimator(here, name):
    arguments, parameters = OPTIONS[name]
    run(*FIT, *arguments)
    X, y = load_iris(return_X_y=True)
    y = load_iris().target_names[y].astype(object)
    parameters = {"tol": 1e-9, "max_iter": 5000, "random_state": 0} | parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected = fs.SoftmaxRegression(**parameters).fit(X, y)
    np.testing.assert_array_equal(coefficients(), expected.result_.W)


@pytest.mark.parametrize("group", [(), ("--group", "classes")])
@pytest.mark.parametrize("classes", [2, 3])
def test_l1_and_l2_are_those_of_fit(here, classes, group):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < classes], y[y < classes]
    np.savez("some.npz", X=X, y=y)
    weights = ("--class-weight", "0=2", "--class-weight", "1=3")
    succeed("fit", "some.npz", "--l1", "0.02", "--l2", "0.01", "--tol", "1e-9", *group, *weights)
    given = {"group": "classes"} if group else {}
    expected = fs.fit(X, y, l1=0.02, l2=0.01, tol=1e-9, sample_weight=np.array([2.0, 3.0, 1.0])[y], **given)
    np.testing.assert_allclose(coefficients(), expected.W, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("standardize", [(), ("--standardize",)])
def test_a_warm_start_begins_where_the_model_is(here, two, standardize):
    if two:
        X, y = load_breast_cancer(return_X_y=True)
        np.savez("d.npz", X=X / X.max(axis=0), y=y)
    else:
        X, y = load_iris(return_X_y=True)
        np.savez("d.npz", X=X, y=y)
    fit = ("fit", "d.npz", "--C", "0.5", "--tol", "1e-7", *standardize)
    cold = told(*fit, "--out", "cold.st")
    warm = told(*fit, "--tol", "1e-6", "--warm-start", "cold.st", "--out", "warm.st")
    assert cold["iterations"] > 2
    assert warm["iterations"] == 0
    np.testing.assert_allclose(coefficients("warm.st"), coefficients("cold.st"), rtol=1e-12)


class TestChoosing:
    def test_cross_validation_is_that_of_the_estimator(self, here):
        facts = told("fit", "iris.csv", "--target", "species", "--cv", "3", "--Cs", "10,0.1,1", "--standardize")
        X, y = load_iris(return_X_y=True)
        settings = {"Cs": [0.1, 1, 10], "cv": 3, "scoring": "neg_log_loss", "max_iter": 1000, "standardize": True}
        expected = fs.SoftmaxRegressionCV(**settings).fit(X, y)
        assert facts["search"]["best"]["C"] == expected.C_
        found = [row["score"] for row in facts["search"]["scores"]]
        np.testing.assert_allclose(found, expected.scores_.mean(axis=0)[0], rtol=1e-12)
        np.testing.assert_array_equal(coefficients(), expected.result_.W)
        assert load_about("model.safetensors")["options"]["C"] == expected.C_

    @pytest.mark.parametrize("standardize", [(), ("--standardize",)])
    @pytest.mark.parametrize("weights", [(), ("--class-weight", "balanced")])
    def test_held_out_rows_choose_C(self, here, standardize, weights):
        common = ("--tol", "1e-8", *standardize, *weights)
        facts = told("fit", "iris.csv", "--target", "species", "--validation", "0.3", "--Cs", "0.01,1", *common)
        scores = {row["C"]: row["score"] for row in facts["search"]["scores"]}
        best = max(scores, key=scores.get)
        assert facts["search"]["best"]["C"] == best
        assert facts["validation"]["log_loss"] == pytest.approx(-scores[best], rel=1e-9)
        assert facts["training"]["samples"] == 105
        assert facts["validation"]["samples"] == 45
        # A fit of the same rows with this C alone has the same model.
        chosen = coefficients()
        told("fit", "iris.csv", "--target", "species", "--validation", "0.3", "--C", str(best), *common)
        np.testing.assert_allclose(coefficients(), chosen, rtol=1e-4, atol=1e-6)

    def test_a_file_to_judge_on(self, here):
        facts = told("fit", "iris.csv", "--target", "species", "--validation", "iris.csv")
        assert facts["validation"] == facts["training"]

    def test_numbers(self, here):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(120, 3))
        np.savez("counts.npz", X=X, y=rng.poisson(np.exp(X[:, 0])) + 0.0)
        facts = told("fit", "counts.npz", "--family", "poisson", "--validation", "0.25", "--Cs", "1e-3,10")
        assert facts["search"]["best"]["C"] == 10
        assert facts["validation"]["deviance"] == pytest.approx(-facts["search"]["scores"][1]["score"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--C 1 --l1 0.1", "--C must not be given together with --l1, found 1"),
        ("--C 1 --cv 3", "--C must not be given where C is chosen; --Cs says among which"),
        ("--l1 -1", "--l1 must be a non-negative finite number, found -1.0"),
        ("--l1-ratio 2", "--l1-ratio must be between 0 and 1, found 2.0"),
        ("--Cs 1,2", "--Cs must be given together with --cv or --validation, which choose among them"),
        ("--cv 3 --Cs 1,x", "--Cs must be numbers with commas between them, found '1,x'"),
        ("--cv 3 --Cs 0,1", "--Cs must be positive, found '0,1'"),
        ("--cv 3 --family poisson", "--cv is for --family softmax, found 'poisson'; --validation and --Cs serve it"),
        ("--validation 1.5", "--validation must be a file or a share between 0 and 1, found 1.5"),
        ("--validation absent.csv", "there is no file absent.csv"),
        ("--group features", "--group must be one of: classes; found 'features'"),
        ("--penalty-factor z=1", "--penalty-factor must name a feature, found 'z'"),
        ("--penalty-factor pw", "--penalty-factor must be NAME=NUMBER, the number not negative, found 'pw'"),
        ("--class-weight iris=1", "--class-weight must name a class of the target, found 'iris'"),
        ("--l1 0.1 --solver gd", "--l1 must be 0 for --solver 'gd'; --solver \"proximal\" serves an L1 penalty"),
        ("--warm-start digits.st", "--warm-start must be a model of the classes 'setosa', 'versicolor', 'virginica'"),
        ("--warm-start digits.st --cv 3", "--warm-start must not be given where C is chosen"),
        ("--cv 3 --scoring best", "--scoring must be a str among"),
    ],
)
def test_options_that_do_not_go_together(here, options, message):
    succeed("fit", "digits.npz", "--tol", "0.1", "--out", "digits.st")
    result = run("fit", "iris.csv", "--target", "species", *options.split())
    assert result.exit_code == 1
    assert message in one_line(result.stderr)
    assert result.stderr.count("\n") == 1


def test_a_model_tells_how_it_was_fitted(here):
    succeed(*FIT, "--C", "0.5", "--standardize")
    about = load_about("model.safetensors")
    assert about["samples"] == 150
    assert about["options"]["C"] == 0.5
    assert about["options"]["standardize"] is True
    assert about["fit"]["status"] == "converged"
    output = one_line(succeed("show", "model.safetensors", "--top", "1"))
    assert "fitted with --C 0.5 --l1-ratio 0" in output
    assert "--standardize" in output


def test_an_unfinished_fit_ends_with_3_in_the_words_of_the_command_line(here):
    result = run("fit", "iris.csv", "--target", "species", "--max-iter", "1", "--json")
    assert result.exit_code == 3
    facts = json.loads(result.stdout)
    assert facts["status"] == "max_iter"
    assert "raise --max-iter or --tol" in facts["message"]
    assert re.match("warning: not converged: --max-iter = 1 ", result.stderr)


class TestCertify:
    """The duality gap of a fit, which --certify asks for."""

    def test_it_is_computed_only_if_asked_for(self, here):
        common = ("fit", "iris.csv", "--target", "species")
        assert told(*common)["duality_gap"] is None
        facts = told(*common, "--certify")
        assert 0 <= facts["duality_gap"] < 0.02 * facts["loss"]
        assert "above the minimum" in succeed(*common, "--certify")
        assert "above the minimum" not in succeed(*common)

    @pytest.mark.parametrize("more", [("--cv", "3", "--Cs", "0.1,1"), ("--validation", "0.3", "--Cs", "0.1,1")])
    def test_a_search_certifies_the_model_that_it_keeps(self, here, more):
        assert told("fit", "iris.csv", "--target", "species", "--certify", *more)["duality_gap"] >= 0

    def test_without_a_penalty_there_is_none(self, here):
        result = run("fit", "iris.csv", "--target", "species", "--certify", "--C", "inf")
        assert result.exit_code == 1
        assert "--certify must be False unless every feature has a penalty" in result.stderr
