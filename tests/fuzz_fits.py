"""Fits and estimators, for tests/fuzz.py: random arguments, and a check of the result, for each."""

import warnings

import numpy as np
import reference
from fuzz_entries import Entry, all_finite, dense, numbers, rows_of, share_of, weights_of
from sklearn.exceptions import ConvergenceWarning
from tolerances import GRADIENT, assert_loss_close

import fastsoftmax as fs
from fastsoftmax.fitting.solving import SOLVERS

STATUSES = ("converged", "max_iter", "rounding", "separated", "diverged")


def problem(draw, most_classes=17):
    """Data that can be fitted: X, y, how many classes, and what else belongs to the samples."""
    n, n_features, n_classes = draw.shape()
    n = max(n, 8)
    n_classes = min(n_classes, most_classes, n)
    X = draw.X(n, n_features)
    return X, draw.y(n, n_classes), n_classes, n, n_features


def check_optimum(result, X, Y, s, *, offset, l2, l1, fit_intercept, tol):
    """Check that the loss is that of the parameters, and that they are an optimum if the fit has converged."""
    assert result.status in STATUSES, result.status
    if result.status == "diverged":
        return
    loss, grad_W, grad_b = reference.loss_grad(X, Y, result.W, result.b, s=s, offset=offset, l2=l2)
    # The largest term of a logit, which may be larger than the logits.
    terms = np.abs(X) @ np.abs(result.W).T + np.abs(result.b) + np.abs(offset)
    share = share_of(Y, s, terms)
    assert_loss_close(result.loss, loss + l1 * np.abs(result.W).sum(), np.float32, scale=share)
    if result.status != "converged":
        return
    if l1:
        grad_W = np.where(
            result.W != 0, grad_W + l1 * np.sign(result.W), np.sign(grad_W) * np.maximum(np.abs(grad_W) - l1, 0)
        )
    norm = max(np.abs(grad_W).max(), np.abs(grad_b).max() if fit_intercept else 0)
    size = share * np.mean(np.linalg.norm(X, axis=1) + 1)
    assert norm <= tol + 5 * GRADIENT[np.float32] * size, f"gradient {norm:.2g} at an optimum for tol = {tol:.2g}"


def fits(draw):
    X, y, n_classes, n, n_features = problem(draw)
    scaling, s, offset = draw.scaling(n_features), draw.sample_weight(n), draw.offset(n, n_classes)
    solver = draw.pick([*SOLVERS, fs.SGD(batch_size=7), fs.SGD(rule="adam", average=False), fs.SGD(schedule="cosine")])
    l2, l1 = draw.penalty(), draw.penalty() if solver in ("auto", "proximal") else 0.0
    keywords: dict = dict(
        solver=solver,
        l2=l2,
        l1=l1,
        tol=draw.pick([0, 1e-4, 1e-6]),
        max_iter=draw.pick([0, 1, 5, 30, 100]),
        sample_weight=s,
        offset=offset,
        fit_intercept=draw.chance(0.7),
        num_threads=draw.num_threads(),
        random_state=7,
        **scaling,
    )
    if draw.goes_wild():
        keywords["tol"], keywords["max_iter"] = draw.pick([(np.nan, 5), (-1, 5), (1e-4, -1), ("a", 3), (1e-4, 2.5)])
    if not isinstance(solver, str) or solver in ("gd", "agd", "sgd"):
        keywords["learning_rate"] = draw.pick(["auto", "auto", 0.1, 1e-3, 1e10])
    if draw.chance(0.3):
        W, b = draw.parameters(n_classes, n_features, 0.1)
        if draw.goes_wild(3):
            W, b = np.zeros((n_classes, n_features)), 700.0 * draw.rng.standard_normal(n_classes)
        keywords["init"] = W, b if keywords["fit_intercept"] else np.zeros(n_classes)

    def check(result):
        check_optimum(
            result,
            dense(X, **scaling),
            rows_of(y, n_classes),
            weights_of(s),
            offset=0.0 if offset is None else numbers(offset),
            l2=float(l2),
            l1=float(l1),
            fit_intercept=keywords["fit_intercept"],
            tol=keywords["tol"],
        )

    def check_finite(result):
        all_finite(result.W, result.b)
        assert result.status in STATUSES, result.status
        if result.status != "diverged":
            all_finite(result.loss, result.grad_norm)
            all_finite(*(result.history[name] for name in ("loss", "grad_norm")))

    return Entry(fs.fit, (X, y), keywords, check, check_finite, threads="num_threads")


