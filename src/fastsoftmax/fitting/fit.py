"""fit: from data to parameters, by any of the solvers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.arguments import (
    as_count,
    as_generator,
    as_number,
    as_offset,
    as_parameters,
    as_sample_weight,
    as_targets,
    check_finite,
)
from ..data.features import AnyMatrix, bind_features
from ..problem.objective import SoftmaxObjective
from ..runtime.threads import one_blas_thread
from ..solvers import (
    LBFGS,
    SGD,
    AcceleratedGradient,
    GradientDescent,
    Method,
    Progress,
    ProximalQuasiNewton,
    Solution,
    StochasticGradient,
    Walk,
    minimize,
    minimize_screened,
)

SOLVERS = ("auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal")

Init = tuple[ArrayLike, ArrayLike]

# An entry of W is zero where the loss's slope is below l1: a gradient that is not much smaller cannot tell.
L1_SHARE = 0.05


class FitState(NamedTuple):
    """What a callback of `fit` sees after every iteration, the start being iteration 0."""

    iteration: int
    n_passes: int  # times that X was read so far
    seconds: float  # since the start
    loss: float  # F, penalty included; a few digits of it while "auto" multiplies roughly
    grad_norm: float  # largest absolute entry of ∂F
    W: NDArray[np.float64]  # (n_classes, n_features); read-only, and to be copied if it is kept
    b: NDArray[np.float64]  # (n_classes,)


@dataclass(frozen=True)
class FitResult:
    """Fitted parameters and how they were found.

    Attributes
    ----------
    W, b : ndarray of shape (n_classes, n_features) and (n_classes,), float64
    loss : float
        F at (W, b), penalty included; if "interrupted" while "auto" multiplied roughly, a few digits of it.
    grad_norm : float
        Largest absolute entry of ∂F at (W, b); with an L1 penalty, of its element of least norm.
    n_iter, n_passes : int
        Iterations, and times that X was read; to read some of its features is that share of a time.
    status : str
        "converged", "max_iter", "rounding", "separated", "diverged", "callback" or "interrupted".
    message : str
        The same in words, with the numbers.
    history : structured ndarray
        A row for the start and for each iteration: iteration, n_passes, seconds, loss, grad_norm.
    duality_gap : float
        With an L1 penalty, a bound of F at (W, b) over its minimum, computed in float64 at the end; NaN without.
    """

    W: NDArray[np.float64]
    b: NDArray[np.float64]
    loss: float
    grad_norm: float
    n_iter: int
    n_passes: int
    status: str
    message: str
    history: NDArray[np.void]
    duality_gap: float = np.nan


def fit(
    X: AnyMatrix,
    y: ArrayLike,
    *,
    solver: str | SGD = "auto",
    l2: float = 0.0,
    l1: float = 0.0,
    learning_rate: float | str = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    init: Init | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    callback: Callable[[FitState], object] | None = None,
    random_state: object = None,
    num_threads: int | None = None,
) -> FitResult:
    """Fit a softmax regression by maximum (penalised) likelihood.

    Minimises F = (1/Σs) Σ_i s_i (−⟨y_i, log softmax(W x_i + b + o_i)⟩) + ½ · l2 · ‖W‖² + l1 · ‖W‖₁.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
        Read as it is: float64, float32, float16, `ml_dtypes.bfloat16`, uint8, int8 or bool, in any order and of any
        strides, memory-mapped or not, or SciPy's CSR of float32 or float64. Other integers are copied to float64,
        other sparse formats to CSR. float64 is computed with in float64, all others in float32.
    y : array_like of shape (n_samples,) or (n_samples, n_classes)
        Class indices 0, 1, …, or rows of target probabilities or counts: floats, or whole numbers of equal sums.
    solver : {"auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"} or SGD
        "auto" is "proximal" with an L1 penalty, which it alone serves, and "preconditioned-lbfgs" without one: L-BFGS
        that starts from the curvature of a sample, as "lbfgs" does not; and, for a float32 X and 32 classes or more,
        with rough products, of which nothing remains in the result. "gd" is gradient descent by a fixed learning
        rate, "agd" Nesterov's, accelerated and restarted; "sgd" takes a step after every mini-batch, as `SGD()`
        describes, and an iteration is an epoch and an evaluation: two passes.
    l2 : float
        Weight of ½‖W‖²; with scikit-learn's C it is 1/(C · Σs). b is not penalised.
    l1 : float
        Weight of ‖W‖₁; with scikit-learn's C it is 1/(C · Σs) where l1_ratio is 1. Entries of W become exactly zero.
    learning_rate : float or "auto"
        For "gd" and "agd": η, or 1/L with L a bound of the curvature, which never diverges; for "sgd" the first
        step's, or one found by the curvature of the first mini-batch.
    tol : float
        Converged when no entry of ∂F is larger in absolute value; with an L1 penalty, of its element of least norm, nor
        than a twentieth of l1, and `duality_gap` tells what that is worth.
    max_iter : int
    sample_weight : array_like of shape (n_samples,), optional
    offset : array_like of shape (n_samples, n_classes), optional
        Added to the logits; −∞ rules a class out for a sample.
    init : (W, b), optional
        Where to start; zeros by default.
    fit_intercept : bool
        False holds b at zero.
    scale, shift : float or array_like of shape (n_features,), optional
        x_ij = scale_j · X_ij + shift_j takes the place of X_ij, without a copy: scale=1/255 makes pixels of bytes, and
        `standardization` finds what centres and scales every feature. The parameters are those of the scaled x.
    callback : callable, optional
        Called with a `FitState` after each iteration; a true return stops.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Where "sgd" has the order of the samples from; a whole number gives the same one every time.
    num_threads : int, optional
        All that the process may use by default. The answer does not depend on it, bit for bit.

    Returns
    -------
    FitResult
        Failure is data: read `status`. Ctrl-C returns the best parameters so far, with status "interrupted".

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values; X must be finite in samples of weight zero too.
    KeyboardInterrupt
        On Ctrl-C before the loss at the start is known, when there are no best parameters yet.
    """
    objective = bind(
        X,
        y,
        l2=as_number("l2", l2),
        l1=as_number("l1", l1),
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        scale=scale,
        shift=shift,
        num_threads=num_threads,
    )
    return solve(
        objective,
        start(init, objective),
        solver=solver,
        learning_rate=learning_rate,
        tol=tol,
        max_iter=max_iter,
        callback=callback,
        random_state=random_state,
    )


def bind(
    X: AnyMatrix,
    y: ArrayLike,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    num_threads: int | None = None,
) -> SoftmaxObjective:
    """Return the objective of data as users have them; arguments and errors as of `fit`."""
    features = bind_features(X, scale, shift)
    targets = as_targets(y, len(features), None, features.dtype)
    return SoftmaxObjective(
        features,
        targets,
        sample_weight=as_sample_weight(sample_weight, len(features)),
        offset=as_offset(offset, (len(features), targets.n_classes), features.dtype),
        l2=l2,
        l1=l1,
        fit_intercept=bool(fit_intercept),
        num_threads=num_threads,
    )


def solve(
    objective: SoftmaxObjective,
    theta: NDArray[np.float64],
    *,
    solver: str | SGD = "auto",
    learning_rate: float | str = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    callback: Callable[[FitState], object] | None = None,
    random_state: object = None,
) -> FitResult:
    """Minimise an objective from theta on; arguments, result and errors as of `fit`."""
    max_iter = as_count("max_iter", max_iter)
    method = _method(solver, learning_rate, random_state, max_iter, objective.l1)

    run = minimize_screened if objective.l1 else minimize
    report = None if callback is None else lambda progress: callback(_state(objective, progress))
    tol = min(as_number("tol", tol), L1_SHARE * objective.l1 or math.inf)
    with one_blas_thread:
        solution = run(objective, method, theta, tol=tol, max_iter=max_iter, callback=report)
    # What X holds shows in the first pass, even where W is zero; if there was none, nothing is known. A sample of
    # weight zero has no share in the loss; of the gradient, NaN times zero is NaN.
    first = solution.history[:1]
    if not (np.isfinite(first["loss"]) & np.isfinite(first["grad_norm"])).all():
        objective.X.check_finite("X")
    if solution.status in ("converged", "max_iter", "rounding"):
        solution = _without_optimum(objective, solution)
    W, b = objective.split(solution.theta)
    message, gap = solution.message, np.nan
    if solver == "auto":
        message = f"{message}; auto is {_choice(objective)}"
    if objective.l1 and np.isfinite(solution.loss):
        with one_blas_thread:
            gap = objective.duality_gap(solution.theta)
        message += f"; duality gap {gap:.3g}"
        if solution.loss:
            message += f", {gap / solution.loss:.3g} of the loss"
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
    )


def _state(objective: SoftmaxObjective, progress: Progress) -> FitState:
    """Return what a callback sees: the solver's own memory, which is not the callback's to write to."""
    W, b = objective.split(progress.theta)
    W.flags.writeable = b.flags.writeable = False
    return FitState(*progress[:5], W, b)


def _choice(objective: SoftmaxObjective) -> str:
    """Which solver "auto" is, and why."""
    if objective.l1:
        return '"proximal", for there is an L1 penalty'
    return f'"preconditioned-lbfgs" with {objective.curvature_name}'


def _without_optimum(objective: SoftmaxObjective, solution: Solution) -> Solution:
    """Return the solution, or, where classes are separated and there is none, say so."""
    classes = objective.separated_classes(solution.theta)
    if not len(classes):
        return solution
    message = (
        f"classes {', '.join(map(str, classes))} are separated: without a penalty the loss, now {solution.loss:.3g} "
        f"with gradient norm {solution.grad_norm:.3g}, falls for ever; use a positive l2"
    )
    return solution._replace(status="separated", message=message)


def fit_chunk(
    X: AnyMatrix,
    y: ArrayLike,
    walk: Walk | None,
    *,
    n_classes: int,
    options: SGD,
    random: np.random.Generator,
    learning_rate: float | str = "auto",
    l2: float = 0.0,
    sample_weight: NDArray[np.float64] | None = None,
    mean_weight: float = 1.0,
    init: Init | None = None,
    fit_intercept: bool = True,
    num_threads: int | None = None,
) -> tuple[Walk, NDArray[np.float64], NDArray[np.float64]]:
    """Walk for an epoch over a part of the data, from where the last part has led, or from init.

    Parameters are those of `fit`, besides:

    Parameters
    ----------
    walk : Walk or None
        What the last call with these options returned.
    mean_weight : float
        Mean of sample_weight over all that has been seen: a chunk of larger weights takes larger steps.

    Returns
    -------
    walk, W, b
        W and b are infinite or NaN where the walk has diverged.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    features = bind_features(X)
    weights = as_sample_weight(sample_weight, len(features))
    if weights is not None and sample_weight is not None:
        weights *= sample_weight.mean() / mean_weight
    elif mean_weight != 1:
        weights = np.full(len(features), 1 / mean_weight)
    objective = SoftmaxObjective(
        features,
        as_targets(y, len(features), n_classes, features.dtype),
        sample_weight=weights,
        l2=as_number("l2", l2),
        fit_intercept=bool(fit_intercept),
        num_threads=num_threads,
    )
    method = StochasticGradient(options, as_learning_rate(learning_rate), random)
    begin = Walk.start(start(init, objective), options) if walk is None else walk
    with np.errstate(over="ignore", invalid="ignore"):
        walk = method.epoch(objective, begin)
    if not np.isfinite(walk.average).all():
        features.check_finite("X")
    return walk, *objective.split(walk.average)


