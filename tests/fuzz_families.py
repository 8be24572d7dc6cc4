"""Families other than softmax, and losses of given logits, for tests/fuzz.py: random arguments and checks."""

import importlib.util

import numpy as np
import reference
from families.every import CASES
from fuzz_entries import Entry, all_finite, dense, linear, logits_of, numbers, precision_of, rows_of, weights_of
from fuzz_fits import STATUSES, quietly
from tolerances import LOGITS

import fastsoftmax as fs
from fastsoftmax import chunks

# Of float32, the share of the largest term that a sum of losses or residuals may be off.
ERROR = {np.float64: 1e-11, np.float32: 1e-4}
ESTIMATORS = (
    fs.PoissonRegression,
    fs.GammaRegression,
    fs.TweedieRegression,
    fs.NegativeBinomialRegression,
    fs.GaussianRegression,
)


def targets_of(draw, case, n, n_outputs):
    """What a family may give, as an argument; and as numbers in float64."""
    y = np.asarray(case.draw(draw.rng, case.mean(0.3 * draw.rng.standard_normal((n, n_outputs)))), np.float64)
    if n_outputs == 1 and draw.chance(0.5):
        y = y[:, 0]
    if draw.goes_wild():
        y = y * draw.pick([-1, 1e30, 1e-30, 1e300, 0])
    given = draw.array(y, dtypes=["f8", "f8", "f4", "f2", "longdouble"])
    if draw.tame:
        # Rounding may give what the family does not.
        draw.tame &= not case.family.outside(numbers(given)).any()
    return given, numbers(given).reshape(n, -1) if draw.tame else None


def expected_of(case, y, z, s):
    """Mean loss, residuals s_i r_i / n, and the sizes of their terms, in float64."""
    mean = case.mean(z)
    losses = case.loss(y, mean)
    slope = {"log": mean, "logit": mean * (1 - mean), "identity": np.ones_like(mean)}[case.family.link]
    residual = (mean - y) / case.variance(mean) * slope
    share = (np.full(len(y), 1.0) if s is None else s / s.sum() * len(y))[:, None] / len(y)
    size = np.abs(losses) + (np.abs(mean) + np.abs(y) + 1) / case.variance(mean) * slope * (1 + np.abs(z))
    return (share * losses).sum(), share * residual, (share * size).sum()


def few(draw):
    """One of the families, and the numbers of samples, features and outputs."""
    n, n_features, _ = draw.shape()
    return draw.pick(CASES), max(n, 8), n_features, draw.pick([1, 1, 2, 3, 7, 33])


def named(draw, case):
    """How a call is told the family."""
    if draw.goes_wild():
        return {"family": draw.pick(["poison", 3, None, "tweedie(0.5)", "poisson(2)", "negative-binomial(-1)"])}
    return draw.pick([{"family": case.family}, {"family": str(case.family), "link": case.family.link}])


def family_loss_grad(draw):
    case = draw.pick(CASES)
    n, n_outputs, X, W, b, scaling = linear(draw)
    y, targets = targets_of(draw, case, n, n_outputs)
    s = draw.sample_weight(n)

    def check(result):
        full = dense(X, **scaling)
        z = full @ numbers(W).T + numbers(b)
        loss, residual, size = expected_of(case, targets, z, weights_of(s))
        expected = loss, residual.T @ full, residual.sum(axis=0)
        for found, wanted in zip(result, expected, strict=True):
            # A gradient has the dtype of W or b.
            rounded = np.float32 if np.float32 in (precision_of(X), np.asarray(found).dtype) else np.float64
            tolerance = ERROR[rounded] * (size + 1) * (1 + np.abs(full).max())
            np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)

    def check_finite(result):
        # A loss of parameters far from all data overflows, and says so by infinity.
        assert not np.isnan(result[0])

    keywords = dict(sample_weight=s, num_threads=draw.num_threads(), **named(draw, case), **scaling)
    return Entry(fs.loss_grad, (X, y, W, b), keywords, check, check_finite, threads="num_threads")


