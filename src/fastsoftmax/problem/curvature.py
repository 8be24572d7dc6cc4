"""The curvature of the loss: approximations M of the Hessian H whose inverse is cheap to multiply with.

    H = Σ_i w_i (diag(p_i) − p_i p_iᵀ) ⊗ z_i z_iᵀ + l2 · J       z = (x, 1), w_i = s_i Σ_k y_ik / Σs, J = diag(1, …, 0)

`PrincipalCurvature` works in the principal components of the features. On the leading components it forms H itself, for
all classes. On the others it takes the Kronecker product A ⊗ diag(γ) of the second moments of classes and features
(Martens & Grosse, ICML 2015), which equals H at W = 0. `DiagonalCurvature`, the diagonal of H, needs no components.

`PrincipalCurvature` looks at a sample of the rows. Row i is drawn with a probability proportional to w_i (1 − ‖p_i‖²),
the trace of its part of H: rows that a fitted model is sure of tell nothing about H (Xu et al., NeurIPS 2016).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.features import DenseFeatures
from ..runtime.precision import Precision

Vector = NDArray[np.float64]
FloatArray = NDArray[np.floating[Any]]  # float32 or float64: of the data's own precision

# Sample size: least, most; rows used for the moments of trailing components.
FEWEST_ROWS, MOST_ROWS, MOMENT_ROWS = 500, 5_000, 1_000

# The exact block has at most 1008 rows. Unless all components lead, their number is a multiple of 8, a whole vector.
MAX_BLOCK, LEADING_STEP = 1_008, 8

# If the exact block of all components has at most this many rows, use it for any n: it takes a millisecond.
SMALL_BLOCK = 300

# Limits of the work for the components and for the exact block, as multiples of a pass over the data.
BASIS_PASSES, BLOCK_PASSES = 150, 4

# Above this K, one Gram matrix over all classes is faster than one for each pair of class directions.
PAIRED_CLASSES = 20

# Weights of Gram matrices are formed for several matrices at a time: at most this many numbers (4 MB).
WEIGHTS = 500_000

# Above this K, use only the diagonal of the class moments: the eigenvectors would cost more than they save.
MANY_CLASSES = 256

# An eigenvalue decomposition of size n takes the time of 10 n³ multiply-adds of a matrix product.
EIGEN_WORK = 10

# Second moments below this share of the largest may be rounding errors: raise them to it.
RESOLUTION = 1e-6

# If the mean of 1 − ‖p_i‖² is at most this, the model is sure of all samples, and H tells nothing about a step.
SATURATED = 1e-12

# Increase a diagonal by this share, so that the matrix stays positive definite in spite of rounding.
RIDGE = 1e-5

# A feature is constant if its standard deviation is at most 100 roundings (eps) of its mean.
CONSTANT = 100

# The mean of p (1 − p) that is expected late in a fit; it weighs the features' moments against the penalty.
LATE_WEIGHT = 0.003

# The components change slowly with the penalty: recompute them only if it changes by this factor.
SIMILAR_PENALTY = 2.0

# The intercept is an input of this size: so large that it is among the leading components.
INTERCEPT_UNIT = 1e3

# Below this many multiply-adds (0.2 ms), BLAS on one thread is as fast as our kernels on all threads.
SMALL_PRODUCT = 10_000_000


@dataclass(frozen=True)
class Sample:
    """A random sample of the rows, weighted so that its sums estimate those over all rows."""

    X: NDArray[np.floating[Any]]  # (n_rows, n_features)
    probabilities: Vector  # (n_rows, n_classes)
    weights: Vector  # (n_rows,), w_i divided by the probability that row i is drawn
    spread: Vector  # (n_rows,), weighted traces of the rows' class matrices, scaled to sum one


def trace(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 − ‖p_i‖² for every row, the trace of diag(p_i) − p_i p_iᵀ, without cancellation."""
    trace: NDArray[np.floating] = np.einsum("ik,ik->i", probabilities, 1 - probabilities)
    return trace


