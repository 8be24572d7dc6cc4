"""How near is near: one table, by the dtype of the data, for every comparison with the float64 reference."""

import numpy as np

# Relative to the size that the quantity can have: the gradient's to the mean norm of the samples.
GRADIENT = {np.float64: 1e-14, np.float32: 1e-6}
LOSS = {np.float64: 1e-14, np.float32: 1e-6}
# Of three products of bfloat16 parts, relative to the norm, for precision="fast".
FAST = 1e-5
# Of factors rounded to bfloat16, relative to the norm, for precision="rough".
ROUGH = 5e-3
# Relative to the norm of Σ |w_i| x_i x_iᵀ; "fast" is that of bfloat16, eight significant bits.
GRAM = {
    ("exact", np.float64): 1e-14,
    ("exact", np.float32): 1e-6,
    ("fast", np.float64): 1e-14,
    ("fast", np.float32): 5e-3,
}
# Of a Gram matrix of few samples, whose roundings to bfloat16 need not cancel: 2⁻⁸ for each of two factors.
FAST_GRAM_OF_FEW = 2**-7
# Of the loss that a hundred epochs of dual ascent lead to, relative to the optimum's.
ASCENT = {np.float64: 1e-9, np.float32: 1e-6}
# Units in the last place of a probability.
ULPS = 8
# Roundings of one that the sum of a row of probabilities may be off, whatever the number of classes.
SUM_TO_ONE = 4
# float64 quantities that are the same up to the order of their sums.
SAME = 1e-12


def assert_gradient_close(actual, expected, X, sample_mass=1.0):
    """Compare gradients with respect to W or b; sample_mass is the largest weight of a row of targets."""
    dtype = X.dtype.type if X.dtype.type in GRADIENT else np.float64
    scale = sample_mass * np.mean(np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1) + 1)
    error = np.linalg.norm(np.asarray(actual, dtype=np.float64) - expected)
    assert error <= GRADIENT[dtype] * (scale + np.linalg.norm(expected)), f"{error / scale:.2e} of {scale:.3g}"


def assert_loss_close(actual, expected, dtype, scale=1.0):
    """Compare losses; scale is the size of the logits, whose rounding the loss inherits."""
    error = abs(actual - expected)
    assert error <= LOSS[dtype] * (scale + abs(expected)), f"{actual} for {expected}"