def family_means(draw):
    case = draw.pick(CASES)
    n, n_outputs, X, W, b, scaling = linear(draw)
    offset = draw.offset(n, n_outputs)

    def check(result):
        terms = np.abs(dense(X, **scaling)) @ np.abs(numbers(W)).T + np.abs(numbers(b))
        z = dense(X, **scaling) @ numbers(W).T + numbers(b) + (0.0 if offset is None else numbers(offset))
        eps = 100 * np.finfo(precision_of(X)).eps * (2 + terms.max() + np.abs(z).max())
        np.testing.assert_allclose(result, case.mean(z), rtol=eps, atol=eps)

    keywords = dict(offset=offset, num_threads=draw.num_threads(), **named(draw, case), **scaling)
    return Entry(fs.predict_mean, (X, W, b), keywords, check, lambda result: None, threads="num_threads")


def family_logits(draw):
    case, n, _, n_outputs = few(draw)
    z = 0.5 * draw.rng.standard_normal((n, n_outputs))
    logits = draw.array(z, dtypes=["f8", "f4", "f2", "longdouble"])
    y, targets = targets_of(draw, case, n, n_outputs)
    s = draw.sample_weight(n)
    reduction = draw.pick(["mean", "mean", "sum"])

    def check(result):
        loss, residual, size = expected_of(case, targets, numbers(logits), weights_of(s))
        total = 1.0 if reduction == "mean" else n if s is None else numbers(s).sum()
        dtype = result[1].dtype.type
        tolerance = ERROR[dtype] * (size + 1) * total
        np.testing.assert_allclose(result[0], loss * total, rtol=0, atol=tolerance)
        np.testing.assert_allclose(result[1], residual * total, rtol=0, atol=tolerance)

    keywords = dict(sample_weight=s, reduction=reduction, num_threads=draw.num_threads(), **named(draw, case))
    call = fs.loss_grad_logits
    return Entry(call, (logits, y), keywords, check, lambda result: None, threads="num_threads")


def family_fits(draw):
    case, n, n_features, n_outputs = few(draw)
    X = draw.X(n, n_features)
    size = np.abs(dense(X)).max() if draw.tame else 1.0
    # Logits of moderate size: other packages ask for features of size one, too.
    scale = 1.0 / max(1.0, float(size))
    y, targets = targets_of(draw, case, n, n_outputs)
    s = draw.sample_weight(n)
    solver = draw.pick(["auto", "auto", "auto", "lbfgs", "preconditioned-lbfgs", "proximal"])
    keywords: dict = dict(
        solver=solver,
        l2=draw.pick([1e-3, 0.1, 1.0]),
        l1=draw.pick([0.0, 0.0, 0.01]) if solver in ("auto", "proximal") else 0.0,
        tol=draw.pick([1e-3, 1e-6]),
        max_iter=draw.pick([1, 5, 100]),
        sample_weight=s,
        fit_intercept=draw.chance(0.7),
        num_threads=draw.num_threads(),
        scale=scale,
        **named(draw, case),
    )

    def check(result):
        assert result.status in STATUSES, result.status
        z = dense(X, scale) @ result.W.T + result.b
        loss, _, size = expected_of(case, targets, z, weights_of(s))
        penalty = keywords["l1"] * np.abs(result.W).sum() + keywords["l2"] / 2 * (result.W**2).sum()
        np.testing.assert_allclose(result.loss, loss + penalty, rtol=0, atol=ERROR[precision_of(X)] * (size + 1))

    def check_finite(result):
        all_finite(result.W, result.b)
        assert result.status in STATUSES, result.status

    return Entry(fs.fit, (X, y), keywords, check, check_finite, threads="num_threads")


def family_paths(draw):
    case, n, n_features, n_outputs = few(draw)
    X = draw.X(n, n_features, sparse=0.0)
    y, _ = targets_of(draw, case, n, n_outputs)
    scale = 1.0 / max(1.0, float(np.abs(dense(X)).max())) if draw.tame else 1.0
    keywords = dict(l2s=[1.0, 0.01], l1s=draw.pick([0.0, 0.01]), max_iter=20, num_threads=draw.num_threads())

    def check_finite(result):
        for one in result:
            all_finite(one.W, one.b)
            assert one.status in STATUSES, one.status

    keywords |= named(draw, case) | {"scale": scale}
    return Entry(fs.path, (X, y), keywords, check_finite=check_finite, threads="num_threads")


