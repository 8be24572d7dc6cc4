"""If you run only one test file, run this: it needs only NumPy and pytest."""

import numpy as np
import pytest

import fastsoftmax as fs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_and_gradient_by_hand(dtype):
    X = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]], dtype=dtype)
    W, b = np.array([[0.5, -1.0], [0.25, 0.75]], dtype=dtype), np.array([0.1, -0.2], dtype=dtype)
    y = np.array([0, 1, 1])
    logits = X @ W.T + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    residual = p.copy()
    residual[np.arange(3), y] -= 1

    loss, grad_W, grad_b = fs.loss_grad(X, y, W, b)

    rtol = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(loss, -np.log(p[np.arange(3), y]).mean(), rtol=rtol)
    np.testing.assert_allclose(grad_W, residual.T @ X / 3, rtol=rtol)
    np.testing.assert_allclose(grad_b, residual.mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(fs.predict_proba(X, W, b), p, rtol=rtol)


@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
def test_fit_separates_three_clouds(solver):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 100)
    X = np.array([[0.0, 3.0], [3.0, -2.0], [-3.0, -2.0]])[y] + rng.standard_normal((300, 2))

    result = fs.fit(X, y, l2=1e-2, solver=solver, tol=1e-3)

    assert result.status == "converged"
    assert result.grad_norm <= 1e-3
    assert np.mean(fs.predict_proba(X, result.W, result.b).argmax(axis=1) == y) > 0.97


def test_config_names_what_runs():
    config = fs.show_config("dicts")
    assert config["version"] == fs.__version__
    assert config["instruction set chosen"] in config["instruction sets available"].split(", ")
    assert int(config["threads"]) >= 1
