"""What docs/with-other-tools.md says of other packages."""

import numpy as np
import pandas as pd
import pytest
from problems import make_problem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastsoftmax as fs

P = make_problem(120, 4, 3)
FRAME = pd.DataFrame(P.X, columns=list("abcd"))
COUNTS = np.random.default_rng(0).poisson(np.exp(0.3 * P.X[:, 0]))

MODELS = {
    "softmax": fs.SoftmaxRegression(),
    "standardised": fs.SoftmaxRegression(standardize=True),
    "cross-validated": fs.SoftmaxRegressionCV(Cs=[0.1, 1.0], cv=3),
    "labels": fs.MultilabelRegression(),
    "counts": fs.PoissonRegression(alpha=0.01),
    "dispersed counts": fs.NegativeBinomialRegression(dispersion="auto"),
    "numbers": fs.GaussianRegression(),
    "pipeline": make_pipeline(StandardScaler(), fs.SoftmaxRegression()),
}


class TestSkops:
    @pytest.fixture(autouse=True)
    def _skops(self):
        self.io = pytest.importorskip("skops.io")

    def stored(self, model):
        """Return what is loaded where the types of this package alone are trusted."""
        data = self.io.dumps(model)
        own = [name for name in self.io.get_untrusted_types(data=data) if name.startswith("fastsoftmax.")]
        return self.io.loads(data, trusted=own)

    @pytest.mark.parametrize("case", MODELS)
    def test_estimators_come_back(self, case):
        model = MODELS[case].fit(FRAME, COUNTS if "counts" in case else P.y)
        loaded = self.stored(model)
        np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))
        if hasattr(model, "predict_proba"):
            np.testing.assert_array_equal(loaded.predict_proba(FRAME), model.predict_proba(FRAME))
        if case != "pipeline":
            assert loaded.get_params() == model.get_params()
            assert loaded.result_.message == model.result_.message

    @pytest.mark.parametrize("average", [True, False])
    def test_streams_go_on(self, average):
        model = fs.SoftmaxRegression(random_state=0, solver=fs.SGD(average=average)).partial_fit(P.X, P.y, [0, 1, 2])
        loaded = self.stored(model)
        for each in (model, loaded):
            each.partial_fit(P.X, P.y)
        np.testing.assert_array_equal(loaded.coef_, model.coef_)

    def test_sparse_coefficients_are_scipys_type(self):
        model = fs.SoftmaxRegression(l1_ratio=1.0, C=0.1).fit(P.X, P.y).sparsify()
        data = self.io.dumps(model)
        unknown = self.io.get_untrusted_types(data=data)
        (other,) = [name for name in unknown if not name.startswith("fastsoftmax.")]
        assert other.startswith("scipy.sparse.")
        np.testing.assert_array_equal(self.io.loads(data, trusted=unknown).predict(P.X), model.predict(P.X))


class TestShap:
    @pytest.mark.parametrize("case", [case for case in MODELS if case not in ("pipeline", "labels")])
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_values_sum_to_the_logits(self, case, n_classes):
        shap = pytest.importorskip("shap")
        model = MODELS[case].fit(P.X, COUNTS if "counts" in case else P.y % n_classes)
        values = shap.LinearExplainer(model, P.X)(P.X)
        if hasattr(model, "decision_function"):
            logits = model.decision_function(P.X)
        else:
            mean = model.predict(P.X)
            logits = mean if case == "numbers" else np.log(mean)
        np.testing.assert_allclose(values.values.sum(axis=1) + values.base_values, logits, atol=1e-9)
