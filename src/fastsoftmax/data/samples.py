"""What is known of the samples beside X."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import FloatArray


class Samples(NamedTuple):
    """Targets, weights and offset of the samples, as the kernels read them; one of the first two is not None.

    Attributes
    ----------
    labels : (n_samples,) of intp, or None
        Class indices.
    targets : (n_samples, n_outputs) of the data's dtype, or None
        Probabilities or counts.
    weight : (n_samples,) float64, or None for ones
    offset : (n_samples, n_outputs) of the data's dtype, or None for zeros
        Added to the logits.
    """

    labels: NDArray[np.intp] | None
    targets: FloatArray | None
    weight: NDArray[np.float64] | None = None
    offset: FloatArray | None = None
