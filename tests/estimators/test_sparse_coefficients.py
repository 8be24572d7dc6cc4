"""sparsify and densify of the regressions and of the labels."""

import numpy as np
import pytest
import scipy.sparse as sp

import fastsoftmax as fs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6))
Y = RNG.poisson(np.exp(0.6 * X[:, 0] - 0.4 * X[:, 3]))
SPARSE = dict(l1_ratio=1.0, alpha=0.2, warm_start=True)
LABELS = {**SPARSE, "alpha": 0.05}


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (fs.PoissonRegression(**SPARSE), Y),
        (fs.PoissonRegression(**SPARSE), np.column_stack([Y, Y[::-1]])),
        (fs.GaussianRegression(**SPARSE), Y.astype(float)),
        (fs.MultilabelRegression(**LABELS), Y % 3),
        (fs.MultilabelRegression(**LABELS), np.column_stack([Y > 0, Y > 1]).astype(int)),
    ],
)
def test_predictions_stay(model, y):
    model.fit(X, y)
    coef, predicted, score = model.coef_, model.predict(X), model.score(X, y)
    assert (coef == 0).any()
    assert (coef != 0).any()
    assert sp.issparse(model.sparsify().coef_)
    np.testing.assert_array_equal(model.predict(X), predicted)
    assert model.score(X, y) == score
    np.testing.assert_array_equal(model.densify().coef_, coef)
    assert model.coef_.shape == coef.shape
    assert np.max(model.sparsify().fit(X, y).n_iter_) == 0
    assert isinstance(model.coef_, np.ndarray)
