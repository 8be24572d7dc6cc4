"""L-BFGS: a quasi-Newton method of limited memory (Nocedal & Wright, Numerical Optimization, 2006, section 7.2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..runtime.vectors import dot
from .inverse_hessian import InverseHessian
from .line_search import satisfies_wolfe, strong_wolfe
from .loop import NO_PROGRESS, Lowest, Objective, Preconditioner, State, Vector

MANY_PARAMETERS = 1_000_000

# The curvature is found anew after that many iterations, and then after twice as many as the last time, where the loss
# has fallen to this share since.
FIRST_CURVATURE, FALLEN = 5, 0.95

# A sample's line search is nearly exact: its trials cost little.
SAMPLE_CURVATURE = 0.1

# Products are rough until an iteration takes less than this share of the loss away, which they still tell to a few
# hundredths.
ROUGH_FALL = 5e-4

# The ascent goes on while its points leave at most this share of the last one's fall to come, about.
STEEP = 0.5


class Curvature(NamedTuple):
    """A preconditioner, and when it was made."""

    matrix: Preconditioner
    loss: float
    age: int = 0  # iterations since
    lifetime: int = FIRST_CURVATURE


class Step(NamedTuple):
    """An accepted step, and where it leads."""

    change: Vector  # of theta
    theta: Vector
    loss: float
    grad: Vector


@dataclass(frozen=True, slots=True)
class LBFGSState(State):
    """A point, the inverse Hessian there, and the curvature that it corrects."""

    inverse: InverseHessian | None = None  # belongs to this state alone: the next one takes it over
    curvature: Curvature | None = None
    lowest: Lowest = field(default_factory=Lowest)
    ascent: Iterator[Vector] | None = None  # belongs to this state alone, too
    fallen: float = np.inf  # by how much the loss fell with the ascent's last point
    rough: Objective | None = None  # what loss and gradient are of, where that is not the objective itself

    def refined(self, objective: Objective) -> "LBFGSState":
        """As the base class says."""
        if self.rough is None:
            return self
        loss, grad = objective.loss_grad(self.theta)
        if self.inverse is not None:
            self.inverse.look(grad)
        return replace(self, loss=loss, grad=grad, stuck="", lowest=Lowest(), rough=None)


class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe search.

    The pairs correct a multiple of the identity or, with `preconditioned`, of the objective's own approximation of the
    Hessian, which takes most of the iterations away (Nocedal & Wright, section 7.2, H_k^0).

    The unit step is tried with a whole pass, since it is nearly always accepted and then the pass is the next iterate's
    own. Where it is not, and where the curvature is new, some samples say which step to try; where that is refused too,
    and in the first iteration without a curvature, the search goes along `objective.line`, where a trial costs none.

    The way from zero begins with rough products, if the objective has such with a preconditioner: half of the passes
    take half of the time, and lead to the same points but for a few digits.

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
        rough = objective.rough(theta) if self.preconditioned else None
        ascent = objective.ascend(theta) if self.preconditioned else None
        return LBFGSState(theta, *(rough or objective).loss_grad(theta), ascent=ascent, rough=rough)

    def step(self, objective: Objective, state: LBFGSState) -> LBFGSState:
        """Ascend if that is possible, else search along the quasi-Newton direction, or along simpler ones."""
        if state.ascent is not None:
            nearer = self._ascend(objective, state, state.ascent)
            if nearer is not None:
                return nearer
        if state.rough is None:
            return self._search(objective, state)
        following = self._search(state.rough, state)
        going = state.loss - following.loss >= ROUGH_FALL * abs(following.loss)
        return following if going else following.refined(objective)

    def _search(self, objective: Objective, state: LBFGSState) -> LBFGSState:
        for inverse, curvature in self._attempts(objective, state):
            found = self._advance(objective, state, inverse, curvature)
            if found is not None:
                inverse.move(found.change, found.grad)
                if curvature and inverse.matrix is None:
                    inverse = inverse.renewed(curvature.matrix)
                lowest = state.lowest.after(found.loss, found.grad)
                return replace(
                    state,
                    theta=found.theta,
                    loss=found.loss,
                    grad=found.grad,
                    stuck=lowest.stuck,
                    inverse=inverse,
                    curvature=curvature,
                    lowest=lowest,
                    ascent=None,
                )
        return replace(state, stuck=NO_PROGRESS)

    def _ascend(self, objective: Objective, state: LBFGSState, ascent: Iterator[Vector]) -> LBFGSState | None:
        """Return the state at the ascent's next point, or None if it has none or leads nowhere any more."""
        theta = next(ascent, None)
        if theta is None:
            return None
        loss, grad = objective.loss_grad(theta)
        fallen = state.loss - loss
        if not fallen > 0:
            return None
        return LBFGSState(theta, loss, grad, ascent=ascent if fallen <= STEEP * state.fallen else None, fallen=fallen)

    def _attempts(self, objective: Objective, state: LBFGSState) -> Iterator[tuple[InverseHessian, Curvature | None]]:
        """Yield what to go by: curvature and pairs, curvature of this very point, nothing but the gradient."""

        def inverse_of(matrix: Preconditioner | None) -> InverseHessian:
            return InverseHessian(matrix, state.grad, self._capacity(state))

        inverse, curvature = state.inverse, state.curvature
        if not self.preconditioned:
            yield inverse or inverse_of(None), None
            if inverse and inverse.slots:
                yield inverse_of(None), None
            return
        if inverse is None or curvature is None:
            # Not before it is used: a warm start may be the optimum.
            curvature = Curvature(objective.curvature(state.theta), state.loss)
            inverse = inverse_of(curvature.matrix)
        elif curvature.age >= curvature.lifetime and state.loss <= FALLEN * curvature.loss:
            curvature = Curvature(objective.curvature(state.theta), state.loss, lifetime=2 * curvature.lifetime)
            inverse = inverse.renewed(curvature.matrix)
        curvature = curvature._replace(age=curvature.age + 1)
        yield inverse, curvature
        if inverse.slots:
            curvature = Curvature(objective.curvature(state.theta), state.loss, lifetime=curvature.lifetime)
            yield inverse_of(curvature.matrix), curvature
        yield inverse_of(None), curvature

    def _capacity(self, state: LBFGSState) -> int:
        return self.memory if state.theta.size < MANY_PARAMETERS else (self.memory + 1) // 2

    def _advance(
        self, objective: Objective, state: LBFGSState, inverse: InverseHessian, curvature: Curvature | None
    ) -> Step | None:
        """Return a step along the quasi-Newton direction that satisfies the Wolfe conditions, or None."""
        direction = inverse.direction()
        slope = dot(direction, state.grad)
        if not slope < 0:
            return None
        for size in self._sizes(objective, state.theta, inverse, curvature, direction):
            step = self._try(objective, state, direction, slope, size)
            if step is not None:
                return step
        return None

    def _sizes(
        self,
        objective: Objective,
        theta: Vector,
        inverse: InverseHessian,
        curvature: Curvature | None,
        direction: Vector,
    ) -> Iterator[float]:
        """Yield sizes of the step: one, which nearly always does, what some samples say is best, and what all do."""
        size: float | None = None
        if inverse.slots or inverse.matrix is not None:
            # A new curvature may be another a step away.
            proven = curvature is None or curvature.age > 1
            if proven:
                yield 1.0
            phi = objective.sample_line(theta, direction)
            size = 1.0 if phi is None else strong_wolfe(phi, 1.0, SAMPLE_CURVATURE)
            if size is not None and not (proven and size == 1):
                yield size
        else:
            size = 1.0 / float(np.abs(direction).sum())
        size = strong_wolfe(objective.line(theta, direction), size or 1.0)
        if size is not None:
            yield size

    def _try(
        self, objective: Objective, state: LBFGSState, direction: Vector, slope: float, step_size: float
    ) -> Step | None:
        """Return a step of this size, or None unless it satisfies the Wolfe conditions."""
        change = direction if step_size == 1 else step_size * direction
        theta = state.theta + change
        loss, grad = objective.loss_grad(theta)
        accepted = satisfies_wolfe(state.loss, slope, step_size, loss, dot(grad, direction))
        return Step(change, theta, loss, grad) if accepted else None
