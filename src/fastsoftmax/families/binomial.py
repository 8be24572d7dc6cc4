"""The binomial family: successes and failures."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..data.arguments import check_finite, check_real
from ..data.samples import Samples
from ..runtime.arrays import Float64Array
from ..runtime.override import override
from .bernoulli import Bernoulli


@dataclass(frozen=True)
class Binomial(Bernoulli):
    """Numbers of successes and of failures, as statsmodels and R's cbind have them.

    A sample of t trials counts as t samples: F is a mean over the trials, and W and b are those of the Bernoulli family
    with a row for each trial. L = y log(y/m) + (1 − y) log((1 − y)/(1 − m)), y being the share of successes.
    """

    name: ClassVar[str] = "binomial"
    links: ClassVar[dict[str, str]] = {"logit": "binomial"}
    support: ClassVar[str] = "numbers of successes and failures, which are not negative,"

    @override
    def check_targets(
        self, values: NDArray[Any], n_samples: int, n_outputs: int | None, dtype: DTypeLike, name: str = "y"
    ) -> Samples:
        samples = self._with_trials(values, n_samples, n_outputs, dtype, name)
        assert samples.weight is not None
        if not samples.weight.any():
            raise ValueError(f"{name} must have trials in some row, found none")
        return samples._replace(weight=samples.weight / samples.weight.mean())

    @override
    def check_part(self, values: NDArray[Any], n_outputs: int | None, dtype: DTypeLike) -> Samples:
        return self._with_trials(values, len(values), n_outputs, dtype, "y")

    def _with_trials(
        self, values: NDArray[Any], n_samples: int, n_outputs: int | None, dtype: DTypeLike, name: str
    ) -> Samples:
        """Return the shares of successes, whose weights are the trials."""
        what = f"{self.support} for family={self.name!r}"
        check_real(name, values, what)
        if values.ndim not in (2, 3) or values.shape[-1] != 2 or 0 in values.shape:
            shapes = "(n_samples, 2), or (n_samples, n_outputs, 2): successes and failures"
            raise ValueError(f"{name} must have shape {shapes}; found {values.shape}")
        counts = values.reshape(len(values), -1, 2).astype(np.float64)
        check_finite(name, counts)
        negative = counts < 0
        if negative.any():
            row, *place = np.argwhere(negative)[0]
            raise ValueError(f"{name} must hold {what}, found {counts[row, *place]:g} at row {row}")
        trials = counts[..., 0] + counts[..., 1]
        unlike = trials != trials[:, :1]
        if unlike.any():
            row = np.argwhere(unlike)[0][0]
            found = f"found {trials[row].tolist()} at row {row}"
            raise ValueError(f"{name} must have as many trials for each output of a sample, {found}")
        with np.errstate(invalid="ignore"):
            shares = np.where(trials > 0, counts[..., 0] / trials, 0.5)
        samples = super().check_targets(shares, n_samples, n_outputs, dtype, name)
        return samples._replace(weight=np.ascontiguousarray(trials[:, 0]))

    @override
    def weighted(self, samples: Samples, weight: Float64Array | None) -> Samples:
        # Trials are weights.
        if weight is None:
            return samples
        assert samples.weight is not None
        product = samples.weight * weight
        if not product.any():
            raise ValueError("sample_weight must not be zero for all samples that have trials")
        return samples._replace(weight=product / product.mean())
