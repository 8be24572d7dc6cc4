"""L-BFGS: a quasi-Newton method of limited memory (Nocedal & Wright, Numerical Optimization, 2006, section 7.2)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .._vectors import add_scaled, dot
from .line_search import satisfies_wolfe, strong_wolfe
from .loop import Objective, Preconditioner, State, Vector

MANY_PARAMETERS = 1_000_000

Point = tuple[Vector, float, Vector]  # theta, loss, gradient
Pair = tuple[Vector, Vector, float]  # s = change of theta, y = change of the gradient, ⟨s, y⟩


# The curvature is found anew after that many iterations, and then after twice as many as the last time, where the loss
# has fallen to this share since.
FIRST_CURVATURE, FALLEN = 5, 0.95


# Iterations without a new lowest loss or gradient, after which only rounding is left to be searched.
PATIENCE = 10
NO_PROGRESS = "no step lowers the loss in this precision"


class Curvature(NamedTuple):
    """A preconditioner, and when it was made."""

    matrix: Preconditioner
    loss: float
    age: int = 0  # iterations since
    lifetime: int = FIRST_CURVATURE


@dataclass(frozen=True, slots=True)
class LBFGSState(State):
    """A point, the latest pairs, oldest first, and the curvature that they correct."""

    pairs: tuple[Pair, ...] = ()
    curvature: Curvature | None = None
    lowest: tuple[float, float] = (np.inf, np.inf)  # loss and gradient norm
    idle: int = 0  # iterations since
    ascended: bool = False


class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe search.

    The pairs correct a multiple of the identity or, with `preconditioned`, of the objective's own approximation of the
    Hessian, which takes most of the iterations away (Nocedal & Wright, section 7.2, H_k^0).

    The unit step is tried with a whole pass, since it is nearly always accepted and then the pass is the next iterate's
    own. Where it is not, and in the first iteration, the search goes along `objective.line`, where a trial costs none.

    Parameters
    ----------
    memory : int
        Pairs kept; half as many where the parameters are millions, and the pairs are what takes memory and time.
    preconditioned : bool
    """

    def __init__(self, memory: int = 10, preconditioned: bool = False) -> None:
        self.memory = memory
        self.preconditioned = preconditioned

    def init(self, objective: Objective, theta: Vector) -> LBFGSState:
        """Evaluate the start."""
        loss, grad = objective.loss_grad(theta)
        return LBFGSState(theta, loss, grad)

    def step(self, objective: Objective, state: LBFGSState) -> LBFGSState:
        """Search along the quasi-Newton direction; along simpler ones if that leads nowhere."""
        if self.preconditioned and state.curvature is None and not state.ascended:
            theta = objective.ascend(state.theta)
            if theta is not None:
                loss, grad = objective.loss_grad(theta)
                if loss < state.loss:
                    return LBFGSState(theta, loss, grad, ascended=True)
        if self.preconditioned and state.curvature is None:
            # Not before it is used: a warm start may be the optimum.
            state = replace(state, curvature=Curvature(objective.curvature(state.theta), state.loss))
        for attempt in self._attempts(objective, state):
            found = self._advance(objective, attempt)
            if found is not None:
                theta, loss, grad = found
                norm, lowest = float(np.max(np.abs(grad))), state.lowest
                idle = 0 if loss < lowest[0] or norm < lowest[1] else state.idle + 1
                return LBFGSState(
                    theta,
                    loss,
                    grad,
                    stuck=NO_PROGRESS if idle >= PATIENCE else "",
                    pairs=self._remember(attempt, theta, grad),
                    curvature=attempt.curvature or state.curvature,
                    lowest=(min(loss, lowest[0]), min(norm, lowest[1])),
                    idle=idle,
                )
        return replace(state, stuck=NO_PROGRESS)

    def _attempts(self, objective: Objective, state: LBFGSState) -> Iterator[LBFGSState]:
        """Yield what to go by: curvature and pairs, curvature of this very point, nothing but the gradient."""
        if state.curvature is None:
            yield state
            if state.pairs:
                yield replace(state, pairs=())
            return
        _, loss, age, lifetime = curvature = state.curvature
        if age >= lifetime and state.loss <= FALLEN * loss:
            # The latest pairs hold for any curvature.
            curvature = Curvature(objective.curvature(state.theta), state.loss, lifetime=2 * lifetime)
            state = replace(state, pairs=state.pairs[-2:])
        state = replace(state, curvature=curvature._replace(age=curvature.age + 1))
        yield state
        if state.pairs:
            fresh = Curvature(objective.curvature(state.theta), state.loss, lifetime=lifetime)
            yield replace(state, pairs=(), curvature=fresh)
        yield replace(state, pairs=(), curvature=None)

    def _advance(self, objective: Objective, state: LBFGSState) -> Point | None:
        """Return a point along the quasi-Newton direction that satisfies the Wolfe conditions, or None."""
        matrix = state.curvature and state.curvature.matrix
        direction = inverse_hessian_times(state.pairs, state.grad, matrix)
        np.negative(direction, out=direction)
        slope = dot(direction, state.grad)
        if not slope < 0:
            return None
        if state.pairs or matrix:
            point = self._try(objective, state, direction, slope, 1.0)
            if point is not None:
                return point
        first = 1.0 if state.pairs or matrix else 1.0 / float(np.abs(direction).sum())
        step_size = strong_wolfe(objective.line(state.theta, direction), first)
        return None if step_size is None else self._try(objective, state, direction, slope, step_size)

    def _try(
        self, objective: Objective, state: LBFGSState, direction: Vector, slope: float, step_size: float
    ) -> Point | None:
        """Return the point a step away, or None unless it satisfies the Wolfe conditions."""
        theta = state.theta + step_size * direction
        loss, grad = objective.loss_grad(theta)
        accepted = satisfies_wolfe(state.loss, slope, step_size, loss, dot(grad, direction))
        return (theta, loss, grad) if accepted else None

    def _remember(self, state: LBFGSState, theta: Vector, grad: Vector) -> tuple[Pair, ...]:
        """Append the newest pair, unless rounding has made its curvature meaningless."""
        s, y = theta - state.theta, grad - state.grad
        curvature = dot(s, y)
        if not curvature > np.finfo(np.float64).eps * np.sqrt(dot(s, s) * dot(y, y)):
            return state.pairs
        kept = self.memory if theta.size < MANY_PARAMETERS else (self.memory + 1) // 2
        return (*state.pairs, (s, y, curvature))[-kept:]


def inverse_hessian_times(pairs: tuple[Pair, ...], vector: Vector, matrix: Preconditioner | None = None) -> Vector:
    """Multiply by the inverse Hessian that the pairs describe: the two-loop recursion (algorithm 7.4)."""
    product = vector.copy()
    coefficients = []
    for s, y, curvature in reversed(pairs):
        a = dot(s, product) / curvature
        add_scaled(product, -a, y)
        coefficients.append(a)
    if matrix is not None:
        product = matrix.solve(product)
    if pairs:
        _, y, curvature = pairs[-1]
        product *= curvature / dot(y, y if matrix is None else matrix.solve(y))
    for (s, y, curvature), a in zip(pairs, reversed(coefficients), strict=True):
        add_scaled(product, a - dot(y, product) / curvature, s)
    return product
