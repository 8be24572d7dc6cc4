"""Gradient descent, the textbook algorithm."""

from dataclasses import dataclass

from ..runtime.arrays import Float64Array
from .loop import State
from .protocol import Problem


@dataclass(frozen=True, slots=True)
class GDState(State):
    """A point and the learning rate."""

    learning_rate: float = 0.0


class GradientDescent:
    """While not converged: theta ← theta − η ∂F/∂theta.

    Parameters
    ----------
    learning_rate : float or None
        η. None takes 1/L, where L is the objective's curvature bound: F then never increases (Nesterov, Introductory
        Lectures on Convex Optimization, 2004, theorem 2.1.14).
    """

    def __init__(self, learning_rate: float | None = None) -> None:
        self.learning_rate = learning_rate

    @property
    def needs(self) -> tuple[str, ...]:
        """The bound of the curvature, unless the learning rate was given."""
        return ("curvature_bound",) if self.learning_rate is None else ()

    def init(self, objective: Problem, theta: Float64Array) -> GDState:
        """Choose the learning rate and evaluate the start."""
        learning_rate = settle(self.learning_rate, objective)
        return GDState(theta, *objective.loss_grad(theta), learning_rate=learning_rate)

    def step(self, objective: Problem, state: GDState) -> GDState:
        """Take one step down the gradient."""
        theta = state.theta - state.learning_rate * state.grad
        return GDState(theta, *objective.loss_grad(theta), learning_rate=state.learning_rate)


def settle(learning_rate: float | None, objective: Problem) -> float:
    """Return the given learning rate, or else 1/L. If L = 0 the gradient is zero everywhere, and so is the rate."""
    if learning_rate is not None:
        return learning_rate
    bound = objective.curvature_bound()
    return 1 / bound if bound else 0.0
