"""What scikit-learn spells otherwise: its solvers are accepted, its other parameters are explained."""

import inspect

import numpy as np
import pytest
from problems import make_problem
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression, SoftmaxRegressionCV
from fastsoftmax.estimators.spellings import SOLVERS_OF_SKLEARN

P = make_problem(120, 4, 3)


def test_every_solver_of_logistic_regression_is_a_solver():
    for theirs, ours in ((LogisticRegression, SoftmaxRegression), (LogisticRegressionCV, SoftmaxRegressionCV)):
        names = set().union(*(getattr(c, "options", ()) for c in theirs._parameter_constraints["solver"]))
        assert {"lbfgs", "saga"} <= names
        assert names <= ours._parameter_constraints["solver"][0].options


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("solver", SOLVERS_OF_SKLEARN)
def test_solvers_of_scikit_learn_are_auto(solver, l1_ratio):
    auto = SoftmaxRegression(l1_ratio=l1_ratio).fit(P.X, P.y)
    named = SoftmaxRegression(l1_ratio=l1_ratio, solver=solver).fit(P.X, P.y)
    np.testing.assert_array_equal(named.coef_, auto.coef_)
    np.testing.assert_array_equal(named.intercept_, auto.intercept_)
    assert named.solver == solver
    note = named.result_.message.removeprefix(f"{auto.result_.message}; ")
    assert note.startswith(f"solver={solver!r} of scikit-learn is taken for 'auto', which ")
    assert ("one class against the rest and penalises the intercept" in note) == (solver == "liblinear")
    assert hasattr(SoftmaxRegression(solver=solver), "partial_fit")


def test_the_cross_validation_knows_them_too():
    model = SoftmaxRegressionCV(solver="saga", Cs=[1.0], cv=3).fit(P.X, P.y)
    assert model.result_.message.endswith("solver='saga' of scikit-learn is taken for 'auto', which minimises the same")
    np.testing.assert_array_equal(model.coef_, SoftmaxRegressionCV(Cs=[1.0], cv=3).fit(P.X, P.y).coef_)


def test_regressions_know_them_too():
    model = fs.PoissonRegression(solver="newton-cholesky").fit(P.X, P.y)
    np.testing.assert_array_equal(model.coef_, fs.PoissonRegression().fit(P.X, P.y).coef_)
    note = "solver='newton-cholesky' of scikit-learn is taken for 'auto', which minimises the same"
    assert model.result_.message.endswith(note)
    message = fs.MultilabelRegression(solver="liblinear").fit(P.X, P.y).result_.message
    assert message.endswith("which leaves the intercept free; liblinear penalises it")


def test_the_functional_interface_names_what_it_has():
    with pytest.raises(ValueError, match="solver must be one of 'auto', .* found 'saga'"):
        fs.fit(P.X, P.y, solver="saga")
    assert "scikit-learn" not in SoftmaxRegression(solver="lbfgs").fit(P.X, P.y).result_.message


SPELLINGS = {
    "penalty": '"l1" is l1_ratio=1, .* None is C=np.inf',
    "multi_class": "every fit is multinomial; MultilabelRegression fits each class against all others",
    "dual": "leave it out",
    "intercept_scaling": "the intercept is not penalised",
}


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("estimator", [SoftmaxRegression, SoftmaxRegressionCV])
def test_other_spellings_are_explained(estimator, name):
    message = f"{estimator.__name__} has no parameter {name!r}; .*{SPELLINGS[name]}"
    with pytest.raises(TypeError, match=message):
        estimator(**{name: "l1"})
    with pytest.raises(ValueError, match=message):
        estimator().set_params(**{name: "l1"})
    with pytest.raises(TypeError, match=f"{estimator.__name__} has no parameter 'penalty'"):
        estimator("l1")


def test_a_grid_of_other_spellings_is_explained():
    with pytest.raises(ValueError, match="SoftmaxRegression has no parameter 'penalty'"):
        GridSearchCV(SoftmaxRegression(), {"penalty": ["l1", "l2"]}, error_score="raise").fit(P.X, P.y)


def test_every_parameter_of_scikit_learn_is_known_or_explained():
    for theirs, ours in ((LogisticRegression, SoftmaxRegression), (LogisticRegressionCV, SoftmaxRegressionCV)):
        lacking = set(theirs().get_params()) - set(ours().get_params())
        assert lacking <= set(ours._spelt_otherwise), ours


def test_no_l1_ratio_is_explained():
    with pytest.raises(ValueError, match=r"l1_ratio must not be None, found None; .* write l1_ratio=0\.0"):
        SoftmaxRegression(l1_ratio=None).fit(P.X, P.y)
    with pytest.raises(ValueError, match=r"l1_ratios must not be None, found None; .* write l1_ratios=\(0\.0,\)"):
        SoftmaxRegressionCV(l1_ratios=None).fit(P.X, P.y)


def test_the_signature_is_that_of_the_parameters():
    assert (
        list(inspect.signature(SoftmaxRegression).parameters)
        == list(inspect.signature(SoftmaxRegression.__init__).parameters)[1:]
    )
    assert sorted(inspect.signature(SoftmaxRegression).parameters) == sorted(SoftmaxRegression().get_params())
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        SoftmaxRegression(colour=1)
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        SoftmaxRegression().set_params(colour=1)