@quietly
def fit_family(X, y, sample_weight, make, **parameters):
    model = make(**parameters).fit(X, y, sample_weight)
    model.score(X, y)
    return model.coef_, np.asarray(model.intercept_), model.predict(X)


@quietly
def stream_family(X, y, sample_weight, make, **parameters):
    model = make(**parameters)
    for _ in range(2):
        model.partial_fit(X, y, sample_weight)
    return model.coef_, np.asarray(model.intercept_), model.predict(X)


@quietly
def search_family(X, y, sample_weight, make, **parameters):
    search = fs.GeneralizedLinearRegressionCV(make(**parameters), alphas=[0.1, 1.0], cv=2).fit(X, y, sample_weight)
    return search.coef_, np.asarray(search.intercept_), search.predict(X)


def family_estimators(draw):
    call = draw.pick([fit_family, fit_family, stream_family, search_family])
    make = draw.pick(ESTIMATORS)
    case = next(case for case in CASES if case.family.name == make()._family().name)
    _, n, n_features, n_outputs = few(draw)
    X = draw.X(n, n_features)
    y, _ = targets_of(draw, case, n, n_outputs)
    # A walk over large features may overflow, and a fold may have no weight: the call may be refused.
    draw.tame &= call is fit_family and np.abs(dense(X)).max() < 10 if draw.tame else False
    parameters: dict = dict(alpha=draw.pick([0.01, 1.0]), fit_intercept=draw.chance(0.7), max_iter=20)
    if draw.goes_wild():
        parameters |= draw.pick([dict(alpha=-1), dict(n_jobs=0), dict(tol="a"), dict(max_iter=-3)])
    parameters |= dict(make=make, n_jobs=draw.pick([None, 1, 3]))

    def check_finite(result):
        all_finite(*result[:2])

    return Entry(call, (X, y, draw.sample_weight(n)), parameters, check_finite=check_finite, threads="n_jobs")


def entropies_with_options(draw):
    n, n_classes, logits = logits_of(draw)
    y, s = draw.y(n, n_classes), draw.sample_weight(n)
    labels = np.ndim(y) == 1
    smoothing, temperature = draw.pick([0.0, 0.1, 1.0]), draw.pick([1.0, 0.5, 3.0])
    class_weight = draw.pick([None, draw.rng.uniform(0.1, 2, n_classes)])
    reduction = draw.pick(["mean", "sum", "none"])
    ignored = draw.pick([None, 0, n_classes - 1]) if labels else None
    if ignored is not None and draw.tame and (np.asarray(y) == ignored).all():
        ignored = None
    if draw.goes_wild():
        smoothing, temperature = draw.pick([(-0.1, 1.0), (2.0, 1.0), (0.0, 0.0), (0.0, np.nan), ("a", 1.0)])
    weight = np.ones(n) if s is None or not draw.tame else numbers(s)
    if ignored is not None and draw.tame and not (weight * (np.asarray(y) != ignored)).any():
        draw.tame = False

    def check(result):
        Z, Y = numbers(logits) / temperature, rows_of(y, n_classes)
        w = np.ones(n_classes) if class_weight is None else class_weight
        q = w * ((1 - smoothing) * Y + smoothing * Y.sum(axis=1, keepdims=True) / n_classes)
        if not labels:
            q = w * ((1 - smoothing) * Y + smoothing / n_classes)
        kept = weight * (1.0 if ignored is None else np.asarray(y) != ignored)
        losses = kept * -(q * reference.log_softmax(Z)).sum(axis=1)
        grads = kept[:, None] * (reference.softmax(Z) * q.sum(axis=1, keepdims=True) - q) / temperature
        divisor = (kept * (Y @ w)).sum() if labels else kept.sum()
        divisor = divisor if reduction == "mean" else 1.0
        loss = losses if reduction == "none" else losses.sum() / divisor
        dtype = result[1].dtype.type
        size = (1 + np.abs(losses).sum() + np.abs(Z).max() * np.abs(kept).sum()) / divisor
        np.testing.assert_allclose(result[0], loss, rtol=10 * LOGITS[dtype], atol=LOGITS[dtype] * size)
        np.testing.assert_allclose(result[1], grads / divisor, rtol=0, atol=LOGITS[dtype] * size)

    keywords = dict(
        sample_weight=s,
        class_weight=class_weight,
        ignore_index=ignored,
        label_smoothing=smoothing,
        temperature=temperature,
        reduction=reduction,
        num_threads=draw.num_threads(),
    )
    return Entry(fs.cross_entropy_grad, (logits, y), keywords, check, lambda result: None, threads="num_threads")


