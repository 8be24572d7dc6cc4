"""What the rest of the package asks of a family: the checks of y, and what is known of its loss."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import _kernels
from ..data.arguments import as_array
from ..data.features import Features, Parameters
from ..data.samples import Samples, as_offset, as_sample_weight
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, FloatArray, IndexArray


class Family(ABC):
    """A distribution of y whose natural parameters are functions of the logits.

    The kernels hold its three row functions, of the same name: loss and residual, curvature, mean. Here is the rest. A
    family says only what differs from the defaults below, which claim nothing.
    """

    name: ClassVar[str]
    """What the user calls the family."""

    links: ClassVar[dict[str, str]]
    """By the link, what the list of the kernels calls the family with that link."""

    link: str
    """Which function of the means the logits are."""

    floor: ClassVar[float] = -np.inf
    """A lower bound of every L_i."""

    slack: ClassVar[float] = 0.0
    """A loss counts as lowest if it is above the floor by this share of the loss of the best constant means."""

    is_categorical: ClassVar[bool] = False
    """Whether C_i = Σ_k y_ik (diag(p_i) − p_i p_iᵀ); if not, it is diagonal: the outputs are independent."""

    has_duality_gap: ClassVar[bool] = False
    """Whether `duality_gap` bounds the distance to the minimum where every feature has a penalty."""

    def __str__(self) -> str:
        """Return the name, and the parameters if there are any, as `as_family` reads them."""
        return self.name

    @cached_property
    def number(self) -> int:
        """The kernels' number of the family."""
        return _kernels.FAMILIES.index(self.links[self.link])

    @property
    def max_curvature(self) -> float | None:
        """A bound of the largest eigenvalue of every C_i / Σ_k y_ik; None where there is none."""
        return None

    def samples(
        self,
        y: ArrayLike,
        n_samples: int,
        dtype: DTypeLike,
        *,
        n_outputs: int | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Samples:
        """Check y, sample_weight and offset, as users pass them, and return them as one value.

        Parameters
        ----------
        y : array_like
            What a sample was observed to be; each family says its shapes.
        n_samples : int
        dtype : dtype
            float32 or float64: what the samples are computed in.
        n_outputs : int, optional
            Outputs that there must be; taken from y by default.
        sample_weight : array_like of shape (n_samples,), optional
        offset : array_like of shape (n_samples, n_outputs), optional

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        """
        samples = self.check_targets(as_array("y", y), n_samples, n_outputs, dtype)
        weight = as_sample_weight(sample_weight, n_samples)
        samples = self.weighted(samples, weight)
        if offset is None:
            return samples
        logits_offset = as_offset(offset, (n_samples, samples.n_outputs), dtype)
        if logits_offset is not None:
            self.check_offset(logits_offset)
        return samples._replace(offset=logits_offset)

    def weighted(self, samples: Samples, weight: Float64Array | None) -> Samples:
        """Return the samples, fresh from `check_targets`, with the weights of the user, of mean one."""
        return samples if weight is None else samples._replace(weight=weight)

    @abstractmethod
    def check_targets(
        self, values: NDArray[Any], n_samples: int, n_outputs: int | None, dtype: DTypeLike, name: str = "y"
    ) -> Samples:
        """Return y as the kernels read it, without weights; raise ValueError, which names y so, for what is none."""

    def check_part(self, values: NDArray[Any], n_outputs: int | None, dtype: DTypeLike) -> Samples:
        """Return what `check_targets` does of a part of all y; weights that y brings are as they come."""
        return self.check_targets(values, len(values), n_outputs, dtype)

    def check_offset(self, offset: FloatArray) -> None:
        """Raise ValueError for an offset that the family does not allow."""
        bad = np.argwhere(np.isneginf(offset))
        if len(bad):
            row, column = bad[0]
            found = f"found -inf at row {row}, column {column}"
            raise ValueError(f"offset must be finite for family={self.name!r}, {found}")

    @abstractmethod
    def mean_at_zero(self, n_outputs: int) -> float:
        """Return what all means are where all logits are zero."""

    @abstractmethod
    def curvature(self, mean: FloatArray) -> FloatArray:
        """Return the diagonal of every C_i / Σ_k y_ik, (n_samples, n_outputs), from the mean."""

    def observed(self, mean: FloatArray, y: FloatArray) -> FloatArray | None:
        """Return ∂²L_i/∂z_i² as `curvature` does, which is its mean over y; None where y has no part in it."""
        return None

    def trace(self, mean: FloatArray) -> FloatArray:
        """Return the trace of every C_i / Σ_k y_ik, (n_samples,), from the mean."""
        return np.asarray(self.curvature(mean).sum(axis=1))

    def floor_of(self, samples: Samples) -> float:
        """Return a lower bound of the mean of s_i L_i, to which the distance to the minimum is compared."""
        return self.floor

    def intercept(self, samples: Samples) -> Float64Array | None:
        """Return b, (n_outputs,), for W = 0 to start from; None for zeros."""
        return None

    def intercept_of(
        self, mean: Float64Array, n_samples: int, offset: tuple[Float64Array, Float64Array] | None = None
    ) -> Float64Array | None:
        """Return what `intercept` does, from the weighted mean of y, (n_outputs,), of which a multiple will do for it.

        Parameters
        ----------
        mean : (n_outputs,)
        n_samples : int
        offset : ((n_outputs,), (n_outputs,)), optional
            Where an offset multiplies the mean, the largest one and the mean of exp(offset − largest); else zeros and
            the mean of the offset.
        """
        return None

    @property
    def offset_multiplies(self) -> bool:
        """Whether exp(offset) multiplies the mean of y."""
        return False

    def likely_curvature(self, samples: Samples) -> float:
        """Return what C_i / Σ_k y_ik seldom exceeds where there is no bound of it."""
        raise NotImplementedError

    def loss_of_separated(self, samples: Samples, n_samples: int) -> float:
        """Return a loss below which, without a penalty, there is no optimum: the classes are separated."""
        return -np.inf

    def separated_message(self, loss: float) -> str:
        """Say what a loss below that proves."""
        return ""

    def separated_outputs(self, X: Features, samples: Samples, fit_intercept: bool) -> IndexArray:
        """Return the separated classes, whose parameters go to infinity without a penalty; a pass over X."""
        return np.empty(0, np.intp)

    def tells_separated(self, samples: Samples, n_samples: int, n_inputs: int) -> bool:
        """Whether `separated_outputs` can tell, in a second."""
        return False

    def may_be_separated(self, samples: Samples, mean: FloatArray) -> bool:
        """Whether `separated_outputs` is worth a look, by the means of the samples, (n_samples, n_outputs)."""
        return False

    def ascend(
        self,
        X: Features,
        samples: Samples,
        l2: float,
        at_out: Parameters,
        fit_intercept: bool,
        n_epochs: int,
        num_threads: int,
    ) -> Iterator[int] | None:
        """Bring parameters from zero towards the optimum, a point at a time; None where the family cannot.

        Yields the passes over X that the point took, n_epochs if it may choose.
        """
        return None

    def duality_gap(
        self, X: Features, samples: Samples, at: Parameters, penalty: ElasticNet, fit_intercept: bool
    ) -> float:
        """Return a bound of F over its minimum, NaN where the family has none."""
        return np.nan
