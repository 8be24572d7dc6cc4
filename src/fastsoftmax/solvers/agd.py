"""Nesterov's accelerated gradient, restarted where it overshoots."""

from dataclasses import dataclass, field
from math import sqrt

from ..runtime.vectors import dot
from .gd import settle
from .loop import Objective, State, Vector


@dataclass(frozen=True, slots=True)
class AGDState(State):
    """An extrapolated point, and the point that it was extrapolated from."""

    descended: Vector = field(kw_only=True)
    inertia: float = 1.0  # t
    learning_rate: float = 0.0


class AcceleratedGradient:
    """x' ← y − η ∂F/∂theta(y);  y ← x' + (t − 1)/t' · (x' − x),  t' = (1 + √(1 + 4t²))/2.

    Forgets its inertia, t ← 1, where x' − x points up the gradient, which finds the pace of a strongly convex F without
    being told (O'Donoghue & Candès, Foundations of Computational Mathematics 15, 2015, section 3.2, gradient scheme).
    The gradient at y is both what the next step needs and what `tol` judges: y is the state, an iteration is a pass.

    Parameters
    ----------
    learning_rate : float or None
        η. None takes 1/L, L a bound of the curvature.
    """

    def __init__(self, learning_rate: float | None = None) -> None:
        self.learning_rate = learning_rate

    def init(self, objective: Objective, theta: Vector) -> AGDState:
        """Settle the learning rate and evaluate the start."""
        learning_rate = settle(self.learning_rate, objective)
        return AGDState(theta, *objective.loss_grad(theta), descended=theta, learning_rate=learning_rate)

    def step(self, objective: Objective, state: AGDState) -> AGDState:
        """Descend from the extrapolated point, and extrapolate again."""
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
