"""Blocks of the Hessian of the data term: in directions of classes and of inputs, and its diagonal."""

import math
from functools import cache, partial

import numpy as np

from ..families import SOFTMAX
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .cholesky import Cholesky
from .loss import Loss
from .products import gram
from .sample import SATURATED, Sample

# Above this K, one Gram matrix over all classes is faster than one for each pair of class directions.
PAIRED_CLASSES = 20

# Weights of Gram matrices are formed for several matrices at a time: at most this many numbers (4 MB).
WEIGHTS = 500_000

# Above this K, use only the diagonal of the class moments: the eigenvectors would cost more than they save.
MANY_CLASSES = 256

# Probabilities that are multiplied at a time: they stay in the second-level cache.
BLOCK_NUMBERS = 1 << 15

# Where classes are nearly separated, most rows have nearly no curvature, until a step that ignores them goes wrong for
# them. Spread this share of the curvature evenly.
DAMPING = 0.03
NO_DAMPING = np.zeros(1)

# Second moments below this share of the largest may be rounding errors: raise them to it.
RESOLUTION = 1e-6


def output_directions(sample: Sample) -> tuple[Float64Array, Float64Array | None]:
    """Eigenvalues, (K − 1,), and eigenvectors, as columns, of Σ w_i (diag(p_i) − p_i p_iᵀ), without the eigenvector 1.

    Above MANY_CLASSES, and where outputs are independent: the diagonal, (K,), and None.
    """
    P, weights = sample.probabilities, sample.weights
    if not sample.is_categorical:
        moments = weights @ P
        return np.maximum(moments, RESOLUTION * moments.max()), None
    if P.shape[1] > MANY_CLASSES:
        diagonal, step = np.zeros(P.shape[1]), max(1, BLOCK_NUMBERS // P.shape[1])
        for start in range(0, len(P), step):
            block = P[start : start + step]
            diagonal += weights[start : start + step] @ (block * (1 - block))
        return np.maximum(diagonal, RESOLUTION * diagonal.max()), None
    moments = np.diag(weights @ P) - (P.T * weights) @ P
    values, vectors = np.linalg.eigh(moments + np.trace(moments))
    return np.maximum(values[:-1], RESOLUTION * values[-2]), vectors[:, :-1]


def kronecker_blocks(sample: Sample, spread: Float64Array, Z: FloatArray, num_threads: int | None) -> FloatArray:
    """Return the Kronecker product of second moments of outputs and inputs, a block for each direction of outputs.

    It equals H where all samples have the same probabilities, as at W = 0.

    Returns
    -------
    ndarray of shape (n_directions, 1, n_inputs, 1, n_inputs)
    """
    moments = gram(Z, sample.spread[None], num_threads)
    return (spread.astype(Z.dtype)[:, None, None] * moments)[:, None, :, None]


def hessian_blocks(
    sample: Sample, classes: Float64Array | None, Y: FloatArray, num_threads: int | None
) -> FloatArray | None:
    """Lower triangles of H without penalty, in directions of outputs × leading components, a block for each output.

    Categories are one block, as of `hessian_block`, of all directions; None where these are too many.

    Returns
    -------
    ndarray of shape (n_blocks, m, n_leading, m, n_leading)
    """
    if sample.is_categorical:
        return None if classes is None else hessian_block(sample, classes, Y, num_threads)[None]
    return output_hessians(sample, Y, num_threads)[:, None, :, None]


def output_hessians(sample: Sample, Y: FloatArray, num_threads: int | None) -> FloatArray:
    """Σ_i w_i C_ik y_i y_iᵀ of each of independent outputs, (n_outputs, n_columns, n_columns).

    What y has shown of C is nearer to H than its mean, but far from the minimum it need not be positive definite.
    """

    def of(curvature: Float64Array) -> FloatArray:
        weights = (sample.weights[:, None] * curvature).T
        # Rows that the sample lacks may have more curvature than those that it has.
        weights += DAMPING * sample.left_out * weights.mean(axis=1, keepdims=True)
        return gram(Y, weights, num_threads)

    if sample.observed is None:
        return of(sample.probabilities)
    hessians = of(sample.observed)
    wrong = [k for k, hessian in enumerate(hessians) if Cholesky.of(hessian.copy(), sample.precision) is None]
    if wrong:
        hessians[wrong] = of(sample.probabilities[:, wrong])
    return hessians


def hessian_block(sample: Sample, classes: Float64Array, Y: FloatArray, num_threads: int | None) -> FloatArray:
    """Lower triangle of H without penalty, in class directions × leading components; Y is (n_rows, n_leading) in those.

    The share DAMPING of the curvature is added evenly to all rows and class directions.

    Returns
    -------
    ndarray of shape (n_directions, n_leading, n_directions, n_leading)
    """
    if len(classes) > PAIRED_CLASSES:
        return _outer_hessian(sample, classes, Y, num_threads)
    damping = _damping(sample, classes.shape[1])
    return paired_hessian(sample.probabilities, sample.weights, classes, damping, Y, num_threads)


def paired_hessian(
    probabilities: Float64Array,
    weights: Float64Array,
    classes: Float64Array,
    damping: Float64Array,
    Y: FloatArray,
    num_threads: int | None,
) -> FloatArray:
    """`hessian_block` by a Gram matrix for each pair of class directions; damping, (n_rows,), is added to weights."""
    n_directions, n_leading = classes.shape[1], Y.shape[1]
    hessian = np.empty((n_directions, n_leading, n_directions, n_leading), dtype=Y.dtype)
    probabilities_T = probabilities.T
    along, (first, second) = classes.T @ probabilities_T, _pairs(n_directions)
    step = max(1, WEIGHTS // len(Y))
    for start in range(0, len(first), step):
        c, d = first[start : start + step], second[start : start + step]
        of_pairs = (classes[:, c] * classes[:, d]).T @ probabilities_T - along[c] * along[d]
        of_pairs *= weights
        of_pairs[c == d] += damping
        hessian[c, :, d] = gram(Y, of_pairs, num_threads)
    return hessian


@cache
def _pairs(n_directions: int) -> tuple[IndexArray, IndexArray]:
    """Return the first and second of all pairs of directions, the first not before the second."""
    return np.tril_indices(n_directions)


def _outer_hessian(sample: Sample, classes: Float64Array, Y: FloatArray, num_threads: int | None) -> FloatArray:
    """`hessian_block` by one Gram matrix of p_i ⊗ y_i, and one per class on the diagonal, where p − p² would cancel."""
    P, weights = sample.probabilities, sample.weights[:, None]
    (n_classes, n_directions), n_leading = classes.shape, Y.shape[1]
    outer = ((np.sqrt(weights) * P).astype(Y.dtype)[:, :, None] * Y[:, None]).reshape(len(Y), -1)
    hessian = -gram(outer, np.ones((1, len(Y))), num_threads).reshape(n_classes, n_leading, n_classes, n_leading)
    own = np.arange(n_classes)
    hessian[own, :, own] = gram(Y, (weights * P * (1 - P) + _damping(sample, n_directions)[:, None]).T, num_threads)
    rotation = classes.T.astype(Y.dtype)
    rows = (rotation @ hessian.reshape(n_classes, -1)).reshape(-1, n_classes, n_leading)
    return (rotation @ rows).reshape(n_directions, n_leading, n_directions, n_leading)


def _damping(sample: Sample, n_directions: int) -> Float64Array:
    """DAMPING times the mean curvature in a class direction, by the share of rows that the sample lacks, for each row.

    A row that was drawn by a small chance stands for many, but may not put all of the damping into its own direction:
    its weight here is cut to √n_rows times the mean (Ionides, Journal of Computational and Graphical Statistics 17,
    2008).
    """
    if not sample.left_out:
        return NO_DAMPING
    weights = sample.weights
    mean = float(weights @ SOFTMAX.trace(sample.probabilities) / weights.sum()) / n_directions
    truncated: Float64Array = np.minimum(weights, math.sqrt(len(weights)) * weights.mean())
    return DAMPING * sample.left_out * mean * truncated


def loss_diagonal(loss: Loss, theta: Float64Array) -> tuple[Float64Array, bool]:
    """Diagonal of ∂²L/∂theta² at theta, (n_params,), not negative; and whether it is that of a guess, logits of zero.

    Two passes over X. A model that is sure of all samples has no curvature to tell: it gets that of the guess.

    Raises
    ------
    ValueError
        If a square overflows float64.
    """
    diagonal, traces, mass = loss.average(partial(_diagonal, theta=theta, guess=False))
    is_guess = not traces > SATURATED * mass
    if is_guess:
        diagonal, _, _ = loss.average(partial(_diagonal, theta=theta, guess=True))
    if not np.isfinite(diagonal.sum()):
        loss.X.check_finite("X")
        raise ValueError("X is so large that the squares of its features overflow float64; scale its features")
    return diagonal, is_guess


def _diagonal(loss: Loss, theta: Float64Array, guess: bool) -> tuple[Float64Array, float, float]:
    """Diagonal, that of a guess if so, and means of the rows' traces times their mass m_i, and of the mass."""
    mass = np.ones(len(loss)) if loss.mass is None else loss.mass
    diagonal, traces, family = np.zeros_like(theta), 0.0, loss.family
    at_zero = family.mean_at_zero(loss.n_outputs)
    alike = guess or (loss.samples.offset is None and not loss.split(theta).W.any())
    for rows, mean in loss.means(theta):
        _add_diagonal(diagonal, loss, rows, np.full_like(mean, at_zero) if guess else mean, mass, alike)
        traces += float((mass[rows] * family.trace(mean)).sum())
    if not guess:
        loss.count_pass()
    return diagonal, traces / len(loss), float(mass.sum()) / len(loss)


def _add_diagonal(
    diagonal_inout: Float64Array, loss: Loss, rows: slice, mean: FloatArray, mass: Float64Array, alike: bool
) -> None:
    """Add what some rows contribute; alike tells that all of them have the same mean."""
    of_W, of_b = loss.split(diagonal_inout)
    X = loss.X if len(mean) == len(loss) else loss.X.rows(rows)
    weights = (mass[rows] / len(loss))[:, None]
    if alike:
        of_outputs = np.asarray(loss.family.curvature(mean[:1]))[0]
        of_W += np.multiply.outer(of_outputs, X.squares(weights)[0])
        of_b += of_outputs * weights.sum()
        return
    weights = loss.family.curvature(mean) * weights
    of_W += X.squares(weights)
    of_b += weights.sum(axis=0)
