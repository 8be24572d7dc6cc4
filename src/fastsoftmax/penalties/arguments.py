"""Penalties of arguments as users pass them, and every refusal."""

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_array, as_number, check_real
from ..runtime.arrays import Float64Array
from .bounded import Bounded
from .elastic_net import ElasticNet
from .grouped import Grouped

Bounds = tuple[ArrayLike, ArrayLike]

GROUPS = (None, "classes")


def as_penalty(
    l2: object,
    l1: object,
    shape: tuple[int, int],
    *,
    penalty_factor: ArrayLike | None = None,
    group: object = None,
    bounds: Bounds | None = None,
) -> ElasticNet:
    """Return the penalty of W of this shape.

    Raises
    ------
    ValueError
        If a number is not finite or negative, an argument has the wrong shape, or two do not go together.
    """
    strengths = as_number("l2", l2), as_number("l1", l1)
    factors, grouped = as_factors(penalty_factor, shape[1]), _as_group(group)
    if bounds is None:
        return (Grouped if grouped else ElasticNet)(*strengths, factors)
    lower, upper = as_bounds(bounds, shape)
    if grouped:
        raise ValueError(f"bounds must be None with group={group!r}, whose weights have one norm; found bounds")
    return Bounded(*strengths, factors, lower=lower, upper=upper)


def _as_group(group: object) -> bool:
    """Whether the weights of a feature are a group."""
    if not (group is None or isinstance(group, str)) or group not in GROUPS:
        raise ValueError(f'group must be None or "classes", found {group!r}')
    return group is not None


def as_factors(penalty_factor: ArrayLike | None, n_features: int) -> Float64Array | None:
    """Return factors (n_features,), or None; raise ValueError for what is none."""
    if penalty_factor is None:
        return None
    values = as_array("penalty_factor", penalty_factor)
    check_real("penalty_factor", values)
    if values.shape != (n_features,):
        raise ValueError(f"penalty_factor must have shape ({n_features},), one entry a feature, found {values.shape}")
    factors = values.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(factors) & (factors >= 0)))
    if len(bad):
        raise ValueError(f"penalty_factor must be finite and not negative, found {factors[bad[0]]} at feature {bad[0]}")
    return factors


def as_bounds(bounds: object, shape: tuple[int, int]) -> tuple[Float64Array, Float64Array]:
    """Return lower and upper bounds of W of this shape; raise ValueError for what is none."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ValueError(f"bounds must be a pair (lower, upper), found {type(bounds).__name__}")
    lower, upper = (_as_bound(f"bounds[{side}]", bound, shape) for side, bound in enumerate(bounds))
    crossed = np.argwhere(lower > upper)
    if len(crossed):
        k, j = crossed[0]
        raise ValueError(
            f"bounds[0] must not exceed bounds[1], found {lower[k, j]} and {upper[k, j]} at class {k}, feature {j}"
        )
    for side, bound, outside in ((0, lower, np.inf), (1, upper, -np.inf)):
        if (bound == outside).any():
            raise ValueError(f"bounds[{side}] must leave room for finite weights, found {outside}")
    return lower, upper


def _as_bound(name: str, bound: ArrayLike, shape: tuple[int, int]) -> Float64Array:
    values = as_array(name, bound)
    check_real(name, values)
    if values.shape not in ((), shape[1:], shape):
        raise ValueError(f"{name} must be a number or have shape ({shape[1]},) or {shape}, found {values.shape}")
    matrix = np.empty(shape)
    matrix[:] = values
    if np.isnan(matrix).any():
        k, j = np.argwhere(np.isnan(matrix))[0]
        raise ValueError(f"{name} must not be NaN, found it at class {k}, feature {j}")
    return matrix
