"""What a solver sees of a problem: loss and penalty, joined.

    F(theta) = L(W, b) + P(W)

The part of P that has a gradient, ½ · l2 · Σ_j f_j ‖W_:j‖², is one of what is evaluated here. The other, such as l1 ·
Σ_j f_j ‖W_:j‖₁, is left to the methods that can minimise it.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import overflow_shows
from ..data.features import Features, Parameters
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.precision import Precision
from .basis import EIGEN_WORK, Basis
from .block import BlockPlan, RowsHessian, SparseRows, hessian_of_entries, plan_block, rows_of_entries
from .bound import half_gram_bound
from .curvature import DiagonalCurvature, InputCurvature, PrincipalCurvature
from .hessian import loss_diagonal
from .inputs import Inputs
from .loss import Loss, Phi
from .plan import MAX_WHOLE, ROWS, SMALL_BLOCK, Plan, plan, plan_outputs
from .sample import CHOICE, MOST_ROWS, STILL_EFFECTIVE, Sample, draw_sample, effective_rows, sample_of, sample_rows

# The principal components may cost this many passes over the data.
BASIS_PASSES = 150

# The norms of rows are worth their cost up to this many samples: drawn from more, no row matters so much.
MOST_SPANS = 50_000

# Rows are even if at least this share of a sample of them is effective.
EVEN = 0.3

# A penalty is strong if this is its share, or more, in the curvature of every feature late in a fit.
STRONG_PENALTY = 0.01

# Dual ascent pays where the curvature of the loss at zero, in all features together, is at least so many times l2. Else
# H is not far from l2 itself, so that few steps find the minimum; and the larger l2, the less the ascent moves b.
WEAK_PENALTY = 10

# Random directions on which rows are projected, to tell their norms to about a third.
PROJECTIONS = 8

# Estimate the line on 500 rows, if n ≥ 20 · 500 and a pass costs ≥ 1e8 multiply-adds.
LINE_ROWS, LINE_SHARE, LINE_WORK = 500, 20, 100_000_000


class Bases:
    """The latest inputs and their components, and the rows' norms in their units, which all objectives share."""

    inputs: Inputs | None = None
    latest: Basis | None = None
    spans: Float64Array | None = None


