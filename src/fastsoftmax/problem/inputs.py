"""The inputs of the curvature: features, centred if there is an intercept, and its 1; all times `unit`.

The units make the curvature independent of the features' scale, up to rounding.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.vectors import BLOCK, affine, products
from .sample import Sample

# A feature is constant if its standard deviation is at most 100 roundings (eps) of its mean.
CONSTANT = 100

# The mean of p (1 − p) that is expected late in a fit; it weighs the features' moments against the penalty.
LATE_WEIGHT = 0.003

# Units and components change slowly with the penalty: recompute them only if it changes by this factor.
SIMILAR_PENALTY = 2.0

# The intercept is an input of this size: so large that it is among the leading components.
INTERCEPT_UNIT = 1e3


class Inputs(NamedTuple):
    """What makes inputs of features, and parameters of what is found in inputs."""

    mean: Float64Array  # (n_features,)
    unit: Float64Array  # (n_inputs,)
    l2: FloatArray  # (n_inputs,), the weights of ½ W_kj², in the units of the inputs
    unseen: FloatArray  # (n_inputs,), second moments of inputs that are constant in the sample alone, in their units
    penalty: ElasticNet  # that they are of

    @classmethod
    def of(
        cls,
        sample: Sample,
        penalty: ElasticNet,
        fit_intercept: bool,
        second_moments: Callable[[Float64Array, NDArray[np.bool_]], Float64Array],
    ) -> "Inputs":
        """Choose the units by a sample.

        Parameters
        ----------
        second_moments : callable
            Returns the second moments over all rows, (n_features,), about these means; asked if there are features that
            are constant in the sample, (n_features,). A rare one, which no row of the sample has, is not without
            curvature.
        """
        weights, X = sample.spread, sample.X
        n_features = X.shape[1]
        mean = weights @ X if fit_intercept else np.zeros(n_features)
        variance = _variance(X, weights, mean, sample.precision)
        # The intercept has no penalty, and all rows have it.
        unit, l2, unseen = np.full((3, n_features + fit_intercept), [[INTERCEPT_UNIT], [0], [0]])
        if not variance.all():
            constant, of_all = variance == 0, unseen[:n_features]
            # About the value itself: the mean of equal values is rounded.
            of_all[constant] = second_moments(np.where(constant, X[0], mean), constant)[constant]
            of_all[of_all <= _rounding(mean, sample.precision) ** 2] = 0
            variance += of_all
        own = _own_curvature(variance, mean, penalty.l2_of_features, sample.precision)
        np.divide(1, np.sqrt(own), out=unit[:n_features])
        squares = unit[:n_features] ** 2
        np.multiply(squares, penalty.l2_of_features, out=l2[:n_features])
        if unseen.any():
            unseen[:n_features] *= squares
            unseen[~np.isfinite(unseen)] = 0  # the unit of what overflows is zero
        return cls(mean, unit, l2.astype(X.dtype, copy=False), unseen.astype(X.dtype, copy=False), penalty)

    def serves(self, penalty: ElasticNet) -> bool:
        """Whether units and components are nearly those of another penalty, with the same factors of the features."""
        own, other = self.penalty.l2, penalty.l2
        return other == own or own / SIMILAR_PENALTY < other < own * SIMILAR_PENALTY

    def penalized(self, penalty: ElasticNet) -> "Inputs":
        """Return the same inputs with another penalty, which has the same factors of the features."""
        if penalty.l2 == self.penalty.l2:
            return self
        l2 = (penalty.l2_of_features * self.unit[: len(self.mean)] ** 2).astype(self.l2.dtype)
        return self._replace(l2=np.append(l2, self.l2[len(self.mean) :]), penalty=penalty)

    def of_rows(self, X: FloatArray) -> FloatArray:
        """Return the inputs of these rows, (n_rows, n_inputs)."""
        n_features = len(self.mean)
        inputs = np.empty((len(X), len(self.unit)), X.dtype)
        affine(inputs[:, :n_features], X, self.unit[:n_features], outer=(np.full(len(X), -1.0), self.mean))
        overflows = self.unit == 0
        if overflows.any():
            inputs[:, overflows] = 0  # infinity times zero is NaN
        inputs[:, n_features:] = self.unit[n_features:]
        return inputs

    def of_gradient(self, W: Float64Array, b: Float64Array, dtype: DTypeLike, num_threads: int | None) -> FloatArray:
        """Return what a gradient by W, (n_outputs, n_features), and b, (n_outputs, 1 or 0), is by weights of inputs."""
        n_features = len(self.mean)
        inputs = np.empty((len(W), len(self.unit)), dtype)
        outer = None
        if b.size:
            np.multiply(b, INTERCEPT_UNIT, out=inputs[:, n_features:], casting="same_kind")
            # The inputs are centred, so b + W mean is their intercept.
            outer = -b[:, 0], self.mean
        affine(inputs[:, :n_features], W, self.unit[:n_features], outer=outer, num_threads=num_threads)
        return inputs

    def write_parameters(
        self,
        found: FloatArray,
        W_out: Float64Array,
        b_out: Float64Array,
        shift: Float64Array | None,
        num_threads: int | None,
    ) -> None:
        """Write the W, each row plus a shift, and b of the inputs' weights, (n_outputs, n_inputs)."""
        n_features, found = len(self.mean), np.ascontiguousarray(found)
        affine(W_out, found[:, :n_features], self.unit[:n_features], shift=shift, num_threads=num_threads)
        if b_out.size:
            np.multiply(found[:, n_features:], INTERCEPT_UNIT, out=b_out)
            b_out -= products(W_out, self.mean, num_threads)[:, None]


