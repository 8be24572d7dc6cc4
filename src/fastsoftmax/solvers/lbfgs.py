"""L-BFGS: a limited-memory quasi-Newton method (Nocedal & Wright, Numerical Optimization, 2006, section 7.2)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array
from ..runtime.vectors import along, dot
from .inverse_hessian import InverseHessian
from .line_search import ROUNDING, least_of_cubic, satisfies_wolfe, strong_wolfe
from .loop import NO_PROGRESS, Lowest, State
from .protocol import Objective, Preconditioner, Problem

MANY_PARAMETERS = 1_000_000

# Recompute the curvature after 5 iterations, then after 10, 20, … more, but only if the loss has fallen to 95 % of that
# at the last curvature. The Hessian itself is worth its price until the end: where classes are nearly separated, it
# changes much while the loss falls little.
FIRST_CURVATURE, FALLEN, EXACT_FALLEN = 5, 0.95, 0.9999

# If the Hessian itself costs at most as much as an iteration, make it anew in each of them: that is Newton's method.
# But not after the loss has fallen by less than a millionth: that is rounding, or the last step.
CHEAP_HESSIAN, CHEAP_FALLEN = 1, 0.999_999

# A curvature serves for as many iterations more as another one costs, if by it the distance to the minimum has fallen
# to a quarter an iteration.
SERVES = 0.25

# A line search is nearly exact where its trials are cheap: on a sample of the rows, or where the logits are at hand.
CHEAP_CURVATURE = 0.1

# A step went too far where the slope at its end promises that the loss falls by this share of itself on the way back:
# it has led into the flat part, where classes are separated and the penalty is far too large.
OVERSHOT = 0.3

# Use rough products until an iteration lowers the loss by less than 0.05 %: they tell such a fall to a few percent.
ROUGH_FALL = 5e-4

# Stop the dual ascent once a step lowers the loss by more than half of what the previous one did.
STEEP = 0.5


# A curvature of twice the loss tells nothing of the distance to the minimum from here: where classes become separated,
# it falls by orders of magnitude.
STALE = 0.5


class Curvature(NamedTuple):
    """A preconditioner, and when it was computed."""

    matrix: Preconditioner
    loss: float  # at that time
    age: int = 0  # iterations since
    lifetime: float = FIRST_CURVATURE  # iterations until the next


class Step(NamedTuple):
    """A step along a direction, and where it leads."""

    change: Float64Array  # of theta
    theta: Float64Array
    loss: float
    grad: Float64Array
    size: float  # of the direction
    slope: float  # along it, there

    def satisfies(self, loss: float, slope: float) -> bool:
        """Whether it satisfies the Wolfe conditions; loss and slope are those where it begins."""
        return satisfies_wolfe(loss, slope, self.size, self.loss, self.slope)

    def nearer(self, loss: float, slope: float) -> float | None:
        """Return where the cubic from the start to here is least; None where it is not known.

        The loss must rise here, to a finite value, and by more than rounding may.
        """
        if not (self.slope > 0 and math.isfinite(self.loss + self.slope)):
            return None
        if abs(self.loss - loss) <= ROUNDING * abs(loss):
            return None
        return least_of_cubic(loss, slope, self.size, self.loss, self.slope)


@dataclass(frozen=True, slots=True)
class LBFGSState(State):
    """A point, the inverse Hessian there, and the curvature that the inverse Hessian corrects."""

    inverse: InverseHessian | None = None  # mutable: the next state takes it over and changes it
    curvature: Curvature | None = None
    lowest: Lowest = field(default_factory=Lowest)
    ascent: Iterator[Float64Array] | None = None  # mutable: the next state advances it
    fallen: float = np.inf  # how much the ascent's last step lowered the loss
    rough: Problem | None = None  # the objective with rough products, if loss and grad come from it
    capacity: int = 0  # pairs that a new inverse keeps
    preconditioned: bool = False

    def distance(self) -> float:
        """Estimate as the base class does, from the curvature at hand; NaN without one."""
        if self.inverse is None or self.inverse.matrix is None:
            return np.nan
        return np.inf if self.inverse.matrix.is_guess else self.inverse.distance()

    def renewed(self, objective: Problem) -> "LBFGSState":
        """Return the same point with the curvature there, if the loss has fallen far since it was computed.

        Also at a start: its small gradient may be that of rare classes, of small features, or of a stronger penalty
        where classes are nearly separated.
        """
        if self.inverse is None or self.curvature is None:
            if not self.preconditioned or not self.grad.any():
                return self
            inverse, curvature = self.curved(objective)
            return replace(self, inverse=inverse, curvature=curvature)
        if not has_fallen(self.loss, self.curvature.loss, objective.floor, STALE):
            return self
        curvature = Curvature(objective.curvature(self.theta, self.grad), self.loss, lifetime=self.curvature.lifetime)
        return replace(self, inverse=self.inverse.renewed(curvature.matrix), curvature=curvature)

    def inverse_of(self, matrix: Preconditioner | None, objective: Problem) -> InverseHessian:
        """Return an inverse Hessian at this point, of a curvature and no pairs."""
        return InverseHessian(matrix, self.grad, self.capacity, objective.asked_threads)

    def curved(self, objective: Problem, lifetime: float = FIRST_CURVATURE) -> tuple[InverseHessian, Curvature]:
        """Return an inverse Hessian of the curvature at this point alone, and that curvature."""
        matrix = objective.curvature(self.theta, self.grad)
        return self.inverse_of(matrix, objective), Curvature(matrix, self.loss, lifetime=lifetime_of(matrix, lifetime))

    def refined(self, objective: Objective) -> "LBFGSState":
        """Return the same point with the loss and gradient of the exact objective."""
        if self.rough is None:
            return self
        loss, grad = objective.loss_grad(self.theta)
        if self.inverse is not None:
            self.inverse.look(grad)
        return replace(self, loss=loss, grad=grad, stuck="", lowest=Lowest(), rough=None)


class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe line search.

    The pairs correct a multiple of the identity. With `preconditioned` they correct the objective's own approximation
    of the Hessian, which saves most of the iterations (Nocedal & Wright, section 7.2, H_k^0).

    The unit step is tried by a whole pass: it is nearly always accepted, and the next iteration then uses the same
    pass. If it is refused or the curvature is new, a line search on a sample of the rows proposes a step. If that step
    is refused too, the cubic between the start and it proposes the next. Only then, and in the first iteration without
    a curvature, the line search uses `objective.line`: one pass, and none for its trials, which for many classes take
    as long as passes, however. A step that is accepted but went much too far is shortened by a cubic as well.

    Where the Hessian itself is cheap, it is the curvature, made anew in every iteration: Newton's method.

    With `preconditioned`, the first iterations use rough products if the objective offers them: about half of the
    passes then take half of the time, and the points reached are nearly the same.

    Parameters
    ----------
    memory : int
        Pairs kept; half as many from a million parameters on, where the pairs take most of the memory and time.
    preconditioned : bool
        Whether to use `objective.curvature`.
    """

    def __init__(self, memory: int = 10, preconditioned: bool = False) -> None:
        self.memory = memory
        self.preconditioned = preconditioned

    needs = ()

    def init(self, objective: Problem, theta: Float64Array) -> LBFGSState:
        """Evaluate the start."""
        rough = objective.rough(theta) if self.preconditioned else None
        ascent = objective.ascend(theta) if self.preconditioned else None
        start = (rough or objective).loss_grad(theta)
        capacity = self.memory if theta.size < MANY_PARAMETERS else (self.memory + 1) // 2
        return LBFGSState(
            theta, *start, ascent=ascent, rough=rough, capacity=capacity, preconditioned=self.preconditioned
        )

    def step(self, objective: Problem, state: LBFGSState) -> LBFGSState:
        """Take a step of the dual ascent if there is one, else search along the quasi-Newton or a simpler direction."""
        if state.ascent is not None:
            nearer = self._ascend(objective, state, state.ascent)
            if nearer is not None:
                return nearer
        if state.rough is None:
            return self._search(objective, state)
        following = self._search(state.rough, state)
        going = state.loss - following.loss >= ROUGH_FALL * abs(following.loss)
        return following if going else following.refined(objective)

    def _search(self, objective: Problem, state: LBFGSState) -> LBFGSState:
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

    def _ascend(self, objective: Problem, state: LBFGSState, ascent: Iterator[Float64Array]) -> LBFGSState | None:
        """Return the state at the ascent's next point, or None if there is none or it does not lower the loss."""
        theta = next(ascent, None)
        if theta is None:
            return None
        loss, grad = objective.loss_grad(theta)
        fallen = state.loss - loss
        if not fallen > 0:
            return None
        steep = fallen > STEEP * state.fallen
        return replace(state, theta=theta, loss=loss, grad=grad, ascent=None if steep else ascent, fallen=fallen)

    def _attempts(self, objective: Problem, state: LBFGSState) -> Iterator[tuple[InverseHessian, Curvature | None]]:
        """Yield inverse Hessians to try: from curvature and pairs, from the curvature here, from the gradient alone."""
        inverse, curvature = state.inverse, state.curvature
        if not self.preconditioned:
            yield inverse or state.inverse_of(None, objective), None
            if inverse and inverse.has_pairs:
                yield state.inverse_of(None, objective), None
            return
        if inverse is None or curvature is None:
            inverse, curvature = state.curved(objective)
        elif self._is_outdated(objective, state, curvature):
            matrix = objective.curvature(state.theta, state.grad)
            curvature = Curvature(matrix, state.loss, lifetime=lifetime_of(matrix, 2 * curvature.lifetime))
            # A pair tells the mean curvature along its step, which the Hessian knows better.
            inverse = state.inverse_of(matrix, objective) if matrix.is_exact else inverse.renewed(matrix)
        curvature = curvature._replace(age=curvature.age + 1)
        yield inverse, curvature
        if inverse.has_pairs:
            inverse, curvature = state.curved(objective, curvature.lifetime)
            yield inverse, curvature
        yield state.inverse_of(None, objective), curvature

    def _is_outdated(self, objective: Problem, state: LBFGSState, curvature: Curvature) -> bool:
        loss = state.loss
        better_below = curvature.matrix.better_below
        if objective.n_passes >= curvature.matrix.better_at and (
            better_below is None or has_fallen(loss, curvature.loss, objective.floor, better_below)
        ):
            return True
        share = FALLEN
        if curvature.matrix.is_exact:
            share = CHEAP_FALLEN if is_cheap(curvature.matrix) else EXACT_FALLEN
        if curvature.age < curvature.lifetime or not has_fallen(loss, curvature.loss, objective.floor, share):
            return False
        if curvature.age >= curvature.lifetime + int(curvature.matrix.price):
            return True
        distance = state.distance()
        return not distance < SERVES**curvature.age * (curvature.loss - loss + distance)

    def _advance(
        self, objective: Problem, state: LBFGSState, inverse: InverseHessian, curvature: Curvature | None
    ) -> Step | None:
        """Return a step along the quasi-Newton direction that satisfies the Wolfe conditions, or None."""
        direction = inverse.direction()
        slope = dot(direction, state.grad, objective.asked_threads)
        if not slope < 0:
            return None
        tried: list[Step] = []
        for size in self._sizes(objective, state, inverse, curvature, direction, slope, tried):
            step = self._take(objective, state, direction, size)
            if step.satisfies(state.loss, slope):
                return self._shortened(objective, state, direction, slope, step)
            tried.append(step)
        return None

    def _sizes(
        self,
        objective: Problem,
        state: LBFGSState,
        inverse: InverseHessian,
        curvature: Curvature | None,
        direction: Float64Array,
        slope: float,
        tried: list[Step],
    ) -> Iterator[float]:
        """Yield step sizes to try: 1, the best on a sample of the rows, that of a cubic, the best on all rows.

        tried are the steps that were refused so far.
        """
        if inverse.matrix is not None or inverse.has_pairs:
            # A new curvature may not hold as far as a unit step.
            proven = curvature is None or curvature.age > 1
            if proven:
                yield 1.0
            phi = objective.sample_line(state.theta, direction)
            size = 1.0 if phi is None else strong_wolfe(phi, 1.0, CHEAP_CURVATURE)
            if size is not None and not (proven and size == 1):
                yield size
            size = tried[-1].nearer(state.loss, slope) if tried else None
            if size is not None:
                yield size
            first = tried[-1].size if tried else 1.0
        else:
            first = 1.0 / float(np.abs(direction).sum())
        size = strong_wolfe(objective.line(state.theta, direction), first, CHEAP_CURVATURE)
        if size is not None:
            yield size

    def _shortened(
        self, objective: Problem, state: LBFGSState, direction: Float64Array, slope: float, step: Step
    ) -> Step:
        """Return a shorter step where this one went much too far and that is better, else the step itself."""
        size = None
        if step.slope * step.size > OVERSHOT * (step.loss - objective.floor):
            size = step.nearer(state.loss, slope)
        if size is None:
            return step
        shorter = self._take(objective, state, direction, size)
        return shorter if shorter.satisfies(state.loss, slope) and shorter.loss < step.loss else step

    def _take(self, objective: Problem, state: LBFGSState, direction: Float64Array, size: float) -> Step:
        """Return the step of this size."""
        change = direction if size == 1 else size * direction
        theta = along(state.theta, 1.0, change, objective.asked_threads)
        loss, grad = objective.loss_grad(theta)
        return Step(change, theta, loss, grad, size, dot(grad, direction, objective.asked_threads))


def lifetime_of(matrix: Preconditioner, otherwise: float) -> float:
    """Return the iterations until a curvature is made anew; `otherwise` where it is not the Hessian itself."""
    if not matrix.is_exact:
        return otherwise
    return 1 if is_cheap(matrix) else max(FIRST_CURVATURE, matrix.price)


def is_cheap(matrix: Preconditioner) -> bool:
    """Whether a curvature is the Hessian itself, and costs no more than an iteration."""
    return matrix.is_exact and matrix.price <= CHEAP_HESSIAN


def has_fallen(loss: float, before: float, floor: float, share: float) -> bool:
    """Whether the loss is nearer to its lower bound, by this share, than before; yes where no bound is known."""
    return loss - floor <= share * (before - floor)
