"""Gradient descent, the textbook algorithm."""

from dataclasses import dataclass

from .loop import Objective, State, Vector


@dataclass(frozen=True, slots=True)
class GDState(State):
    """A point and the step that is taken from it."""

    learning_rate: float = 0.0


class GradientDescent:
    """While not converged: theta ← theta − η ∂F/∂theta.

    Parameters
    ----------
    learning_rate : float or None
        η. None takes 1/L, L a bound of the curvature, with which F never increases (Nesterov, Introductory Lectures on
        Convex Optimization, 2004, theorem 2.1.14).
    """

    def __init__(self, learning_rate: float | None = None) -> None:
        self.learning_rate = learning_rate

    def init(self, objective: Objective, theta: Vector) -> GDState:
        """Settle the learning rate and evaluate the start."""
        learning_rate = self.learning_rate
        if learning_rate is None:
            learning_rate = 1 / objective.curvature_bound()
        return GDState(theta, *objective.loss_grad(theta), learning_rate=learning_rate)

    def step(self, objective: Objective, state: GDState) -> GDState:
        """Take one step down the gradient."""
        theta = state.theta - state.learning_rate * state.grad
        return GDState(theta, *objective.loss_grad(theta), learning_rate=state.learning_rate)
