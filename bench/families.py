"""``python -m bench.families``: passes and whole fits of generalised linear models, by us and by others."""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

import fastsoftmax as fs

from .environment import OtherLoad, all_threads, describe
from .options import add_common_options, positive
from .problems import Array
from .results import Report, add_results_options
from .tables import milliseconds, three_digits
from .timing import take_turns, time_once

NUMPY, STATSMODELS, OURS = "NumPy", "statsmodels", "ours"
PASS_COLUMNS = ("what", "T", NUMPY, STATSMODELS, OURS, f"× {NUMPY}", f"× {STATSMODELS}")
FIT_COLUMNS = ("what", "by", "tol", "s", "above", "× ours")

# A fit has arrived when F, in float64, is no more than this share above the lowest F that any has reached.
ARRIVED = 1e-6
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


class FitProblem(NamedTuple):
    """Data, the objective that all minimise, and who does: from a tolerance to W and b."""

    name: str
    objective: Callable[[Array, Array], float]
    fits: dict[str, Callable[[float], tuple[Array, Array]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, print it and keep it."""
    options = _parse(arguments)
    report = Report("families", options)
    facts, load = describe(), OtherLoad()
    with threadpool_limits(options.threads, user_api="blas"):
        passes = list(_passes(options.samples // 5, options.threads, options.repeats))
        fits = [
            row
            for problem in (_poisson(options.samples, options.threads), _multilabel(options.labelled, options.threads))
            for row in _race(problem, options.repeats)
        ]
    facts["meanwhile"] = load.describe()
    facts["times"] = f"medians of {options.repeats} repetitions on {options.threads} threads, passes in milliseconds"
    report.add_facts(facts)
    report.add_table(PASS_COLUMNS, passes, "One pass: loss and gradient, float64")
    title = f"Whole fits, with the largest tol of powers of ten that leads within {ARRIVED:g} of the lowest F"
    report.add_table(FIT_COLUMNS, fits, title)
    report.save()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.families", description="Measure generalised linear models by us and by others."
    )
    parser.add_argument("--samples", type=positive, default=500_000, metavar="n", help="of 50 features, for Poisson")
    parser.add_argument("--labelled", type=positive, default=100_000, metavar="n", help="of 300 features and 50 labels")
    parser.add_argument("--threads", type=positive, default=all_threads(), metavar="T")
    add_common_options(parser, repeats=3)
    add_results_options(parser)
    return parser.parse_args(arguments)


def _counts(n_samples: int, n_features: int = 50) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, rng.poisson(np.exp(X @ rng.standard_normal(n_features) / n_features**0.5 - 1)).astype(np.float64)


# A pass in NumPy: from logits z and y to L and r.
FORMULAS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "poisson": lambda z, y: (np.exp(z) - y * z, np.exp(z) - y),
    "gamma": lambda z, y: (z + y * np.exp(-z), 1 - y * np.exp(-z)),
    "tweedie(1.5)": lambda z, y: (2 * (np.exp(z / 2) + y * np.exp(-z / 2)), np.exp(z / 2) - y * np.exp(-z / 2)),
    "gaussian": lambda z, y: ((z - y) ** 2 / 2, z - y),
    "bernoulli": lambda z, y: (np.logaddexp(0, z) - y * z, 1 / (1 + np.exp(-z)) - y),
}


def _passes(n_samples: int, threads: int, repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield rows in PASS_COLUMNS; statsmodels has one output alone."""
    X, counts = _counts(n_samples)
    for family, formula in FORMULAS.items():
        for n_outputs in (1, 5):
            theta = np.random.default_rng(1).standard_normal((n_outputs, 51)) / 50
            W, b = np.ascontiguousarray(theta[:, 1:]), theta[:, 0].copy()
            y = np.minimum(counts, 1) if family == "bernoulli" else counts + (family == "gamma")
            Y = np.repeat(y[:, None], n_outputs, axis=1)
            in_numpy = partial(_in_numpy, formula, X, Y, W, b)
            ours = partial(fs.loss_grad, X, Y, W, b, family=family, num_threads=threads)
            np.testing.assert_allclose(ours()[1], in_numpy()[1], rtol=1e-8, atol=1e-10)
            calls: dict[str, Callable[[], object]] = {NUMPY: in_numpy, OURS: ours}
            peer = _statsmodels(X, y, family) if n_outputs == 1 else None
            if peer is not None:
                calls[STATSMODELS] = partial(_loss_and_score, peer, theta[0])
            times = take_turns(calls, repeats)
            shown = [milliseconds(times.median(name)) if name in calls else "" for name in (NUMPY, STATSMODELS, OURS)]
            ratios = [f"{times.ratio(name, OURS):.2f}" if name in calls else "" for name in (NUMPY, STATSMODELS)]
            yield f"{family} {n_samples}×50×{n_outputs}", str(threads), *shown, *ratios


def _in_numpy(
    formula: Callable[[Array, Array], tuple[Array, Array]], X: Array, Y: Array, W: Array, b: Array
) -> tuple[float, Array, Array]:
    loss, residual = formula(X @ W.T + b, Y)
    return float(loss.sum() / len(X)), residual.T @ X / len(X), residual.mean(axis=0)


def _loss_and_score(model: Any, theta: Array) -> tuple[Any, Any]:
    with np.errstate(divide="ignore"):  # in a term that does not depend on theta
        return model.loglike(theta), model.score(theta)


def _statsmodels(X: Array, y: Array, family: str) -> Any:
    """Return their model, None where they are not installed."""
    try:
        import statsmodels.api as sm
    except ImportError:
        return None
    log, kind = sm.families.links.Log(), sm.families
    kinds = {
        "poisson": kind.Poisson(),
        "gamma": kind.Gamma(log),
        "tweedie(1.5)": kind.Tweedie(log, var_power=1.5, eql=True),
        "gaussian": kind.Gaussian(),
        "bernoulli": kind.Binomial(),
    }
    return sm.GLM(y, sm.add_constant(X), family=kinds[family])


def _poisson(n_samples: int, threads: int) -> FitProblem:
    X, y = _counts(n_samples)
    alpha = 1e-4

    def ours(tol: float) -> tuple[Array, Array]:
        result = fs.fit(X, y, family="poisson", l2=alpha, tol=tol, num_threads=threads)
        return result.W, result.b

    def sklearn(tol: float) -> tuple[Array, Array]:
        model = PoissonRegressor(alpha=alpha, solver="newton-cholesky", tol=tol, max_iter=1000).fit(X, y)
        return model.coef_[None], np.array([model.intercept_])

    def glum(tol: float) -> tuple[Array, Array]:
        from glum import GeneralizedLinearRegressor

        model = GeneralizedLinearRegressor(family="poisson", alpha=alpha, l1_ratio=0, gradient_tol=tol).fit(X, y)
        return model.coef_[None], np.array([model.intercept_])

    def statsmodels(tol: float) -> tuple[Array, Array]:
        # Their penalised fit does not use curvature: this one has no penalty, and its objective is not much lower.
        params = _statsmodels(X, y, "poisson").fit(tol=tol, maxiter=1000).params
        return params[None, 1:], params[:1]

    def objective(W: Array, b: Array) -> float:
        return fs.loss_grad(X, y, W, b, family="poisson", l2=alpha)[0]

    fits = {OURS: ours, "sklearn newton-cholesky": sklearn, "glum": glum, STATSMODELS: statsmodels}
    return FitProblem(f"Poisson {n_samples}×50", objective, {name: fit for name, fit in fits.items() if _has(name)})


def _multilabel(n_samples: int, threads: int) -> FitProblem:
    n_features, n_labels = 300, 50
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    logits = X @ rng.standard_normal((n_features, n_labels)) / n_features**0.5 - 1.5
    Y = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float64)

    def ours(tol: float) -> tuple[Array, Array]:
        result = fs.fit(X, Y, family="bernoulli", l2=1 / n_samples, tol=tol, num_threads=threads)
        return result.W, result.b

    def sklearn(tol: float) -> tuple[Array, Array]:
        model = OneVsRestClassifier(LogisticRegression(tol=tol, max_iter=10_000)).fit(X, Y)
        ones = model.estimators_
        return np.vstack([one.coef_ for one in ones]), np.concatenate([one.intercept_ for one in ones])

    def objective(W: Array, b: Array) -> float:
        return fs.loss_grad(X, Y, W, b, family="bernoulli", l2=1 / n_samples)[0]

    name = f"multilabel {n_samples}×{n_features}×{n_labels}"
    return FitProblem(name, objective, {OURS: ours, "OneVsRest of LogisticRegression": sklearn})


def _has(name: str) -> bool:
    """Whether a package that need not be installed is."""
    if name not in (STATSMODELS, "glum"):
        return True
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def _race(problem: FitProblem, repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield rows in FIT_COLUMNS: for each the largest tolerance by which it arrives."""
    lowest = problem.objective(*problem.fits[OURS](1e-10))
    found: dict[str, tuple[float, float]] = {}
    for name, fit in problem.fits.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tolerance that is not reached shows in F
            for tol in TOLERANCES:
                above = problem.objective(*fit(tol)) / lowest - 1
                if above <= ARRIVED or name == STATSMODELS:
                    found[name] = tol, above
                    break
    calls = {name: partial(problem.fits[name], tol) for name, (tol, _) in found.items()}
    seconds = {name: sorted(time_once(call)[0] for _ in range(repeats))[repeats // 2] for name, call in calls.items()}
    for name in problem.fits:
        if name not in found:
            yield problem.name, name, "", "", "not reached", ""
            continue
        tol, above = found[name]
        ratio = f"{seconds[name] / seconds[OURS]:.2f}"
        yield problem.name, name, f"{tol:g}", three_digits(seconds[name]), f"{above:.1e}", ratio


if __name__ == "__main__":
    main()
