"""The options of the losses of given logits, the array that the gradient is written to, and what is refused."""

import itertools

import numpy as np
import pytest
import reference
from tolerances import DIFFERENCES, LOGITS

import fastsoftmax as fs
from fastsoftmax.families import FAMILIES, SOFTMAX, Softmax
from fastsoftmax.fitting.logits import MANY_CLASSES

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# Few classes are computed by tiles, many by rows: of less than a vector, and of whole vectors and a rest.
WIDTHS = pytest.mark.parametrize("n_classes", [2, 7, MANY_CLASSES - 1, MANY_CLASSES, 131])
N = 37
IGNORED = -100


def make(n_classes, dtype=np.float64, soft=False, seed=0):
    rng = np.random.default_rng(seed)
    logits = (3 * rng.standard_normal((N, n_classes))).astype(dtype)
    y = rng.dirichlet(np.ones(n_classes), N).astype(dtype) if soft else rng.integers(0, n_classes, N)
    return logits, y, rng.uniform(0.5, 2, N), rng.uniform(0.5, 2, n_classes)


def expected(logits, y, *, s=None, w=None, smoothing=0.0, temperature=1.0, ignore=None):
    """s_i L_i, its gradient, and by what the mean divides, from the definition."""
    n, n_classes = logits.shape
    Z, s = logits.astype(np.float64) / temperature, np.ones(n) if s is None else s
    w = np.ones(n_classes) if w is None else w
    total = s
    if y.ndim == 1:
        s = np.where(y == ignore, 0, s)
        labels = np.where(y == ignore, 0, y)
        total, y = s * w[labels], np.eye(n_classes)[labels]
    Q = w * ((1 - smoothing) * y + smoothing / n_classes)
    with np.errstate(invalid="ignore"):
        losses = -np.where(Q > 0, Q * reference.log_softmax(Z), 0).sum(axis=1)
        grad = (reference.softmax(Z) * Q.sum(axis=1, keepdims=True) - Q) / temperature
    return np.where(s > 0, s * losses, 0), s[:, None] * grad, total.sum()


def reduced(losses, grad, total, reduction):
    if reduction == "none":
        return losses, grad
    by = total if reduction == "mean" else 1
    return losses.sum() / by, grad / by


def assert_same(actual, wanted, dtype):
    for a, b in zip(actual, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=LOGITS[dtype], atol=LOGITS[dtype] * np.abs(b).max())


def close_to(terms):
    return pytest.approx(terms.sum(), abs=DIFFERENCES * np.abs(terms).sum())


@BOTH
@WIDTHS
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_options_mean_what_they_say(n_classes, soft, reduction, dtype):
    logits, y, s, w = make(n_classes, dtype, soft)
    choices = itertools.product([None, s], [None, w], [0.0, 0.1, 1.0], [1.0, 0.5, 3.0], [None, IGNORED])
    for weight, class_weight, smoothing, temperature, ignore in choices:
        if soft and ignore is not None:
            continue
        at = y.copy()
        if ignore is not None:
            at[::5] = ignore
        call = dict(
            sample_weight=weight, class_weight=class_weight, label_smoothing=smoothing, temperature=temperature,
            ignore_index=ignore, reduction=reduction,
        )  # fmt: skip
        wanted = reduced(
            *expected(
                logits, at, s=weight, w=class_weight, smoothing=smoothing, temperature=temperature, ignore=ignore
            ),
            reduction,
        )
        loss, grad = fs.cross_entropy_grad(logits, at, **call)
        assert grad.dtype == dtype
        assert_same((loss, grad), wanted, dtype)
        np.testing.assert_array_equal(fs.cross_entropy(logits, at, **call), loss)


