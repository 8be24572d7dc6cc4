"""Penalties of W: each is a value with its own mathematics."""

from .elastic_net import ElasticNet, as_factors, soft_threshold, subgradient

__all__ = ["ElasticNet", "as_factors", "soft_threshold", "subgradient"]
