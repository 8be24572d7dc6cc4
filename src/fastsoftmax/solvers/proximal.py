"""Proximal quasi-Newton for an L1 penalty (Lee, Sun & Saunders, SIAM Journal on Optimization 24, 2014).

L-BFGS's quadratic model takes the place of the smooth part of F. That and the penalty are minimised together without
the data, and the step which results costs a pass, as any other.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..runtime.vectors import dot
from .l1_model import L1Model, subgradient
from .line_search import MAX_TRIALS, ROUNDING, SUFFICIENT_DECREASE
from .loop import NO_PROGRESS, Lowest, Objective, State, Vector

# Numbers that the pairs may take together, and pairs that there are in any case.
MAX_NUMBERS, MIN_MEMORY = 50_000_000, 5

# The diagonal is found anew after that many iterations, and then after twice as many as the last time.
FIRST_DIAGONAL = 10


class Pair(NamedTuple):
    """A step."""

    moved: NDArray[np.intp]  # entries of theta that it changed
    s: Vector  # by how much
    y: Vector  # (n_params,), change of the smooth gradient


class Curvature(NamedTuple):
    """The diagonal of the smooth part's Hessian, and when it was found."""

    diagonal: Vector
    age: int = 0  # iterations since
    lifetime: int = FIRST_DIAGONAL


@dataclass(frozen=True, slots=True)
class ProximalState(State):
    """A point, and what the model is made of; `grad` is the subgradient of F of least norm."""

    smooth_grad: Vector = field(kw_only=True)
    support: NDArray[np.intp] = field(kw_only=True)  # entries of theta that are not zero
    curvature: Curvature = field(kw_only=True)
    places: NDArray[np.intp] = field(kw_only=True)  # room for where an entry of theta stands in a model
    pairs: tuple[Pair, ...] = ()
    lowest: Lowest = field(default_factory=Lowest)


