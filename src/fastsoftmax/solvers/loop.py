"""The iteration loop, written once: stopping, history, callback and status, for every method."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..runtime.vectors import largest

Vector = NDArray[np.float64]

# A loss this many times that of the start, or of a guess among a few classes, is on its way to infinity.
DIVERGED = 1e3

# Iterations without a new lowest loss or gradient, after which only rounding is left to be searched.
PATIENCE = 10
NO_PROGRESS = "no step lowers the loss in this precision"

HISTORY_DTYPE = np.dtype(
    [
        ("iteration", np.int64),
        ("n_passes", np.int64),
        ("seconds", np.float64),
        ("loss", np.float64),
        ("grad_norm", np.float64),
    ]
)


class Preconditioner(Protocol):
    """An approximation of the Hessian."""

    def solve(self, v: Vector) -> Vector:
        """Multiply a vector with its inverse."""


class Objective(Protocol):
    """What a method may ask of a problem; every pass over the data is counted."""

    n_params: int
    n_samples: int
    n_weights: int  # parameters that are penalised, which come first
    l1: float  # weight of their absolute values, which loss_grad and line leave to the method

    @property
    def n_passes(self) -> int:
        """Passes so far; batches count by their share."""

    def split(self, theta: Vector) -> tuple[Vector, Vector]:
        """W, (n_classes, n_features), and b as views of theta."""

    def loss_grad(self, theta: Vector) -> tuple[float, Vector]:
        """Value and gradient at theta: one pass."""

    def columns(self, columns: NDArray[np.intp]) -> "Objective":
        """Return the objective of some features alone."""

    def batch(self, rows: NDArray[np.intp]) -> "Objective":
        """Return the objective of some samples, an estimate of the whole where they are drawn at random."""

    def line(self, theta: Vector, direction: Vector) -> Callable[[float], tuple[float, float]]:
        """phi(t) → value and slope at theta + t · direction: one pass, and none for any t."""

    def sample_line(self, theta: Vector, direction: Vector) -> Callable[[float], tuple[float, float]] | None:
        """Estimate what line returns at a small part of its cost; None where the samples are too few for that."""

    def rough(self, theta: Vector) -> "Objective | None":
        """Return the same by less exact and much faster products, to start from theta; None where there is no such."""

    def ascend(self, theta: Vector) -> Iterator[Vector]:
        """Yield points nearer and nearer to the optimum, where some are cheap to find: some passes each."""

    def curvature(self, theta: Vector) -> Preconditioner:
        """Approximate the Hessian at theta: some passes."""

    def diagonal(self, theta: Vector) -> Vector:
        """Diagonal of the Hessian at theta, made positive: two passes."""

    @property
    def separated_below(self) -> float:
        """A loss that proves that there is no optimum, since the classes are separated; 0 where there is one."""

    def curvature_bound(self) -> float:
        """Upper bound of the Hessian's largest eigenvalue."""


@dataclass(frozen=True, slots=True)
class State:
    """A point that a method has reached; methods add to it what they remember.

    `grad` is the gradient of F, or where F has none the subgradient of least norm: zero at the minimum.
    `stuck` says why no further progress is possible, and is empty while it is.
    """

    theta: Vector
    loss: float
    grad: Vector
    stuck: str = ""

    def refined(self, objective: Objective) -> "State":
        """Return the same point with loss and gradient as exact as the objective's."""
        return self


class Lowest(NamedTuple):
    """The lowest loss and gradient norm so far, and iterations since one of them was new."""

    loss: float = math.inf
    grad_norm: float = math.inf
    idle: int = 0

    def after(self, loss: float, grad: Vector) -> "Lowest":
        """Return the same after another iteration."""
        norm = largest(grad)
        new = loss < self.loss or norm < self.grad_norm
        return Lowest(min(loss, self.loss), min(norm, self.grad_norm), 0 if new else self.idle + 1)

    @property
    def stuck(self) -> str:
        """Why no further progress is possible, empty while it is."""
        return NO_PROGRESS if self.idle >= PATIENCE else ""


class Method(Protocol):
    """A solver: where to start, and how to get from one state to the next."""

    def init(self, objective: Objective, theta: Vector) -> Any:
        """Return the State at theta."""

    def step(self, objective: Objective, state: Any) -> Any:
        """Return the next State."""


class Progress(NamedTuple):
    """What a callback sees after every iteration; W and b are the parameters then."""

    iteration: int
    n_passes: int
    seconds: float
    loss: float
    grad_norm: float
    theta: Vector


