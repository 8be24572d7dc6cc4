"""All tolerances, by the dtype of the data, of comparisons with the float64 reference."""

import numpy as np

# Relative to the size that the quantity can have; for gradients that is the mean norm of the samples.
GRADIENT = {np.float64: 1e-14, np.float32: 1e-6}
LOSS = {np.float64: 1e-14, np.float32: 1e-6}
# For precision="fast", three products of bfloat16 parts; relative to the norm.
FAST = 1e-5
# For precision="rough", one product of factors rounded to bfloat16; relative to the norm.
ROUGH = 5e-3
# For `gram`, relative to the norm of Σ |w_i| x_i x_iᵀ; "fast" has the eight significant bits of bfloat16.
GRAM = {
    ("exact", np.float64): 1e-14,
    ("exact", np.float32): 1e-6,
    ("fast", np.float64): 1e-14,
    ("fast", np.float32): 5e-3,
}
# For a "fast" Gram matrix of few samples, whose rounding errors do not cancel: 2⁻⁸ for each of two factors.
FAST_GRAM_OF_FEW = 2**-7
# For the loss after 100 epochs of dual ascent, relative to the loss at the optimum.
ASCENT = {np.float64: 1e-9, np.float32: 1e-6}
# For logits of size one, and for the probabilities that they give, relative to these.
SCORE = {np.float64: 1e-14, np.float32: 2e-6}
# For a probability, in units in the last place.
ULPS = 8
# For losses of given logits, and for gradients relative to their largest entry.
LOGITS = {np.float64: 1e-13, np.float32: 5e-6}
# For a derivative by central differences of steps of 1e-6, in float64.
DIFFERENCES = 1e-7
# For an estimate, of another package or by another method.
ESTIMATE = 1e-6
# For the sum of a row of probabilities of any number of classes, in roundings (eps) of 1.
SUM_TO_ONE = 4
# For a probability of an exported model, computed in the dtype of the classifier.
EXPORT = 1e-6
# The same where float32 rounds what the classifier does not round alike: a float64 classifier exported in float32, and
# bytes, whose logits are sums of up to 140.
EXPORT_ROUNDED = 2e-6
# For half of a deviance, relative to it.
FAMILY = {np.float64: 1e-13, np.float32: 1e-5}
# For float64 quantities that differ only in the order of their sums.
SAME = 1e-12
# For numbers of size ten that are scaled and shifted, rounded to a dtype.
SCALED = {np.float64: 1e-14, np.float32: 2e-6}


def assert_gradient_close(actual, expected, X, sample_mass=1.0):
    """Compare gradients with respect to W or b; sample_mass is the largest weight of a row of targets."""
    dtype = X.dtype.type if X.dtype.type in GRADIENT else np.float64
    scale = sample_mass * np.mean(np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1) + 1)
    error = np.linalg.norm(np.asarray(actual, dtype=np.float64) - expected)
    assert error <= GRADIENT[dtype] * (scale + np.linalg.norm(expected)), f"{error / scale:.2e} of {scale:.3g}"


def assert_loss_close(actual, expected, dtype, scale=1.0):
    """Compare losses; scale is the size of the logits, since the loss inherits their rounding errors."""
    error = abs(actual - expected)
    assert error <= LOSS[dtype] * (scale + abs(expected)), f"{actual} for {expected}"
