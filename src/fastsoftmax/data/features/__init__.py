"""X as users have it: dense, of six kinds of elements, or sparse, and scaled or shifted without a copy.

    x_ij = scale_j · stored_ij + shift_j

The kernels read what is stored, a tile at a time. A scale is none of theirs: W diag(scale) takes its place, and
diag(scale) the gradient's. A shift of dense data does, as a center, scale_j (stored_ij − center_j), because what is
left of large numbers near each other has to be found before they are multiplied. For sparse data, whose zeros must stay
what they are, a shift is one of the intercepts, b + W shift.
"""

from .base import Features, Parameters, PassOptions
from .binding import AnyMatrix, as_csr, as_factors, bind_features, is_served
from .dense import DenseFeatures, is_bfloat16
from .moments import factors_of, moments
from .sparse import CsrFeatures

__all__ = [
    "AnyMatrix",
    "CsrFeatures",
    "DenseFeatures",
    "Features",
    "Parameters",
    "PassOptions",
    "as_csr",
    "as_factors",
    "bind_features",
    "factors_of",
    "is_bfloat16",
    "is_served",
    "moments",
]
