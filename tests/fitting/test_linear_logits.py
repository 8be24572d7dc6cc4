"""A linear model whose logits never exist together: its loss and gradients are those of all its logits."""

import numpy as np
import pytest
from tolerances import LOGITS

import fastsoftmax as fs
from bench.memory import peak_memory
from fastsoftmax.fitting import linear_logits
from fastsoftmax.fitting.linear_logits import CrossEntropyOptions, Wanted, linear_cross_entropy

ALL = Wanted(True, True, True)


def make(n, n_features, n_classes, dtype=np.float64):
    rng = np.random.default_rng(0)
    X, W, b = (
        rng.standard_normal(shape).astype(dtype) for shape in ((n, n_features), (n_classes, n_features), n_classes)
    )
    return X, W / np.sqrt(n_features).astype(dtype), b, rng.integers(0, n_classes, n)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of eight samples, and pieces that do not divide what they are cut from."""
    for name, value in {"BLOCK_BYTES": 8, "ROWS": 8, "LOGITS_ROWS": 3, "CLASSES": 50, "FEATURES": 3}.items():
        monkeypatch.setattr(linear_logits, name, value)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("wanted", [ALL, Wanted(True, False, False), Wanted(False, False, True), Wanted(*[False] * 3)])
def test_the_loss_and_its_gradients(wanted, bias, dtype):
    X, W, b, y = make(37, 7, 131, dtype)
    y[::5] = -1
    b = b if bias else None
    Z = X @ W.T + (0 if b is None else b)
    options = CrossEntropyOptions(
        sample_weight=np.linspace(0.5, 1.5, 37),
        class_weight=np.linspace(1, 2, 131),
        ignore_index=-1,
        label_smoothing=0.1,
    )
    loss, residual = fs.cross_entropy_grad(Z, y, **options._asdict())
    found = linear_cross_entropy(X, W, b, y, options, wanted, 1)
    assert found.loss == pytest.approx(loss, rel=LOGITS[dtype])
    expected = residual @ W, residual.T @ X, residual.sum(axis=0)
    for grad, asked, dense in zip(found[1:], wanted, expected, strict=True):
        assert (grad is not None) == asked
        if asked:
            np.testing.assert_allclose(grad, dense, rtol=0, atol=LOGITS[dtype] * abs(dense).max())


@pytest.mark.bits
@pytest.mark.parametrize("shape", [(300, 20, 3000), (5000, 600, 7)])
def test_threads_change_no_bit(shape, monkeypatch):
    monkeypatch.setattr(linear_logits, "BLOCK_BYTES", 2**20)
    X, W, b, y = make(*shape, dtype=np.float32)
    one, three = (linear_cross_entropy(X, W, b, y, CrossEntropyOptions(), ALL, threads) for threads in (1, 3))
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_logits_never_exist_together(monkeypatch):
    monkeypatch.setattr(linear_logits, "BLOCK_BYTES", 2**20)
    X, W, b, y = make(4096, 8, 4000, dtype=np.float32)
    peak = peak_memory(lambda: linear_cross_entropy(X, W, b, y, CrossEntropyOptions(), ALL, 2))
    if peak is None:
        pytest.skip("the system does not tell the peak of memory")
    assert peak < 4096 * 4000 * 4 / 4


def test_bad_arguments_are_named():
    X, W, b, y = make(5, 3, 4)
    for arguments, message in (
        ((X, W[:, :2], b, y), "W must have a column for each of the 3 features"),
        ((X, W, b[:2], y), r"b must have shape \(4,\), one entry a class, found \(2,\)"),
        ((X * np.nan, W, b, y), "Input X contains NaN at row 0, column 0"),
        ((X, W * np.inf, b, y), "Input W contains "),
        ((X, W, b * np.nan, y), "Input b contains NaN at entry 0"),
        ((1e300 * X, 1e300 * W, b, y), "X, W or b are so large that the logits or the gradient overflow float64"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_cross_entropy(*arguments, CrossEntropyOptions(), ALL, 1)
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', found 'none'"):
        linear_cross_entropy(X, W, b, y, CrossEntropyOptions(reduction="none"), ALL, 1)
