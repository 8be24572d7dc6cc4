"""Fits on a cluster, whatever engine runs its tasks.

Every pass sends the parameters out once; every worker sums over leaves of the rows that it has, and sums of leaves are
added on the workers, in the tree of `fastsoftmax.leaves`. Rows stay where they are. An `Engine` starts tasks and keeps
their results; `fastsoftmax.dask` and `fastsoftmax.ray` each have one.
"""

from .engine import Engine
from .estimator import ClusterClassifier
from .fit import fit_on
from .passes import ClusterPasses, chunk_parts, names_of

__all__ = ["ClusterClassifier", "ClusterPasses", "Engine", "chunk_parts", "fit_on", "names_of"]
