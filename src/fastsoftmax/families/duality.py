"""The duality gap of a penalised softmax regression: an upper bound of how far F is above its minimum.

With ω_i = s_i Σ_k y_ik / Σs and ȳ_i = y_i / Σ_k y_ik, the loss is L = Σ_i ω_i (log Σ_k exp z_ik − ⟨ȳ_i, z_i⟩). For any
distribution q_i over the classes and its entropy H(q_i) = −Σ_k q_ik log q_ik,

    log Σ_k exp z_ik = max_q ⟨q, z_i⟩ + H(q),   hence   L ≥ Σ_i ω_i (⟨q_i − ȳ_i, W x_i + b + o_i⟩ + H(q_i)).

The minimum of the right side and the penalty over W and b is the dual value, a lower bound of F. With
V = Σ_i ω_i (q_i − ȳ_i) x_iᵀ it is

    D(q) = Σ_i ω_i (H(q_i) + ⟨q_i − ȳ_i, o_i⟩) − P*(−V)    where  Σ_i ω_i (q_i − ȳ_i) = 0,

P* being the penalty's conjugate, for the elastic net Σ_kj (|V_kj| − l1)₊² / (2 l2) without factors.
The condition comes from b, which has no penalty. If l2 = 0, P* becomes the condition |V_kj| ≤ l1. At the
minimum q = softmax(z), so q starts there. Then q ← ȳ + c (q − ȳ) with c ≤ 1 shrinks V until it meets its condition
(as in Mairal, thesis, 2010, appendix D).
"""

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import overflow_shows
from ..data.features import Features, Parameters
from ..data.samples import Samples
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.vectors import largest

# At most 50 Newton steps for b; stop once |Σ_i ω_i (q_i − ȳ_i)| is at most 1e-13 of Σ_i ω_i, or 1e-4 of what it was:
# that the rest is mixed away tells less in the gap than what W lacks.
MAX_NEWTON, BALANCED, IMPROVED = 50, 1e-13, 1e-4


@overflow_shows
def duality_gap(X: Features, samples: Samples, at: Parameters, penalty: ElasticNet, fit_intercept: bool) -> float:
    """F − D(q) at (W, b), computed in float64; two passes over X, and several matrices (n_samples, n_classes).

    Infinite if no q was found that meets the conditions; NaN if a feature is free of the penalty, whose conditions are
    not looked for.
    """
    if not penalty.penalizes_all:
        return np.nan
    W, b = at.W, at.b
    Y, mass = targets_in_columns(samples, len(X))
    fixed = logits_in_columns(X, samples, W)
    loss, q = _loss_and_distribution(fixed + b[:, None], Y, mass)
    primal = loss + penalty.absolute(W) + penalty.square(W)

    class_mass = Y @ mass
    if fit_intercept:
        q = _probabilities(fixed, b, Y, mass, class_mass, (loss, q))
        # Newton leaves a small excess: mix a distribution into q that removes it. It is constant, but in samples with
        # a class that is ruled out, which keep their targets.
        ruled = None if samples.offset is None else ruled_out(samples, len(X))
        excess, room = q @ mass - class_mass, class_mass if ruled is None else class_mass - Y @ (mass * ruled)
        part = float(np.max(excess / np.where(excess > 0, excess + room, 1.0)))
        if 0 < part < 1:
            free = mass.sum() if ruled is None else mass @ ~ruled
            constant = (np.maximum(room - (1 - part) / part * excess, 0) / free)[:, None]
            q = (1 - part) * q + part * (constant if ruled is None else np.where(ruled, Y, constant))
    V = X.exact_sums((mass * (q - Y)).T)
    shrinkage = penalty.shrinkage(-V)
    if shrinkage < 1:
        q, V = Y + shrinkage * (q - Y), shrinkage * V
    return primal - dual_mean(q, Y, mass, samples.offset) + penalty.conjugate(-V)


def targets_in_columns(samples: Samples, n_samples: int) -> tuple[Float64Array, Float64Array]:
    """Return ȳ (n_classes, n) and ω (n,), as if these were all samples.

    A sample is a column: NumPy adds up few long rows much faster than many short ones.
    """
    labels, targets, n_classes, _, sample_weight, _, _ = samples
    if targets is None:
        Y, mass = np.zeros((n_classes, n_samples)), np.full(n_samples, 1 / n_samples)
        Y[labels, np.arange(n_samples)] = 1
    else:
        rows = np.ascontiguousarray(targets.T, np.float64)
        mass = rows.sum(axis=0)
        Y = rows / mass
        mass /= n_samples
    if sample_weight is not None:
        mass *= sample_weight
    return Y, mass


