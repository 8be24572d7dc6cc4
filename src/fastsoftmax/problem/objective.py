"""What a solver sees of a problem: loss and penalty, joined.

    F(theta) = L(W, b) + P(W)

The part of P that has a gradient, ½ · l2 · Σ_j f_j ‖W_:j‖², is one of what is evaluated here. The other, such as l1 ·
Σ_j f_j ‖W_:j‖₁, is left to the methods that can minimise it.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ..data.arguments import overflow_shows
from ..data.features import Features, Parameters
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.precision import Precision
from .block import BlockPlan, Blocks, RowsHessian, SparseRows, plan_block
from .bound import half_gram_bound
from .center import center_of
from .choice import AnyCurvature, Bases, CurvatureChoice
from .loss import Loss, Phi
from .visited import Visited

# Dual ascent pays where the curvature of the loss at zero, in all features together, is at least so many times l2. Else
# H is not far from l2 itself, so that few steps find the minimum; and the larger l2, the less the ascent moves b.
WEAK_PENALTY = 4

# An epoch of it takes as long as three evaluations of the loss, and after two of them only the intercepts may be wrong.
# Where that curvature is 20,000 times l2, five take it further.
EPOCHS, MANY_EPOCHS, VERY_WEAK_PENALTY = 2, 5, 2e4

# Estimate the line on 500 rows, if n ≥ 20 · 500 and a pass costs ≥ 1e8 multiply-adds.
LINE_ROWS, LINE_SHARE, LINE_WORK = 500, 20, 100_000_000


class Objective:
    """Loss and penalty, bound together.

    Parameters
    ----------
    loss : Loss
    penalty : ElasticNet
    bases : Bases, optional
        That of another objective of the same features.
    """

    def __init__(self, loss: Loss, penalty: ElasticNet, bases: Bases | None = None) -> None:
        self.loss = loss
        self.penalty = penalty
        self._choice = CurvatureChoice(loss, penalty, bases or Bases())
        self.n_params, self.n_weights, self.n_samples = loss.n_params, loss.n_weights, len(loss)
        self.is_shift_invariant = loss.family.is_categorical
        self.visited = Visited()
        self.center: Float64Array | None = None
        self._was_centred = False
        self._blocks: Blocks | None = None
        self.asked_threads = loss.asked_threads

    @property
    def X(self) -> Features:
        """The features."""
        return self.loss.X

    @property
    def n_passes(self) -> int:
        """Times that X was read so far, a begun pass being one."""
        return self.loss.ledger.n_passes

    @property
    def floor(self) -> float:
        """A lower bound of F; −∞ where none is known."""
        return self.loss.floor

    @property
    def shape(self) -> tuple[int, int]:
        """(n_outputs, n_features), that of W."""
        return self.loss.n_outputs, self.X.shape[1]

    @cached_property
    def lacks(self) -> dict[str, str]:
        """What solvers may need and this problem has not, and why."""
        family, lacking = self.loss.family, {}
        if family.max_curvature is None:
            lacking["curvature_bound"] = f"the curvature of family={family.name!r} has no bound; pass learning_rate"
        if not self.loss.has_batches:
            lacking["batches"] = "the rows of a cluster are not walked through one after the other"
        return lacking

    @cached_property
    def _separated_below(self) -> float:
        """A loss that proves that there is no optimum; −∞ where none does, or a penalty gives one."""
        return -np.inf if self.penalty else self.loss.family.loss_of_separated(self.loss.samples, len(self.loss))

    def no_optimum(self, loss: float) -> str:
        """Say why so low a loss proves that there is no optimum; empty if it does not."""
        return self.loss.family.separated_message(loss) if loss < self._separated_below else ""

    def split(self, theta: Float64Array) -> Parameters:
        """W (n_outputs, n_features) and b (n_outputs,) as views of theta; b is zeros where it is not fitted."""
        return self.loss.split(theta)

    def loss_grad(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """F and ∂F/∂theta at theta; one pass over X, none at the point that `visit` has remembered."""
        loss, grad, at, of_grad = self._of_loss(theta)
        return loss + self.penalty.add_smooth(at.W, of_grad.W, self.asked_threads), grad

    def visit(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """Return the same, and remember it, for other penalties and for fits of some features alone."""
        self.visited.keep(theta, self.loss.samples.weight, *self._of_loss(theta)[:2])
        return self.loss_grad(theta)

    def _of_loss(self, theta: Float64Array) -> tuple[float, Float64Array, Parameters, Parameters]:
        """Loss and gradient without the penalty, and W and b as views of theta and of the gradient."""
        at, found = self.split(theta), self.visited.find(theta, self.loss.samples.weight)
        if found is not None:
            return *found, at, self.split(found[1])
        grad = np.empty_like(theta)
        of_grad = self.split(grad)
        return self.loss.write_loss_grad(of_grad, at), grad, at, of_grad

    def hess_vec(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        """∂²F/∂theta² at theta times a direction v; one pass over X."""
        product = self.loss.hess_vec(theta, v)
        self.penalty.add_smooth_hess_vec(self.split(v).W, self.split(product).W)
        return product

    def line(self, theta: Float64Array, direction: Float64Array) -> Phi:
        """Return phi(t) → (F, dF/dt) at theta + t · direction; passes as of `Loss.line`."""
        of_loss = self.loss.line(theta, direction)
        a, b, c = self.penalty.smooth_line(self.split(theta).W, self.split(direction).W, self.asked_threads)

        def phi(t: float) -> tuple[float, float]:
            loss, slope = of_loss(t)
            return loss + a + 2 * t * b + t * t * c, slope + 2 * b + 2 * t * c

        return phi

    def sample_line(self, theta: Float64Array, direction: Float64Array) -> Phi | None:
        """Return what `line` does, of some samples: an estimate; None where that would save too little."""
        if len(self.loss) < LINE_SHARE * LINE_ROWS or self.loss.pass_work < LINE_WORK:
            return None
        return Objective(self.loss.few(LINE_ROWS), self.penalty).line(theta, direction)

    def batches(self, size: int, random: np.random.Generator) -> tuple[int, Iterator["Objective"]]:
        """Return how many batches of about so many rows there are, and each in turn; as of `Loss.batches`."""
        n_batches, losses = self.loss.batches(size, random)
        return n_batches, (Objective(loss, self.penalty) for loss in losses)

    def columns(self, columns: IndexArray) -> "Objective":
        """Return the objective of some features alone, as if the others' weights were zero."""
        return self._of(self.loss.columns(columns), columns)

    def at_hand(self) -> "Objective":
        """Return the same with all rows at hand, if they can be; a pass where they are not."""
        loss = self.loss.at_hand()
        return self if loss is self.loss else self._of(loss, np.arange(self.X.shape[1]))

    def _of(self, loss: Loss, columns: IndexArray) -> "Objective":
        part = Objective(loss, self.penalty.of_columns(columns))
        part.visited = self.visited.of_columns(columns, self.shape)
        part.visited.weight = loss.samples.weight  # that of the same samples
        return part

    def variant(self, penalty: ElasticNet, weight: Float64Array | None) -> "Objective":
        """Return the same data with another penalty and other weights, whose passes are counted anew and here too."""
        other = Objective(self.loss.weighted(weight), penalty, self._choice.bases)
        other.visited, other.center, other._was_centred = self.visited, self.center, self._was_centred
        return other

    def centred(self) -> "Objective":
        """Return the same by other intercepts, those of features less their `center`, where some are far from zero."""
        if self._was_centred:
            return self
        center = center_of(self.loss)
        other = self if center is None else Objective(self.loss.centred(center), self.penalty)
        other.center, other._was_centred = center, True
        return other

    def from_users(self, theta: Float64Array) -> Float64Array:
        """Return users' parameters with the intercepts that they have here; theta itself where these are the same."""
        return self._moved(theta, 1)

    def to_users(self, theta: Float64Array) -> Float64Array:
        """Return parameters with the intercepts of features as they are; theta itself where these are the same."""
        return self._moved(theta, -1)

    def _moved(self, theta: Float64Array, sign: int) -> Float64Array:
        if self.center is None:
            return theta
        moved = theta.copy()
        W, b = self.split(moved)
        moves = W @ self.center
        # A shift of all classes alike is not seen: the intercepts keep their mean.
        b += sign * (moves - moves.mean() if self.is_shift_invariant else moves)
        return moved

    def rough(self, theta: Float64Array) -> "Objective | None":
        """Return the same by rough products, if W is zero and they are faster and still tell the samples apart."""
        if self.split(theta).W.any() or not self.X.serves_rough_products(self.loss.n_outputs):
            return None
        return Objective(self.loss.with_precision(Precision.ROUGH), self.penalty, self._choice.bases)

    def ascend(self, theta: Float64Array) -> Iterator[Float64Array]:
        """Yield points nearer and nearer to the optimum, where W is zero and the family has a cheap way to them.

        Only for sparse X that is too wide for principal components, which are worth more.
        """
        weakness = 0.0 if self.split(theta).W.any() else self._weakness()
        if not weakness >= WEAK_PENALTY:
            return
        loss, theta = self.loss.at_hand(), np.zeros_like(theta)
        if not loss.rows_at_hand:
            return
        at, l2 = self.split(theta), self.penalty.l2
        n_epochs = EPOCHS if weakness < VERY_WEAK_PENALTY else MANY_EPOCHS
        points = loss.family.ascend(loss.X, loss.samples, l2, at, loss.fit_intercept, n_epochs, loss.num_threads)
        for n_passes in points or ():
            for _ in range(n_passes):
                loss.count_pass()
            yield theta.copy()

    def _weakness(self) -> float:
        """Return the loss's curvature at zero, of all features together, over l2; zero where no ascent is."""
        loss, penalty = self.loss, self.penalty
        if self._choice.has_components or not self.X.serves_dual_ascent or not (penalty.l2 and penalty.is_uniform):
            return 0.0
        part, mean = loss.few(LINE_ROWS) if len(loss) > LINE_ROWS else loss, loss.family.mean_at_zero(loss.n_outputs)
        curvature = mean * (1 - mean) * part.second_moments(np.zeros(self.X.shape[1])).sum()
        return float(curvature / penalty.l2)

    def curvature(self, theta: Float64Array, grad: Float64Array) -> AnyCurvature:
        """Return an approximation of ∂²F/∂theta² at theta, whose inverse `solve` multiplies with; grad is ∂F/∂theta."""
        return self._choice.at(theta, grad)

    @property
    def curvature_name(self) -> str:
        """What `curvature` is, in words."""
        return self._choice.name

    def diagonal(self, theta: Float64Array) -> Float64Array:
        """Diagonal of ∂²F/∂theta² at theta, positive; two passes over X."""
        return 1 / self._choice.diagonal(theta).inverse

    def plan_block(self, n_entries: int, n_features: int) -> BlockPlan | None:
        """Return how `block` of entries of so many features is made; None where it is not worth its cost."""
        return plan_block(self.loss, n_entries, n_features)

    def block(
        self, theta: Float64Array, entries: IndexArray, plan: BlockPlan, damping: float = 0.0
    ) -> Float64Array | RowsHessian | SparseRows:
        """∂²F/∂theta² on some entries, as a matrix or by rows, of all or a sample, some passes over X; or sparse rows.

        Damping times the second moment of its feature is added to the diagonal, for each entry.
        """
        if self._blocks is None:
            l2 = np.broadcast_to(self.penalty.l2_of_features, self.X.shape[1])
            self._blocks = Blocks(self.loss, np.asarray(l2))
        return self._blocks.at(theta, entries, plan, damping)

    def duality_gap(self, theta: Float64Array) -> float:
        """Bound of F, L1 part included, over its minimum at theta; NaN if there is none, else two passes over X."""
        return self.loss.duality_gap(self.split(theta), self.penalty)

    def curvature_bound(self) -> float:
        """Return L with ∂²F/∂theta² ⪯ L everywhere: gradient descent by 1/L never increases F."""
        most = self.loss.family.max_curvature
        assert most is not None
        return self._with_curvature(most)

    def likely_curvature(self) -> float:
        """Return `curvature_bound`, or, of a family that has none, an estimate of it from the mean of y."""
        family = self.loss.family
        bound = family.max_curvature
        return self._with_curvature(family.likely_curvature(self.loss.samples) if bound is None else bound)

    def _with_curvature(self, most: float) -> float:
        return 2 * most * half_gram_bound(self.loss) + float(np.max(self.penalty.l2_of_features))

    @overflow_shows
    def separated_outputs(self, theta: Float64Array) -> IndexArray:
        """Classes that are separated; none where a penalty gives an optimum, or where it would take too long to tell.

        Only where a sample at theta is nearly sure of its label can there be any: two passes over X, one otherwise.
        """
        loss, family = self.loss, self.loss.family
        none = np.empty(0, np.intp)
        if (
            self.penalty
            or not loss.rows_at_hand
            or not family.tells_separated(loss.samples, len(loss), self._choice.n_inputs)
        ):
            return none
        if not family.may_be_separated(loss.samples, loss.mean(theta)):
            return none
        outputs = family.separated_outputs(loss.X, loss.samples, loss.fit_intercept)
        loss.count_pass()
        return outputs
