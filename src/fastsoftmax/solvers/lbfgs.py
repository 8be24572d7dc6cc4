"""L-BFGS: a quasi-Newton method of limited memory (Nocedal & Wright, Numerical Optimization, 2006, section 7.2)."""

from dataclasses import dataclass

import numpy as np

from .._vectors import add_scaled, dot
from .line_search import satisfies_wolfe, strong_wolfe
from .loop import Objective, State, Vector

MANY_PARAMETERS = 1_000_000

Pair = tuple[Vector, Vector, float]  # s = change of theta, y = change of the gradient, ⟨s, y⟩


@dataclass(frozen=True, slots=True)
class LBFGSState(State):
    """A point and the latest pairs, oldest first."""

    pairs: tuple[Pair, ...] = ()


class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe search.

    The unit step is tried with a whole pass, since it is nearly always accepted and then the pass is the next iterate's
    own. Where it is not, and in the first iteration, the search goes along `objective.line`, where a trial costs none.

    Parameters
    ----------
    memory : int
        Pairs kept; half as many where the parameters are millions, and the pairs are what takes memory and time.
    """

    def __init__(self, memory: int = 10) -> None:
        self.memory = memory

    def init(self, objective: Objective, theta: Vector) -> LBFGSState:
        """Evaluate the start."""
        return LBFGSState(theta, *objective.loss_grad(theta))

    def step(self, objective: Objective, state: LBFGSState) -> LBFGSState:
        """Search along the quasi-Newton direction; along the gradient, once, if that leads nowhere."""
        direction = inverse_hessian_times(state.pairs, state.grad)
        np.negative(direction, out=direction)
        slope = dot(direction, state.grad)
        found = None
        if state.pairs and slope < 0:
            found = self._try(objective, state, direction, slope, 1.0)
        if found is None and slope < 0:
            found = self._search(objective, state, direction, slope)
        if found is None and state.pairs:
            return self.step(objective, LBFGSState(state.theta, state.loss, state.grad))
        if found is None:
            return LBFGSState(
                state.theta,
                state.loss,
                state.grad,
                stuck="no step lowers the loss in this precision",
            )
        theta, loss, grad = found
        return LBFGSState(theta, loss, grad, pairs=self._remember(state, theta, grad))

    def _search(
        self, objective: Objective, state: LBFGSState, direction: Vector, slope: float
    ) -> tuple[Vector, float, Vector] | None:
        """Return the point that a strong-Wolfe search finds, None if there is none or rounding makes it no better."""
        first = 1.0 if state.pairs else 1.0 / float(np.abs(direction).sum())
        step_size = strong_wolfe(objective.line(state.theta, direction), first)
        return None if step_size is None else self._try(objective, state, direction, slope, step_size)

    def _try(
        self, objective: Objective, state: LBFGSState, direction: Vector, slope: float, step_size: float
    ) -> tuple[Vector, float, Vector] | None:
        """Return the point a step away, or None unless it satisfies the Wolfe conditions."""
        theta = state.theta + step_size * direction
        loss, grad = objective.loss_grad(theta)
        accepted = satisfies_wolfe(state.loss, slope, step_size, loss, dot(grad, direction))
        return (theta, loss, grad) if accepted else None

    def _remember(self, state: LBFGSState, theta: Vector, grad: Vector) -> tuple[Pair, ...]:
        """Append the newest pair, unless rounding has made its curvature meaningless."""
        s, y = theta - state.theta, grad - state.grad
        curvature = dot(s, y)
        if curvature <= np.finfo(np.float64).eps * dot(y, y):
            return state.pairs
        kept = self.memory if theta.size < MANY_PARAMETERS else (self.memory + 1) // 2
        return (*state.pairs, (s, y, curvature))[-kept:]


def inverse_hessian_times(pairs: tuple[Pair, ...], vector: Vector) -> Vector:
    """Multiply by the inverse Hessian that the pairs describe: the two-loop recursion (algorithm 7.4)."""
    product = vector.copy()
    coefficients = []
    for s, y, curvature in reversed(pairs):
        a = dot(s, product) / curvature
        add_scaled(product, -a, y)
        coefficients.append(a)
    if pairs:
        _, y, curvature = pairs[-1]
        product *= curvature / dot(y, y)
    for (s, y, curvature), a in zip(pairs, reversed(coefficients), strict=True):
        add_scaled(product, a - dot(y, product) / curvature, s)
    return product
