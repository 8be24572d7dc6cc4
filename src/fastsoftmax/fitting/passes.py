"""Passes over X as functions: arrays in, arrays out."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _kernels
from ..data.arguments import (
    as_array,
    as_matrix,
    as_number,
    as_parameters,
    as_precision,
    check_finite,
    is_finite,
    overflow_shows,
)
from ..data.features import AnyMatrix, Features, Parameters, PassOptions, bind_features, factors_of, moments
from ..data.samples import as_offset, as_sample_weight
from ..families import SOFTMAX, Family, as_family
from ..leaves import LocalPasses, as_chunks, bind_passes, is_chunks, standardization_of
from ..penalties import ElasticNet
from ..runtime.arrays import FloatArray
from ..runtime.precision import Precision
from ..runtime.threads import resolve_num_threads
from ..runtime.vectors import project
from .logits import EXP_WORK

PrecisionName = Literal["exact", "fast", "rough"]


def loss_grad(
    X: AnyMatrix,
    y: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
    *,
    family: str | Family = "softmax",
    link: str | None = None,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    precision: PrecisionName = "exact",
    num_threads: int | None = None,
) -> tuple[float, FloatArray, FloatArray]:
    """Loss of softmax regression, or of another family, and its gradient, in one pass over X.

    F = (1/Σs) Σ_i s_i (−⟨y_i, log softmax(W x_i + b)⟩) + ½ · l2 · ‖W‖², or that of another family.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
        Read as it is: float64, float32, float16, `ml_dtypes.bfloat16`, uint8, int8 or bool, in any order and of any
        strides, or SciPy's CSR of float32 or float64. Other integers are copied to float64, other sparse formats to
        CSR. float64 is computed with in float64, all others in float32.
    y : array_like of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or rows of target probabilities or counts: floats, or whole numbers of equal sums; for another
        family as in `fit`.
    W, b : array_like of shape (n_classes, n_features) and (n_classes,)
    family, link
        As in `fit`.
    sample_weight : array_like of shape (n_samples,), optional
        Non-negative; the loss is the weighted mean.
    l2 : float
    scale, shift : float or array_like of shape (n_features,), optional
        x_ij = scale_j · X_ij + shift_j takes the place of X_ij, without a copy; scale=1/255 makes pixels of bytes.
    precision : {"exact", "fast", "rough"}
        "exact" keeps the accuracy of X's dtype. The others allow errors where that is faster, for a float32 X: "fast"
        a relative one of some 1e-5, "rough" the rounding of all factors to bfloat16, of eight significant bits.
        `show_config` tells which products serve each on this processor, and from how many classes on; where nothing is
        faster, they are as exact as "exact".
    num_threads : int, optional
        All that the process may use by default. The answer does not depend on it, bit for bit.

    Returns
    -------
    loss : float
        In nats a sample.
    grad_W, grad_b : ndarray of the shapes of W and b
        Summed in float64 and returned in the dtypes of W and b; with respect to the parameters of the scaled x.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values, or X, W or b holds NaN or infinity, in samples of weight
        zero too; or if the loss or a gradient overflows its dtype.
    """
    features = bind_features(X, scale, shift)
    W, b = as_parameters(W, b, features.shape[1])
    of = as_family(family, link)
    samples = of.samples(y, len(features), features.dtype, n_outputs=len(W), sample_weight=sample_weight)
    l2 = as_number("l2", l2)
    threads = resolve_num_threads(num_threads, features.n_entries * len(W))
    options = PassOptions(of.number, as_precision(precision), threads)
    grad_W, grad_b = np.empty(W.shape, features.gradient_dtype(W)), np.empty(b.shape)
    loss = features.loss_grad(Parameters(grad_W, grad_b), Parameters(W, b), samples, options)
    with np.errstate(over="ignore", invalid="ignore"):
        if l2:
            loss += ElasticNet(l2).add_smooth(W, grad_W)
        grads = grad_W.astype(W.dtype, copy=False), grad_b.astype(b.dtype, copy=False)
        # A sample of weight zero has no share in the loss; of the gradients it has one, NaN times zero. Python adds up
        # few numbers faster than NumPy looks at them.
        intercepts: Any = grads[1].tolist()
        if math.isfinite(loss) and math.isfinite(sum(intercepts)) and is_finite(grads[0]):
            return loss, *grads
    _name_the_nonfinite(features, W, b)
    narrowest = min((features.dtype, W.dtype, b.dtype), key=lambda dtype: dtype.itemsize)
    raise ValueError(f"X, W or y are so large that the loss or its gradient overflows {narrowest}; scale X")


def predict_proba(
    X: AnyMatrix,
    W: ArrayLike,
    b: ArrayLike,
    *,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    precision: PrecisionName = "exact",
    num_threads: int | None = None,
) -> FloatArray:
    """Probabilities of the classes, softmax(W x_i + b).

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
    W, b : array_like of shape (n_classes, n_features) and (n_classes,)
    scale, shift : float or array_like of shape (n_features,), optional
        X and these as in `loss_grad`.
    precision : {"exact", "fast", "rough"}
        As in `loss_grad`.
    num_threads : int, optional

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64 if X is computed with in float64, else float32; rows sum to one.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or type, or X, W or b holds NaN or infinity, or if a logit overflows X's
        dtype and leaves no probability.
    """
    features = bind_features(X, scale, shift)
    return predict_features(
        features, W, b, SOFTMAX, mean=True, precision=as_precision(precision), num_threads=num_threads
    )


def predict_mean(
    X: AnyMatrix,
    W: ArrayLike,
    b: ArrayLike,
    *,
    family: str | Family,
    link: str | None = None,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    precision: PrecisionName = "exact",
    num_threads: int | None = None,
) -> FloatArray:
    """Means of y that a fitted model of any family gives: of softmax, the probabilities.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features)
    W, b : array_like of shape (n_outputs, n_features) and (n_outputs,)
    family, link
        As in `fit`.
    offset : array_like of shape (n_samples, n_outputs), optional
        Added to the logits.
    scale, shift : float or array_like of shape (n_features,), optional
    precision : {"exact", "fast", "rough"}
        These as in `loss_grad`.
    num_threads : int, optional

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64 if X is computed with in float64, else float32
        Infinite where the log link overflows.

    Raises
    ------
    ValueError
        As of `predict_proba`, and for an offset of another shape or values.
    """
    features, of = bind_features(X, scale, shift), as_family(family, link)
    exact, is_mean = as_precision(precision), offset is None
    logits_offset = as_offset(offset, (len(features), len(as_matrix("W", W))), features.dtype)
    out = predict_features(features, W, b, of, mean=is_mean, precision=exact, num_threads=num_threads)
    if logits_offset is not None:
        of.check_offset(logits_offset)
        out += logits_offset
        _kernels.mean(out, out, of.number, resolve_num_threads(num_threads, out.size * EXP_WORK))
    return out


def decision_function(
    X: AnyMatrix,
    W: ArrayLike,
    b: ArrayLike,
    *,
    center: FloatArray | None = None,
    num_threads: int | None = None,
) -> FloatArray:
    """Logits of a model, W x_i + b, (n_samples, n_classes), all finite: in float64 if W or X is, else in float32.

    Arguments and errors as of `predict_proba`. With a center c, (n_features,), they are computed as
    W (x_i − c) + (b + W c): what is left of large numbers near each other is found before it is multiplied.
    """
    W = as_matrix("W", W)
    features = bind_features(X, shift=None if center is None else -center, dtype=W.dtype)
    W, b = as_parameters(W, b, features.shape[1])
    if center is not None:
        b = b + project(W.astype(np.float64, copy=False), center)
    return predict_features(features, W, b, SOFTMAX, mean=False, precision=Precision.EXACT, num_threads=num_threads)


@overflow_shows
def standardization(
    X: AnyMatrix,
    *,
    sample_weight: ArrayLike | None = None,
    center: bool = True,
    num_threads: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Find the scale and shift that give every feature a standard deviation of one and, with `center`, a mean of zero.

    Pass them on as `scale` and `shift`: X itself stays as it is. Two passes over X.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features), or Chunks
        As in `loss_grad`; chunks have weights of their own.
    sample_weight : array_like of shape (n_samples,), optional
        Non-negative; means are weighted.
    center : bool
    num_threads : int, optional

    Returns
    -------
    scale, shift : ndarray of shape (n_features,), float64
        1/σ_j and −μ_j/σ_j, or zero without `center`, μ_j being rounded to the dtype that X is computed with in. A
        constant feature has a scale of one and, with `center`, becomes zero.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values, or X holds NaN or infinity.
    """
    if is_chunks(X):
        passes = LocalPasses(as_chunks(X, sample_weight=sample_weight))
        return standardization_of(bind_passes(passes, SOFTMAX, num_threads=num_threads), center)
    features = bind_features(X)
    threads = resolve_num_threads(num_threads, features.n_entries)
    mean, deviation = moments(features, as_sample_weight(sample_weight, len(features)), threads)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        features.check_finite("X")
    return factors_of(mean, deviation, features.dtype, center)


