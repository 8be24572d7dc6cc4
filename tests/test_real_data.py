"""MNIST to its known optimum. Skipped unless FASTSOFTMAX_TEST_DATA names a folder with mnist.npz.

The file holds the original split as uint8: X_train (60000, 784), y_train, X_test (10000, 784), y_test.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from fastsoftmax import SoftmaxRegression

MNIST = Path(os.environ.get("FASTSOFTMAX_TEST_DATA", "")) / "mnist.npz"

# Σ loss + ½‖W‖² at the optimum for pixels / 255 and C = 1.
BEST_KNOWN = 13927.0617


@pytest.mark.skipif(not MNIST.is_file(), reason="FASTSOFTMAX_TEST_DATA has no mnist.npz")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mnist_reaches_the_optimum(dtype):
    data = np.load(MNIST)
    X, X_test = (data[name].astype(dtype) / dtype(255) for name in ("X_train", "X_test"))
    model = SoftmaxRegression(tol=1e-6, max_iter=3000).fit(X, data["y_train"])
    assert model.result_.status == "converged"
    assert model.result_.loss * len(X) == pytest.approx(BEST_KNOWN, rel=1e-6)
    assert model.score(X_test, data["y_test"]) >= 0.925
