"""What a fit returns, and what it shows of its way."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..families import Family
from ..runtime.arrays import Float64Array


class FitState(NamedTuple):
    """What a callback of `fit` sees after every iteration, the start being iteration 0."""

    iteration: int
    n_passes: int  # times that X was read so far
    seconds: float  # since the start
    loss: float  # F, penalty included; a few digits of it while "auto" multiplies roughly
    grad_norm: float  # largest absolute entry of ∂F
    W: Float64Array  # (n_classes, n_features); read-only, and to be copied if it is kept
    b: Float64Array  # (n_classes,)


@dataclass(frozen=True)
class FitResult:
    """Fitted parameters and how they were found.

    Attributes
    ----------
    W, b : ndarray of shape (n_classes, n_features) and (n_classes,), float64
    loss : float
        F at (W, b), penalty included; if "interrupted" while "auto" multiplied roughly, a few digits of it.
    grad_norm : float
        Largest absolute entry of ∂F at (W, b); with an L1 penalty, of the minimum-norm subgradient.
    n_iter, n_passes : int
        Iterations, and times that X was read; to read some of its features is that share of a time.
    status : str
        "converged", "max_iter", "rounding", "separated", "diverged", "callback" or "interrupted".
    message : str
        The same in words, with the numbers.
    history : structured ndarray
        A row for the start and for each iteration: iteration, n_passes, seconds, loss, grad_norm.
    distance : float
        Estimate of (F − F*)/F, how far F is above its minimum F*: half of the squared Newton decrement, by the
        curvature at hand; seldom wrong by more than a factor of ten. Where there is a `duality_gap`, that over F, a
        bound. NaN where nothing tells.
    duality_gap : float
        With an L1 penalty, or `certify`, a bound of F at (W, b) over its minimum, computed in float64 at the end; NaN
        without, and where penalty_factor leaves a feature free.
    dispersion : ndarray of shape (n_outputs,), float64, or None
        For families that have one, Pearson's estimate Σ_i s_i (y_ik − m_ik)²/V(m_ik)/(n − p_k), V being the variance
        function, p_k the parameters that are not zero, and the weights s_i scaled to a mean of one. `path` leaves it
        out.
    family : Family
        What was fitted; its dispersion is a number where it was "auto".
    """

    W: Float64Array
    b: Float64Array
    loss: float
    grad_norm: float
    n_iter: int
    n_passes: int
    status: str
    message: str
    history: NDArray[np.void]
    duality_gap: float = np.nan
    distance: float = np.nan
    dispersion: Float64Array | None = None
    family: Family | None = None
