"""A point whose loss and gradient are remembered: they serve other penalties, and the fit of some features alone."""

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, IndexArray


class Visited:
    """The latest point that was to be remembered; no penalty has a part in what it holds.

    Attributes
    ----------
    theta, grad : (n_params,) float64
    loss : float
    weight : (n_samples,) float64, optional
        Of the samples, for which it holds.
    """

    theta: Float64Array | None = None
    grad: Float64Array
    loss: float
    weight: NDArray[np.float64] | None

    def keep(self, theta: Float64Array, weight: Float64Array | None, loss: float, grad: Float64Array) -> None:
        """Remember a point in the place of the one before."""
        self.theta, self.weight, self.loss, self.grad = theta.copy(), weight, loss, grad.copy()

    def find(self, theta: Float64Array, weight: Float64Array | None) -> tuple[float, Float64Array] | None:
        """Return loss and gradient at theta, or None where it is another point."""
        if self.theta is None or self.weight is not weight or not np.array_equal(self.theta, theta):
            return None
        return self.loss, self.grad.copy()

    def of_columns(self, columns: IndexArray, shape: tuple[int, int]) -> "Visited":
        """Return the same point of some features alone; of none where another's weights are not zero."""
        part = Visited()
        if self.theta is None:
            return part
        n_weights = shape[0] * shape[1]
        W, grad_W = self.theta[:n_weights].reshape(shape), self.grad[:n_weights].reshape(shape)
        kept = W[:, columns]
        if np.count_nonzero(kept) == np.count_nonzero(W):
            theta = np.append(kept, self.theta[n_weights:])
            part.keep(theta, self.weight, self.loss, np.append(grad_W[:, columns], self.grad[n_weights:]))
        return part