def paths(draw):
    X, y, n_classes, n, _ = problem(draw, most_classes=5)
    s = draw.sample_weight(n)
    l1 = draw.chance(0.4)
    penalties = draw.array(draw.pick([[1.0, 0.01], [0.01, 1.0, 0.1], [0.1]]), dtypes=["f8", "f4"])
    keywords: dict = {
        "l1s" if l1 else "l2s": penalties,
        ("l2s" if l1 else "l1s"): draw.pick([None, 0.01 if not l1 else 0]),
    }
    if keywords.get("l1s") is None:
        keywords["solver"] = draw.pick(["auto", "lbfgs", "agd"])
    keywords |= dict(sample_weight=s, max_iter=draw.pick([1, 30]), num_threads=draw.num_threads())

    def check(result):
        for one, l1, l2 in zip(result, result.l1s, result.l2s, strict=True):
            check_optimum(
                one,
                dense(X),
                rows_of(y, n_classes),
                weights_of(s),
                offset=0.0,
                l2=l2,
                l1=l1,
                fit_intercept=True,
                tol=1e-4,
            )

    return Entry(fs.path, (X, y), keywords, check, threads="num_threads")


# ---------------------------------------------------------------------------------------------------------------------
# The estimators
# ---------------------------------------------------------------------------------------------------------------------


def quietly(call):
    """The call, whose fit need not converge."""

    def quiet(*arguments, **keywords):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return call(*arguments, **keywords)

    return quiet


def predicted(model, X):
    """All predictions of a fitted model."""
    labels = model.predict(X)
    assert set(labels) <= set(model.classes_)
    return model.coef_, model.intercept_, model.predict_proba(X), model.decision_function(X)


@quietly
def fit_estimator(X, y, sample_weight, **parameters):
    return predicted(fs.SoftmaxRegression(**parameters).fit(X, y, sample_weight), X)


@quietly
def fit_cv(X, y, sample_weight, **parameters):
    return predicted(fs.SoftmaxRegressionCV(Cs=2, cv=2, **parameters).fit(X, y, sample_weight), X)


@quietly
def fit_stream(X, y, sample_weight, classes, **parameters):
    model = fs.SoftmaxRegression(solver="sgd", **parameters)
    for _ in range(2):
        model.partial_fit(X, y, classes=classes, sample_weight=sample_weight)
    return predicted(model, X)


def estimators(draw):
    call = draw.pick([fit_estimator, fit_estimator, fit_cv, fit_stream])
    X, y, n_classes, n, _ = problem(draw, most_classes=3)
    s = draw.sample_weight(n)
    parameters: dict = dict(fit_intercept=draw.chance(0.7), n_jobs=draw.pick([None, 1, 3, -1]), random_state=0)
    if call is fit_stream:
        parameters["classes"] = None if np.ndim(y) == 2 else np.arange(n_classes)
    else:
        parameters["max_iter"] = draw.pick([1, 20])
    if call is fit_cv:
        # The call may be refused: a fold needs labels, and samples with weight of every class.
        draw.tame = False
    if call is fit_estimator:
        parameters |= dict(
            C=draw.pick([1.0, 1e-3, 1e3, np.inf]), l1_ratio=draw.pick([0, 0, 0.5]), standardize=draw.chance(0.3)
        )
        # Weights may leave a class without weight or a feature without deviation: then no result can be compared.
        draw.tame &= s is None
    if draw.goes_wild():
        parameters |= draw.pick([dict(n_jobs=0), dict(fit_intercept="a"), dict(random_state="b"), dict(n_jobs=2**40)])

    def check(result):
        coef, intercept, probabilities, scores = result
        Z = dense(X) @ numbers(coef).T + numbers(intercept)
        size = 1 + (np.abs(dense(X)) @ np.abs(numbers(coef)).T).max() + np.abs(numbers(intercept)).max()
        np.testing.assert_allclose(scores.reshape(Z.shape), Z, rtol=0, atol=1e-5 * size)
        both = np.hstack([-Z / 2, Z / 2]) if Z.shape[1] == 1 else Z
        np.testing.assert_allclose(probabilities, reference.softmax(both), rtol=0, atol=1e-5 * size)

    return Entry(call, (X, y, s), parameters, check, threads="n_jobs")


FITS = (fits, paths, estimators)