@WIDTHS
@pytest.mark.parametrize("soft", [False, True])
def test_the_gradient_is_that_of_the_loss(n_classes, soft):
    logits, y, s, w = make(n_classes, soft=soft)
    options = dict(sample_weight=s, class_weight=w, label_smoothing=0.2, temperature=0.7)
    _, grad = fs.cross_entropy_grad(logits, y, **options)
    direction = np.random.default_rng(1).standard_normal(logits.shape)
    step = 1e-6
    ends = [fs.cross_entropy(logits + sign * step * direction, y, **options) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == close_to(grad * direction)


@BOTH
@WIDTHS
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("soft", [False, True])
def test_masked_classes_have_no_probability_and_no_gradient(n_classes, temperature, soft, dtype):
    logits, y, *_ = make(n_classes, dtype, soft)
    masked = np.random.default_rng(1).random(logits.shape) < 0.5
    if soft:
        masked[:, 0] = False
        y = np.where(masked, 0, y)
    else:
        masked[np.arange(N), y] = False
    logits[masked] = -np.inf
    loss, grad = fs.cross_entropy_grad(logits, y, temperature=temperature)
    assert_same((loss, grad), reduced(*expected(logits, y, temperature=temperature), "mean"), dtype)
    assert (grad[masked] == 0).all()


@BOTH
@WIDTHS
def test_a_target_that_is_masked_costs_infinity(n_classes, dtype):
    logits, y, *_ = make(n_classes, dtype)
    logits[3, y[3]] = -np.inf
    for options in ({}, {"temperature": 2.0}, {"label_smoothing": 0.1}):
        losses, grad = fs.cross_entropy_grad(logits, y, reduction="none", **options)
        assert np.isinf(losses).nonzero()[0].tolist() == [3]
        assert np.isfinite(grad).all()
        loss, grad = fs.cross_entropy_grad(logits, y, **options)
        assert loss == np.inf
        assert grad[3, y[3]] < 0


@WIDTHS
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_ignored_samples_are_not_looked_at(n_classes, temperature):
    logits, y, *_ = make(n_classes)
    y[[2, 9]] = IGNORED
    logits[2], logits[9] = np.nan, np.inf
    loss, grad = fs.cross_entropy_grad(logits, y, ignore_index=IGNORED, temperature=temperature)
    kept = y != IGNORED
    same_loss, same_grad = fs.cross_entropy_grad(logits[kept], y[kept], temperature=temperature)
    assert loss == pytest.approx(same_loss, rel=LOGITS[np.float64])
    np.testing.assert_allclose(grad[kept], same_grad, rtol=LOGITS[np.float64])
    assert (grad[~kept] == 0).all()


def test_a_class_of_weight_zero_is_ignored():
    logits, y, *_ = make(5)
    weight = np.array([1.0, 1, 0, 1, 1])
    ignoring = fs.cross_entropy_grad(logits, np.where(y == 2, IGNORED, y), ignore_index=IGNORED)
    assert_same(fs.cross_entropy_grad(logits, y, class_weight=weight), ignoring, np.float64)


LAYOUTS = {
    "c": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "reversed": lambda Z: np.ascontiguousarray(Z[::-1, ::-1])[::-1, ::-1],
    "columns": lambda Z: np.repeat(Z, 2, axis=1)[:, ::2],
}


@BOTH
@WIDTHS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_gradient_goes_where_it_is_told(n_classes, layout, soft, temperature, dtype):
    logits, y, *_ = make(n_classes, dtype, soft)
    loss, grad = fs.cross_entropy_grad(logits, y, temperature=temperature)
    as_laid, targets = LAYOUTS[layout](logits.copy()), LAYOUTS[layout](y) if soft else y
    out = LAYOUTS[layout](np.full_like(logits, 7))
    for place in (out, as_laid):
        found = fs.cross_entropy_grad(as_laid, targets, temperature=temperature, out=place)
        assert found[0] == loss
        assert found[1] is place
        np.testing.assert_array_equal(place, grad)
    families = fs.loss_grad_logits(logits, y, out=logits)
    assert families[1] is logits
    assert families[0] == fs.cross_entropy(make(n_classes, dtype, soft)[0], y)


@WIDTHS
@pytest.mark.bits
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_threads_change_no_bit(n_classes, reduction):
    rng = np.random.default_rng(0)
    logits, y = rng.standard_normal((5000, n_classes)), rng.integers(0, n_classes, 5000)
    one, three = (
        fs.cross_entropy_grad(logits, y, label_smoothing=0.1, reduction=reduction, num_threads=threads)
        for threads in (1, 3)
    )
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n_classes", [3, MANY_CLASSES])
def test_logits_in_their_own_place_are_refused_too(n_classes):
    for poison in (np.nan, np.inf):
        logits, y, *_ = make(n_classes)
        logits[4, 2] = poison
        with pytest.raises(ValueError, match="logits must be finite, or -inf for some classes, found .* row 4"):
            fs.cross_entropy_grad(logits, y, out=logits)


@pytest.mark.parametrize("n_classes", [3, MANY_CLASSES])
def test_what_overflows_is_refused(n_classes):
    logits = np.full((1, n_classes), -1e4, np.float32)
    logits[0, 0] = 1e4
    with pytest.raises(ValueError, match="so large that the loss or its gradient overflows float32"):
        fs.cross_entropy_grad(logits, [1], sample_weight=[1e38], temperature=1e-4, reduction="sum")


GOOD = np.zeros((3, 4)), np.array([0, 1, 2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weight": [1, 2, 3]}, r"class_weight must have shape \(4,\), one entry a class, found \(3,\)"),
        ({"class_weight": [1, 2, -3, 4]}, "class_weight must be finite and not negative, found -3.0 at class 2"),
        ({"class_weight": [1, 2, np.nan, 4]}, "class_weight must be finite and not negative, found nan at class 2"),
        ({"label_smoothing": 1.5}, "label_smoothing must be between 0 and 1, found 1.5"),
        ({"label_smoothing": -0.5}, "label_smoothing must be a non-negative finite number, found -0.5"),
        ({"temperature": 0.0}, "temperature must be a positive finite number, found 0.0"),
        ({"ignore_index": 0.5}, "ignore_index must be a whole number or None, found 0.5"),
        ({"reduction": "max"}, "reduction must be one of 'mean', 'sum', 'none', found 'max'"),
        ({"num_threads": 0}, "num_threads must be a positive integer or None, found 0"),
        ({"sample_weight": [1, 2]}, r"sample_weight must have shape \(3,\), found \(2,\)"),
        ({"class_weight": [0, 0, 0, 1]}, "the mean is over samples of a positive weight, and y has none"),
    ],
)
def test_options_are_refused_by_name(options, message):
    for function in (fs.cross_entropy, fs.cross_entropy_grad):
        with pytest.raises(ValueError, match=message):
            function(*GOOD, **options)


def test_ignored_labels_are_for_labels_only():
    with pytest.raises(ValueError, match=r"ignore_index is for class indices, .* found y of shape \(3, 4\)"):
        fs.cross_entropy(GOOD[0], np.full((3, 4), 0.25), ignore_index=1)
    with pytest.raises(ValueError, match="the mean is over samples of a positive weight, and y has none"):
        fs.cross_entropy(GOOD[0], [7, 7, 7], ignore_index=7)
    losses, grad = fs.cross_entropy_grad(GOOD[0], [7, 7, 7], ignore_index=7, reduction="none")
    assert not losses.any()
    assert not grad.any()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([1.0], "out must be a NumPy array, found list"),
        (np.empty((4, 3)), r"out must have the shape and dtype .* \(3, 4\) and float64, found \(4, 3\) and float64"),
        (np.empty((3, 4), np.float32), r"out must have the shape and dtype .* found \(3, 4\) and float32"),
        (np.broadcast_to(np.empty(4), (3, 4)), "out must be writeable and aligned"),
    ],
)
def test_places_that_cannot_be_written_to_are_refused(out, message):
    for function in (fs.cross_entropy_grad, fs.loss_grad_logits):
        with pytest.raises(ValueError, match=message):
            function(*GOOD, out=out)


