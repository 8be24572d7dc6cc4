"""The objective of softmax regression, with its data bound: all that a solver sees of a problem.

    F(W, b) = (1/Σs) Σ_i s_i L_i(W, b) + ½ · l2 · ‖W‖²

An L1 penalty, which has no gradient, is kept here for the methods that can minimise it: it is none of F.

A solver knows one float64 vector, theta = (W in C order, then b); W and b are views of it. Dtype, strides and threads
are decided here, at the border to the kernels.
"""

from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from ..data.arguments import C_TYPE, FloatArray, Targets, is_finite, overflow_shows
from ..data.features import Features
from ..data.samples import Samples
from ..families.ascent import EPOCHS, ascend
from ..families.duality import duality_gap
from ..families.separation import MOST_COEFFICIENTS, NEARLY_SURE, program_size, separated_classes
from ..runtime.precision import Precision
from ..runtime.threads import resolve_num_threads
from ..runtime.vectors import add_scaled, dot
from .curvature import (
    BASIS_PASSES,
    EIGEN_WORK,
    SMALL_BLOCK,
    Basis,
    DiagonalCurvature,
    PrincipalCurvature,
    Sample,
    draw,
    leading_components,
    sample_rows,
    trace,
    unsaturated,
)

Vector = NDArray[np.float64]
# How many times as many samples there are as the curvature looks at, for these to be chosen by what they say about it:
# of fewer, a choice would cost more than it gains.
CHOICE = 5

# Samples of an estimated line, how many times as many there are at least, and the multiply-adds of a pass at least: a
# shorter one takes hardly longer than to choose the samples.
LINE_ROWS, LINE_SHARE, LINE_WORK = 500, 20, 100_000_000

SOFTMAX = _kernels.FAMILIES.index("softmax")

Phi = Callable[[float], tuple[float, float]]


