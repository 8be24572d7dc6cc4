"""Which approximation of the Hessian a fit is worth at a point of it, and of which rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.features import Parameters
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array
from .basis import EIGEN_WORK, Basis
from .curvature import DiagonalCurvature, InputCurvature, PrincipalCurvature
from .hessian import loss_diagonal
from .inputs import Inputs
from .loss import Loss
from .plan import CALL_WORK, LONG_FIT, MAX_WHOLE, ROWS, SMALL_BLOCK, Plan, plan, plan_outputs
from .sample import (
    CHOICE,
    MOST_ROWS,
    STILL_EFFECTIVE,
    Sample,
    draw_sample,
    effective_rows,
    sample_of,
    sample_rows,
    weights_of,
)
from .whole import MOST_PARAMETERS, WholeCurvature, WholeProblem

# The principal components may cost this many passes over the data.
BASIS_PASSES = 150

# The norms of rows are worth their cost up to this many samples: drawn from more, no row matters so much.
MOST_SPANS = 50_000

# The Gram matrix of the first curvature may cost this many passes.
FIRST_PASSES = 4

# Rows are even if at least this share of a sample of them is effective.
EVEN = 0.3

# A penalty is strong if this is its share, or more, in the curvature of every feature late in a fit.
STRONG_PENALTY = 0.01

# Random directions on which rows are projected, to tell their norms to about a third.
PROJECTIONS = 8


AnyCurvature = WholeCurvature | InputCurvature | PrincipalCurvature | DiagonalCurvature


class Bases:
    """The latest inputs and their components, and the rows' norms in their units, which all objectives share."""

    inputs: Inputs | None = None
    latest: Basis | None = None
    first: Sample | None = None  # at W = 0, that the components will be of
    whole: WholeProblem | None = None
    spans: Float64Array | None = None


class Chosen(NamedTuple):
    """Rows that were drawn by their importance."""

    drawn: tuple[Loss, Float64Array]
    effective_rows: float  # of them, where that was their importance