class Chosen(NamedTuple):
    """Rows that were drawn by their importance."""

    drawn: tuple[Loss, Float64Array]
    effective_rows: float  # of them, where that was their importance


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
        self.bases = Bases() if bases is None else bases
        self.n_params, self.n_weights, self.n_samples = loss.n_params, loss.n_weights, len(loss)
        self.is_shift_invariant = loss.family.is_categorical
        self.asked_threads = loss.asked_threads
        self._chosen: Chosen | None = None

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
        if not self.loss.rows_at_hand:
            lacking["batch"] = "rows in chunks are not drawn in random order; partial_fit takes chunks in turn"
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
        """F and ∂F/∂theta at theta; one pass over X."""
        grad = np.empty_like(theta)
        grad_out, at = self.split(grad), self.split(theta)
        loss = self.loss.write_loss_grad(grad_out, at)
        return loss + self.penalty.add_smooth(at.W, grad_out.W, self.asked_threads), grad

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

    def batch(self, rows: IndexArray | slice, weight_factor: Float64Array | None = None) -> "Objective":
        """Return the objective of some of the samples, with the same penalty; rows as of `Loss.part`."""
        return Objective(self.loss.part(rows, weight_factor), self.penalty)

    def columns(self, columns: IndexArray) -> "Objective":
        """Return the objective of some features alone, as if the others' weights were zero."""
        return Objective(self.loss.columns(columns), self.penalty.of_columns(columns))

    def variant(self, penalty: ElasticNet, weight: Float64Array | None) -> "Objective":
        """Return the same data with another penalty and other weights, whose passes are counted anew and here too."""
        return Objective(self.loss.weighted(weight), penalty, self.bases)

    def rough(self, theta: Float64Array) -> "Objective | None":
        """Return the same by rough products, if W is zero and they are faster and still tell the samples apart."""
        if self.split(theta).W.any() or not self.X.serves_rough_products(self.loss.n_outputs):
            return None
        return Objective(self.loss.with_precision(Precision.ROUGH), self.penalty, self.bases)

    def ascend(self, theta: Float64Array) -> Iterator[Float64Array]:
        """Yield points nearer and nearer to the optimum, where W is zero and the family has a cheap way to them.

        Only for sparse X that is too wide for principal components, which are worth more.
        """
        if self.split(theta).W.any() or not self._ascent_pays():
            return
        loss, theta = self.loss, np.zeros_like(theta)
        at, l2 = self.split(theta), self.penalty.l2
        points = loss.family.ascend(loss.X, loss.samples, l2, at, loss.fit_intercept, loss.num_threads)
        for n_passes in points or ():
            for _ in range(n_passes):
                loss.count_pass()
            yield theta.copy()

    def _ascent_pays(self) -> bool:
        loss, penalty = self.loss, self.penalty
        if self.has_components or not self.X.serves_dual_ascent or not (penalty.l2 and penalty.is_uniform):
            return False
        part, mean = loss.few(LINE_ROWS) if len(loss) > LINE_ROWS else loss, loss.family.mean_at_zero(loss.n_outputs)
        curvature = mean * (1 - mean) * part.second_moments(np.zeros(self.X.shape[1])).sum()
        return bool(curvature >= WEAK_PENALTY * penalty.l2)

    def curvature(
        self, theta: Float64Array, grad: Float64Array
    ) -> InputCurvature | PrincipalCurvature | DiagonalCurvature:
        """Return an approximation of ∂²F/∂theta² at theta, whose inverse `solve` multiplies with; grad is ∂F/∂theta."""
        if not self.has_components:
            return self._diagonal(theta)
        loss = self.loss
        if not loss.family.is_categorical:
            return self._curvature_of(*self._sample_of_outputs(theta), grad)
        inputs = self.bases.inputs
        at_zero = not self.split(theta).W.any()
        if at_zero or inputs is None or not inputs.serves(self.penalty):
            sample = draw_sample(loss, theta, None, self._first_rows(), self._dtype(at_zero))
            if at_zero:
                # The Kronecker product is exact there.
                return self._curvature_of(sample, Plan(0, len(sample.X), 0.0, False), grad)
            self._inputs_of(sample, grad)
        return self._curvature_of(*self._sample_of_classes(theta), grad)

    def _sample_of_classes(self, theta: Float64Array) -> tuple[Sample, Plan]:
        """Return the rows that are worth their price in the curvature.

        Where rows differ much in importance, those drawn by it tell more than as many others, and if few have nearly
        all of it, these tell everything.
        """
        loss, bought = self.loss, self._plan(len(self.loss))
        spanned = loss.rows_at_hand and len(loss) <= MOST_SPANS and self._n_whole <= MAX_WHOLE
        if len(loss) <= CHOICE * bought.n_rows:
            sample = draw_sample(loss, theta, None, bought.n_rows, self._dtype())
            if bought.n_rows == len(loss) or not spanned or self._evenness(sample) > EVEN:
                return sample, bought
        importance = loss.importance(theta, self._spans() if spanned else None)
        bought = self._plan(importance.n_weighty)
        return draw_sample(loss, theta, importance, bought.n_rows, self._dtype()), bought

    def _evenness(self, sample: Sample) -> float:
        """Return the share of the sample's rows that is effective, by what they tell of the features."""
        assert self.bases.inputs is not None
        features = self.bases.inputs.of_rows(sample.X)[:, : self.X.shape[1]]
        importance = sample.spread * np.nan_to_num(np.einsum("ij,ij->i", features, features))
        return effective_rows(importance) / len(importance)

    def _sample_of_outputs(self, theta: Float64Array) -> tuple[Sample, Plan]:
        loss = self.loss
        bought = plan_outputs(len(loss), self._n_inputs, loss.n_outputs, loss.pass_work, self.n_passes)
        if not self.split(theta).W.any() or len(loss) <= CHOICE * bought.n_rows:
            return draw_sample(loss, theta, None, bought.n_rows, self._dtype()), bought
        if self._chosen is not None:
            sample = sample_of(loss, theta, *self._chosen.drawn, self._dtype())
            if sample.effective_rows >= STILL_EFFECTIVE * self._chosen.effective_rows:
                return sample, bought
        drawn = loss.draw(loss.importance(theta, None), bought.n_rows)
        sample = sample_of(loss, theta, *drawn, self._dtype())
        self._chosen = Chosen(drawn, sample.effective_rows)
        return sample, bought

    def _curvature_of(self, sample: Sample, bought: Plan, grad: Float64Array) -> InputCurvature | PrincipalCurvature:
        inputs, threads = self._inputs_of(sample, grad), self.asked_threads
        if self._leads_as_it_is(inputs, bought):
            return InputCurvature(sample, inputs, bought, threads)
        basis = self.bases.latest
        if basis is None:
            basis = self.bases.latest = Basis.of(sample, inputs, threads)
        return PrincipalCurvature(sample, basis.penalized(self.penalty), bought, threads)

    @property
    def _is_small(self) -> bool:
        return self._n_whole <= SMALL_BLOCK

    def _leads_as_it_is(self, inputs: Inputs, bought: Plan) -> bool:
        """Whether all inputs lead, or will, so that they serve as well as their components, and cost less.

        With a weak penalty, components tell apart what float32 rounds off in a matrix of the inputs.
        """
        whole = self.loss.family.is_categorical and bought.n_leading == self._n_inputs
        return self._is_small or (whole and self._is_strong(inputs))

    def _is_strong(self, inputs: Inputs) -> bool:
        return bool((inputs.l2[: self.X.shape[1]] >= STRONG_PENALTY).all())

    def _dtype(self, at_zero: bool = False) -> np.dtype[Any]:
        """Choose what the curvature is computed in.

        Where classes are nearly separated, H has eigenvalues that float32 does not tell from zero, if the penalty does
        not raise them.
        """
        inputs = self.bases.inputs
        strong = inputs is not None and self._is_strong(inputs.penalized(self.penalty))
        return self.X.dtype if at_zero or strong or not self._is_small else np.dtype(np.float64)

    def _plan(self, n_weighty: int) -> Plan:
        loss = self.loss
        return plan(n_weighty, len(loss), self._n_inputs, loss.n_outputs, loss.pass_work, self.n_passes)

    @property
    def _n_inputs(self) -> int:
        """The features, and the intercept's one."""
        return self.X.shape[1] + self.loss.fit_intercept

    @property
    def _n_whole(self) -> int:
        """Rows of H, but for the direction in which all classes move alike; of one block where H has one an output."""
        return self._n_inputs * (self.loss.n_outputs - 1 if self.loss.family.is_categorical else 1)

    def _first_rows(self) -> int:
        """Rows of a sample of which nothing is known: more than usual if they are few for so many parameters."""
        n_samples, enough = len(self.loss), ROWS * self._n_whole
        cheap = 2 * self.loss.pass_work / self._n_inputs**2
        return min(n_samples, max(sample_rows(n_samples), int(min(enough, cheap, MOST_ROWS))))

    def _spans(self) -> Float64Array:
        """‖z_i‖² of every row in the units of the latest inputs, up to a factor; the first time, a pass over X.

        By random projections (Johnson & Lindenstrauss, Contemporary Mathematics 26, 1984).
        """
        bases, loss = self.bases, self.loss
        assert bases.inputs is not None
        if bases.spans is None:
            mean, unit = bases.inputs.mean, bases.inputs.unit[: self.X.shape[1]]
            signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(PROJECTIONS, len(unit))) * unit
            projected = np.empty((len(loss), PROJECTIONS), self.X.dtype)
            self.X.predict(projected, Parameters(signs, -signs @ mean), False, loss.options)
            loss.count_pass()
            spans = np.einsum("ik,ik->i", projected, projected, dtype=np.float64) / PROJECTIONS
            bases.spans = 1 + np.nan_to_num(spans)
        return bases.spans

    @property
    def curvature_name(self) -> str:
        """What `curvature` is, in words."""
        if self.has_components and (self._is_small or self.bases.latest is None):
            return "the Hessian in the features themselves"
        if self.has_components:
            return "the principal components of the features"
        return "the Hessian's diagonal, for the features are too many to have components"

    @property
    def has_components(self) -> bool:
        """Whether the principal components of X are worth their cost, beside that of a fit's passes."""
        return self._n_whole <= SMALL_BLOCK or EIGEN_WORK * self._n_inputs**3 <= BASIS_PASSES * self.loss.pass_work

    def _inputs_of(self, sample: Sample, grad: Float64Array) -> Inputs:
        """Return inputs by the sample, or those by another one that serve as well."""
        bases = self.bases
        if bases.inputs is None or not bases.inputs.serves(self.penalty):
            loss, moving = self.loss, np.asarray(self.split(grad).W.any(axis=0))

            def second_moments(center: Float64Array, constant: NDArray[np.bool_]) -> Float64Array:
                # A feature without a gradient needs no curvature; those of zeros, which are many in images, have none.
                if len(sample.X) == len(loss) or not moving[constant].any():
                    return np.zeros(len(center))
                return loss.second_moments(center) * moving

            bases.inputs = Inputs.of(sample, self.penalty, loss.fit_intercept, second_moments)
            bases.latest = bases.spans = None
        return bases.inputs.penalized(self.penalty)

    def diagonal(self, theta: Float64Array) -> Float64Array:
        """Diagonal of ∂²F/∂theta² at theta, positive; two passes over X."""
        return 1 / self._diagonal(theta).inverse

    def _diagonal(self, theta: Float64Array) -> DiagonalCurvature:
        diagonal, is_guess = loss_diagonal(self.loss, theta)
        self.split(diagonal).W[:] += self.penalty.l2_of_features
        return DiagonalCurvature(diagonal, is_guess)

    def plan_block(self, n_entries: int, n_features: int) -> BlockPlan | None:
        """Return how `block` of entries of so many features is made; None where it is not worth its cost."""
        return plan_block(self.loss, n_entries, n_features)

    def block(
        self, theta: Float64Array, entries: IndexArray, plan: BlockPlan, damping: float = 0.0
    ) -> Float64Array | RowsHessian | SparseRows:
        """∂²F/∂theta² on some entries, as a matrix or by rows, of all or a sample, some passes over X; or sparse rows.

        Damping times the second moment of its feature is added to the diagonal, for each entry.
        """
        n_features = self.X.shape[1]
        l2 = np.broadcast_to(self.penalty.l2_of_features, n_features)
        l2_of_entries = np.where(entries < self.n_weights, l2[entries % n_features], 0.0)
        if plan.is_sparse:
            return rows_of_entries(self.loss, entries, l2_of_entries)
        return hessian_of_entries(self.loss, theta, entries, l2_of_entries, plan, damping)

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
        if self.penalty or not loss.rows_at_hand or not family.tells_separated(loss.samples, len(loss), self._n_inputs):
            return none
        if not family.may_be_separated(loss.samples, loss.mean(theta)):
            return none
        outputs = family.separated_outputs(loss.X, loss.samples, loss.fit_intercept)
        loss.count_pass()
        return outputs
