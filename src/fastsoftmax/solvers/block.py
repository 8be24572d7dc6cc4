"""The Hessian of a proximal method, as a matrix on the entries that may be other than zero."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..penalties import EntryPenalty
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.vectors import dot
from .protocol import Problem
from .quadratic import MatrixModel, Model, RowsModel
from .sparse import SparseModel

if TYPE_CHECKING:
    from .proximal import ProximalState

# Let all entries in if they are at most 300; otherwise those whose slope is at least 80 % of the penalty.
FEW_ENTRIES, NEAR = 300, 0.8

# Of more than 1,000 entries beside those that are not zero, and more than 3 times as many as these, a matrix has the
# steepest; sparse rows have all.
MOST_NEW, NEW_SHARE = 1_000, 3

# The model is wrong if F falls by less than 80 %, or more than 150 %, of what it promised: compute the Hessian anew.
LEAST_FALL, MOST_FALL = 0.8, 1.5

# Where a matrix is not trusted as usual, damp it by this share of the features' second moments (Levenberg-Marquardt).
DAMPING = 1e-3


@dataclass(slots=True)
class Block:
    """The Hessian on some entries of theta, which are all that its model moves.

    Attributes
    ----------
    penalty : EntryPenalty
        On these entries, in their order.
    hessian : (n, n) float64, or tuple
        The Hessian of F's smooth part at `theta`; as a matrix it may be one that pairs have corrected since. Or sparse
        rows, which serve at any place.
    sets : (n_sets, n_outputs), optional
        Entries of each feature, and the intercepts, where all of them are among these.
    places : (n_params,) bool
        Whether an entry is one of them.
    theta, loss : (n_params,), float
        Where it was computed.
    plan : Any
        What the objective's `plan_block` said.
    wrong : bool
        Whether the last step by its model has shown that it is.
    """

    penalty: EntryPenalty
    hessian: Any
    sets: IndexArray | None
    places: NDArray[np.bool_]
    theta: Float64Array
    loss: float
    plan: Any
    wrong: bool = False

    @classmethod
    def of(cls, objective: Problem, at: "ProximalState", free: IndexArray) -> "Block | None":
        """Compute it at a state, for these entries and those near; None where that is not worth its cost."""
        if at.block is not None and at.block.has_all:
            return at.block.renewed(objective, at)
        for entries, are_many in _candidates(objective, at, free):
            penalty = objective.penalty.on_entries(entries, objective.shape)
            of_W = penalty.entries[penalty.entries < objective.n_weights]
            n_features = int(np.count_nonzero(np.bincount(of_W % objective.shape[1])))
            plan = objective.plan_block(len(penalty.entries), n_features)
            if plan is None or (are_many and not plan.is_sparse):
                continue
            if plan.is_sparse:
                penalty = objective.penalty.on_entries(_of_all_outputs(objective, penalty.entries), objective.shape)
            places = np.zeros(objective.n_params, np.bool_)
            places[penalty.entries] = True
            sets = None if plan.is_sparse else _sets(objective, penalty)
            return cls(penalty, None, sets, places, at.theta, at.loss, plan).renewed(objective, at)
        return None

    @property
    def has_all(self) -> bool:
        """Whether there are no other entries."""
        return len(self.penalty.entries) == len(self.places)

    def renewed(self, objective: Problem, at: "ProximalState") -> "Block | None":
        """Return that of the same entries at another state; None where it overflows."""
        plan = self.plan
        damping = DAMPING / at.trust if plan.as_matrix and at.trust < 1 else 0.0
        hessian = objective.block(at.theta, self.penalty.entries, plan, damping)
        with np.errstate(over="ignore"):
            squares = hessian if plan.as_matrix else hessian.largest**2 if plan.is_sparse else hessian.diagonal
        if not np.isfinite(squares.sum()):
            return None  # squares of X overflow its dtype, but not those of the diagonal
        return replace(self, hessian=hessian, theta=at.theta, loss=at.loss, wrong=False)

    def covers(self, free: IndexArray) -> bool:
        """Whether all these entries are among those of the block."""
        return bool(self.places[free].all())

    def serves(self, free: IndexArray) -> bool:
        """Whether a step from here may use it: it covers these entries and no better one is cheap."""
        return not self.plan.is_cheap and not self.wrong and self.covers(free)

    def is_of(self, state: "ProximalState") -> bool:
        """Whether it was computed there."""
        return self.theta is state.theta

    def model(self, at: "ProximalState") -> Model:
        """Return the model of F from a state on."""
        entries = self.penalty.entries
        arguments = at.smooth_grad[entries], at.theta[entries], self.penalty, self.hessian
        if self.plan.is_sparse:
            return SparseModel(*arguments)
        return MatrixModel(*arguments, self.sets) if self.plan.as_matrix else RowsModel(*arguments, self.sets, at.trust)

    def learn(self, s: Float64Array, y: Float64Array, fallen: float, promised: float) -> None:
        """Correct a matrix by a step and the change of the gradient (BFGS), and judge it by how far F fell."""
        self.wrong = not LEAST_FALL * promised <= fallen <= MOST_FALL * promised
        if self.plan.is_cheap or self.plan.is_sparse:
            return
        from scipy.linalg.blas import dger

        B = self.hessian
        image = s @ B
        own, found = dot(image, s), dot(s, y)
        if own > 0 and found > np.finfo(np.float64).eps * np.sqrt(dot(s, s) * dot(y, y)):
            # B is symmetric: in BLAS's order of columns it is the same.
            dger(-1 / own, image, image, a=B.T, overwrite_a=True)
            dger(1 / found, y, y, a=B.T, overwrite_a=True)


def _candidates(objective: Problem, at: "ProximalState", free: IndexArray) -> list[tuple[IndexArray, bool]]:
    """Return sets of entries to try, the larger first, and whether they are too many for a matrix."""
    if objective.n_params <= FEW_ENTRIES:
        return [(np.arange(objective.n_params), False)]
    chosen = np.zeros(objective.n_params, np.bool_)
    chosen[at.support] = chosen[objective.n_weights :] = True
    most = max(MOST_NEW, NEW_SHARE * len(at.support))
    near = np.copy(chosen)
    near[: objective.n_weights] |= objective.penalty.near(objective.split(at.smooth_grad)[0], NEAR).ravel()
    near[free] = True
    if np.count_nonzero(near) - np.count_nonzero(chosen) <= most:
        return [(np.flatnonzero(near), False), (free, False)]
    new = free[~chosen[free]]
    if len(new) > most:
        new = new[np.argpartition(-np.abs(at.grad[new]), most)[:most]]
    chosen[new] = True
    return [(np.flatnonzero(near), True), (np.flatnonzero(chosen), False)]


def _of_all_outputs(objective: Problem, entries: IndexArray) -> IndexArray:
    """Return the entries, and with one of a feature those for all outputs."""
    n_outputs, n_features = objective.shape
    n_weights = objective.n_weights
    is_there = np.zeros(n_features, np.bool_)
    is_there[entries[entries < n_weights] % n_features] = True
    of_W = (np.flatnonzero(is_there) + n_features * np.arange(n_outputs)[:, None]).ravel()
    return np.append(of_W, np.arange(n_weights, objective.n_params))


def _sets(objective: Problem, penalty: EntryPenalty) -> IndexArray | None:
    """Return where the entries of a feature are, for those that are there for all outputs; the intercepts too."""
    if penalty.blocks is not None or not objective.is_shift_invariant:
        return None  # the norm of a block tells how to shift it
    n_outputs, n_features = objective.shape
    of_W = penalty.entries < objective.n_weights
    input_of = np.where(of_W, penalty.entries % n_features, n_features)
    order, counts = np.argsort(input_of, kind="stable"), np.bincount(input_of)
    whole = (np.cumsum(counts) - counts)[counts == n_outputs]
    return np.ascontiguousarray(order[whole[:, None] + np.arange(n_outputs)])