def unsaturated(probabilities: NDArray[Any], mass: Vector) -> tuple[NDArray[Any], Vector]:
    """Return probabilities and the weighted traces of their class matrices, (n_rows,); mass is w_i.

    If the model is sure of every sample it has no curvature: the probabilities are then replaced by 1/K.
    """
    traces = mass * trace(probabilities)
    if traces.sum() > SATURATED * mass.sum():
        return probabilities, traces
    n_classes = probabilities.shape[1]
    return np.full_like(probabilities, 1 / n_classes), mass * (1 - 1 / n_classes)


def sample_rows(n_samples: int) -> int:
    """Return the sample size: a third of the rows, at least FEWEST_ROWS or all, at most MOST_ROWS."""
    return min(n_samples, MOST_ROWS, max(FEWEST_ROWS, n_samples // 3))


def draw(importance: Vector) -> tuple[NDArray[np.intp], Vector]:
    """Draw about `sample_rows` rows with probabilities proportional to importance; return rows and probabilities."""
    n_rows = sample_rows(len(importance))
    if not importance.any():
        importance = np.ones(len(importance))  # the model is sure of all samples: no row matters more
    probability = importance * (n_rows / importance.sum(dtype=np.float64))
    # Cut probabilities off at 1 and give the excess to the other rows.
    for _ in range(3):
        if probability.max() <= 1:
            break
        certain = probability >= 1
        rest = probability[~certain].sum()
        probability *= max(1.0, (n_rows - certain.sum()) / rest) if rest > 0 else 1.0
        np.minimum(probability, 1, out=probability)
    rows = np.flatnonzero(np.random.default_rng(0).random(len(probability)) < probability)
    return rows, probability[rows].astype(np.float64)


class Basis(NamedTuple):
    """Principal components of the inputs: features, centred if there is an intercept, and its 1; all times `unit`."""

    mean: Vector  # (n_features,)
    unit: Vector  # (n_inputs,)
    components: FloatArray  # (n_inputs, n_inputs), orthonormal columns by ascending second moment
    penalty: FloatArray  # (n_inputs,), l2 in the units of the inputs
    l2: float

    @classmethod
    def of(cls, sample: Sample, l2: float, fit_intercept: bool, num_threads: int) -> "Basis":
        """Compute the components of a sample; the units make them independent of the features' scale."""
        from scipy.linalg import eigh

        weights, X = sample.spread, sample.X
        mean = weights @ X if fit_intercept else np.zeros(X.shape[1])
        unit = 1 / np.sqrt(_own_curvature(X, weights, mean, l2))
        penalty = l2 * unit**2
        if fit_intercept:
            unit, penalty = np.append(unit, INTERCEPT_UNIT), np.append(penalty, 0)
        basis = cls(mean, unit, np.empty((0, 0), X.dtype), penalty.astype(X.dtype), l2)
        moments_and_penalty = X.dtype.type(LATE_WEIGHT) * _gram(basis.inputs(X), weights[None], num_threads)[0]
        np.fill_diagonal(moments_and_penalty, moments_and_penalty.diagonal() + basis.penalty)
        # NumPy's eigh always computes in float64, which takes twice as long.
        _, components = eigh(moments_and_penalty, driver="evd", overwrite_a=True, check_finite=False)
        return basis._replace(components=components)

    def serves(self, l2: float) -> bool:
        """Whether the components are nearly those of penalty l2."""
        return l2 == self.l2 or self.l2 / SIMILAR_PENALTY < l2 < self.l2 * SIMILAR_PENALTY

    def penalized(self, l2: float) -> "Basis":
        """Return the same components with another penalty."""
        if l2 == self.l2:
            return self
        return self._replace(penalty=self.penalty * self.penalty.dtype.type(l2 / self.l2), l2=l2)

    def inputs(self, X: NDArray[np.floating[Any]]) -> FloatArray:
        """Return the inputs of these rows in their units, (n_rows, n_inputs)."""
        n_features = len(self.mean)
        inputs = np.empty((len(X), len(self.unit)), X.dtype)
        centred = X - self.mean.astype(X.dtype)
        np.multiply(centred, self.unit[:n_features].astype(X.dtype), out=inputs[:, :n_features])
        inputs[:, n_features:] = self.unit[n_features:]
        return inputs


class PrincipalCurvature:
    """H in principal components: the sample's own H on the leading ones, a Kronecker product on the others.

    Parameters
    ----------
    sample : Sample
    basis : Basis
    n_leading : int
        Number of leading components, which are the last ones of the basis; may be 0.
    num_threads : int
    """

    def __init__(self, sample: Sample, basis: Basis, n_leading: int, num_threads: int) -> None:
        self.basis = basis
        self.n_features = len(basis.mean)
        self.n_leading = n_leading
        self.num_threads = num_threads
        self.unit = basis.unit[: self.n_features]
        self.components, self.components_T = basis.components, np.ascontiguousarray(basis.components.T)
        spread, classes = _class_directions(sample)
        self.n_classes = sample.probabilities.shape[1]
        self.shared_inverse = self.unit**2 / self.n_classes
        self.dtype = sample.X.dtype
        self.classes_T: FloatArray | None = None
        if classes is not None:
            self.classes = classes.astype(self.dtype)
            self.classes_T = np.ascontiguousarray(self.classes.T)

        Z = basis.inputs(sample.X)
        few = slice(None, None, max(1, len(Z) // MOMENT_ROWS))
        rotated = _product(Z[few], self.components_T, num_threads)
        moments = (sample.spread[few] / sample.spread[few].sum()).astype(self.dtype) @ rotated**2
        moments = moments.astype(np.float64)
        penalty = self.components_T**2 @ basis.penalty
        # A component without curvature gets the largest moment: its gradient is a rounding error, not to be magnified.
        curvature = moments * spread.max() + penalty
        flat = curvature <= np.finfo(self.dtype).eps * curvature.max()
        moments = np.where(flat, moments.max() or 1.0, np.maximum(moments, RESOLUTION * moments.max()))
        self.inverse = (1 / (moments[:, None] * spread + penalty[:, None])).astype(self.dtype)

        self.leading_factor: Cholesky | None = None
        if n_leading and classes is not None:
            leading = self.components_T[-n_leading:]
            hessian = _hessian(sample, classes, _product(Z, leading, num_threads), num_threads)
            alone = (leading * basis.penalty) @ leading.T
            alone[np.diag_indices(n_leading)] += flat[-n_leading:] * moments.max() * spread.max()
            for c in range(len(spread)):
                hessian[c, :, c] += alone
            self.leading_factor = Cholesky.of(hessian.reshape(len(spread) * n_leading, -1))

    def solve(self, v: Vector) -> Vector:
        """Multiply a vector of parameters, W in C order and then b, with M⁻¹."""
        split, unit, threads = self.n_classes * self.n_features, self.unit, self.num_threads
        W, b = v[:split].reshape(self.n_classes, -1), v[split:].reshape(self.n_classes, -1)
        inputs = np.empty((self.n_classes, len(self.basis.unit)), self.dtype)
        if b.size:
            # The inputs are centred, so b + W mean is their intercept.
            W = W - b * self.basis.mean
            np.multiply(b, INTERCEPT_UNIT, out=inputs[:, self.n_features :], casting="same_kind")
        np.multiply(W, unit, out=inputs[:, : self.n_features], casting="same_kind")
        rotated = _product(self.components_T, inputs, threads)
        if self.classes_T is not None:
            rotated = _product(rotated, self.classes_T, threads)
        solved = rotated * self.inverse
        if self.leading_factor is not None:
            leading = rotated[-self.n_leading :].T
            solved[-self.n_leading :] = self.leading_factor.solve(leading.reshape(-1)).reshape(leading.shape).T
        if self.classes_T is not None:
            solved = _product(solved, self.classes, threads)
        inputs = _product(self.components, solved.T, threads).T
        out = np.empty_like(v)
        W_out, b_out = out[:split].reshape(W.shape), out[split:].reshape(b.shape)
        np.multiply(inputs[:, : self.n_features], unit, out=W_out)
        # A shift of all classes alike changes only the penalty, and is 0 at the optimum. Rounding gives the gradient
        # such a part, which must not be divided by a small l2.
        W_out += W.sum(axis=0) * self.shared_inverse
        if b.size:
            np.multiply(inputs[:, self.n_features :], INTERCEPT_UNIT, out=b_out)
            b_out -= (W_out @ self.basis.mean)[:, None]
        return out


def leading_components(n_rows: int, n_inputs: int, n_classes: int, pass_work: float) -> int:
    """Return how many components the exact block may have; 0 if even LEADING_STEP cost too much."""
    directions = n_classes - 1
    if n_inputs * directions <= SMALL_BLOCK:
        return n_inputs
    most = min(n_inputs, MAX_BLOCK // directions)
    whole = [most] if most == n_inputs else []
    for count in [*whole, *range(most // LEADING_STEP * LEADING_STEP, 0, -LEADING_STEP)]:
        size = count * directions
        if n_rows * size**2 / 4 + size**3 <= BLOCK_PASSES * pass_work:
            return count
    return 0


class DiagonalCurvature:
    """The diagonal of H.

    Parameters
    ----------
    diagonal : (n_params,)
        Its entries, finite; those not positive are replaced by the smallest positive one, or by 1 if there is none.
    """

    def __init__(self, diagonal: Vector) -> None:
        positive = diagonal > max(RESOLUTION**2 * diagonal.max(), np.finfo(np.float64).tiny)
        self.inverse = 1 / np.where(positive, diagonal, diagonal[positive].min() if positive.any() else 1.0)

    def solve(self, v: Vector) -> Vector:
        """Multiply a vector of parameters with M⁻¹."""
        return v * self.inverse


def _own_curvature(X: FloatArray, weights: Vector, mean: Vector, l2: float) -> Vector:
    """Return the curvature of each feature taken alone, (n_features,).

    A feature without curvature gets more than any other has, so that steps hardly change its weights.
    """
    centred = X - mean.astype(X.dtype)
    # The mean is rounded: subtract what that adds to the variance.
    rest = (weights.astype(X.dtype) @ centred).astype(np.float64)
    variance = np.einsum("i,ij,ij->j", weights, centred, centred, dtype=np.float64) - rest**2
    eps, tiny = np.finfo(X.dtype).eps, np.finfo(X.dtype).tiny
    constant = np.sqrt(np.maximum(variance, 0)) <= CONSTANT * eps * np.abs(mean)
    variance[constant] = 0
    own, steepest = LATE_WEIGHT * variance + l2, LATE_WEIGHT * (variance + mean**2)
    most = steepest[np.isfinite(steepest)].max(initial=tiny) + l2
    # A constant feature's only curvature is the penalty, which may be less than the rounding of the gradient. If a
    # feature's squares underflow, the inverse would be infinite.
    flat = (own < tiny) | constant & (l2 <= CONSTANT * eps * most)
    own = np.where(flat, most if most > tiny else 1.0, own)
    return np.where(np.isfinite(own), own, np.inf)


def _class_directions(sample: Sample) -> tuple[Vector, Vector | None]:
    """Eigenvalues, (K − 1,), and eigenvectors, as columns, of Σ w_i (diag(p_i) − p_i p_iᵀ), without the eigenvector 1.

    Above MANY_CLASSES: the diagonal, (K,), and None.
    """
    P, weights = sample.probabilities, sample.weights
    if P.shape[1] > MANY_CLASSES:
        diagonal = weights @ (P * (1 - P))
        return np.maximum(diagonal, RESOLUTION * diagonal.max()), None
    moments = np.diag(weights @ P) - (P.T * weights) @ P
    values, vectors = np.linalg.eigh(moments + np.trace(moments))
    return np.maximum(values[:-1], RESOLUTION * values[-2]), vectors[:, :-1]


def _hessian(sample: Sample, classes: Vector, Y: FloatArray, num_threads: int) -> FloatArray:
    """Lower triangle of H without penalty, in class directions × leading components; Y is (n_rows, n_leading) in those.

    Returns
    -------
    ndarray of shape (n_directions, n_leading, n_directions, n_leading)
    """
    hessian = _outer_hessian if len(classes) > PAIRED_CLASSES else _paired_hessian
    return hessian(sample, classes, Y, num_threads)


def _paired_hessian(sample: Sample, classes: Vector, Y: FloatArray, num_threads: int) -> FloatArray:
    """`_hessian` by a Gram matrix for each pair of class directions."""
    n_directions, n_leading = classes.shape[1], Y.shape[1]
    hessian = np.empty((n_directions, n_leading, n_directions, n_leading), dtype=Y.dtype)
    probabilities_T = sample.probabilities.T
    along = classes.T @ probabilities_T
    pairs = np.array(np.tril_indices(n_directions))
    for c, d in np.array_split(pairs, 1 + pairs.shape[1] * len(Y) // WEIGHTS, axis=1):
        weights = (classes[:, c] * classes[:, d]).T @ probabilities_T - along[c] * along[d]
        hessian[c, :, d] = _gram(Y, sample.weights * weights, num_threads)
    return hessian


def _outer_hessian(sample: Sample, classes: Vector, Y: FloatArray, num_threads: int) -> FloatArray:
    """`_hessian` by one Gram matrix of p_i ⊗ y_i, and one per class on the diagonal, where p − p² would cancel."""
    P, weights = sample.probabilities, sample.weights[:, None]
    (n_classes, n_directions), n_leading = classes.shape, Y.shape[1]
    outer = ((np.sqrt(weights) * P).astype(Y.dtype)[:, :, None] * Y[:, None]).reshape(len(Y), -1)
    hessian = -_gram(outer, np.ones((1, len(Y))), num_threads).reshape(n_classes, n_leading, n_classes, n_leading)
    own = np.arange(n_classes)
    hessian[own, :, own] = _gram(Y, (weights * P * (1 - P)).T, num_threads)
    rotation = classes.T.astype(Y.dtype)
    rows = (rotation @ hessian.reshape(n_classes, -1)).reshape(-1, n_classes, n_leading)
    return (rotation @ rows).reshape(n_directions, n_leading, n_directions, n_leading)


class Cholesky(NamedTuple):
    """The Cholesky factor R of a symmetric matrix RᵀR."""

    factor: FloatArray  # R in the upper triangle; the lower one is not used
    trsv: Callable[..., FloatArray]  # BLAS's triangular solve for this dtype

    @classmethod
    def of(cls, matrix: FloatArray) -> "Cholesky | None":
        """Factorise a matrix in place, from its lower triangle; None if it is not positive definite."""
        from scipy.linalg import get_blas_funcs, get_lapack_funcs

        diagonal = np.arange(len(matrix))
        matrix[diagonal, diagonal] *= 1 + RIDGE
        potrf, trsv = get_lapack_funcs("potrf", (matrix,)), get_blas_funcs("trsv", (matrix,))
        # LAPACK stores matrices by columns: its upper triangle is the lower one here.
        factor, failed = potrf(matrix.T, lower=False, overwrite_a=True, clean=False)
        return None if failed else cls(factor, trsv)

    def solve(self, v: FloatArray) -> FloatArray:
        """Multiply a vector with the inverse; LAPACK's potrs, made for many vectors, takes four times as long."""
        return self.trsv(self.factor, self.trsv(self.factor, v, trans=1))


def _gram(Z: FloatArray, weights: Vector, num_threads: int) -> FloatArray:
    return DenseFeatures(Z).gram(np.ascontiguousarray(weights, dtype=Z.dtype), Precision.EXACT, num_threads)


def _product(left: FloatArray, right_T: FloatArray, num_threads: int) -> FloatArray:
    """Return left @ right; a large product runs on our threads, since BLAS has only one during a fit.

    The sizes alone decide between BLAS and our kernel, since the two round differently.
    """
    if left.size * len(right_T) < SMALL_PRODUCT:
        return left @ right_T.T
    # The longer operand becomes the kernel's samples, which its threads divide among themselves.
    samples, classes = (left, right_T) if len(left) >= len(right_T) else (right_T, left)
    out = np.empty((len(samples), len(classes)), dtype=left.dtype)
    zeros = np.zeros(len(classes))
    DenseFeatures(np.ascontiguousarray(samples)).predict(
        out, np.ascontiguousarray(classes), zeros, False, Precision.EXACT, num_threads
    )
    return out if samples is left else out.T