def logits_in_columns(X: Features, samples: Samples, W: Float64Array) -> Float64Array:
    """Return W x + o, (n_classes, n)."""
    fixed = np.ascontiguousarray(X.exact_products(W).T)
    if samples.offset is not None:
        fixed += samples.offset.T
    return fixed


def ruled_out(samples: Samples, n_samples: int) -> NDArray[np.bool_]:
    """Whether a class is ruled out for a sample, (n_samples,)."""
    if samples.offset is None:
        return np.zeros(n_samples, np.bool_)
    return np.asarray(np.isneginf(samples.offset).any(axis=1))


def dual_mean(q: Float64Array, Y: Float64Array, mass: Float64Array, offset: FloatArray | None) -> float:
    """Σ_i ω_i (H(q_i) + ⟨q_i − ȳ_i, o_i⟩); q and Y are (n_classes, n)."""
    dual = float(_entropy(q) @ mass)
    if offset is not None:
        change = q - Y
        dual += float(np.where(change == 0, 0.0, change * np.where(change == 0, 0.0, offset.T)).sum(axis=0) @ mass)
    return dual


def _probabilities(
    fixed: Float64Array,
    b: Float64Array,
    Y: Float64Array,
    mass: Float64Array,
    class_mass: Float64Array,
    at_b: tuple[float, Float64Array],
) -> Float64Array:
    """softmax(fixed_i + b) for the optimal b, where Σ_i ω_i (q_i − ȳ_i) = 0.

    Newton's method starts at the given b, where the loss and the probabilities are `at_b`.
    """
    # The optimal intercept of a class without samples is −∞.
    present = np.flatnonzero(class_mass)
    loss, q = at_b
    if len(present) < len(b):
        b = np.where(class_mass > 0, b, -np.inf)
        loss, q = _loss_and_distribution(fixed + b[:, None], Y, mass)
    enough = 0.0
    for _ in range(MAX_NEWTON):
        excess = (q @ mass - class_mass)[present]
        enough = enough or max(BALANCED * mass.sum(), IMPROVED * largest(excess))
        if largest(excess) <= enough:
            break
        P = q[present]
        hessian = np.diag(P @ mass) - (P * mass) @ P.T
        step = np.zeros_like(b)
        step[present] = -np.linalg.lstsq(hessian, excess, rcond=1e-12)[0]
        t = 1.0
        while t > 1e-3:
            trial, found = _loss_and_distribution(fixed + (b + t * step)[:, None], Y, mass)
            if trial <= loss + 1e-14 * abs(loss):
                break
            t *= 0.5
        else:
            break
        b = b + t * step
        loss, q = trial, found
    return q


def mean_loss(logits: Float64Array, Y: Float64Array, mass: Float64Array) -> float:
    """Σ_i ω_i (log Σ_k exp z_ik − ⟨ȳ_i, z_i⟩); samples of weight zero may hold any values. All are (n_classes, n)."""
    return _loss_and_distribution(logits, Y, mass)[0]


def distribution(logits: Float64Array) -> Float64Array:
    """Softmax of every column."""
    return _softmax(logits)[0]


def _loss_and_distribution(logits: Float64Array, Y: Float64Array, mass: Float64Array) -> tuple[float, Float64Array]:
    """Return both, of the same exponentials."""
    q, relative, sums = _softmax(logits)
    if np.isfinite(relative.min()):
        return float((np.log(sums) - (Y * relative).sum(axis=0)) @ mass), q
    with np.errstate(divide="ignore"):
        terms = np.log(sums) - np.where(Y > 0, Y * np.where(Y > 0, relative, 0), 0).sum(axis=0)
    return float(np.where(mass > 0, terms, 0.0) @ mass), q


def _softmax(logits: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return softmax of every column, the logits less their largest, and sums of the exponentials of these."""
    top = logits.max(axis=0)
    relative = logits - np.where(np.isfinite(top), top, 0.0)
    exponentials: Float64Array = np.exp(relative)
    sums = exponentials.sum(axis=0)
    exponentials /= np.maximum(sums, np.finfo(np.float64).tiny)
    return exponentials, relative, sums


def _entropy(q: Float64Array) -> Float64Array:
    entropy: Float64Array = -(q * np.log(np.maximum(q, np.finfo(np.float64).tiny))).sum(axis=0)
    return entropy
