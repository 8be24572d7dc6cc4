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
        learning_rate = settle(self.learning_rate, objective)
        return GDState(theta, *objective.loss_grad(theta), learning_rate=learning_rate)

    def step(self, objective: Objective, state: GDState) -> GDState:
        """Take one step down the gradient."""
        theta = state.theta - state.learning_rate * state.grad
        return GDState(theta, *objective.loss_grad(theta), learning_rate=state.learning_rate)


def settle(learning_rate: float | None, objective: Objective) -> float:
    """Return the learning rate that was given, or 1/L; no curvature is no gradient, for which any rate serves."""
    if learning_rate is not None:
        return learning_rate
    bound = objective.curvature_bound()
    return 1 / bound if bound else 0.0
