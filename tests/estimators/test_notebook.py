"""What a notebook shows of an estimator says how the fit went, with all text escaped."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from problems import make_problem
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastsoftmax as fs

P = make_problem(90, 4, 3)


def table_of(estimator):
    """Return caption and rows; parsing fails where a tag or a sign is not closed or escaped."""
    html = estimator._repr_html_()
    (table,) = re.findall(r'<table class="fastsoftmax-fit">.*?</table>', html, flags=re.DOTALL)
    tree = ElementTree.fromstring(table)
    rows = {row.find("th").text: row.find("td").text for row in tree.iter("tr")}
    return tree.find("caption").text, rows


def test_a_fit_is_told():
    model = fs.SoftmaxRegression().fit(P.X, P.y)
    caption, rows = table_of(model)
    result = model.result_
    assert caption == "✓ SoftmaxRegression: converged"
    assert rows["loss"] == f"{result.loss:.6g}, penalty included"
    assert rows["distance to the minimum"] == f"about {result.distance:.1g} of the loss"
    assert rows["work"] == f"{result.n_passes} passes over X, {result.n_iter} iterations"
    assert rows["time"] == f"{result.history['seconds'][-1]:.3g} s"
    assert rows["message"] == result.message
    assert rows["coefficients"] == "3 × 4"
    assert rows["classes"] == "3: 0, 1, 2"
    assert "text/html" in model._repr_mimebundle_()
    assert model._repr_html_().startswith(("<style", "<div"))


def test_a_fit_that_fell_short_is_marked():
    with pytest.warns(ConvergenceWarning):
        model = fs.SoftmaxRegression(max_iter=1, tol=1e-12).fit(P.X, P.y)
    assert table_of(model)[0] == "⚠ SoftmaxRegression: max_iter"


def test_a_bound_and_zeros_are_told():
    model = fs.SoftmaxRegression(l1_ratio=1.0, C=0.02).fit(P.X, P.y)
    _, rows = table_of(model)
    assert rows["distance to the minimum"].startswith("at most ")
    assert rows["coefficients"] == f"3 × 4, {(model.coef_ == 0).sum()} of them zero"


def test_what_cross_validation_chose_is_told():
    model = fs.SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3).fit(P.X, P.y)
    _, rows = table_of(model)
    assert rows["chosen"].startswith(f"C = {model.C_:.4g}, l1_ratio = 0; mean score ")
    assert rows["all fits"] == f"{model.n_passes_} passes over X"


def test_means_over_folds_have_no_result():
    model = fs.SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3).fit(P.X, P.y)
    model.set_params(refit=False).fit(P.X, P.y)
    assert not hasattr(model, "result_")
    assert "fastsoftmax-fit" not in model._repr_html_()


def test_regressions_are_told():
    caption, rows = table_of(fs.PoissonRegression().fit(P.X, P.y))
    assert caption == "✓ PoissonRegression: converged"
    assert "classes" not in rows


def test_names_are_escaped_and_stay_different():
    names = np.array(["<script>alert('a')</script>", "<script>alert('b')</script>", "R&D"])
    model = fs.SoftmaxRegression().fit(P.X, names[P.y])
    html = model._repr_html_()
    assert "alert(" in html
    assert "<script>alert" not in html
    _, rows = table_of(model)
    assert len(set(rows["classes"].removeprefix("3: ").split(", "))) == 3
    assert "R&D" in rows["classes"]


def test_many_classes_are_counted():
    y = np.arange(90) % 30
    assert table_of(fs.SoftmaxRegression().fit(P.X, y))[1]["classes"] == "30"


def test_without_a_fit_it_is_scikit_learns():
    stream = fs.SoftmaxRegression(random_state=0).partial_fit(P.X, P.y, [0, 1, 2])
    for model in (fs.SoftmaxRegression(), stream):
        assert "fastsoftmax-fit" not in model._repr_html_()
    pipe = make_pipeline(StandardScaler(), fs.SoftmaxRegression()).fit(P.X, P.y)
    assert "SoftmaxRegression" in pipe._repr_html_()
    with config_context(display="text"):
        assert not hasattr(fs.SoftmaxRegression().fit(P.X, P.y), "_repr_html_")