def _variance(
    X: FloatArray, weights: Float64Array, mean: Float64Array, precision: np.dtype[np.floating]
) -> Float64Array:
    """Return the weighted variance of each feature, (n_features,), zero where it is only rounding."""
    centred = X - mean.astype(X.dtype, copy=False)
    # The mean is rounded: subtract what that adds to the variance.
    rest = (weights.astype(X.dtype, copy=False) @ centred).astype(np.float64, copy=False)
    if X.size <= BLOCK:
        # BLAS adds them up faster than einsum does, where an array of squares costs little.
        moments: Float64Array = weights @ np.square(centred, dtype=np.float64)
    else:
        moments = np.einsum("i,ij,ij->j", weights, centred, centred, dtype=np.float64)
    variance = moments - rest**2
    variance[np.sqrt(np.maximum(variance, 0)) <= _rounding(mean, precision)] = 0
    return variance


def _rounding(mean: Float64Array, precision: np.dtype[np.floating]) -> Float64Array:
    """Return the standard deviation that rounding gives to constant features of these means."""
    return CONSTANT * float(np.finfo(precision).eps) * np.abs(mean)


def _own_curvature(
    variance: Float64Array, mean: Float64Array, l2: float | Float64Array, precision: np.dtype[np.floating]
) -> Float64Array:
    """Return the curvature of each feature taken alone, (n_features,).

    A feature without curvature gets more than any other has, so that steps hardly change its weights.
    """
    eps, tiny = np.finfo(precision).eps, np.finfo(precision).tiny
    own = LATE_WEIGHT * variance + l2
    if variance.all() and own.min() >= tiny and own.max() < np.inf:
        return own
    constant, steepest = variance == 0, LATE_WEIGHT * (variance + mean**2)
    most = steepest[np.isfinite(steepest)].max(initial=tiny) + np.max(l2)
    # A constant feature's only curvature is the penalty, which may be less than the rounding of the gradient. If a
    # feature's squares underflow, the inverse would be infinite.
    flat = (own < tiny) | constant & (l2 <= CONSTANT * eps * most)
    own = np.where(flat, most if most > tiny else 1.0, own)
    return np.where(np.isfinite(own), own, np.inf)
