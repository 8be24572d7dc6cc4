"""The examples of models whose logits are not linear train, and to the answers of others."""

import os
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import reference
from scipy.optimize import approx_fprime, minimize
from tolerances import DIFFERENCES, ESTIMATE, SAME

EXAMPLES = Path(__file__).parents[2] / "examples"
MNIST = Path(os.environ.get("FASTSOFTMAX_TEST_DATA", "")) / "mnist.npz"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs the examples")


def load(name, monkeypatch):
    """The module of an example, `folder/file`."""
    path = EXAMPLES / f"{name}.py"
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def halves(digits):
    X, y = digits
    return X[:1200], y[:1200], X[1200:], y[1200:]


def test_a_network_in_numpy(halves, monkeypatch):
    network = load("numpy-network/network", monkeypatch)
    X, y, X_test, y_test = (part.astype(np.float32) if part.ndim == 2 else part for part in halves)
    trained = network.train(X, y, 10, n_hidden=64, n_epochs=40, batch=32)
    assert network.accuracy(trained, X_test, y_test) >= 0.9
    assert network.accuracy(trained, X, y) == 1

    at = network.start(5, 4, 3, np.random.default_rng(0))
    at = [part.astype(np.float64) for part in at]
    X, y = np.random.default_rng(1).standard_normal((20, 5)), np.arange(20) % 3
    _, grads = network.loss_grad(at, X, y)
    for place, grad in enumerate(grads):

        def loss(flat, place=place, shape=grad.shape):
            return network.loss_grad([*at[:place], flat.reshape(shape), *at[place + 1 :]], X, y)[0]

        differences = approx_fprime(at[place].ravel(), loss, 1e-7).reshape(grad.shape)
        np.testing.assert_allclose(grad, differences, rtol=0, atol=10 * DIFFERENCES)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_file(), reason="FASTSOFTMAX_TEST_DATA has no mnist.npz")
def test_a_network_in_numpy_on_mnist(monkeypatch):
    network = load("numpy-network/network", monkeypatch)
    X, y, X_test, y_test = network.mnist(MNIST)
    began = time.process_time()
    trained = network.train(X, y, 10)
    assert time.process_time() - began < 120  # a minute on two processors
    assert network.accuracy(trained, X_test, y_test) >= 0.97


@pytest.mark.slow
def test_a_loop_of_pytorch(halves, monkeypatch):
    torch = pytest.importorskip("torch")
    loop = load("torch-loop/loop", monkeypatch)
    X, y, X_test, y_test = (torch.tensor(part, dtype=torch.float32 if part.ndim == 2 else None) for part in halves)
    trained = loop.train(X, y, 10)
    assert loop.accuracy(trained, X_test, y_test) >= 0.9
    # For the first steps, rounding does not yet tell the losses apart.
    few = dict(n_epochs=1, batch=400)
    ours, theirs = (
        loop.train(X, y, 10, loss=loss, **few) for loss in (loop.cross_entropy, torch.nn.functional.cross_entropy)
    )
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_wide_and_deep(halves, monkeypatch):
    example = load("wide-and-deep/wide_and_deep", monkeypatch)
    X, y, X_test, y_test = halves
    model = example.WideAndDeep(64, 10).fit(X, y, max_iter=60)
    assert (model.predict_proba(X).argmax(axis=1) == y).all()
    assert (model.predict_proba(X_test).argmax(axis=1) == y_test).mean() >= 0.9

    small = example.WideAndDeep(3, 4, n_wide=5, n_hidden=2, l2=0.1)
    X, y = np.random.default_rng(1).standard_normal((20, 3)), np.arange(20) % 4
    arguments = X, small.wide(X), y
    differences = approx_fprime(small.theta, lambda theta: small.loss_grad(theta, *arguments)[0], 1e-7)
    _, grad = small.loss_grad(small.theta, *arguments)
    np.testing.assert_allclose(grad, differences, rtol=0, atol=10 * DIFFERENCES)


def log_likelihood(beta, attributes, chosen, available):
    Z = np.where(available, attributes @ beta, -np.inf)
    return reference.log_softmax(Z)[np.arange(len(chosen)), chosen].sum()