class CurvatureChoice:
    """The curvatures of a loss and a penalty.

    Parameters
    ----------
    loss : Loss
    penalty : ElasticNet
    bases : Bases
    """

    def __init__(self, loss: Loss, penalty: ElasticNet, bases: Bases) -> None:
        self.loss, self.penalty, self.bases = loss, penalty, bases
        self._chosen: Chosen | None = None

    def at(self, theta: Float64Array, grad: Float64Array) -> AnyCurvature:
        """Return an approximation of ∂²F/∂theta² at theta, whose inverse `solve` multiplies with; grad is ∂F/∂theta."""
        if not self.has_components:
            return self.diagonal(theta)
        loss = self.loss
        if not loss.family.is_categorical:
            return self._curvature_of(*self._sample_of_outputs(theta), grad)
        whole = self._whole(theta, grad)
        if whole is not None:
            return whole
        inputs = self.bases.inputs
        at_zero = not self.loss.split(theta).W.any()
        if at_zero or inputs is None or not inputs.serves(self.penalty):
            sample = draw_sample(loss, theta, None, self._first_rows(), self._dtype(at_zero))
            if at_zero:
                return self._at_zero(sample, theta, grad)
            self._inputs_of(sample, grad)
        return self._curvature_of(*self._sample_of_classes(theta), grad)

    def _whole(self, theta: Float64Array, grad: Float64Array) -> WholeCurvature | None:
        """Return the Hessian of all rows of a small problem; None where it is not small, or not positive definite."""
        loss, bases = self.loss, self.bases
        if loss.n_params > MOST_PARAMETERS or not loss.rows_at_hand:
            return None
        whole = bases.whole
        if whole is None or not whole.inputs.serves(self.penalty):
            bought = self._plan(len(loss))
            if bought.n_rows < len(loss):
                return None
            sample = sample_of(loss, theta, loss, weights_of(loss), np.dtype(np.float64))
            whole = bases.whole = WholeProblem.of(sample, self._inputs_of(sample, grad), bought.price)
        return WholeCurvature.of(whole, loss, theta, whole.inputs.penalized(self.penalty).l2)

    def _sample_of_classes(self, theta: Float64Array) -> tuple[Sample, Plan]:
        """Return the rows that are worth their price in the curvature.

        Where rows differ much in importance, those drawn by it tell more than as many others, and if few have nearly
        all of it, these tell everything.
        """
        loss, bought = self.loss, self._plan(len(self.loss))
        spanned = loss.rows_at_hand and len(loss) <= MOST_SPANS and self._n_whole <= MAX_WHOLE
        if len(loss) <= CHOICE * bought.n_rows:
            sample = draw_sample(loss, theta, None, bought.n_rows, self._dtype())
            if bought.n_rows == len(loss) or not spanned:
                return sample, bought
            if self._evenness(sample) > EVEN:
                even = self._plan(len(loss), all_matter=True)
                more = even.n_rows > bought.n_rows
                return draw_sample(loss, theta, None, even.n_rows, self._dtype()) if more else sample, even
        importance = loss.importance(theta, self._spans() if spanned else None)
        bought = self._plan(importance.n_weighty, all_matter=True)
        return draw_sample(loss, theta, importance, bought.n_rows, self._dtype()), bought

    def _evenness(self, sample: Sample) -> float:
        """Return the share of the sample's rows that is effective, by what they tell of the features."""
        assert self.bases.inputs is not None
        features = self.bases.inputs.of_rows(sample.X)[:, : self.loss.X.shape[1]]
        importance = sample.spread * np.nan_to_num(np.einsum("ij,ij->i", features, features))
        return effective_rows(importance) / len(importance)

    def _sample_of_outputs(self, theta: Float64Array) -> tuple[Sample, Plan]:
        loss = self.loss
        bought = plan_outputs(len(loss), self.n_inputs, loss.n_outputs, loss.pass_work, self.loss.ledger.n_passes)
        if not self.loss.split(theta).W.any() or len(loss) <= CHOICE * bought.n_rows:
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
        inputs, threads = self._inputs_of(sample, grad), self.loss.asked_threads
        if self._leads_as_it_is(inputs, bought):
            return InputCurvature(sample, inputs, bought, threads)
        basis = self.bases.latest
        if basis is None:
            first = self.bases.first
            basis = self.bases.latest = Basis.of(sample if first is None else first, inputs, threads)
            self.bases.first = None
        return PrincipalCurvature(sample, basis.penalized(self.penalty), bought, threads)

    def _at_zero(self, sample: Sample, theta: Float64Array, grad: Float64Array) -> InputCurvature | PrincipalCurvature:
        """Return the Kronecker product, which is exact there; by components where the classes' shares differ."""
        # Where labels are noise, the loss hardly falls on the way from there.
        bought = Plan(0, len(sample.X), self._plan(len(self.loss)).price, False, LONG_FIT)
        inputs = self._inputs_of(sample, grad)
        if not self.loss.split(theta).b.any():
            # One Cholesky factor serves all classes, which are alike there. Components take twenty times as long: they
            # are made where a fit asks for a second curvature, of the same rows.
            curvature = InputCurvature(sample, inputs, bought, self.loss.asked_threads)
            if curvature.factors is not None:
                self.bases.first = sample
                return curvature
        return self._curvature_of(sample, bought, grad)

    @property
    def _is_small(self) -> bool:
        return self._n_whole <= SMALL_BLOCK

    def _leads_as_it_is(self, inputs: Inputs, bought: Plan) -> bool:
        """Whether all inputs lead, or will, so that they serve as well as their components, and cost less.

        With a weak penalty, components tell apart what float32 rounds off in a matrix of the inputs.
        """
        whole = self.loss.family.is_categorical and bought.n_leading == self.n_inputs
        return self._is_small or (whole and self._is_strong(inputs))

    def _is_strong(self, inputs: Inputs) -> bool:
        return bool((inputs.l2[: self.loss.X.shape[1]] >= STRONG_PENALTY).all())

    def _dtype(self, at_zero: bool = False) -> np.dtype[Any]:
        """Choose what the curvature is computed in.

        Where classes are nearly separated, H has eigenvalues that float32 does not tell from zero, if the penalty does
        not raise them.
        """
        inputs = self.bases.inputs
        strong = inputs is not None and self._is_strong(inputs.penalized(self.penalty))
        return self.loss.X.dtype if at_zero or strong or not self._is_small else np.dtype(np.float64)

    def _plan(self, n_weighty: int, all_matter: bool = False) -> Plan:
        loss = self.loss
        n_passes = loss.ledger.n_passes
        return plan(n_weighty, len(loss), self.n_inputs, loss.n_outputs, loss.pass_work, n_passes, all_matter)

    @property
    def n_inputs(self) -> int:
        """The features, and the intercept's one."""
        return self.loss.X.shape[1] + self.loss.fit_intercept

    @property
    def _n_whole(self) -> int:
        """Rows of H, but for the direction in which all classes move alike; of one block where H has one an output."""
        return self.n_inputs * (self.loss.n_outputs - 1 if self.loss.family.is_categorical else 1)

    def _first_rows(self) -> int:
        """Rows of a sample of which nothing is known: more than usual if they are few for so many parameters."""
        n_samples, enough = len(self.loss), ROWS * self._n_whole
        cheap = FIRST_PASSES * 2 * (self.loss.pass_work + CALL_WORK) / self.n_inputs**2
        return min(n_samples, max(sample_rows(n_samples), int(min(enough, cheap, MOST_ROWS))))

    def _spans(self) -> Float64Array:
        """‖z_i‖² of every row in the units of the latest inputs, up to a factor; the first time, a pass over X.

        By random projections (Johnson & Lindenstrauss, Contemporary Mathematics 26, 1984).
        """
        bases, loss = self.bases, self.loss
        assert bases.inputs is not None
        if bases.spans is None:
            mean, unit = bases.inputs.mean, bases.inputs.unit[: self.loss.X.shape[1]]
            signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(PROJECTIONS, len(unit))) * unit
            projected = np.empty((len(loss), PROJECTIONS), self.loss.X.dtype)
            self.loss.X.predict(projected, Parameters(signs, -signs @ mean), False, loss.options)
            loss.count_pass()
            spans = np.einsum("ik,ik->i", projected, projected, dtype=np.float64) / PROJECTIONS
            bases.spans = 1 + np.nan_to_num(spans)
        return bases.spans

    @property
    def name(self) -> str:
        """What `at` returns, in words."""
        if self.has_components and (self._is_small or self.bases.latest is None):
            return "the Hessian in the features themselves"
        if self.has_components:
            return "the principal components of the features"
        return "the Hessian's diagonal, for the features are too many to have components"

    @property
    def has_components(self) -> bool:
        """Whether the principal components of X are worth their cost, beside that of a fit's passes."""
        work, loss = EIGEN_WORK * self.n_inputs**3, self.loss
        usual = self._n_whole <= SMALL_BLOCK or work <= BASIS_PASSES * loss.pass_work
        return usual or loss.ledger.n_passes >= self._components_price

    @property
    def _components_price(self) -> float:
        """What the principal components cost, in iterations."""
        return EIGEN_WORK * self.n_inputs**3 / (self.loss.pass_work + CALL_WORK)

    def _inputs_of(self, sample: Sample, grad: Float64Array) -> Inputs:
        """Return inputs by the sample, or those by another one that serve as well."""
        bases = self.bases
        if bases.inputs is None or not bases.inputs.serves(self.penalty):
            loss, moving = self.loss, np.asarray(self.loss.split(grad).W.any(axis=0))

            def second_moments(center: Float64Array, constant: NDArray[np.bool_]) -> Float64Array:
                # A feature without a gradient needs no curvature; those of zeros, which are many in images, have none.
                if len(sample.X) == len(loss) or not moving[constant].any():
                    return np.zeros(len(center))
                return loss.second_moments(center) * moving

            bases.inputs = Inputs.of(sample, self.penalty, loss.fit_intercept, second_moments)
            bases.latest = bases.first = bases.whole = bases.spans = None
        return bases.inputs.penalized(self.penalty)

    def diagonal(self, theta: Float64Array) -> DiagonalCurvature:
        """Return the diagonal of ∂²F/∂theta² at theta; two passes over X."""
        diagonal, is_guess = loss_diagonal(self.loss, theta)
        self.loss.split(diagonal).W[:] += self.penalty.l2_of_features
        return DiagonalCurvature(diagonal, is_guess, self._components_price)
