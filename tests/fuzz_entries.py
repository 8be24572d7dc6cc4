"""The functions without a state, for tests/fuzz.py: random arguments, and a check of the result, for each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import reference
import scipy.sparse as sp
from tolerances import FAST_GRAM_OF_FEW, GRADIENT, GRAM, assert_gradient_close, assert_loss_close

import fastsoftmax as fs
from fastsoftmax.fitting.passes import decision_function


def all_finite(*arrays):
    """Raise AssertionError if a result holds NaN or infinity, which no arguments may lead to."""
    for array in arrays:
        assert np.isfinite(array).all(), "a result is not finite"


@dataclass
class Entry:
    """A call and the checks of its result."""

    call: Callable
    arguments: tuple
    keywords: dict = field(default_factory=dict)
    check: Callable[[Any], None] = lambda result: None  # only if all arguments are valid and of moderate size
    check_finite: Callable[[Any], None] = lambda result: all_finite(*arrays_of(result))  # in any case
    threads: str = ""  # keyword of the number of threads, if there is one

    def arrays(self, result):
        """The arrays of a result; their bits must not depend on the number of threads."""
        return arrays_of(result)


def arrays_of(result):
    if isinstance(result, fs.PathResult):
        return [array for one in result for array in arrays_of(one)]
    if isinstance(result, fs.FitResult):
        return [result.W, result.b]
    return [np.asarray(array) for array in (result if isinstance(result, tuple) else (result,))]


# ---------------------------------------------------------------------------------------------------------------------
# What arguments stand for
# ---------------------------------------------------------------------------------------------------------------------


def numbers(value):
    return np.asarray(value).astype(np.float64)


def dense(X, scale=None, shift=None):
    """X in float64, scaled."""
    X = numbers(X.toarray() if sp.issparse(X) else X)
    return X * (1.0 if scale is None else numbers(scale)) + (0.0 if shift is None else numbers(shift))


def precision_of(X):
    """The dtype in which a function of X computes."""
    dtype = X.dtype if sp.issparse(X) else np.asarray(X).dtype
    if dtype.kind in "fV":
        single = dtype.itemsize <= 4
    else:
        single = dtype.itemsize <= 2 if sp.issparse(X) else dtype.itemsize == 1
    return np.float32 if single else np.float64


def rows_of(y, n_classes):
    """Targets as rows."""
    y = np.asarray(y)
    return numbers(y) if y.ndim == 2 else np.eye(n_classes)[y.astype(int)]


def share_of(Y, s, z):
    """The scale of the rounding errors: the largest weight of a sample times the size of its logits."""
    weight = 1.0 if s is None else len(Y) * numbers(s).max() / numbers(s).sum()
    return Y.sum(axis=1).max() * weight * (5 + np.abs(z).max())


def weights_of(s):
    return None if s is None else numbers(s)


# ---------------------------------------------------------------------------------------------------------------------
# Functions of X, W and b
# ---------------------------------------------------------------------------------------------------------------------


def linear(draw, sparse=0.3):
    """Draw n, n_classes, X, its scaling, and W and b for which the logits are of moderate size."""
    n, n_features, n_classes = draw.shape()
    X, scaling = draw.X(n, n_features, sparse), draw.scaling(n_features)
    size = 1 / max(1, np.linalg.norm(dense(X, **scaling), axis=1).max()) if draw.tame else draw.pick([1, 1e-3, 1e3])
    W, b = draw.parameters(n_classes, n_features, size)
    return n, n_classes, X, W, b, scaling


def loss_grad(draw):
    n, n_classes, X, W, b, scaling = linear(draw)
    y, s, l2 = draw.y(n, n_classes), draw.sample_weight(n), draw.penalty()
    precision = draw.pick(["exact", "exact", "exact", "fast", "rough"])

    def check(result):
        if precision != "exact":
            return
        full, Y = dense(X, **scaling), rows_of(y, n_classes)
        expected, *gradients = reference.loss_grad(full, Y, numbers(W), numbers(b), s=weights_of(s), l2=float(l2))
        share = share_of(Y, s, numbers(b))
        dtype = precision_of(X)
        assert_loss_close(result[0], expected, dtype, scale=share)
        for actual, wanted in zip(result[1:], gradients, strict=True):
            rounded = np.float32 if np.float32 in (dtype, actual.dtype) else np.float64
            assert_gradient_close(actual, wanted, full.astype(rounded), share)

    keywords = dict(sample_weight=s, l2=l2, precision=precision, num_threads=draw.num_threads(), **scaling)
    return Entry(fs.loss_grad, (X, y, W, b), keywords, check, threads="num_threads")


def predictions(draw):
    _, _, X, W, b, scaling = linear(draw)
    if draw.chance(0.5):
        call, keywords = decision_function, {}
    else:
        call, keywords = fs.predict_proba, dict(precision=draw.pick(["exact", "exact", "rough"]), **scaling)

    def check(result):
        if keywords.get("precision") == "rough":
            return
        Z = dense(X, **(scaling if keywords else {})) @ numbers(W).T + numbers(b)
        expected = reference.softmax(Z) if keywords else Z
        # A float64 model has float64 logits even if X is float32; predict_proba computes in the precision of X.
        dtype = np.promote_types(precision_of(X), np.float32 if keywords else precision_of(W))
        eps = np.finfo(dtype).eps
        assert result.dtype == dtype
        # A few units in the last place of the largest term of any logit.
        terms = np.abs(dense(X, **(scaling if keywords else {}))) @ np.abs(numbers(W)).T + np.abs(numbers(b))
        np.testing.assert_allclose(result, expected, rtol=0, atol=100 * eps * (2 + terms.max()))

    return Entry(call, (X, W, b), {**keywords, "num_threads": draw.num_threads()}, check, threads="num_threads")


def gram(draw):
    n, n_features, _ = draw.shape()
    X, scaling = draw.X(n, n_features, sparse=0.05), draw.scaling(n_features)
    draw.tame &= not sp.issparse(X)
    weights = draw.pick([None, (n,), (1, n), (3, n)])
    if weights is not None:
        weights = draw.array(draw.rng.standard_normal(weights), dtypes=["f8", "f4", "f2", "longdouble"])
    precision = draw.pick(["exact", "exact", "fast"])

    def check(result):
        full, s = dense(X, **scaling), np.ones((1, n)) if weights is None else np.atleast_2d(numbers(weights))
        # The stored values are rounded before the shift, which may cancel most of them.
        stored = np.abs(full) + np.abs(dense(np.zeros((1, n_features)), **scaling))
        size = np.linalg.norm(reference.gram(stored, np.abs(s)))
        error = np.linalg.norm(result - reference.gram(full, s).reshape(result.shape))
        rounded = precision == "fast" and precision_of(X) == np.float32
        tolerance = FAST_GRAM_OF_FEW if rounded else GRAM["exact", precision_of(X)]
        assert error <= tolerance * size, f"{error / size:.2e}"
        np.testing.assert_array_equal(result, np.swapaxes(result, -1, -2))

    keywords = dict(precision=precision, num_threads=draw.num_threads(), **scaling)
    return Entry(fs.gram, (X, weights), keywords, check, threads="num_threads")


def standardization(draw):
    n, n_features, _ = draw.shape()
    X, s, center = draw.X(n, n_features), draw.sample_weight(n), draw.chance(0.7)

    def check(result):
        full, weights = dense(X), np.ones(n) if s is None else numbers(s)
        mean = np.average(full, axis=0, weights=weights)
        deviation = np.sqrt(np.average((full - mean) ** 2, axis=0, weights=weights))
        told = deviation > 1e-3 * np.abs(mean)
        rtol = 1e-4 if precision_of(X) == np.float32 else 1e-10
        np.testing.assert_allclose(result[0][told], 1 / deviation[told], rtol=rtol)
        expected = -mean[told] / deviation[told] if center else np.zeros(told.sum())
        np.testing.assert_allclose(result[1][told], expected, rtol=rtol, atol=rtol)

    keywords = dict(sample_weight=s, center=center, num_threads=draw.num_threads())
    return Entry(fs.standardization, (X,), keywords, check, threads="num_threads")


# ---------------------------------------------------------------------------------------------------------------------
# Functions of logits
# ---------------------------------------------------------------------------------------------------------------------


def logits_of(draw):
    n, _, n_classes = draw.shape()
    logits = draw.rng.standard_normal((n, n_classes)) * draw.pick([1, 10, 50])
    if draw.goes_wild(2):
        logits = np.where(draw.rng.random(logits.shape) < draw.pick([0.1, 0.9]), -np.inf, logits)
    return n, n_classes, draw.array(logits, dtypes=["f8", "f4", "f2", ">f4", "longdouble", "i4", "i1"])


def softmaxes(draw):
    *_, logits = logits_of(draw)
    call = draw.pick([fs.softmax, fs.log_softmax])

    def check(result):
        Z = numbers(logits)
        expected = reference.softmax(Z) if call is fs.softmax else reference.log_softmax(Z)
        np.testing.assert_allclose(
            result, expected, rtol=0, atol=20 * np.finfo(result.dtype).eps * (1 + np.abs(Z).max())
        )

    def check_finite(result):
        # The logarithm of zero is -inf.
        assert not np.isnan(result).any()
        assert (result <= 1 if call is fs.softmax else result <= 0).all()

    return Entry(call, (logits,), {}, check, check_finite)


def cross_entropies(draw):
    n, n_classes, logits = logits_of(draw)
    y, s = draw.y(n, n_classes), draw.sample_weight(n)
    call = draw.pick([fs.cross_entropy, fs.cross_entropy_grad])

    def check(result):
        Z, Y = numbers(logits), rows_of(y, n_classes)
        # With X = 0 and W = 0, the offset alone gives the logits.
        expected, *_ = reference.loss_grad(
            np.zeros((n, 1)), Y, np.zeros((n_classes, 1)), np.zeros(n_classes), s=weights_of(s), offset=Z
        )
        loss, *grad = result if isinstance(result, tuple) else (result,)
        dtype = (
            np.float32
            if np.asarray(logits).dtype.kind == "f" and np.asarray(logits).dtype.itemsize <= 4
            else np.float64
        )
        share = share_of(Y, s, Z)
        assert_loss_close(loss, expected, dtype, scale=share)
        if grad:
            mass = (np.ones(n) if s is None else numbers(s) / numbers(s).sum() * n)[:, None] / n
            wanted = mass * (reference.softmax(Z) * Y.sum(axis=1, keepdims=True) - Y)
            np.testing.assert_allclose(grad[0], wanted, rtol=0, atol=10 * GRADIENT[dtype] * share)

    def check_finite(result):
        loss, *grad = result if isinstance(result, tuple) else (result,)
        assert not np.isnan(loss)  # infinite if a sample's own class is ruled out
        all_finite(*grad)

    return Entry(call, (logits, y), {"sample_weight": s}, check, check_finite)


FUNCTIONS = (loss_grad, predictions, gram, standardization, softmaxes, cross_entropies)
