"""PyTorch: the values and gradients are those of its own functions, and what is not served is refused by name."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from tolerances import LOGITS

import fastsoftmax as fs
from fastsoftmax.fitting import linear_logits

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from fastsoftmax.torch import cross_entropy, linear_cross_entropy  # noqa: E402

NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
BOTH = pytest.mark.parametrize("dtype", NUMPY, ids=str)
N = 20


def make(n_classes, dtype=torch.float64, soft=False, seed=0):
    rng = np.random.default_rng(seed)
    logits = torch.tensor(2 * rng.standard_normal((N, n_classes)), dtype=dtype)
    if soft:
        return logits, torch.tensor(rng.dirichlet(np.ones(n_classes), N), dtype=dtype)
    return logits, torch.tensor(rng.integers(0, n_classes, N))


def weights(n_classes, dtype=torch.float64):
    return torch.tensor(np.random.default_rng(1).uniform(0.5, 2, n_classes), dtype=dtype)


def loss_and_grads(function, *leaves):
    """The loss, and the gradients of a function of it that weighs its entries."""
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    loss = function(*leaves)
    (torch.linspace(1, 2, loss.numel()).to(loss.dtype) * loss.reshape(-1)).sum().backward()
    return [loss.detach(), *(leaf.grad for leaf in leaves)]


def assert_same(actual, expected, dtype):
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        a, b = a.double().numpy(), b.double().numpy()
        np.testing.assert_allclose(a, b, rtol=LOGITS[NUMPY[dtype]], atol=LOGITS[NUMPY[dtype]] * abs(b).max())


@BOTH
@pytest.mark.parametrize("n_classes", [2, 10, 131])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_is_that_of_pytorch(n_classes, soft, reduction, dtype):
    logits, y = make(n_classes, dtype, soft)
    if not soft:
        y[::4] = -100
    for weight, smoothing in itertools.product([None, weights(n_classes, dtype)], [0.0, 0.1]):
        options = dict(weight=weight, reduction=reduction, label_smoothing=smoothing)
        ours = loss_and_grads(lambda z, some=options: cross_entropy(z, y, **some), logits)
        theirs = loss_and_grads(lambda z, some=options: F.cross_entropy(z, y, **some), logits)
        assert_same(ours, theirs, dtype)
        assert_same([cross_entropy(logits, y, **options)], ours[:1], dtype)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (4, 5, 3), (2, 5, 3, 2)])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("soft", [False, True])
def test_all_shapes_are_served(shape, reduction, soft):
    torch.manual_seed(0)
    logits = torch.randn(shape, dtype=torch.float64)
    axis = min(len(shape) - 1, 1)
    y = torch.randn(shape, dtype=torch.float64).softmax(axis) if soft else logits.argmin(axis)
    ours = loss_and_grads(lambda z: cross_entropy(z, y, reduction=reduction), logits)
    theirs = loss_and_grads(lambda z: F.cross_entropy(z, y, reduction=reduction), logits)
    assert_same(ours, theirs, torch.float64)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(dtype):
    logits, y = make(50, dtype)
    loss, grad = loss_and_grads(lambda z: cross_entropy(z, y), logits)
    exact_loss, exact_grad = loss_and_grads(lambda z: cross_entropy(z, y), logits.float())
    assert loss.dtype == grad.dtype == dtype
    assert loss == exact_loss.to(dtype)
    assert torch.equal(grad, exact_grad.to(dtype))


def test_masked_classes_are_those_of_pytorch():
    logits, y = make(60)
    logits[torch.arange(N), (y + 1) % 60] = -torch.inf
    ours = loss_and_grads(lambda z: cross_entropy(z, y), logits)
    assert_same(ours, loss_and_grads(lambda z: F.cross_entropy(z, y), logits), torch.float64)
    logits[3, y[3]] = -torch.inf
    assert cross_entropy(logits, y) == F.cross_entropy(logits, y) == torch.inf


@pytest.mark.parametrize("n_classes", [5, 60])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(n_classes, reduction):
    logits, y = make(n_classes)
    y[2] = -100
    options = dict(weight=weights(n_classes), reduction=reduction, label_smoothing=0.1)
    logits, y = logits[:6].requires_grad_(), y[:6]
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, y, **options), logits)


def test_the_gradient_takes_the_place_of_the_logits():
    values, y = make(60)
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    logits = values * scale
    memory = logits.data_ptr()
    loss = cross_entropy(logits, y, inplace=True)
    _, expected = fs.cross_entropy_grad(values.numpy(), y.numpy())
    assert loss == fs.cross_entropy(values.numpy(), y.numpy())
    assert logits.data_ptr() == memory
    np.testing.assert_array_equal(logits.detach().numpy(), expected)
    loss.backward()
    assert scale.grad == pytest.approx((expected * values.numpy()).sum())


def test_who_needs_the_values_of_logits_that_are_gone_is_told():
    values, y = make(60)
    logits = values.requires_grad_().exp()  # which keeps its result for the backward
    loss = cross_entropy(logits, y, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    logits = values * 2
    loss = cross_entropy(logits, y, inplace=True)
    logits.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_backward_twice_and_a_second_derivative():
    logits, y = make(5)
    logits.requires_grad_()
    loss = cross_entropy(logits, y)
    loss.backward(retain_graph=True)
    once = logits.grad.clone()
    (3 * loss).backward()
    np.testing.assert_allclose(logits.grad, 4 * once, rtol=LOGITS[np.float64])
    X, W, b = (part.requires_grad_() for part in linear(n_classes=5))
    for loss, leaf in ((cross_entropy(logits, y), logits), (linear_cross_entropy(X, W, b, y), W)):
        with pytest.raises(RuntimeError, match="no second derivative: create_graph must be false"):
            torch.autograd.grad(loss, leaf, create_graph=True)


def linear(n_classes=131, n_features=7, dtype=torch.float64, seed=2):
    rng = np.random.default_rng(seed)
    shapes = (N, n_features), (n_classes, n_features), (n_classes,)
    return [torch.tensor(rng.standard_normal(shape), dtype=dtype) for shape in shapes]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of eight samples, and pieces that do not divide what they are cut from."""
    for name, value in {"BLOCK_BYTES": 8, "ROWS": 8, "LOGITS_ROWS": 3, "CLASSES": 50, "FEATURES": 3}.items():
        monkeypatch.setattr(linear_logits, name, value)


