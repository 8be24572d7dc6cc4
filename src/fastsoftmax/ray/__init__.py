"""Softmax regression on a cluster of Ray: one objective, the same bits on any number of workers."""

from .fit import RaySoftmaxRegression, fit

__all__ = ["RaySoftmaxRegression", "fit"]
