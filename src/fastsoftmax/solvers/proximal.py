"""Proximal quasi-Newton for an L1 penalty (Lee, Sun & Saunders, SIAM Journal on Optimization 24, 2014).

L-BFGS's quadratic model replaces the smooth part of F. The sum of model and penalty is minimised without reading X; the
step to that minimum then costs one pass.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..penalties import subgradient
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.vectors import dot
from .l1_model import L1Model
from .line_search import MAX_TRIALS, ROUNDING, SUFFICIENT_DECREASE
from .loop import NO_PROGRESS, Lowest, State
from .protocol import Problem

# The pairs may hold 50 million numbers (400 MB) together; at least 5 pairs are kept even if that is more.
MAX_NUMBERS, MIN_MEMORY = 50_000_000, 5

# Recompute the diagonal after 10 iterations, then after 20, 40, … more.
FIRST_DIAGONAL = 10


class Pair(NamedTuple):
    """A step, and how the gradient changed along it."""

    moved: IndexArray  # entries of theta that the step changed
    s: Float64Array  # (len(moved),), their changes
    y: Float64Array  # (n_params,), change of the smooth part's gradient


class Curvature(NamedTuple):
    """The diagonal of the smooth part's Hessian, and when it was computed."""

    diagonal: Float64Array
    age: int = 0  # iterations since
    lifetime: int = FIRST_DIAGONAL  # iterations until the next


@dataclass(frozen=True, slots=True)
class ProximalState(State):
    """A point, and what its model is built from; `grad` is F's subgradient of least norm."""

    smooth_grad: Float64Array = field(kw_only=True)
    support: IndexArray = field(kw_only=True)  # entries of theta that are not zero
    curvature: Curvature = field(kw_only=True)
    places: IndexArray = field(kw_only=True)  # scratch: index in the model of each entry of theta
    pairs: tuple[Pair, ...] = ()
    lowest: Lowest = field(default_factory=Lowest)


class ProximalQuasiNewton:
    """Minimises F = smooth part + l1 · ‖W‖₁, with exact zeros.

    A model covers the entries that are not zero, or whose gradient exceeds the penalty, or that one of its pairs has
    moved. All others stay zero at no cost.

    Parameters
    ----------
    memory : int
        Pairs kept; fewer if the parameters are millions. L-BFGS gains nothing from so many, but here the model is
        minimised nearly exactly, and a pair costs no pass.
    """

    def __init__(self, memory: int = 50) -> None:
        self.memory = memory

    needs = ()

    def init(self, objective: Problem, theta: Float64Array) -> ProximalState:
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

    def step(self, objective: Problem, state: ProximalState) -> ProximalState:
        """Go to the model's minimum or towards it. If that does not lower F, use a model without pairs."""
        diagonal, age, lifetime = state.curvature
        if age >= lifetime:
            diagonal, age, lifetime = objective.diagonal(state.theta), 0, 2 * lifetime
        state = replace(state, curvature=Curvature(diagonal, age + 1, lifetime))
        for attempt in (state, replace(state, pairs=())) if state.pairs else (state,):
            found = self._advance(objective, attempt)
            if found is not None:
                return found
        return replace(state, stuck=NO_PROGRESS)

    def _advance(self, objective: Problem, state: ProximalState) -> ProximalState | None:
        """Return the state at the model's minimum or on the line to it, or None if no step there lowers F enough."""
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
            # If rounding hides the change of the loss, take it from the slopes at both ends: exact for a parabola.
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
        objective: Problem,
        state: ProximalState,
        theta: Float64Array,
        loss: float,
        smooth_grad: Float64Array,
        moved: IndexArray,
        support: IndexArray,
    ) -> ProximalState:
        """Return the state at theta, with the pair of the step from state to theta."""
        grad = least_subgradient(objective, smooth_grad, theta, support)
        lowest = state.lowest.after(loss, grad)
        s, y = theta[moved] - state.theta[moved], smooth_grad - state.smooth_grad
        pairs = state.pairs
        # Keep no pair whose curvature ⟨s, y⟩ may be a rounding error.
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


def _penalties(objective: Problem, entries: IndexArray) -> Float64Array:
    """L1 penalties of these entries of theta; 0 for those of b, which come last."""
    l1, of_W = objective.l1, entries < objective.n_weights
    if isinstance(l1, float):
        return np.where(of_W, l1, 0.0)
    penalties = np.zeros(len(entries))
    penalties[of_W] = l1[entries[of_W]]
    return penalties


def least_subgradient(objective: Problem, grad: Float64Array, theta: Float64Array, support: IndexArray) -> Float64Array:
    """F's subgradient of least norm, where grad is the gradient of F's smooth part."""
    n_weights = objective.n_weights
    least = np.empty_like(grad)
    least[n_weights:] = grad[n_weights:]
    of_W = support[: np.searchsorted(support, n_weights)]
    subgradient(grad[:n_weights], theta[:n_weights], objective.l1, of_W, out=least[:n_weights])
    return least
