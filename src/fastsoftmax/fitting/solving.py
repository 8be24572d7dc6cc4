"""From an objective to its minimum, by any of the solvers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.arguments import as_count, as_generator, as_number
from ..penalties import ElasticNet
from ..problem.objective import Objective
from ..runtime.arrays import Float64Array
from ..runtime.threads import one_blas_thread
from ..solvers import (
    LBFGS,
    SGD,
    AcceleratedGradient,
    GradientDescent,
    Method,
    Progress,
    ProximalNewton,
    Solution,
    StochasticGradient,
    check_needs,
    minimize,
    minimize_screened,
)
from .result import FitResult, FitState

SOLVERS = ("auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal")

# tol must be well below l1 to decide which weights are zero: cap it at 5 % of the smallest l1 of a feature.
L1_SHARE = 0.05


@dataclass(frozen=True)
class Settings:
    """How an objective is minimised; the parameters are those of `fit`."""

    solver: str | SGD = "auto"
    learning_rate: float | str = "auto"
    tol: float = 1e-4
    max_iter: int = 1000
    callback: Callable[[FitState], object] | None = None
    random_state: object = None
    certify: bool = False


def solve(objective: Objective, theta: Float64Array, settings: Settings) -> FitResult:
    """Minimise an objective from theta on; result and errors as of `fit`."""
    max_iter, penalty, callback = as_count("max_iter", settings.max_iter), objective.penalty, settings.callback
    method = _method(settings, max_iter, penalty)
    if settings.certify:
        _check_certifiable(objective)
    if isinstance(method, ProximalNewton):
        objective = objective.centred()
    check_needs(str(settings.solver), method, objective)

    run = minimize_screened if penalty.l1 else minimize
    report = None if callback is None else lambda progress: callback(_state(objective, progress))
    tol = min(as_number("tol", settings.tol), L1_SHARE * penalty.least_l1 or math.inf)
    theta = theta.copy()
    W = objective.split(theta).W
    W[:] = penalty.nearest(W)
    theta = objective.from_users(theta)
    with one_blas_thread:
        solution = run(objective, method, theta, tol=tol, max_iter=max_iter, callback=report)
    # What X holds shows in the first pass, even where W is zero; if there was none, nothing is known. A sample of
    # weight zero has no share in the loss; of the gradient, NaN times zero is NaN.
    first = solution.history[:1]
    if not (np.isfinite(first["loss"]) & np.isfinite(first["grad_norm"])).all():
        objective.X.check_finite("X")
    if solution.status in ("converged", "max_iter", "rounding"):
        solution = _without_optimum(objective, solution)
    W, b = objective.split(objective.to_users(solution.theta))
    message, gap, above_floor = solution.message, np.nan, solution.loss - objective.floor
    distance = np.nan
    if math.isfinite(solution.distance) and 0 < above_floor < math.inf:
        distance = solution.distance / above_floor
        message += f"; the loss is an estimated {distance:.1g} of itself above its minimum"
    if settings.solver == "auto":
        message = f"{message}; auto is {_choice(objective)}"
    if (penalty.l1 or settings.certify) and np.isfinite(solution.loss):
        with one_blas_thread:
            gap = objective.duality_gap(solution.theta)
        if not math.isnan(gap):
            message += f"; duality gap {gap:.3g}"
            if above_floor > 0:
                distance = gap / above_floor
                message += f", {distance:.3g} of the loss"
    return FitResult(
        W=W.copy(),
        b=b.copy(),
        loss=solution.loss,
        grad_norm=solution.grad_norm,
        n_iter=solution.n_iter,
        n_passes=objective.n_passes,
        status=solution.status,
        message=message,
        history=solution.history,
        duality_gap=gap,
        distance=distance,
        family=objective.loss.family,
    )


def _check_certifiable(objective: Objective) -> None:
    """Raise ValueError if there is no duality gap."""
    family, penalty = objective.loss.family, objective.penalty
    if not family.has_duality_gap:
        raise ValueError(f"certify must be False for family={family.name!r}, found True")
    if not penalty.penalizes_all:
        zeros = "" if penalty.is_uniform else ", and zeros in penalty_factor"
        raise ValueError(
            "certify must be False unless every feature has a penalty, "
            f"found True with l2={penalty.l2}, l1={penalty.l1}{zeros}"
        )


def _state(objective: Objective, progress: Progress) -> FitState:
    """Return what a callback sees, which is not the callback's to write to."""
    W, b = objective.split(objective.to_users(progress.theta))
    W.flags.writeable = b.flags.writeable = False
    return FitState(*progress[:5], W, b)


def _choice(objective: Objective) -> str:
    """Which solver "auto" is, and why."""
    if not objective.penalty.is_smooth:
        return f'"proximal", for there {"is an L1 penalty" if objective.penalty.l1 else "are bounds"}'
    return f'"preconditioned-lbfgs" with {objective.curvature_name}'


def _without_optimum(objective: Objective, solution: Solution) -> Solution:
    """Return the solution, or, where classes are separated and there is none, say so."""
    classes = objective.separated_outputs(solution.theta)
    if not len(classes):
        return solution
    message = (
        f"classes {', '.join(map(str, classes))} are separated: without a penalty the loss, now {solution.loss:.3g} "
        f"with gradient norm {solution.grad_norm:.3g}, falls for ever; use a positive l2"
    )
    return solution._replace(status="separated", message=message)


def _method(settings: Settings, max_iter: int, penalty: ElasticNet) -> Method:
    solver, learning_rate, random_state = settings.solver, settings.learning_rate, settings.random_state
    name = "sgd" if isinstance(solver, SGD) else solver
    if name not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(map(repr, SOLVERS))} or an SGD, found {solver!r}")
    if not penalty.is_smooth and name not in ("auto", "proximal"):
        if penalty.l1:
            raise ValueError(
                f'l1 must be 0 for solver={solver!r}; solver="proximal" serves an L1 penalty, found {penalty.l1!r}'
            )
        raise ValueError(f'bounds must be None for solver={solver!r}; solver="proximal" serves them, found bounds')
    rate = as_learning_rate(learning_rate)
    if random_state is not None and name != "sgd":
        as_generator("random_state", random_state)  # of no effect, but right
    if name in ("gd", "agd"):
        return GradientDescent(rate) if name == "gd" else AcceleratedGradient(rate)
    if name == "sgd":
        random = as_generator("random_state", random_state)
        return StochasticGradient(SGD() if isinstance(solver, str) else solver, rate, random, max_iter)
    if rate is not None:
        raise ValueError(
            'learning_rate is for solver="gd", "agd" and "sgd"; '
            f"solver={solver!r} finds its own steps, found {learning_rate!r}"
        )
    if not penalty.is_smooth or name == "proximal":
        return ProximalNewton()
    return LBFGS(preconditioned=name != "lbfgs")


def as_learning_rate(learning_rate: float | str) -> float | None:
    """Return a positive number, or None for "auto"."""
    if not isinstance(learning_rate, str):
        return as_number("learning_rate", learning_rate, positive=True)
    if learning_rate != "auto":
        raise ValueError(f'learning_rate must be a positive number or "auto", found {learning_rate!r}')
    return None
