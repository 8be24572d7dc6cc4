"""Nesterov's accelerated gradient, restarted when it overshoots."""

from dataclasses import dataclass, field
from math import sqrt

from ..runtime.arrays import Float64Array
from ..runtime.vectors import dot
from .gd import settle
from .loop import State
from .protocol import Problem


@dataclass(frozen=True, slots=True)
class AGDState(State):
    """An extrapolated point, and the point that it was extrapolated from."""

    descended: Float64Array = field(kw_only=True)  # x; theta is y
    inertia: float = 1.0  # t
    learning_rate: float = 0.0


class AcceleratedGradient:
    """x' ← y − η ∂F/∂theta(y);  y ← x' + (t − 1)/t' · (x' − x),  t' = (1 + √(1 + 4t²))/2.

    If x' − x points up the gradient, the inertia restarts at t = 1. This adapts to a strongly convex F whose constants
    are unknown (O'Donoghue & Candès, Foundations of Computational Mathematics 15, 2015, section 3.2, gradient scheme).
    The state is y: the next step needs the gradient there, and `tol` judges the same one. An iteration costs one pass.

    Parameters
    ----------
    learning_rate : float or None
        η. None takes 1/L, where L is the objective's curvature bound.
    """

    def __init__(self, learning_rate: float | None = None) -> None:
        self.learning_rate = learning_rate

    @property
    def needs(self) -> tuple[str, ...]:
        """The bound of the curvature, unless the learning rate was given."""
        return ("curvature_bound",) if self.learning_rate is None else ()

    def init(self, objective: Problem, theta: Float64Array) -> AGDState:
        """Choose the learning rate and evaluate the start."""
        learning_rate = settle(self.learning_rate, objective)
        return AGDState(theta, *objective.loss_grad(theta), descended=theta, learning_rate=learning_rate)

    def step(self, objective: Problem, state: AGDState) -> AGDState:
        """Take a gradient step from the extrapolated point, then extrapolate again."""
        descended = state.theta - state.learning_rate * state.grad
        change = descended - state.descended
        if dot(state.grad, change) > 0:
            inertia, theta = 1.0, descended
        else:
            inertia = (1 + sqrt(1 + 4 * state.inertia**2)) / 2
            theta = descended + (state.inertia - 1) / inertia * change
        return AGDState(
            theta,
            *objective.loss_grad(theta),
            descended=descended,
            inertia=inertia,
            learning_rate=state.learning_rate,
        )