def test_discrete_choice_is_the_maximum_of_the_likelihood(monkeypatch):
    choice = load("discrete-choice/choice", monkeypatch)
    data = choice.simulate()
    found = choice.estimate(*data)
    assert found.log_likelihood == pytest.approx(log_likelihood(found.beta, *data), rel=ESTIMATE)
    best = minimize(lambda beta: -log_likelihood(beta, *data), np.zeros(3), tol=1e-9, options={"gtol": 1e-5})
    assert found.log_likelihood >= -best.fun - ESTIMATE
    np.testing.assert_allclose(found.beta, best.x, rtol=1e-4)
    assert (abs(found.beta - [-1, 0.5, 2]) < 3 * found.standard_errors).all()


def test_discrete_choice_is_that_of_statsmodels(monkeypatch):
    conditional = pytest.importorskip("statsmodels.discrete.conditional_models")
    choice = load("discrete-choice/choice", monkeypatch)
    attributes, chosen, available = choice.simulate()
    found = choice.estimate(attributes, chosen, available)
    people, alternatives = available.nonzero()
    model = conditional.ConditionalLogit(
        (alternatives == chosen[people]).astype(float), attributes[people, alternatives], groups=people
    )
    theirs = model.fit(disp=False, method="newton")
    np.testing.assert_allclose(found.beta, theirs.params, rtol=ESTIMATE)
    np.testing.assert_allclose(found.standard_errors, theirs.bse, rtol=ESTIMATE)
    assert found.log_likelihood == pytest.approx(theirs.llf, rel=ESTIMATE)


def test_attributes_that_decide_every_choice_have_no_estimate(monkeypatch):
    choice = load("discrete-choice/choice", monkeypatch)
    attributes = np.zeros((3, 2, 1))
    attributes[:, 1] = 1
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        choice.estimate(attributes, np.ones(3, int), max_iter=20)


def test_ordered_classes_have_the_gradient_of_their_loss(monkeypatch):
    ordinal = load("ordinal/ordinal", monkeypatch)
    X, y = ordinal.simulate(50)
    theta = np.r_[0.3, -0.2, 0.5, -0.7, 0.1, -0.4]
    loss, grad = ordinal.loss_grad(theta, X, y)
    cuts = ordinal.cuts_of(theta[3:])
    below = 1 / (1 + np.exp((X @ theta[:3])[:, None] - cuts))
    probabilities = np.diff(np.c_[np.zeros(50), below, np.ones(50)], axis=1)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(50), y]).mean(), rel=SAME)
    steps = 1e-6 * np.eye(6)
    differences = [
        (ordinal.loss_grad(theta + h, X, y)[0] - ordinal.loss_grad(theta - h, X, y)[0]) / 2e-6 for h in steps
    ]
    np.testing.assert_allclose(grad, differences, rtol=0, atol=DIFFERENCES)
    # Far from all cut points the logarithms stay finite.
    assert np.isfinite(ordinal.loss_grad(np.r_[1e4 * theta[:3], theta[3:]], X, y)[0])


def test_ordered_classes_are_those_of_statsmodels(monkeypatch):
    ordered = pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    ordinal = load("ordinal/ordinal", monkeypatch)
    X, y = ordinal.simulate()
    found = ordinal.estimate(X, y)
    model = ordered.OrderedModel(y, X, distr="logit")
    theirs = model.fit(method="bfgs", disp=False, gtol=1e-8, maxiter=1000)
    np.testing.assert_allclose(found.w, theirs.params[:3], atol=ESTIMATE)
    np.testing.assert_allclose(found.cuts, model.transform_threshold_params(theirs.params)[1:-1], atol=ESTIMATE)
    assert found.log_likelihood == pytest.approx(theirs.llf, rel=ESTIMATE)


def test_weights_of_ordered_classes_are_repetitions(monkeypatch):
    ordinal = load("ordinal/ordinal", monkeypatch)
    X, y = ordinal.simulate(300)
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted, plain = ordinal.estimate(X, y, weight), ordinal.estimate(X[repeated], y[repeated])
    np.testing.assert_allclose(weighted.w, plain.w, atol=ESTIMATE)
    np.testing.assert_allclose(weighted.cuts, plain.cuts, atol=ESTIMATE)
