"""fit: from data to parameters, by any of the solvers."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._validation import (
    as_number,
    as_offset,
    as_parameters,
    as_sample_weight,
    as_targets,
    check_finite,
)
from .features import AnyMatrix, bind_features
from .objective import SoftmaxObjective
from .solvers import LBFGS, GradientDescent, Method, Progress, ProximalQuasiNewton, minimize

SOLVERS = ("auto", "gd", "lbfgs", "preconditioned-lbfgs", "proximal")

Init = tuple[ArrayLike, ArrayLike]


class FitState(NamedTuple):
    """What a callback of `fit` sees after every iteration, the start being iteration 0."""

    iteration: int
    n_passes: int  # times that X was read so far
    seconds: float  # since the start
    loss: float  # F, penalty included
    grad_norm: float  # largest absolute entry of ∂F
    W: NDArray[np.float64]  # (n_classes, n_features)
    b: NDArray[np.float64]  # (n_classes,)


@dataclass(frozen=True)
class FitResult:
    """Fitted parameters and how they were found.

    Attributes
    ----------
    W, b : ndarray of shape (n_classes, n_features) and (n_classes,), float64
    loss : float
        F at (W, b), penalty included.
    grad_norm : float
        Largest absolute entry of ∂F at (W, b); with an L1 penalty, of its element of least norm.
    n_iter, n_passes : int
        Iterations, and times that X was read.
    status : str
        "converged", "max_iter", "rounding", "diverged", "callback" or "interrupted".
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
    solver: str = "auto",
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
        Class indices 0, 1, …, or rows of target probabilities or counts.
    solver : {"auto", "gd", "lbfgs", "proximal"}
        "gd" is gradient descent by a fixed learning rate; "proximal" is the one for an L1 penalty. "auto" is "proximal"
        with and "lbfgs" without such a penalty.
    l2 : float
        Weight of ½‖W‖²; with scikit-learn's C it is 1/(C · Σs). b is not penalised.
    l1 : float
        Weight of ‖W‖₁; with scikit-learn's C it is 1/(C · Σs) where l1_ratio is 1. Entries of W become exactly zero.
    learning_rate : float or "auto"
        For "gd": η, or 1/L with L a bound of the curvature, which never diverges.
    tol : float
        Converged when no entry of ∂F is larger in absolute value; with an L1 penalty, of its element of least norm,
        and `duality_gap` tells what that is worth. It should be small beside l1.
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
    random_state : optional
        Accepted for solvers that draw random numbers; no solver of this version does.
    num_threads : int, optional
        All that the process may use by default. The answer does not depend on it, bit for bit.

    Returns
    -------
    FitResult
        Failure is data: read `status`. Ctrl-C returns the best parameters so far, with status "interrupted".

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    features = bind_features(X, scale, shift)
    targets = as_targets(y, len(features), None, features.dtype)
    objective = SoftmaxObjective(
        features,
        targets,
        sample_weight=as_sample_weight(sample_weight, len(features)),
        offset=as_offset(offset, (len(features), targets.n_classes), features.dtype),
        l2=as_number("l2", l2),
        l1=as_number("l1", l1),
        fit_intercept=bool(fit_intercept),
        num_threads=num_threads,
    )
    method = _method(solver, learning_rate, objective.l1)

    def report(progress: Progress) -> object:
        W, b = objective.split(progress.theta)
        return callback(FitState(*progress[:5], W, b)) if callback is not None else False

    solution = minimize(
        objective,
        method,
        _start(init, objective),
        tol=as_number("tol", tol),
        max_iter=_as_count("max_iter", max_iter),
        callback=report,
    )
    # What X holds shows in the first pass, even where W is zero; if there was none, nothing is known.
    if not np.isfinite(solution.history["loss"][:1]).all():
        features.check_finite("X")
    W, b = objective.split(solution.theta)
    message, gap = solution.message, np.nan
    if objective.l1 and np.isfinite(solution.loss):
        gap = objective.duality_gap(solution.theta)
        message += f"; duality gap {gap:.3g}, {gap / solution.loss:.3g} of the loss"
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


def _method(solver: str, learning_rate: float | str, l1: float) -> Method:
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(map(repr, SOLVERS))}, found {solver!r}")
    if l1 and solver not in ("auto", "proximal"):
        raise ValueError(f'l1 must be 0 for solver={solver!r}; solver="proximal" serves an L1 penalty, found {l1!r}')
    if isinstance(learning_rate, str):
        if learning_rate != "auto":
            raise ValueError(f'learning_rate must be a positive number or "auto", found {learning_rate!r}')
        if solver == "gd":
            return GradientDescent()
        if l1 or solver == "proximal":
            return ProximalQuasiNewton()
        return LBFGS(preconditioned=solver != "lbfgs")
    if solver != "gd":
        raise ValueError(
            f'learning_rate is for solver="gd"; solver={solver!r} finds its own steps, found {learning_rate!r}'
        )
    return GradientDescent(as_number("learning_rate", learning_rate, positive=True))


def _start(init: Init | None, objective: SoftmaxObjective) -> NDArray[np.float64]:
    """Return theta of the parameters to start from."""
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


def _as_count(name: str, value: object) -> int:
    try:
        count = -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = -1
    if count < 0:
        raise ValueError(f"{name} must be a whole number that is not negative, found {value!r}")
    return count
