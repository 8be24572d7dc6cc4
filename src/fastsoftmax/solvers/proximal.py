"""Proximal Newton and quasi-Newton, for penalties without a gradient (Lee, Sun & Saunders, SIAM J. Optim. 24, 2014).

A quadratic model replaces the smooth part of F. The sum of model and penalty is minimised without reading X; the step
to that minimum then costs one pass. Where the entries that may be other than zero are few, the model is the Hessian on
these, of all rows or of a sample that pairs of steps and changes correct. Otherwise it is L-BFGS's.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.vectors import dot, largest
from .block import Block
from .lbfgs import STALE, has_fallen
from .line_search import MAX_TRIALS, ROUNDING, SUFFICIENT_DECREASE
from .loop import NO_PROGRESS, Lowest, State
from .protocol import Problem
from .quadratic import Model, PairsModel

# The pairs may hold 50 million numbers (400 MB) together; at least 5 pairs are kept even if that is more.
MAX_NUMBERS, MIN_MEMORY = 50_000_000, 5

# Recompute the diagonal after 10 iterations, then after 20, 40, … more.
FIRST_DIAGONAL = 10

# Stop minimising the model once its subgradient is this share of that at the start. Far from the minimum the Hessian
# will be another one after the step; near it, the square of what the last step left is enough (Eisenstat & Walker, SIAM
# Journal on Scientific Computing 17, 1996).
LEAST_ACCURACY, MOST_ACCURACY, PAIRS_ACCURACY = 1e-3, 0.1, 0.03

# Compute the Hessian anew if a step leaves more than this share of the gradient.
SLOW = 0.3


# How far the model is trusted: twice as far after a step to its minimum, and less the shorter a step had to be.
MORE, LEAST = 2.0, 1 / 16


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
    step_size: float = 1.0  # of the step that led here, 1 being the model's minimum
    trust: float = 1.0  # in the next model, 1 being the usual
    accuracy: float = MOST_ACCURACY  # of its minimum
    block: Block | None = None  # mutable: the next state takes it over and changes it
    curvature: Curvature | None = None
    pairs: tuple[Pair, ...] = ()
    lowest: Lowest = field(default_factory=Lowest)
    found: list[float] = field(default_factory=list)  # mutable: the distance, once it is known

    @property
    def free(self) -> IndexArray:
        """Entries that are not zero, or that the gradient moves."""
        touched = self.grad != 0
        touched[self.support] = True
        return np.flatnonzero(touched)

    @property
    def is_start(self) -> bool:
        """Whether no step led here."""
        return not np.isfinite(self.lowest.grad_norm)

    def distance(self) -> float:
        """Estimate as the base class does, by how far the model falls; NaN without a Hessian."""
        if self.block is None:
            return np.nan
        if not self.found:
            if self.block.plan.is_sparse and not self.is_start:
                return np.nan  # its model costs as much as a step
            model = self.block.model(self)
            model.minimize(LEAST_ACCURACY if self.block.plan.as_matrix else MOST_ACCURACY)
            self.found.append(-model.fall())
        return self.found[0]

    def renewed(self, objective: Problem) -> "ProximalState":
        """Return the same point with the Hessian there, if the loss has fallen far since the one at hand.

        A start that another penalty has led to gets one, too: where the penalty is weak, its gradient alone is small.
        """
        if self.block is None:
            warm = self.is_start and len(self.support) > 0
            return replace(self, block=Block.of(objective, self, self.free)) if warm else self
        if not has_fallen(self.loss, self.block.loss, objective.floor, STALE):
            return self
        return replace(self, block=Block.of(objective, self, self.free), found=[])


class ProximalNewton:
    """Minimises F = smooth part + a penalty without a gradient, such as l1 · ‖W‖₁, with exact zeros.

    A model covers the entries that are not zero, or whose gradient exceeds the penalty or nearly does, or that one of
    its pairs has moved. All others stay zero at no cost.

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
        support = np.flatnonzero(theta)
        return ProximalState(
            theta,
            loss + objective.penalty.absolute(objective.split(theta)[0]),
            least_subgradient(objective, grad, theta, support),
            smooth_grad=grad,
            support=support,
        )

    def step(self, objective: Problem, state: ProximalState) -> ProximalState:
        """Go to the model's minimum or towards it. If that does not lower F, use one of what is known here alone."""
        free = state.free
        block = state.block
        if block is None or not (block.is_of(state) or block.serves(free)):
            block = Block.of(objective, state, free)
        if block is not None:
            found = self._with_block(objective, replace(state, block=block), block)
            if found is None and not block.is_of(state):
                block = Block.of(objective, state, free)
                if block is not None:
                    found = self._with_block(objective, replace(state, block=block), block)
            if found is not None:
                return found
        state = replace(state, block=None, curvature=_aged(objective, state))
        for attempt in (state, replace(state, pairs=())) if state.pairs else (state,):
            found = self._with_pairs(objective, attempt)
            if found is not None:
                return found
        return replace(state, stuck=NO_PROGRESS)

    def _with_block(self, objective: Problem, state: ProximalState, block: Block) -> ProximalState | None:
        """Return the state after a step by the Hessian's model, or None if it does not lower F."""
        model = block.model(state)
        found = self._advance(objective, state, model, state.accuracy if block.plan.as_matrix else MOST_ACCURACY)
        if found is None:
            return None
        entries = block.penalty.entries
        s, y = found.theta[entries] - model.start, found.smooth_grad[entries] - model.grad
        block.learn(s, y, state.loss - found.loss, -model.fall())
        left = largest(found.grad) / largest(state.grad)
        block.wrong |= left > SLOW
        if block.plan.is_sparse and left < 1:
            # Near the minimum, what is left of the fall is as the square of what is left of the gradient.
            found.found.append(-model.fall() * left**2 / (1 - left**2))
        trust = state.trust * (MORE if found.step_size == 1 else max(found.step_size, LEAST))
        return replace(found, trust=trust, accuracy=min(max(left**2, LEAST_ACCURACY), MOST_ACCURACY))

    def _with_pairs(self, objective: Problem, state: ProximalState) -> ProximalState | None:
        """Return the state after a step by the pairs' model, or None if it does not lower F."""
        assert state.curvature is not None
        touched = np.zeros(state.theta.size, np.bool_)
        for entries in (state.free, *(pair.moved for pair in state.pairs)):
            touched[entries] = True
        penalty = objective.penalty.on_entries(np.flatnonzero(touched), objective.shape)
        entries = penalty.entries
        places = np.empty(state.theta.size, np.intp)
        places[entries] = np.arange(len(entries))
        pairs = []
        for moved, step, y in state.pairs:
            s = np.zeros(len(entries))
            s[places[moved]] = step
            pairs.append((s, y[entries]))
        model = PairsModel(
            state.smooth_grad[entries], state.theta[entries], penalty, state.curvature.diagonal[entries], pairs
        )
        found = self._advance(objective, state, model, PAIRS_ACCURACY)
        return None if found is None else self._paired(state, found)

    def _advance(self, objective: Problem, state: ProximalState, model: Model, accuracy: float) -> ProximalState | None:
        """Return the state at the model's minimum or on the line to it, or None if no step there lowers F enough."""
        entries, start, slopes = model.penalty.entries, model.start, model.grad
        end = model.minimize(accuracy)
        direction = end - start
        penalty = model.penalty.value(start)
        predicted = dot(slopes, direction) + model.penalty.change(start, end)
        if not predicted < 0:
            return None

        def at(t: float) -> ProximalState | None:
            theta, there = state.theta.copy(), end if t == 1 else start + t * direction
            theta[entries] = there
            smooth, grad = objective.loss_grad(theta)
            change = model.penalty.change(start, there)
            loss, enough = smooth + penalty + change, SUFFICIENT_DECREASE * t * predicted
            # If rounding hides the change of the loss, take it from the slopes at both ends: exact for a parabola.
            by_slopes = 0.5 * t * dot(slopes + grad[entries], direction) + change
            hidden = loss <= state.loss + ROUNDING * abs(state.loss) and by_slopes <= enough
            if not (np.isfinite(loss) and (loss <= state.loss + enough or hidden)):
                return None
            support = np.sort(entries[there != 0])
            least = least_subgradient(objective, grad, theta, support)
            lowest = state.lowest.after(loss, least)
            return replace(
                state,
                theta=theta,
                loss=loss,
                grad=least,
                stuck=lowest.stuck,
                smooth_grad=grad,
                support=support,
                step_size=t,
                lowest=lowest,
                found=[],
            )

        found = at(1.0)
        if found is not None:
            return found
        whole = np.zeros_like(state.theta)
        whole[entries] = direction
        phi = objective.line(state.theta, whole)
        loss, t = phi(0.0)[0], 1.0
        for _ in range(MAX_TRIALS):
            t *= 0.5
            change = model.penalty.change(start, start + t * direction)
            if phi(t)[0] + change <= loss + SUFFICIENT_DECREASE * t * predicted:
                return at(t)
        return None

    def _paired(self, state: ProximalState, found: ProximalState) -> ProximalState:
        """Return the state found, with the pair of the step to it."""
        moved = np.flatnonzero(found.theta != state.theta)
        s, y = found.theta[moved] - state.theta[moved], found.smooth_grad - state.smooth_grad
        # Keep no pair whose curvature ⟨s, y⟩ may be a rounding error.
        if not dot(s, y[moved]) > np.finfo(np.float64).eps * np.sqrt(dot(s, s) * dot(y, y)):
            return found
        kept = min(self.memory, max(MIN_MEMORY, MAX_NUMBERS // (2 * y.size)))
        return replace(found, pairs=(*state.pairs, Pair(moved, s, y))[-kept:])


def _aged(objective: Problem, state: ProximalState) -> Curvature:
    """Return the diagonal for the next iteration, computed here if there is none or it is old."""
    if state.curvature is None:
        return Curvature(objective.diagonal(state.theta), 1)
    diagonal, age, lifetime = state.curvature
    if age >= lifetime:
        return Curvature(objective.diagonal(state.theta), 1, 2 * lifetime)
    return Curvature(diagonal, age + 1, lifetime)


def least_subgradient(objective: Problem, grad: Float64Array, theta: Float64Array, support: IndexArray) -> Float64Array:
    """F's subgradient of least norm, where grad is the gradient of F's smooth part."""
    n_weights = objective.n_weights
    least = np.empty_like(grad)
    least[n_weights:] = grad[n_weights:]
    of_W = support[: np.searchsorted(support, n_weights)]
    W, grad_W = objective.split(theta)[0], objective.split(grad)[0]
    objective.split(least)[0][:] = objective.penalty.least_subgradient(grad_W, W, of_W)
    return least
