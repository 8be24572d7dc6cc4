"""Callbacks of scikit-learn see every iteration of a fit, can predict with its model, and can stop the fit."""

import numpy as np
import pytest
from problems import make_problem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from fastsoftmax import SoftmaxRegression

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from version 1.9 on")

P = make_problem(200, 5, 3)


class Recording:
    """Records the probabilities at the end of each iteration; stops the fit after some iterations."""

    def __init__(self, stop_after=None):
        self.calls, self.probabilities, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.calls.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, metadata, fitted_estimator):
        self.calls.append(f"end {context.task_name}")
        self.metadata = metadata
        if context.task_name == "iteration" and fitted_estimator is not None:
            self.probabilities.append(fitted_estimator.predict_proba(X))
        return len(self.probabilities) == self.stop_after

    def teardown(self, estimator, context):
        self.calls.append("teardown")


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("solver", ["auto", "gd", "lbfgs"])
def test_every_iteration_is_seen(solver, standardize):
    seen = Recording()
    model = SoftmaxRegression(solver=solver, standardize=standardize, max_iter=1000).set_callbacks(seen)
    model.fit(P.X, P.y, P.s)
    iterations = ["begin iteration", "end iteration"] * (model.n_iter_[0] + 1)
    assert seen.calls == ["setup", "begin fit", *iterations, "end fit", "teardown"]
    np.testing.assert_array_equal(seen.probabilities[-1], model.predict_proba(P.X))
    np.testing.assert_array_equal(seen.metadata["sample_weight"], P.s)
    unseen = SoftmaxRegression(**model.get_params()).fit(P.X, P.y, P.s)
    np.testing.assert_array_equal(unseen.coef_, model.coef_)


def test_a_callback_stops_the_fit():
    model = SoftmaxRegression(tol=0, verbose=1).set_callbacks(Recording(stop_after=2)).fit(P.X, P.y)
    assert model.n_iter_[0] == 2
    assert model.result_.status == "callback"
    with pytest.warns(ConvergenceWarning):
        two = SoftmaxRegression(tol=0, max_iter=2).fit(P.X, P.y)
    np.testing.assert_array_equal(model.coef_, two.coef_)


def test_a_failed_fit_tears_down():
    seen = Recording()
    with pytest.raises(ValueError, match="NaN"):
        SoftmaxRegression().set_callbacks(seen).fit(np.full_like(P.X, np.nan), P.y)
    assert seen.calls[-1] == "teardown"


def test_a_search_passes_them_on():
    class Everywhere(Recording):
        max_propagation_depth = None

    seen = Everywhere()
    search = GridSearchCV(SoftmaxRegression(), {"C": [0.1, 1.0]}, cv=2)
    if not hasattr(search, "set_callbacks"):
        pytest.skip("this version's searches have no callbacks")
    search.set_callbacks(seen).fit(P.X, P.y)
    assert seen.calls.count("begin iteration") > 5
