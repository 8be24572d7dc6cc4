"""The iteration loop of all methods: stopping, history, callback and status."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array
from ..runtime.vectors import largest
from .protocol import Method, Objective

# A fit has diverged if its loss exceeds that at the start, F₀, by 1000 · max(1, |F₀|).
DIVERGED = 1e3

# Stop after 10 iterations in a row without a new lowest loss or gradient norm: what is left is rounding.
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


@dataclass(frozen=True, slots=True)
class State:
    """A point that a method has reached; each method adds what it remembers.

    `grad` is the gradient of F. With an L1 penalty it is the subgradient of least norm, which is zero at the minimum.
    `stuck` is the reason why no further progress is possible; it is empty while progress is possible.
    """

    theta: Float64Array
    loss: float
    grad: Float64Array
    stuck: str = ""

    def distance(self) -> float:
        """Estimate how far the loss is above its minimum, by what is at hand; NaN if nothing tells."""
        return math.nan

    def renewed(self, objective: Any) -> "State":
        """Return the same point with a `distance` by what is known here, if it is by what was known far away."""
        return self

    def refined(self, objective: Objective) -> "State":
        """Return the same point with the loss and gradient of the exact objective."""
        return self


class Lowest(NamedTuple):
    """The lowest loss and gradient norm so far, and the number of iterations since either of them improved."""

    loss: float = math.inf
    grad_norm: float = math.inf
    idle: int = 0

    def after(self, loss: float, grad: Float64Array) -> "Lowest":
        """Return the update for one more iteration."""
        norm = largest(grad)
        new = loss < self.loss or norm < self.grad_norm
        return Lowest(min(loss, self.loss), min(norm, self.grad_norm), 0 if new else self.idle + 1)

    @property
    def stuck(self) -> str:
        """Why no further progress is possible; empty while it is possible."""
        return NO_PROGRESS if self.idle >= PATIENCE else ""


class Progress(NamedTuple):
    """What a callback sees after every iteration; theta holds the parameters at that time."""

    iteration: int
    n_passes: int
    seconds: float
    loss: float
    grad_norm: float
    theta: Float64Array


class Solution(NamedTuple):
    """Where the loop stopped, and why."""

    theta: Float64Array
    loss: float
    grad_norm: float
    n_iter: int
    status: str
    message: str
    history: NDArray[np.void]
    distance: float  # estimate of how far the loss is above its minimum; NaN if nothing tells


class History:
    """A record of every iteration; its clock starts when it is made."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.started = time.perf_counter()
        self.rows: list[tuple[int, int, float, float, float]] = []

    @property
    def n_iter(self) -> int:
        """Iterations so far; the start is not counted."""
        return max(0, len(self.rows) - 1)

    def see(self, iteration: int, loss: float, grad_norm: float, theta: Float64Array) -> Progress:
        """Return the progress at this moment."""
        return Progress(iteration, self.objective.n_passes, time.perf_counter() - self.started, loss, grad_norm, theta)

    def solution(self, at: Progress, status: str, message: str, distance: float = math.nan) -> Solution:
        """Return a solution with this history and the parameters of one of its iterations, `at`."""
        rows = np.array(self.rows, dtype=HISTORY_DTYPE)
        return Solution(at.theta, at.loss, at.grad_norm, self.n_iter, status, message, rows, distance)


