"""Losses for JAX on CPUs: the gradient is computed with the loss, in one pass over the logits.

Imported on use only, `import fastsoftmax.jax`, and needs JAX. The kernels are called back from compiled functions, and
read arrays where they lie.
"""

from .losses import cross_entropy, linear_cross_entropy

__all__ = ["cross_entropy", "linear_cross_entropy"]