@BOTH
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_linear_cross_entropy_is_that_of_pytorch(bias, soft, reduction, dtype):
    parts = linear(dtype=dtype)[: 2 + bias]
    _, y = make(131, dtype, soft)
    if not soft:
        y[::4] = -100
    options = dict(weight=weights(131, dtype), reduction=reduction, label_smoothing=0.1)
    ours = loss_and_grads(lambda X, W, b=None: linear_cross_entropy(X, W, b, y, **options), *parts)
    theirs = loss_and_grads(lambda *some: F.cross_entropy(F.linear(*some), y, **options), *parts)
    assert_same(ours, theirs, dtype)


@pytest.mark.usefixtures("small_blocks")
def test_gradcheck_of_the_linear_model():
    parts = [part.requires_grad_() for part in linear(n_classes=6, n_features=3)]
    _, y = make(6)
    assert torch.autograd.gradcheck(lambda *some: linear_cross_entropy(*some, y), parts)


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 0, 0)])
def test_only_what_is_asked_for_has_a_gradient(wanted):
    _, y = make(131)
    parts = [part.requires_grad_(bool(asked)) for part, asked in zip(linear(), wanted, strict=True)]
    loss = linear_cross_entropy(*parts, y)
    assert loss.requires_grad == any(wanted)
    if any(wanted):
        loss.backward()
    full = loss_and_grads(lambda *some: linear_cross_entropy(*some, y), *linear())
    for part, asked, expected in zip(parts, wanted, full[1:], strict=True):
        assert (part.grad is not None) == bool(asked)
        assert not asked or torch.equal(part.grad, expected)


