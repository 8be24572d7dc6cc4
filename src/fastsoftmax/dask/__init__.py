"""Softmax regression on a cluster of Dask: one objective, the same bits on any number of workers.

Every pass sends the parameters out once; every worker sums over leaves of the rows that it has, and sums of leaves are
added on the workers, in the tree of `fastsoftmax.leaves`. Rows stay where they are.
"""

from .estimator import DaskSoftmaxRegression
from .fit import fit

__all__ = ["DaskSoftmaxRegression", "fit"]