@overflow_shows
def gram(
    X: AnyMatrix,
    sample_weight: ArrayLike | None = None,
    *,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    precision: PrecisionName = "exact",
    num_threads: int | None = None,
) -> FloatArray:
    """Weighted Gram matrices Σ_i w_ci x_i x_iᵀ, for all rows w_c of weights in one pass over X.

    The Hessian of softmax regression is made of them, w_i = p_ik (δ_kl − p_il), and so are its preconditioners.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        As in `loss_grad`, but not sparse.
    sample_weight : array_like of shape (n_weights, n_samples) or (n_samples,), optional
        Finite, of any sign; ones by default.
    scale, shift : float or array_like of shape (n_features,), optional
        As in `loss_grad`.
    precision : {"exact", "fast", "rough"}
        "exact" multiplies in X's precision. "fast" and "rough" allow x_i and w_ci x_i of a float32 X to be rounded to
        bfloat16, of eight significant bits, an error of some 1e-3 of the norm, where that is faster, as `show_config`
        tells. Elsewhere, and for float64, they are as exact as "exact".
    num_threads : int, optional
        All that the process may use by default. The answer does not depend on it, bit for bit.

    Returns
    -------
    ndarray of shape (n_weights, n_features, n_features), or (n_features, n_features) for weights of one dimension
        Symmetric, float64 if X is computed with in float64, else float32.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values, or X or sample_weight holds NaN or infinity, or if the
        matrix overflows its dtype.
    """
    features = bind_features(X, scale, shift)
    weights = np.ones(len(features)) if sample_weight is None else as_array("sample_weight", sample_weight)
    single = weights.ndim == 1
    weights = as_matrix("sample_weight", weights[None] if single else weights, dtype=features.dtype)
    if weights.shape[1] != len(features):
        raise ValueError(
            f"sample_weight must have an entry for each of the {len(features)} samples, found {weights.shape}"
        )
    threads = resolve_num_threads(num_threads, features.n_entries * features.shape[1] // 2 * len(weights))
    out = features.gram(np.ascontiguousarray(weights), as_precision(precision), threads)
    # What overflows, or is NaN, shows on the diagonal: |x_j x_k| is at most the larger square.
    if not is_finite(np.einsum("cjj->cj", out)):
        features.check_finite("X")
        check_finite("sample_weight", weights)
        raise ValueError(f"X or sample_weight are so large that their Gram matrix overflows {out.dtype}; scale X")
    return out[0] if single else out


def predict_features(
    features: Features,
    W: ArrayLike,
    b: ArrayLike,
    family: Family,
    *,
    mean: bool,
    precision: Precision,
    num_threads: int | None,
) -> FloatArray:
    """Means of bound samples, or their logits, (n_samples, n_outputs), all finite."""
    at = Parameters(*as_parameters(W, b, features.shape[1]))
    out = np.empty((len(features), len(at.W)), dtype=features.dtype)
    threads = resolve_num_threads(num_threads, features.n_entries * len(at.W))
    total = features.predict(out, at, mean, PassOptions(family.number, precision, threads))
    if not math.isfinite(total):
        _check_prediction(out, features, at)
    return out


@overflow_shows
def _check_prediction(out: FloatArray, features: Features, at: Parameters) -> None:
    """Raise ValueError unless all is finite: a logit of −∞, by an overflow, is a probability of zero all the same."""
    if not is_finite(out):
        _name_the_nonfinite(features, *at)
        raise ValueError(f"X and W are so large that the logits W x + b overflow {features.dtype}; scale X, or W")


def _name_the_nonfinite(features: Features, W: FloatArray, b: FloatArray) -> None:
    """Raise for the argument that made a result infinite or NaN; return if all are finite and it overflowed."""
    features.check_finite("X")
    check_finite("W", W)
    check_finite("b", b)
