"""Separated classes have no optimum without a penalty, and the status says so; nearly separated ones have one."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import fastsoftmax as fs
from fastsoftmax.families.separation import separated_classes


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "preconditioned-lbfgs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_that_are_all_separated_end_the_fit(solver, dtype):
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = (rng.standard_normal((90, 4)) + 20 * np.eye(4)[y]).astype(dtype)
    result = fs.fit(X, y, solver=solver, tol=0)
    assert result.status == "separated"
    assert "all classes are separated" in result.message
    assert np.abs(result.W).max() < 1e3
    logits = X @ result.W.T + result.b
    np.testing.assert_array_equal(logits.argmax(axis=1), y)


@pytest.mark.parametrize("sample_weight", [None, np.r_[np.ones(149), 0]])
def test_one_class_that_is_separated_is_found(sample_weight):
    X, y = load_iris(return_X_y=True)
    result = fs.fit(X, y, tol=1e-6, sample_weight=sample_weight)
    assert result.status == "separated"
    assert "are separated" in result.message
    # The other two classes are not separated from each other; with a penalty there is always an optimum.
    assert fs.fit(X[y > 0], y[y > 0] - 1, tol=1e-6).status == "converged"
    assert fs.fit(X, y, l2=1e-6, tol=1e-6).status == "converged"


def test_a_single_sample_on_the_wrong_side_makes_an_optimum():
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    inputs = np.hstack([X, np.ones((4, 1))])
    np.testing.assert_array_equal(separated_classes(inputs, y, 2), [0, 1])
    np.testing.assert_array_equal(separated_classes(inputs, np.array([0, 1, 0, 1]), 2), [])
    # A tie in the middle leaves the rest separated: quasi-complete separation.
    tied = np.vstack([inputs, [[0, 1], [0, 1]]])
    np.testing.assert_array_equal(separated_classes(tied, np.r_[y, 0, 1], 2), [0, 1])


def test_zero_weights_separate_nothing():
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [-3.0]]), np.array([0, 0, 1, 1, 1])
    assert fs.fit(X, y, tol=1e-8).status == "converged"
    assert fs.fit(X, y, tol=1e-8, sample_weight=[1, 1, 1, 1, 0]).status == "separated"


EDGES = {
    "duplicated and constant columns": lambda X, y: (np.hstack([X, X[:, :2], np.ones((len(X), 2))]), y, {}),
    "fewer samples than features": lambda X, y: (np.hstack([X] * 100)[:30], y[:30], {}),
    "two classes": lambda X, y: (X, np.minimum(y, 1), {}),
    "one sample a class": lambda X, y: (X[:9], np.arange(9), {}),
    "a class without samples": lambda X, y: (X, np.where(y == 1, 3, y), {}),
    "weights over twelve orders": lambda X, y: (X, y, {"sample_weight": np.geomspace(1e-6, 1e6, len(X))}),
    "an offset": lambda X, y: (X, y, {"offset": np.outer(X[:, 0], [1, -1, 3])}),
    "zeros": lambda X, y: (0 * X, y, {}),
    "a far mean": lambda X, y: (X + 1e4, y, {}),
}


@pytest.mark.parametrize("edge", EDGES)
def test_edges_converge(edge):
    rng = np.random.default_rng(1)
    X, y, settings = EDGES[edge](rng.standard_normal((300, 5)), rng.integers(0, 3, 300))
    result = fs.fit(X, y, l2=1e-3, tol=1e-6, **settings)
    assert result.status == "converged", result.message
    assert result.grad_norm <= 1e-6


@pytest.mark.parametrize("factor", [1e-4, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_of_a_column_hardly_matters(factor, dtype):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((3000, 30)) @ rng.standard_normal((30, 30)) / 5
    y = (X @ rng.standard_normal((30, 5)) + rng.gumbel(size=(3000, 5))).argmax(axis=1)
    scaled = X * np.where(np.arange(30) % 3 == 0, factor, 1)
    best = fs.fit(X, y, tol=1e-9).loss

    def passes(data):
        near = fs.fit(data.astype(dtype), y, tol=0, callback=lambda state: state.loss <= best * (1 + 1e-5))
        assert near.status == "callback"
        return near.n_passes

    assert 0.5 * passes(X) < passes(scaled) < 1.5 * passes(X)


def test_a_program_that_takes_too_long_tells_nothing(monkeypatch):
    X, y = load_iris(return_X_y=True)
    inputs = np.hstack([X, np.ones((150, 1))])
    assert len(separated_classes(inputs, y, 3))
    monkeypatch.setattr("fastsoftmax.families.separation.MOST_ITERATIONS", 1)
    assert not len(separated_classes(inputs, y, 3))
