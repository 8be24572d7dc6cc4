"""Losses for PyTorch: the gradient is computed with the loss, in one pass over the logits.

Imported on use only, `import fastsoftmax.torch`, and needs PyTorch. Tensors of the CPU share their memory with the
kernels.
"""

from .losses import cross_entropy, linear_cross_entropy

__all__ = ["cross_entropy", "linear_cross_entropy"]
