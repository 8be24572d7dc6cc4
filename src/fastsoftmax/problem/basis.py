"""Principal components of the inputs, the coordinates in which the curvature of larger problems is approximated."""

from typing import NamedTuple

import numpy as np

from ..penalties import ElasticNet
from ..runtime.arrays import FloatArray
from .inputs import LATE_WEIGHT, Inputs
from .products import gram
from .sample import Sample

# An eigenvalue decomposition of size n takes the time of 10 n³ multiply-adds of a matrix product.
EIGEN_WORK = 10


class Basis(NamedTuple):
    """Inputs and their principal components."""

    inputs: Inputs
    components: FloatArray  # (n_inputs, n_inputs), orthonormal columns by ascending second moment

    @classmethod
    def of(cls, sample: Sample, inputs: Inputs, num_threads: int | None) -> "Basis":
        """Compute the components of a sample; the units make them independent of the features' scale."""
        from scipy.linalg import eigh

        late = sample.X.dtype.type(LATE_WEIGHT)
        moments_and_penalty = late * gram(inputs.of_rows(sample.X), sample.spread[None], num_threads)[0]
        np.fill_diagonal(moments_and_penalty, moments_and_penalty.diagonal() + (inputs.l2 + late * inputs.unseen))
        # NumPy's eigh always computes in float64, which takes twice as long.
        _, components = eigh(moments_and_penalty, driver="evd", overwrite_a=True, check_finite=False)
        return cls(inputs, components)

    def penalized(self, penalty: ElasticNet) -> "Basis":
        """Return the same components with another penalty."""
        return self._replace(inputs=self.inputs.penalized(penalty))
