"""Gradient descent, the textbook algorithm."""

from .loop import Objective, State, Vector


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

    def init(self, objective: Objective, theta: Vector) -> State:
        """Evaluate the start and settle the learning rate."""
        if self.learning_rate is None:
            self.learning_rate = 1 / objective.curvature_bound()
        return State(theta, *objective.loss_grad(theta))

    def step(self, objective: Objective, state: State) -> State:
        """Take one step down the gradient."""
        theta = state.theta - self.learning_rate * state.grad
        return State(theta, *objective.loss_grad(theta))