def test_a_place_that_overlaps_the_logits_is_refused():
    memory = np.zeros((4, 4))
    with pytest.raises(ValueError, match="out must be logits itself, or share no memory with it"):
        fs.cross_entropy_grad(memory[:3], [0, 1, 2], out=memory[1:])


# What each family is tested with: y for 37 samples and 5 outputs.
SHARES = np.random.default_rng(3).uniform(0.1, 0.9, (37, 5))
TARGETS = dict.fromkeys(FAMILIES, SHARES) | {"softmax": make(5)[1], "binomial": np.stack([SHARES, 3 - SHARES], axis=2)}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_every_family_is_that_of_its_loss(name, reduction, weighted):
    logits, _, s, _ = make(5)
    logits /= 3
    options = dict(family=name, reduction=reduction, sample_weight=s if weighted else None)
    loss, grad = fs.loss_grad_logits(logits, TARGETS[name], **options)
    direction, step = np.random.default_rng(1).standard_normal(logits.shape), 1e-6
    ends = [fs.loss_grad_logits(logits + sign * step * direction, TARGETS[name], **options)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == close_to(grad * direction)
    place = logits.copy()
    in_place = fs.loss_grad_logits(place, TARGETS[name], out=place, **options)
    assert in_place[0] == loss
    np.testing.assert_array_equal(place, grad)
    if reduction == "sum" and weighted:
        twice, _ = fs.loss_grad_logits(logits, TARGETS[name], family=name, reduction="sum", sample_weight=2 * s)
        assert twice == pytest.approx(2 * loss, rel=LOGITS[np.float64])


class Other(Softmax):
    """A family that is not the softmax, but has its row functions."""

    name = "other"
    number = SOFTMAX.number


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setitem(FAMILIES, "other", Other())


@pytest.mark.usefixtures("other")
def test_other_families_go_through_the_same_pass():
    logits, y, s, _ = make(5)
    for reduction, weight in itertools.product(["mean", "sum"], [None, s]):
        options = dict(reduction=reduction, sample_weight=weight)
        found = fs.loss_grad_logits(logits, y, family="other", **options)
        assert_same(found, fs.cross_entropy_grad(logits, y, **options), np.float64)


@pytest.mark.usefixtures("other")
def test_other_families_refuse_what_is_not_finite():
    logits, y, *_ = make(5)
    logits[4, 2] = np.nan
    with pytest.raises(ValueError, match="Input logits contains NaN at row 4, column 2"):
        fs.loss_grad_logits(logits, y, family="other")
    with pytest.raises(ValueError, match="logits or y are not finite, or so large that the loss overflows float64"):
        fs.loss_grad_logits(logits, y, family="other", out=logits)
    logits, *_ = make(5)
    logits[4, 2], weight = np.nan, np.arange(N) != 4
    with pytest.raises(ValueError, match="Input logits contains NaN"):
        fs.loss_grad_logits(logits, y, family="other", sample_weight=weight)
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', found 'none'"):
        fs.loss_grad_logits(logits, y, family="other", reduction="none")
    with pytest.raises(ValueError, match="family must be one of 'softmax'"):
        fs.loss_grad_logits(logits, y, family="nothing")