class Solution(NamedTuple):
    """Where the loop stopped, and why."""

    theta: Vector
    loss: float
    grad_norm: float
    n_iter: int
    status: str
    message: str
    history: NDArray[np.void]


class History:
    """What there was to see of every iteration, from now on."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.started = time.perf_counter()
        self.rows: list[tuple[int, int, float, float, float]] = []

    @property
    def n_iter(self) -> int:
        """Iterations so far, the start being none."""
        return max(0, len(self.rows) - 1)

    def see(self, iteration: int, loss: float, grad_norm: float, theta: Vector) -> Progress:
        """Return what there is to see now."""
        return Progress(iteration, self.objective.n_passes, time.perf_counter() - self.started, loss, grad_norm, theta)

    def solution(self, at: Progress, status: str, message: str) -> Solution:
        """Return the end of these iterations, with the parameters of one of them."""
        rows = np.array(self.rows, dtype=HISTORY_DTYPE)
        return Solution(at.theta, at.loss, at.grad_norm, self.n_iter, status, message, rows)


def minimize(
    objective: Objective,
    method: Method,
    theta: Vector,
    *,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], object] | None = None,
) -> Solution:
    """Step until the largest absolute entry of the gradient is at most tol, or something else ends it.

    Status: "converged", "max_iter", "rounding" (the method can make no further progress in this precision), "separated"
    (the loss proves that there is no optimum), "callback" (it returned true), "diverged" (the loss is not finite, or a
    thousand times that of the start), "interrupted" (Ctrl-C). The last two return the parameters of the lowest loss,
    the others the last. Ctrl-C before the start is evaluated is a KeyboardInterrupt: there is no best so far.
    """
    history = History(objective)
    last = best = Progress(0, 0, 0.0, math.nan, math.nan, theta)

    # An overflow shows in the loss and becomes the status; it needs no warning beside that.
    init, step = (np.errstate(over="ignore", invalid="ignore")(part) for part in (method.init, method.step))

    def look(state: State, iteration: int) -> Progress:
        return history.see(iteration, state.loss, largest(state.grad), state.theta)

    def end(at: Progress, stuck: str, stop: object) -> tuple[str, str] | None:
        if at.loss < objective.separated_below:
            return "separated", _separated_message(at)
        if at.grad_norm <= tol:
            return "converged", f"gradient norm {at.grad_norm:.3g} ≤ tol = {tol:.3g}"
        if stuck:
            return "rounding", f"{stuck}: gradient norm {at.grad_norm:.3g} > tol = {tol:.3g}"
        if stop:
            return "callback", f"stopped by the callback after {at.iteration} iterations"
        if at.iteration >= max_iter:
            return "max_iter", _max_iter_message(at, max_iter, tol)
        return None

    try:
        state = init(objective, theta)
        while True:
            last = look(state, len(history.rows))
            history.rows.append(last[:5])
            limit = DIVERGED * max(1.0, history.rows[0][3])
            if not math.isfinite(last.loss + last.grad_norm) or last.loss > limit:
                return history.solution(best, "diverged", _diverged_message(last))
            if not last.loss >= best.loss:
                best = last
            stop = callback is not None and callback(last)
            ended = end(last, state.stuck, stop)
            if ended and (refined := state.refined(objective)) is not state:
                # Nothing ends by what is not exact.
                state = refined
                last = look(state, last.iteration)
                history.rows[-1] = last[:5]
                ended = end(last, state.stuck, stop)
            if ended:
                return history.solution(last, *ended)
            state = step(objective, state)
    except KeyboardInterrupt:
        if math.isnan(best.loss):
            raise
        return history.solution(best, "interrupted", interrupted_message(last))


def interrupted_message(last: Progress) -> str:
    """Say what Ctrl-C has left."""
    return f"interrupted in iteration {last.iteration + 1}; the best so far is kept"


def _diverged_message(last: Progress) -> str:
    return (
        f"the loss became {last.loss:.3g} in iteration {last.iteration}; the parameters of the lowest loss are kept; "
        "a smaller learning_rate, or features of similar size, may help"
    )


def _separated_message(last: Progress) -> str:
    return (
        f"every sample has a probability above ½ for its class: all classes are separated, and without a penalty the "
        f"loss, now {last.loss:.3g}, falls for ever; use a positive l2"
    )


def _max_iter_message(last: Progress, max_iter: int, tol: float) -> str:
    return (
        f"max_iter = {max_iter} iterations reached with gradient norm {last.grad_norm:.3g} > tol = {tol:.3g}; "
        "raise max_iter or tol, or scale the features to similar size"
    )