class SoftmaxObjective:
    """X, targets, weights, offset and penalty bound together.

    Parameters
    ----------
    X : Features
    targets : Targets
    sample_weight : (n_samples,) float64 with mean one, or None
    offset : (n_samples, n_classes) of X's dtype, or None
    l2 : float
    l1 : float
        Weight of ‖W‖₁, for the solver and the duality gap: none of what is evaluated here.
    fit_intercept : bool
        False holds b at zero: theta is W alone.
    precision : Precision
        How exact products must be at least, where less than X's dtype is faster.
    num_threads : int or None
    whole : SoftmaxObjective, optional
        What this is a batch of: what is read here counts there too.

    Attributes
    ----------
    n_params : int
        Length of theta.
    n_samples : int
    n_weights : int
        Entries of W, which come first in it.
    rows_read : int
        Samples read so far, by batches too.
    """

    def __init__(
        self,
        X: Features,
        targets: Targets,
        *,
        sample_weight: Vector | None = None,
        offset: FloatArray | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        fit_intercept: bool = True,
        precision: Precision = Precision.EXACT,
        num_threads: int | None = None,
        whole: "SoftmaxObjective | None" = None,
    ) -> None:
        self.X = X
        self.targets = targets
        self.sample_weight = sample_weight
        self.offset = offset
        self.l2 = l2
        self.l1 = l1
        self.fit_intercept = fit_intercept
        self.precision = precision
        self.whole = whole
        self.rows_read = 0
        self._basis: Basis | None = None
        self.num_threads = resolve_num_threads(num_threads, X.n_entries * targets.n_classes)
        self.n_samples = len(X)
        self.n_params = targets.n_classes * (X.shape[1] + fit_intercept)
        self.n_weights = targets.n_classes * X.shape[1]

    @property
    def n_passes(self) -> int:
        """Times that X was read so far, a begun pass being one."""
        return -(-self.rows_read // len(self.X))

    def batch(self, rows: NDArray[np.intp] | slice, sample_weight_factor: Vector | None = None) -> "SoftmaxObjective":
        """Return the objective of some of the samples, with the same penalty.

        The weights stay what they are, of mean one over all samples: the loss and the gradient of rows that are drawn
        uniformly are unbiased estimates of the whole's, and so they are of rows drawn with unequal probabilities where
        sample_weight_factor is 1/(n_samples · probability).

        Parameters
        ----------
        rows : array of int, or slice without a step
            Which samples, each as often as it is named; not empty. A slice of dense X is no copy.
        sample_weight_factor : (len(rows),) float64, optional
            Multiplied with their weights.
        """
        labels, targets, n_classes = self.targets
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        if sample_weight_factor is not None:
            weights = sample_weight_factor if weights is None else weights * sample_weight_factor
        return self._part(
            self.X.rows(rows),
            Targets(
                None if labels is None else labels[rows],
                None if targets is None else targets[rows],
                n_classes,
            ),
            weights,
            None if self.offset is None else self.offset[rows],
        )

    def columns(self, columns: NDArray[np.intp]) -> "SoftmaxObjective":
        """Return the objective of some features alone, as if the others' weights were zero; a copy of these of X.

        A pass over them counts in the whole by its share of all numbers.
        """
        return self._part(self.X.columns(columns), self.targets, self.sample_weight, self.offset)

    def _part(
        self, X: Features, targets: Targets, sample_weight: Vector | None, offset: FloatArray | None
    ) -> "SoftmaxObjective":
        """Return the same problem of some of the data."""
        return SoftmaxObjective(
            X,
            targets,
            sample_weight=sample_weight,
            offset=offset,
            l2=self.l2,
            l1=self.l1,
            fit_intercept=self.fit_intercept,
            precision=self.precision,
            num_threads=min(self.num_threads, resolve_num_threads(None, X.n_entries * targets.n_classes)),
            whole=self,
        )

    @cached_property
    def separated_below(self) -> float:
        """A loss that only samples with probabilities above ½ for their labels, every one, leave: separated classes.

        Zero where a penalty, or targets that are no labels, give every problem an optimum.
        """
        if self.l2 or self.l1 or self.targets.labels is None:
            return 0.0
        smallest = 1.0 if self.sample_weight is None else self.sample_weight[self.sample_weight > 0].min()
        # Half of log 2, for the rounding of the loss.
        return 0.5 * np.log(2) * float(smallest) / len(self.X)

    @overflow_shows
    def separated_classes(self, theta: Vector) -> NDArray[np.intp]:
        """Classes that are separated; none where a penalty gives an optimum, or where it would take too long to tell.

        Only where a sample at theta is nearly sure of its label can there be any: two passes over X, one otherwise.
        """
        n_samples, n_features = self.X.shape
        labels, _, n_classes = self.targets
        size = program_size(n_samples, n_features + self.fit_intercept, n_classes)
        if not self.separated_below or labels is None or size > MOST_COEFFICIENTS:
            return np.empty(0, np.intp)
        if self._probabilities(theta)[np.arange(n_samples), labels].max() < NEARLY_SURE:
            return np.empty(0, np.intp)
        inputs = _finite_values(self.X).astype(np.float64)
        self._count_pass()
        if self.fit_intercept:
            inputs = np.hstack([inputs, np.ones((n_samples, 1))])
        weighs = np.ones(n_samples, bool) if self.sample_weight is None else self.sample_weight > 0
        return separated_classes(inputs[weighs], labels[weighs], n_classes)

    def variant(self, l2: float, l1: float, sample_weight: Vector | None) -> "SoftmaxObjective":
        """Return the same data with another penalty and other weights, (n_samples,) with mean one or None."""
        other = self._copy()
        other.l2, other.l1, other.sample_weight = l2, l1, sample_weight
        for name in ("_mass", "separated_below"):
            vars(other).pop(name, None)
        return other

    def rough(self, theta: Vector) -> "SoftmaxObjective | None":
        """Return the same by rough products, if theta is zero and they are faster and still tell the samples apart."""
        if theta.any() or not self.X.serves_rough_products(self.targets.n_classes):
            return None
        other = self._copy()
        other.precision = Precision.ROUGH
        return other

    def _copy(self) -> "SoftmaxObjective":
        other = copy(self)
        other.whole, other.rows_read = self, 0
        return other

    def split(self, theta: Vector) -> tuple[Vector, Vector]:
        """W (n_classes, n_features) and b (n_classes,) as views of theta; b is zeros where it is not fitted."""
        n_classes, n_features = self.targets.n_classes, self.X.shape[1]
        W = theta[: n_classes * n_features].reshape(n_classes, n_features)
        b = theta[n_classes * n_features :] if self.fit_intercept else np.zeros(n_classes)
        return W, b

    def loss_grad(self, theta: Vector) -> tuple[float, Vector]:
        """F and ∂F/∂theta at theta; one pass over X."""
        grad = np.empty_like(theta)
        return self.write_loss_grad(*self.split(grad), *self.split(theta)), grad

    def write_loss_grad(self, grad_W_out: FloatArray, grad_b_out: Vector, W: FloatArray, b: FloatArray) -> float:
        """Write ∂F/∂W and ∂F/∂b, in float64 or what `X.gradient_dtype` allows, and return F; one pass over X."""
        loss = self.X.loss_grad(
            grad_W_out,
            grad_b_out,
            W,
            b,
            self.targets,
            self.sample_weight,
            self.offset,
            self.precision,
            self.num_threads,
        )
        self._count_pass()
        if self.l2:
            weights = W.astype(np.float64, copy=False)
            add_scaled(grad_W_out, self.l2, weights)
            loss += 0.5 * self.l2 * dot(weights, weights)
        return loss

    def hess_vec(self, theta: Vector, v: Vector) -> Vector:
        """∂²F/∂theta² at theta times a direction v; one pass over X.

        The probabilities are computed anew beside the logits of the direction: X is read once either way, and
        n_samples × n_classes numbers are never kept.
        """
        at, along = self.split(theta), self.split(v)
        product = np.empty_like(theta)
        product_W, product_b = self.split(product)
        self.X.hess_vec(
            *(product_W, product_b, *at, *along, self._mass),
            *(self.offset, self.precision, self.num_threads),
        )
        self._count_pass()
        if self.l2:
            add_scaled(product_W, self.l2, along[0])
        return product

    def line(self, theta: Vector, direction: Vector) -> Phi:
        """Return phi(t) → (F, dF/dt) at theta + t · direction; one pass over X here, none in phi.

        The logits are linear in t: those of theta and those of the direction are all that phi needs.
        """
        W, b = self.split(theta)
        W_step, b_step = self.split(direction)
        n_samples, n_classes = len(self.X), self.targets.n_classes
        both = np.empty((n_samples, 2 * n_classes), dtype=self.X.dtype)
        self.X.predict(
            *(both, np.concatenate([W, W_step]), np.concatenate([b, b_step])),
            *(False, self.precision, self.num_threads),
        )
        self._count_pass()
        logits, slopes = both[:, :n_classes], both[:, n_classes:]
        if self.offset is not None:
            logits += self.offset
        penalty = [0.5 * self.l2 * dot(u, v) for u, v in ((W, W), (W, W_step), (W_step, W_step))]

        samples = Samples(self.targets.labels, self.targets.rows, self.sample_weight)
        cross_entropy = _kernels.cross_entropy[C_TYPE[self.X.dtype]]

        def phi(t: float) -> tuple[float, float]:
            loss, slope = cross_entropy(
                None,
                logits,
                slopes,
                t,
                samples,
                SOFTMAX,
                self.num_threads,
            )
            return (
                loss + penalty[0] + 2 * t * penalty[1] + t * t * penalty[2],
                slope + 2 * penalty[1] + 2 * t * penalty[2],
            )

        return phi

    def sample_line(self, theta: Vector, direction: Vector) -> Phi | None:
        """Return what `line` does, of some samples: an estimate; None where that would save too little."""
        if len(self.X) < LINE_SHARE * LINE_ROWS or self._pass_work < LINE_WORK:
            return None
        rows = np.random.default_rng(0).integers(len(self.X), size=LINE_ROWS)
        return self.batch(np.sort(rows)).line(theta, direction)

    def ascend(self, theta: Vector) -> Iterator[Vector]:
        """Yield points nearer and nearer to the optimum, by epochs of coordinate ascent on the dual, from zero.

        None but for sparse samples, where a step for each costs as little as a pass over all, and for so many features
        that they have no components, which are worth more.
        """
        if theta.any() or not self.l2 or self.offset is not None:
            return
        if self._has_components or not self.X.serves_dual_ascent:
            return
        theta = np.zeros_like(theta)
        for _ in ascend(
            *(self.X, self.targets, self._mass, self.l2, *self.split(theta), self.fit_intercept, self.num_threads)
        ):
            for _ in range(EPOCHS):
                self._count_pass()
            yield theta.copy()

    def curvature(self, theta: Vector) -> PrincipalCurvature | DiagonalCurvature:
        """Return an approximation of ∂²F/∂theta² at theta, whose inverse `solve` multiplies with."""
        if not self._has_components:
            return self._diagonal(theta)
        sample = self._sample(theta)
        basis = self._basis_of(sample)
        # At W = 0 the Kronecker product is exact.
        n_leading = 0
        if theta.any():
            n_leading = leading_components(len(sample.X), len(basis.unit), self.targets.n_classes, self._pass_work)
        return PrincipalCurvature(sample, basis, n_leading, self.num_threads)

    @property
    def curvature_name(self) -> str:
        """What `curvature` is, in words."""
        if self._has_components:
            return "the principal components of the features"
        return "the Hessian's diagonal, for the features are too many to have components"

    @property
    def _pass_work(self) -> float:
        """Multiply-adds of a pass."""
        return 2.0 * self.X.n_entries * self.targets.n_classes

    @property
    def _has_components(self) -> bool:
        """Whether the principal components of X are worth their cost, beside that of a fit's passes."""
        n_inputs = self.X.shape[1] + self.fit_intercept
        small = n_inputs * (self.targets.n_classes - 1) <= SMALL_BLOCK
        return small or EIGEN_WORK * n_inputs**3 <= BASIS_PASSES * self._pass_work

    def _basis_of(self, sample: Sample) -> Basis:
        """Principal components of the sample, or those of another one: all variants of the whole share the latest."""
        whole = self
        while whole.whole is not None:
            whole = whole.whole
        if whole._basis is None or not whole._basis.serves(self.l2):
            whole._basis = Basis.of(sample, self.l2, self.fit_intercept, self.num_threads)
        return whole._basis.penalized(self.l2)

    def _sample(self, theta: Vector) -> Sample:
        """Rows that the curvature at theta depends on most, all if they are few."""
        n_samples = len(self.X)
        part, factor = self, np.ones(1)
        if n_samples > sample_rows(n_samples):
            importance = np.ones(n_samples) if self._mass is None else self._mass
            if theta.any() and n_samples > CHOICE * sample_rows(n_samples):
                importance = importance * trace(self._probabilities(theta))
            rows, probability = draw(importance)
            part, factor = self.batch(rows), 1 / probability
        mass = np.broadcast_to(factor if part._mass is None else part._mass * factor, len(part.X)) / n_samples
        probabilities, traces = unsaturated(part._probabilities(theta).astype(np.float64), mass)
        X = np.ascontiguousarray(_finite_values(part.X))
        return Sample(X, probabilities, mass, traces / traces.sum())

    def diagonal(self, theta: Vector) -> Vector:
        """Diagonal of ∂²F/∂theta² at theta, positive; two passes over X."""
        return 1 / self._diagonal(theta).inverse

    def _diagonal(self, theta: Vector) -> DiagonalCurvature:
        mass = np.ones(len(self.X)) if self._mass is None else self._mass
        probabilities, _ = unsaturated(self._probabilities(theta), mass)
        weights = probabilities * (1 - probabilities) * (mass / len(self.X))[:, None]
        diagonal = np.empty_like(theta)
        of_W, of_b = self.split(diagonal)
        of_W[:] = self.X.squares(weights) + self.l2
        of_b[:] = weights.sum(axis=0)
        self._count_pass()
        if not np.isfinite(diagonal.sum()):
            self.X.check_finite("X")
            raise ValueError("X is so large that the squares of its features overflow float64; scale its features")
        return DiagonalCurvature(diagonal)

    def _probabilities(self, theta: Vector) -> FloatArray:
        """softmax(W x_i + b + o_i) for every row; one pass over X, none at zero."""
        shape = len(self.X), self.targets.n_classes
        if self.offset is None and not theta.any():
            return np.full(shape, 1 / shape[1], dtype=self.X.dtype)
        out = np.empty(shape, dtype=self.X.dtype)
        self.X.predict(out, *self.split(theta), self.offset is None, self.precision, self.num_threads)
        if self.offset is not None:
            out += self.offset
            _kernels.softmax(out, out, False, self.num_threads)
        self._count_pass()
        return out

    def duality_gap(self, theta: Vector) -> float:
        """Bound of F plus l1 · ‖W‖₁ at theta, over its minimum; computed in float64, two passes over X."""
        gap = duality_gap(
            *(self.X, self.targets, self.sample_weight, self.offset, *self.split(theta)),
            *(self.l1, self.l2, self.fit_intercept),
        )
        self._count_pass()
        self._count_pass()
        return gap

    def curvature_bound(self) -> float:
        """Return L with ∂²F/∂theta² ⪯ L everywhere: gradient descent by 1/L never increases F.

        Böhning's bound (Annals of the Institute of Statistical Mathematics 44, 1992): diag(p) − p pᵀ ⪯ ½, hence
        L = ½ · λmax([X 1]ᵀ diag(s) [X 1]) / Σs + l2. Two classes of probability ½ have just that Hessian in the
        direction (v, −v)/√2. The eigenvalue is found by Lanczos' method (ARPACK), which comes from below, to a
        thousandth, and is given a margin of a hundredth. One pass over X a step of it.

        Raises
        ------
        ValueError
            If the eigenvalue overflows X's dtype.
        """
        from scipy.sparse.linalg import LinearOperator, eigsh

        two = SoftmaxObjective(
            self.X,
            Targets(np.zeros(len(self.X), dtype=np.intp), None, 2),
            sample_weight=self._mass,
            fit_intercept=self.fit_intercept,
            num_threads=self.num_threads,
            whole=self,
        )
        n_features = self.X.shape[1]
        size = n_features + self.fit_intercept
        zero = np.zeros(two.n_params)

        def half_gram(v: Vector) -> Vector:
            v = v.ravel()
            direction = np.concatenate([v[:n_features], -v[:n_features], v[n_features:], -v[n_features:]])
            product_W, product_b = two.split(two.hess_vec(zero, direction))
            return np.concatenate([product_W[0], product_b[:1]]) if self.fit_intercept else product_W[0]

        # ARPACK wants room for its basis; where there is none, the whole matrix is as small.
        smallest_iterated = 24
        if size < smallest_iterated:
            matrix = np.stack([half_gram(column) for column in np.eye(size)])
            largest = np.linalg.eigvalsh(matrix)[-1] if np.isfinite(matrix).all() else np.inf
        else:
            start = np.random.default_rng(0).standard_normal(size)
            image = half_gram(start)
            if not image.any():
                largest = 0.0  # X is zero, which is a start that ARPACK refuses
            elif np.isfinite(image).all():
                operator = LinearOperator((size, size), matvec=half_gram, dtype=np.float64)
                largest = eigsh(operator, k=1, v0=start, tol=1e-3, return_eigenvectors=False)[0]
            else:
                largest = np.inf
        if not np.isfinite(largest):
            self.X.check_finite("X")
            raise ValueError(f"X is so large that XᵀX overflows {self.X.dtype}; scale its features")
        return 1.01 * float(largest) + self.l2

    def _count_pass(self) -> None:
        objective, rows = self, len(self.X)
        objective.rows_read += rows
        while objective.whole is not None:
            part, objective = objective, objective.whole
            if part.X.shape[1] < objective.X.shape[1]:
                rows = rows * part.X.n_entries // max(1, objective.X.n_entries)
            objective.rows_read += rows

    @cached_property
    def _mass(self) -> Vector | None:
        """Weights of the samples times the sums of their targets, or None where all are one."""
        if self.targets.rows is None:
            return self.sample_weight
        mass = self.targets.rows.sum(axis=1, dtype=np.float64)
        return mass if self.sample_weight is None else mass * self.sample_weight


@overflow_shows
def _finite_values(X: Features) -> FloatArray:
    """X itself, dense, scaled and shifted, of which what is stored has been found finite.

    Raises
    ------
    ValueError
        If the scale or the shift makes it infinite.
    """
    values = X.values()
    if (X.scale is not None or X.shift is not None) and not is_finite(values):
        raise ValueError(f"scale or shift is so large that X overflows {values.dtype} with them")
    return values