def minimize(
    objective: Objective,
    method: Method,
    theta: Float64Array,
    *,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], object] | None = None,
) -> Solution:
    """Iterate until the largest absolute entry of the gradient is at most tol, or until something else ends the fit.

    Where a method can estimate the distance to the minimum, that must be at most tol times the loss, too: on a nearly
    flat part of it, all gradients are small.

    Status: "converged", "max_iter", "rounding" (the method can make no further progress in this precision), "separated"
    (the loss proves that there is no optimum), "callback" (the callback returned true), "diverged" (the loss is not
    finite, or exceeds that at the start, F₀, by 1000 · max(1, |F₀|)), "interrupted" (Ctrl-C). "diverged" and
    "interrupted" return the parameters of the lowest loss, all others those of the last iteration.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C arrives before the start is evaluated: there are no parameters to return yet.
    """
    history = History(objective)
    last = best = Progress(0, 0, 0.0, math.nan, math.nan, theta)

    # An overflow makes the loss infinite and the status "diverged": a warning would say it twice.
    quiet = np.errstate(over="ignore", invalid="ignore")
    init, step = quiet(method.init), quiet(method.step)

    @quiet
    def distance_of(state: State) -> float:
        return state.distance()

    @quiet
    def refine(state: State) -> State:
        return state.refined(objective)

    @quiet
    def renew(state: State) -> State:
        return state.renewed(objective)

    def look(state: State, iteration: int) -> Progress:
        return history.see(iteration, state.loss, largest(state.grad), state.theta)

    def end(at: Progress, state: State, stop: object) -> tuple[str, str] | None:
        if reason := objective.no_optimum(at.loss):
            return "separated", reason
        distance, limit = math.nan, tol * (at.loss - objective.floor)
        if at.grad_norm <= tol:
            distance = distance_of(state)
            if not distance > limit:
                return "converged", f"gradient norm {at.grad_norm:.3g} ≤ tol = {tol:.3g}"
        if state.stuck:
            return "rounding", f"{state.stuck}: {_missed(at, tol, distance, limit)}"
        if stop:
            return "callback", f"stopped by the callback after {at.iteration} iterations"
        if at.iteration >= max_iter:
            return "max_iter", _max_iter_message(max_iter, _missed(at, tol, distance, limit))
        return None

    try:
        state = init(objective, theta)
        while True:
            last = look(state, len(history.rows))
            history.rows.append(last[:5])
            start = history.rows[0][3]
            limit = DIVERGED * max(1.0, abs(start))
            if not math.isfinite(last.loss + last.grad_norm) or last.loss - start > limit:
                return history.solution(best, "diverged", _diverged_message(last))
            if not last.loss >= best.loss:
                best = last
            stop = callback is not None and callback(last)
            ended = end(last, state, stop)
            if ended and (refined := refine(state)) is not state:
                # A rough loss or gradient must not end the fit: evaluate exactly and decide again.
                state = refined
                last = look(state, last.iteration)
                history.rows[-1] = last[:5]
                ended = end(last, state, stop)
            if ended and ended[0] == "converged" and (renewed := renew(state)) is not state:
                # Nor must an estimate of the distance by the curvature of another place.
                state = renewed
                ended = end(last, state, stop)
            if ended:
                return history.solution(last, *ended, distance=distance_of(state))
            state = step(objective, state)
    except KeyboardInterrupt:
        if math.isnan(best.loss):
            raise
        return history.solution(best, "interrupted", interrupted_message(last))


def interrupted_message(last: Progress) -> str:
    """Return the message of a fit that Ctrl-C ended."""
    return f"interrupted in iteration {last.iteration + 1}; the best so far is kept"


def _diverged_message(last: Progress) -> str:
    return (
        f"the loss became {last.loss:.3g} in iteration {last.iteration}; the parameters of the lowest loss are kept; "
        "a smaller learning_rate, or features of similar size, may help"
    )


def _missed(last: Progress, tol: float, distance: float, limit: float) -> str:
    """Say what is not yet as small as it must be."""
    if last.grad_norm > tol:
        return f"gradient norm {last.grad_norm:.3g} > tol = {tol:.3g}"
    return f"estimated distance to the minimum {distance:.3g} > {limit:.3g}, tol times the loss"


def _max_iter_message(max_iter: int, missed: str) -> str:
    return (
        f"max_iter = {max_iter} iterations reached with {missed}; "
        "raise max_iter or tol, or scale the features to similar size"
    )
