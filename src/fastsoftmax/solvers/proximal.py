"""Proximal quasi-Newton for an L1 penalty (Lee, Sun & Saunders, SIAM Journal on Optimization 24, 2014).

L-BFGS's quadratic model takes the place of the smooth part of F. That and the penalty are minimised together without
the data, and the step which results costs a pass, as any other.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._vectors import dot
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
    l1: Vector = field(kw_only=True)  # (n_params,), zero for b
    curvature: Curvature = field(kw_only=True)
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
        l1 = np.zeros(theta.size)
        l1[: objective.n_weights] = objective.l1
        loss, grad = objective.loss_grad(theta)
        diagonal = objective.diagonal(theta) if np.isfinite(loss) else np.ones(theta.size)
        return ProximalState(
            theta,
            loss + dot(l1, np.abs(theta)),
            subgradient(grad, theta, l1),
            smooth_grad=grad,
            l1=l1,
            curvature=Curvature(diagonal),
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
        touched = (state.theta != 0) | (state.grad != 0)
        for pair in state.pairs:
            touched[pair.moved] = True
        free = np.flatnonzero(touched)
        l1, start, slopes = state.l1[free], state.theta[free], state.smooth_grad[free]
        pairs = []
        for moved, step, y in state.pairs:
            s = np.zeros(len(free))
            s[np.searchsorted(free, moved)] = step
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
            theta = state.theta.copy()
            theta[free] = end if t == 1 else start + t * direction
            smooth, grad = objective.loss_grad(theta)
            change = penalty_change(t)
            loss, enough = smooth + penalty + change, SUFFICIENT_DECREASE * t * predicted
            # Where rounding hides the difference of the losses, the slopes at both ends tell it, of a parabola exactly.
            by_slopes = 0.5 * t * dot(slopes + grad[free], direction) + change
            hidden = loss <= state.loss + ROUNDING * abs(state.loss) and by_slopes <= enough
            if not (np.isfinite(loss) and (loss <= state.loss + enough or hidden)):
                return None
            return self._moved(state, theta, loss, grad)

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

    def _moved(self, state: ProximalState, theta: Vector, loss: float, smooth_grad: Vector) -> ProximalState:
        """Return the state at theta, with the pair that the step there makes."""
        grad = subgradient(smooth_grad, theta, state.l1)
        lowest = state.lowest.after(loss, grad)
        moved = np.flatnonzero(theta != state.theta)
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
            pairs=pairs,
            lowest=lowest,
        )