def fit_of_chunks(X, y, sizes, **keywords):
    """Fit rows that come in parts."""
    ends = np.cumsum(sizes)
    parts = [(X[a:b], y[a:b]) for a, b in zip(np.r_[0, ends[:-1]], ends, strict=True) if b > a]
    return fs.fit(chunks.from_arrays(parts), **keywords)


def fits_of_chunks(draw):
    n, n_features, n_classes = draw.shape()
    n, n_classes = max(n, 8), min(n_classes, 5)
    X = draw.rng.standard_normal((n, n_features)).astype(draw.pick(["f8", "f4"]))
    y = draw.rng.integers(0, n_classes, n)
    y[:n_classes] = np.arange(n_classes)
    cuts = np.sort(draw.rng.integers(0, n + 1, draw.pick([0, 1, 4])))
    sizes = np.diff(np.r_[0, cuts, n])
    l2, l1 = draw.pick([1e-2, 1.0]), draw.pick([0.0, 0.0, 1e-2])

    def check(result):
        whole = fs.fit(X, y, l2=l2, l1=l1, tol=1e-6)
        assert result.status in STATUSES, result.status
        np.testing.assert_allclose(result.loss, whole.loss, rtol=1e-5)

    keywords = dict(l2=l2, l1=l1, tol=1e-6, num_threads=draw.num_threads())
    return Entry(fit_of_chunks, (X, y, sizes), keywords, check, threads="num_threads")


def torch_losses(draw):
    import torch

    from fastsoftmax.torch import cross_entropy, linear_cross_entropy

    n, n_features, n_classes = draw.shape()
    n_features += 1
    dtype = draw.pick([torch.float64, torch.float32])
    X = torch.from_numpy(draw.rng.standard_normal((n, n_features))).to(dtype)
    W = torch.from_numpy(draw.rng.standard_normal((n_classes, n_features)) / n_features).to(dtype).requires_grad_()
    b = torch.from_numpy(draw.rng.standard_normal(n_classes)).to(dtype).requires_grad_()
    y = torch.from_numpy(draw.rng.integers(0, n_classes, n))
    options = dict(reduction=draw.pick(["mean", "sum"]), label_smoothing=draw.pick([0.0, 0.1]))
    whole = draw.chance(0.5)

    def call():
        loss = linear_cross_entropy(X, W, b, y, **options) if whole else cross_entropy(X @ W.T + b, y, **options)
        return (loss.detach().numpy(), *(grad.numpy() for grad in torch.autograd.grad(loss, (W, b))))

    def check(result):
        loss = torch.nn.functional.cross_entropy(X @ W.T + b, y, **options)
        expected = (loss.detach().numpy(), *(grad.numpy() for grad in torch.autograd.grad(loss, (W, b))))
        size = 1e-4 if dtype is torch.float32 else 1e-11
        for ours, theirs in zip(result, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=size, atol=size * n)

    return Entry(call, (), {}, check)


FAMILIES = (
    family_loss_grad,
    family_means,
    family_logits,
    family_fits,
    family_paths,
    family_estimators,
    entropies_with_options,
    fits_of_chunks,
    *((torch_losses,) if importlib.util.find_spec("torch") else ()),
)