class ProximalQuasiNewton:
    """Minimises F = smooth part + l1 · ‖W‖₁, with exact zeros.

    A model looks at the entries that are not zero, or whose gradient is larger than the penalty, or that its pairs
    have moved: the others stay zero at no cost.

    Parameters
    ----------
    memory : int
        Pairs kept, fewer where the parameters are millions. Many more than L-BFGS has use for: the model is minimised
        exactly, and a pair costs no pass.
    """

    def __init__(self, memory: int = 50) -> None:
        self.memory = memory

    def init(self, objective: Objective, theta: Vector) -> ProximalState:
        """Evaluate the start."""
        loss, grad = objective.loss_grad(theta)
        known = np.isfinite(loss) and np.isfinite(grad).all()
        diagonal = objective.diagonal(theta) if known else np.ones(theta.size)
        support = np.flatnonzero(theta)
        return ProximalState(
            theta,
            loss + dot(_penalties(objective, support), np.abs(theta[support])),
            least_subgradient(objective, grad, theta, support),
            smooth_grad=grad,
            support=support,
            curvature=Curvature(diagonal),
            places=np.empty(theta.size, np.intp),
        )

    def step(self, objective: Objective, state: ProximalState) -> ProximalState:
        """Go to the minimum of the model, or towards it; to that of a model without pairs if this leads nowhere."""
        diagonal, age, lifetime = state.curvature
        if age >= lifetime:
            diagonal, age, lifetime = objective.diagonal(state.theta), 0, 2 * lifetime
        state = replace(state, curvature=Curvature(diagonal, age + 1, lifetime))
        for attempt in (state, replace(state, pairs=())) if state.pairs else (state,):
            found = self._advance(objective, attempt)
            if found is not None:
                return found
        return replace(state, stuck=NO_PROGRESS)

    def _advance(self, objective: Objective, state: ProximalState) -> ProximalState | None:
        """Return the state at the model's minimum, or between here and there, or None if F is not lower."""
        touched = state.grad != 0
        for entries in (state.support, *(pair.moved for pair in state.pairs)):
            touched[entries] = True
        free = np.flatnonzero(touched)
        state.places[free] = np.arange(len(free))
        l1, start, slopes = _penalties(objective, free), state.theta[free], state.smooth_grad[free]
        pairs = []
        for moved, step, y in state.pairs:
            s = np.zeros(len(free))
            s[state.places[moved]] = step
            pairs.append((s, y[free]))
        end = L1Model(slopes, start, l1, state.curvature.diagonal[free], pairs).minimize()
        direction = end - start

        def penalty_change(t: float) -> float:
            return dot(l1, np.abs(start + t * direction) - np.abs(start))

        predicted = dot(slopes, direction) + penalty_change(1.0)
        if not predicted < 0:
            return None
        penalty = dot(l1, np.abs(start))

        def at(t: float) -> ProximalState | None:
            theta, there = state.theta.copy(), end if t == 1 else start + t * direction
            theta[free] = there
            smooth, grad = objective.loss_grad(theta)
            change = penalty_change(t)
            loss, enough = smooth + penalty + change, SUFFICIENT_DECREASE * t * predicted
            # Where rounding hides the difference of the losses, the slopes at both ends tell it, of a parabola exactly.
            by_slopes = 0.5 * t * dot(slopes + grad[free], direction) + change
            hidden = loss <= state.loss + ROUNDING * abs(state.loss) and by_slopes <= enough
            if not (np.isfinite(loss) and (loss <= state.loss + enough or hidden)):
                return None
            return self._moved(objective, state, theta, loss, grad, free[there != start], free[there != 0])

        found = at(1.0)
        if found is not None:
            return found
        whole = np.zeros_like(state.theta)
        whole[free] = direction
        phi = objective.line(state.theta, whole)
        loss, t = phi(0.0)[0], 1.0
        for _ in range(MAX_TRIALS):
            t *= 0.5
            if phi(t)[0] + penalty_change(t) <= loss + SUFFICIENT_DECREASE * t * predicted:
                return at(t)
        return None

    def _moved(
        self,
        objective: Objective,
        state: ProximalState,
        theta: Vector,
        loss: float,
        smooth_grad: Vector,
        moved: NDArray[np.intp],
        support: NDArray[np.intp],
    ) -> ProximalState:
        """Return the state at theta, with the pair that the step there makes."""
        grad = least_subgradient(objective, smooth_grad, theta, support)
        lowest = state.lowest.after(loss, grad)
        s, y = theta[moved] - state.theta[moved], smooth_grad - state.smooth_grad
        pairs = state.pairs
        # Unless rounding has made its curvature meaningless.
        if dot(s, y[moved]) > np.finfo(np.float64).eps * np.sqrt(dot(s, s) * dot(y, y)):
            kept = min(self.memory, max(MIN_MEMORY, MAX_NUMBERS // (2 * theta.size)))
            pairs = (*pairs, Pair(moved, s, y))[-kept:]
        return replace(
            state,
            theta=theta,
            loss=loss,
            grad=grad,
            stuck=lowest.stuck,
            smooth_grad=smooth_grad,
            support=support,
            pairs=pairs,
            lowest=lowest,
        )


def _penalties(objective: Objective, entries: NDArray[np.intp]) -> Vector:
    """Penalties of some entries of theta: b, which comes last, has none."""
    return np.where(entries < objective.n_weights, objective.l1, 0.0)


def least_subgradient(objective: Objective, grad: Vector, theta: Vector, support: NDArray[np.intp]) -> Vector:
    """Subgradient of F of least norm, from the gradient of its smooth part."""
    n_weights = objective.n_weights
    least = np.empty_like(grad)
    least[n_weights:] = grad[n_weights:]
    of_W = support[: np.searchsorted(support, n_weights)]
    subgradient(grad[:n_weights], theta[:n_weights], objective.l1, of_W, out=least[:n_weights])
    return least
