"""The curvature of the loss: approximations M of the Hessian H whose inverse is cheap to multiply with.

    H = Σ_i w_i (diag(p_i) − p_i p_iᵀ) ⊗ z_i z_iᵀ + J       z = (x, 1), w_i = s_i Σ_k y_ik / Σs, J = diag(l2, …, 0)

`InputCurvature` is a sample's own H, or the Kronecker product A ⊗ Γ of the second moments of classes and features
(Martens & Grosse, ICML 2015), which equals H at W = 0. `PrincipalCurvature` works in the principal components of the
features. On the leading components it forms H itself, for all classes. On the others it takes the Kronecker product,
whose Γ is diagonal there. `DiagonalCurvature`, the diagonal of H, needs no matrix.

Where outputs are independent, H has a block for each of them, Σ_i w_i C_ik z_i z_iᵀ + J.
"""

import math
from abc import ABC, abstractmethod

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.override import override
from ..runtime.vectors import combine
from .basis import Basis
from .cholesky import Factors
from .hessian import RESOLUTION, hessian_blocks, kronecker_blocks, output_directions
from .inputs import Inputs
from .plan import Plan
from .products import product
from .sample import Sample

# Rows used for the moments of trailing components.
MOMENT_ROWS = 1_000


class DirectionsCurvature(ABC):
    """An approximation of H in inputs and directions of outputs.

    Parameters
    ----------
    sample : Sample
    inputs : Inputs
    plan : Plan
    num_threads : int or None
    """

    def __init__(self, sample: Sample, inputs: Inputs, plan: Plan, num_threads: int | None) -> None:
        self.price, self.is_exact = plan.price, plan.is_exact
        self.better_at, self.better_below = plan.better_at, plan.better_below
        self.inputs, self.num_threads, self.dtype = inputs, num_threads, sample.X.dtype
        self.is_guess, self.is_categorical = sample.is_guess, sample.is_categorical
        self.n_outputs = sample.probabilities.shape[1]
        self.spread, self.classes = output_directions(sample)
        self.classes_T: FloatArray | None = None
        if self.classes is not None:
            self.classes_in = self.classes.astype(self.dtype)
            self.classes_T = np.ascontiguousarray(self.classes_in.T)

    @abstractmethod
    def _solve_inputs(self, inputs: FloatArray) -> FloatArray:
        """Multiply weights of the inputs, (n_outputs, n_inputs), with M⁻¹."""

    def _to_directions(self, rotated: FloatArray) -> FloatArray:
        return rotated if self.classes_T is None else product(rotated, self.classes_T, self.num_threads)

    def _from_directions(self, solved: FloatArray) -> FloatArray:
        return solved if self.classes_T is None else product(solved, self.classes_in, self.num_threads)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters, W in C order and then b, with M⁻¹."""
        K, inputs = self.n_outputs, self.inputs
        split = K * len(inputs.mean)
        W, b = v[:split].reshape(K, -1), v[split:].reshape(K, -1)
        shift = None
        if self.is_categorical:
            # A shift of all classes alike changes only the penalty, and is 0 at the optimum. Rounding gives the
            # gradient such a part, which must not be divided by a small l2.
            alike = combine(np.ones(K), W, self.num_threads) - b.sum() * inputs.mean
            shift = alike * (inputs.unit[: len(inputs.mean)] ** 2 / K)
        found = self._solve_inputs(inputs.of_gradient(W, b, self.dtype, self.num_threads))
        out = np.empty_like(v)
        W_out, b_out = out[:split].reshape(W.shape), out[split:].reshape(b.shape)
        inputs.write_parameters(found, W_out, b_out, shift, self.num_threads)
        return out


class InputCurvature(DirectionsCurvature):
    """A matrix for the inputs as they are: H, or without leading components the Kronecker product."""

    def __init__(self, sample: Sample, inputs: Inputs, plan: Plan, num_threads: int | None) -> None:
        super().__init__(sample, inputs, plan, num_threads)
        Z = inputs.of_rows(sample.X)
        blocks = hessian_blocks(sample, self.classes, Z, num_threads) if plan.n_leading else None
        self.factors = None if blocks is None else self._factorized(blocks, sample, self.spread)
        if self.factors is None:
            # Also where an output has no curvature of its own: here it has a small share of the others'.
            spread = self.spread[:1] if is_even(self.spread) else self.spread
            self.factors = self._factorized(kronecker_blocks(sample, spread, Z, num_threads), sample, spread)

    def _factorized(self, blocks: FloatArray, sample: Sample, spread: Float64Array) -> Factors | None:
        inputs = self.inputs
        add_alone(blocks, np.diag(inputs.l2), np.diag(inputs.unseen), spread)
        of_inputs = np.einsum("bcjcj->j", blocks)
        # An input without curvature gets the largest one: its gradient is a rounding error, not to be magnified.
        flat = of_inputs <= np.finfo(sample.precision).eps * of_inputs.max()
        np.einsum("bcjcj->bcj", blocks)[..., flat] += of_inputs.max() or 1.0  # a view of the diagonals
        return Factors.of(blocks, sample.precision)

    @override
    def _solve_inputs(self, inputs: FloatArray) -> FloatArray:
        assert self.factors is not None
        return self._from_directions(self.factors.solve(self._to_directions(inputs.T).T).T).T


class PrincipalCurvature(DirectionsCurvature):
    """H in principal components: the sample's own H on the leading ones, a Kronecker product on the others.

    Parameters
    ----------
    sample : Sample
    basis : Basis
    plan : Plan
        Its leading components are the last ones of the basis; may be none.
    num_threads : int or None
    """

    def __init__(self, sample: Sample, basis: Basis, plan: Plan, num_threads: int | None) -> None:
        inputs = basis.inputs
        super().__init__(sample, inputs, plan, num_threads)
        n_leading = self.n_leading = plan.n_leading
        self.components, self.components_T = basis.components, np.ascontiguousarray(basis.components.T)
        spread = self.spread

        Z = inputs.of_rows(sample.X)
        few = slice(None, None, max(1, len(Z) // MOMENT_ROWS))
        rotated = product(Z[few], self.components_T, num_threads)
        moments = (sample.spread[few] / sample.spread[few].sum()).astype(self.dtype) @ rotated**2
        moments = moments.astype(np.float64) + self.components_T**2 @ inputs.unseen
        penalty = self.components_T**2 @ inputs.l2
        # A component without curvature gets the largest moment: its gradient is a rounding error, not to be magnified.
        curvature = moments * spread.max() + penalty
        flat = curvature <= np.finfo(sample.precision).eps * curvature.max()
        moments = np.where(flat, moments.max() or 1.0, np.maximum(moments, RESOLUTION * moments.max()))
        # As products lie in memory: they are multiplied entry by entry.
        inverse = (1 / (moments[:, None] * spread + penalty[:, None])).astype(self.dtype)
        self.inverse = np.asfortranarray(inverse) if len(spread) > len(moments) else inverse

        self.factors: Factors | None = None
        if n_leading:
            leading = self.components_T[-n_leading:]
            alone = (leading * inputs.l2) @ leading.T
            alone[np.diag_indices(n_leading)] += flat[-n_leading:] * moments.max() * spread.max()
            Y = rotated[:, -n_leading:] if len(rotated) == len(Z) else product(Z, leading, num_threads)
            blocks = hessian_blocks(sample, self.classes, np.ascontiguousarray(Y), num_threads)
            if blocks is not None:
                add_alone(blocks, alone, (leading * inputs.unseen) @ leading.T, spread)
                self.factors = Factors.of(blocks, sample.precision)

    @override
    def _solve_inputs(self, inputs: FloatArray) -> FloatArray:
        rotated = self._to_directions(product(self.components_T, inputs, self.num_threads))
        solved: FloatArray = rotated * self.inverse
        if self.factors is not None:
            solved[-self.n_leading :] = self.factors.solve(rotated[-self.n_leading :].T).T
        return product(self.components, self._from_directions(solved).T, self.num_threads).T


def is_even(spread: Float64Array) -> bool:
    """Whether all directions of outputs have the same curvature, up to rounding."""
    return bool(spread.max() <= (1 + RESOLUTION) * spread.min())


def add_alone(blocks_inout: FloatArray, alone: FloatArray, unseen: FloatArray, spread: Float64Array) -> None:
    """Add to blocks, (n_blocks, m, n, m, n), what each direction of outputs has by itself: alone + unseen · spread."""
    n_blocks, each = blocks_inout.shape[:2]
    for block, of_block in zip(blocks_inout, spread.reshape(n_blocks, each), strict=True):
        for c, of_direction in enumerate(of_block):
            block[c, :, c] += alone + unseen * blocks_inout.dtype.type(of_direction)


class DiagonalCurvature:
    """The diagonal of H.

    Parameters
    ----------
    diagonal : (n_params,)
        Its entries, finite; those not positive are replaced by the smallest positive one, or by 1 if there is none.
    is_guess : bool
        Whether it is that of probabilities of 1/K, in the place of a Hessian that is nearly zero.
    better_at : float
        Passes of the fit from which on components of the features are worth their price.
    """

    better_below: float | None = None

    def __init__(self, diagonal: Float64Array, is_guess: bool = False, better_at: float = math.inf) -> None:
        self.is_guess = is_guess
        self.price, self.is_exact, self.better_at = 2.0, False, better_at
        positive = diagonal > max(RESOLUTION**2 * diagonal.max(), np.finfo(np.float64).tiny)
        self.inverse = 1 / np.where(positive, diagonal, diagonal[positive].min() if positive.any() else 1.0)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with M⁻¹."""
        return v * self.inverse
