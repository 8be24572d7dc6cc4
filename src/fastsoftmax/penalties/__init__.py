"""Penalties of W: each is a value with its own mathematics."""

from .arguments import Bounds, as_bounds, as_penalty
from .bounded import Bounded
from .elastic_net import ElasticNet
from .entries import EntryPenalty, soft_threshold, subgradient
from .grouped import Grouped

__all__ = [
    "Bounded",
    "Bounds",
    "ElasticNet",
    "EntryPenalty",
    "Grouped",
    "as_bounds",
    "as_penalty",
    "soft_threshold",
    "subgradient",
]