def test_halves_of_the_linear_model():
    parts = linear(dtype=torch.bfloat16)
    _, y = make(131)
    found = loss_and_grads(lambda *some: linear_cross_entropy(*some, y), *parts)
    assert {part.dtype for part in found} == {torch.bfloat16}


Z, Y = make(4)
X, W, B = linear(n_classes=4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cross_entropy(Z.numpy(), Y), "logits must be a tensor, found ndarray"),
        (lambda: cross_entropy(Z.to("meta"), Y), "logits must be a tensor of the CPU, found one of the device 'meta'"),
        (lambda: cross_entropy(Z, Y.to("meta")), "y must be a tensor of the CPU, found one of the device 'meta'"),
        (lambda: cross_entropy(Z.to_sparse(), Y), "logits must be a dense tensor, found the layout torch.sparse_coo"),
        (lambda: cross_entropy(Z.long(), Y), "logits must hold float32, float64, float16 or bfloat16, found"),
        (lambda: cross_entropy(Z[0, 0], Y), r"logits must have a dimension of classes, found shape \(\)"),
        (lambda: cross_entropy(Z, Y[:3]), r"y must be class indices of shape \(20,\) or probabilities of"),
        (lambda: cross_entropy(Z, Z.softmax(1).requires_grad_()), r"y must not require a gradient.*pass y.detach\(\)"),
        (lambda: cross_entropy(Z, Y, B.clone().requires_grad_()), "weight must not require a gradient"),
        (lambda: cross_entropy(Z, Y, B[:3]), r"weight must have shape \(4,\), one entry a class, found \(3,\)"),
        (lambda: cross_entropy(Z, Y, -B.abs()), "weight must be finite and not negative"),
        (lambda: cross_entropy(Z, Y + 4), "y must hold class indices that are between 0 and 3"),
        (lambda: cross_entropy(Z, Y, reduction="max"), "reduction must be one of 'mean', 'sum', 'none', found 'max'"),
        (lambda: cross_entropy(Z * torch.nan, Y), "logits must be finite, or -inf for some classes, found nan"),
        (lambda: cross_entropy(Z, 0 * Y - 100), "the mean is over samples of a positive weight, and y has none"),
        (lambda: cross_entropy(Z.clone().requires_grad_(), Y, inplace=True), "inplace must be false where logits"),
        (lambda: cross_entropy(Z.half(), Y, inplace=True), "inplace is for logits of float32 or float64 and two dim"),
        (lambda: linear_cross_entropy(X.to("meta"), W, B, Y), "X must be a tensor of the CPU"),
        (lambda: linear_cross_entropy(X, W.float(), B, Y), "W must have the dtype of X, torch.float64, found"),
        (lambda: linear_cross_entropy(X, W, B.float(), Y), "b must have the dtype of X, torch.float64, found"),
        (lambda: linear_cross_entropy(X, W[0], B, Y), r"W must be two-dimensional, found shape \(7,\)"),
        (lambda: linear_cross_entropy(X, W[:, :3], B, Y), r"W must have a column for each of the 7 features"),
        (lambda: linear_cross_entropy(X, W, B[:3], Y), r"b must have shape \(4,\), one entry a class, found \(3,\)"),
        (lambda: linear_cross_entropy(X, W, B, Y, reduction="none"), "reduction must be one of 'mean', 'sum', found"),
        (lambda: linear_cross_entropy(X * torch.nan, W, B, Y), "Input X contains NaN at row 0, column 0"),
        (lambda: linear_cross_entropy(X, W, B * torch.inf, Y), "Input b contains infinity at entry 0"),
        (lambda: linear_cross_entropy(1e300 * X, 1e300 * W, B, Y), "X, W or b are so large that the logits"),
    ],
)  # fmt: skip
def test_what_is_not_served_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pytorch_is_imported_on_use_only():
    script = "import sys, fastsoftmax; assert not {'torch', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
