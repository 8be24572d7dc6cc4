"""JAX: values and gradients are those of its own functions, compiled or not, and what is not served is refused."""

import itertools

import numpy as np
import pytest
from tolerances import LOGITS

import fastsoftmax as fs

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from fastsoftmax.jax import cross_entropy, linear_cross_entropy  # noqa: E402

N = 20


@pytest.fixture(autouse=True)
def float64():
    """Let JAX compute in float64, which it does only when told."""
    with jax.enable_x64(True):
        yield


def make(n_classes, dtype=np.float64, soft=False):
    rng = np.random.default_rng(0)
    logits = jnp.asarray(2 * rng.standard_normal((N, n_classes)), dtype)
    y = rng.dirichlet(np.ones(n_classes), N).astype(dtype) if soft else rng.integers(0, n_classes, N)
    return logits, jnp.asarray(y)


def expected(logits, y, weight=None, reduction="mean", label_smoothing=0.0):
    """The loss by JAX alone."""
    n_classes = logits.shape[1]
    w = jnp.ones(n_classes, logits.dtype) if weight is None else weight
    total = N if y.ndim == 2 else w[y].sum()
    Q = y if y.ndim == 2 else jax.nn.one_hot(y, n_classes, dtype=logits.dtype)
    if y.ndim == 1:
        total = jnp.where(y == -100, 0, w[y]).sum()
    losses = -(w * ((1 - label_smoothing) * Q + label_smoothing / n_classes) * jax.nn.log_softmax(logits)).sum(1)
    if y.ndim == 1:
        losses = jnp.where(y == -100, 0, losses)
    return {"mean": losses.sum() / total, "sum": losses.sum(), "none": losses}[reduction]


def assert_same(actual, wanted, dtype):
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=LOGITS[dtype], atol=LOGITS[dtype] * abs(b).max())


def weighed(function):
    """A number that depends on every entry of a loss in another way."""

    def number(*arguments):
        loss = jnp.atleast_1d(function(*arguments))
        return (jnp.linspace(1, 2, loss.size, dtype=loss.dtype) * loss).sum()

    return number


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(soft, reduction, dtype):
    logits, y = make(60, dtype, soft)
    if not soft:
        y = y.at[::4].set(-100)
    weight = jnp.asarray(np.random.default_rng(1).uniform(0.5, 2, 60), dtype)
    for w, smoothing in itertools.product([None, weight], [0.0, 0.1]):
        options = dict(weight=w, reduction=reduction, label_smoothing=smoothing)
        wanted = expected(logits, y, **options)
        ours = weighed(lambda z, some=options: cross_entropy(jnp.sin(z), y, **some))
        theirs = weighed(lambda z, some=options: expected(jnp.sin(z), y, **some))
        assert_same(cross_entropy(logits, y, **options), wanted, dtype)
        for transform in (lambda f: f, jax.jit):
            assert_same(transform(jax.value_and_grad(ours))(logits), jax.value_and_grad(theirs)(logits), dtype)


def test_halves_are_computed_in_float32():
    logits, y = make(60, jnp.bfloat16)
    loss, grad = jax.value_and_grad(cross_entropy)(logits, y)
    assert loss.dtype == grad.dtype == jnp.bfloat16
    assert loss == cross_entropy(logits.astype(jnp.float32), y).astype(jnp.bfloat16)


def linear(dtype=np.float64):
    rng = np.random.default_rng(2)
    return [jnp.asarray(rng.standard_normal(shape), dtype) for shape in ((N, 7), (60, 7), (60,))]


@pytest.mark.parametrize("asked", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_linear_cross_entropy(asked, reduction):
    _, y = make(60)
    parts = linear()

    def ours(*some):
        return linear_cross_entropy(*some, y, reduction=reduction)

    def theirs(X, W, b):
        return expected(X @ W.T + b, y, reduction=reduction)

    assert_same(ours(*parts), theirs(*parts), np.float64)
    wanted = jax.value_and_grad(theirs, asked)(*parts)
    assert_same(jax.jit(jax.value_and_grad(ours, asked))(*parts), wanted, np.float64)


def test_without_an_intercept_and_over_a_batch():
    logits, y = make(60)
    X, W, _ = linear()
    assert_same(linear_cross_entropy(X, W, None, y), expected(X @ W.T, y), np.float64)
    losses = jax.vmap(lambda z: cross_entropy(z, y))(jnp.stack([logits, 2 * logits]))
    assert losses.tolist() == [fs.cross_entropy(k * np.asarray(logits), np.asarray(y)) for k in (1, 2)]


def test_what_is_not_served_is_refused_by_name():
    logits, y = make(4)
    X, W, b = linear()
    calls = {
        "logits must hold float32, float64, float16 or bfloat16, found int64": lambda: cross_entropy(y, y),
        "logits must be two-dimensional, found shape": lambda: cross_entropy(logits[0], y),
        "reduction must be one of": lambda: cross_entropy(logits, y, reduction="max"),
        "reduction must be one of 'mean', 'sum', found": lambda: linear_cross_entropy(X, W, b, y, reduction="none"),
        "W must have the dtype of X, float64, found float32": lambda: linear_cross_entropy(
            X, W.astype(np.float32), b, y
        ),
        "weight must not be differentiated": lambda: jax.grad(lambda w: cross_entropy(logits, y, w))(jnp.ones(4)),
        "y must not be differentiated": lambda: jax.grad(lambda p: cross_entropy(logits, p))(jax.nn.softmax(logits)),
        "callbacks do not support JVP": lambda: jax.hessian(lambda z: cross_entropy(z, y))(logits),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(Exception, match="y must hold class indices that are between 0 and 3, found"):
        cross_entropy(logits, y + 4).block_until_ready()
