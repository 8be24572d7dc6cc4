"""Softmax regression on a cluster of Dask: one objective, the same bits on any number of workers."""

from .estimator import DaskSoftmaxRegression
from .fit import fit

__all__ = ["DaskSoftmaxRegression", "fit"]