def _method(solver: str | SGD, learning_rate: float | str, random_state: object, max_iter: int, l1: float) -> Method:
    name = "sgd" if isinstance(solver, SGD) else solver
    if name not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(map(repr, SOLVERS))} or an SGD, found {solver!r}")
    if l1 and name not in ("auto", "proximal"):
        raise ValueError(f'l1 must be 0 for solver={solver!r}; solver="proximal" serves an L1 penalty, found {l1!r}')
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
    if l1 or name == "proximal":
        return ProximalQuasiNewton()
    return LBFGS(preconditioned=name != "lbfgs")


def as_learning_rate(learning_rate: float | str) -> float | None:
    """Return a positive number, or None for "auto"."""
    if not isinstance(learning_rate, str):
        return as_number("learning_rate", learning_rate, positive=True)
    if learning_rate != "auto":
        raise ValueError(f'learning_rate must be a positive number or "auto", found {learning_rate!r}')
    return None


def start(init: Init | None, objective: SoftmaxObjective) -> NDArray[np.float64]:
    """Return theta of the parameters to start from; errors as of `fit`."""
    theta = np.zeros(objective.n_params)
    if init is None:
        return theta
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise ValueError(f"init must be a pair (W, b), found {type(init).__name__}")
    W, b = as_parameters(*init, objective.X.shape[1], names=("init[0]", "init[1]"))
    if len(W) != objective.targets.n_classes:
        raise ValueError(f"init[0] must have {objective.targets.n_classes} rows, one a class, found {len(W)}")
    check_finite("init[0]", W)
    check_finite("init[1]", b)
    if b.any() and not objective.fit_intercept:
        raise ValueError("init[1] must be zero where fit_intercept is false, found other values")
    theta_W, theta_b = objective.split(theta)
    theta_W[:] = W
    theta_b[:] = b
    return theta
