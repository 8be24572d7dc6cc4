"""Families whose outputs, given their logits, are independent: what they have in common."""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _kernels
from ..data.arguments import C_TYPE, check_finite, check_real, in_dtype
from ..data.samples import Samples
from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.override import override
from .family import Family
from .links import LINKS

# Where curvature has no bound, expect at most 4 times the geometric mean of two: that at the mean of y, and the largest
# where the mean of y is y.
MORE_CURVATURE = 4


@dataclass(frozen=True)
class OutputsFamily(Family):
    """A distribution of each y_ik whose mean m_ik is a function of z_ik, the inverse of the link.

    L_i = Σ_k L(y_ik, z_ik) is half of the deviance, which is never negative and zero where m_ik = y_ik.

    Parameters
    ----------
    link : str
        What a logit is of the mean; one of the `links` of the family.

    Raises
    ------
    ValueError
        If the family does not serve the link, or not that value of a parameter.
    """

    link: str = field(default="log", kw_only=True)

    floor: ClassVar[float] = 0.0
    slack: ClassVar[float] = 1e-9
    links: ClassVar[dict[str, str]] = {"log": ""}

    support: ClassVar[str] = "real numbers"
    """What y must hold, in words."""

    has_dispersion: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.link not in self.links:
            served = " or ".join(map(repr, self.links))
            raise ValueError(f"link must be {served} for family={self.name!r}, found {self.link!r}")

    def __str__(self) -> str:
        values = [f"{getattr(self, part.name)}" for part in fields(self) if part.name != "link"]
        return f"{self.name}({', '.join(values)})" if values else self.name

    @property
    def parameter(self) -> float:
        """What the kernels know of the family beside its link."""
        return 0.0

    def outside(self, y: FloatArray) -> NDArray[np.bool_]:
        """Where y is not what the family's distribution may give."""
        return np.zeros(y.shape, np.bool_)

    def variance(self, mean: FloatArray) -> FloatArray:
        """Return the variance of y_ik by its mean, up to the dispersion."""
        raise NotImplementedError

    @override
    def check_targets(
        self, values: NDArray[Any], n_samples: int, n_outputs: int | None, dtype: DTypeLike, name: str = "y"
    ) -> Samples:
        what = f"{self.support} for family={self.name!r}"
        check_real(name, values, what)
        if values.ndim not in (1, 2) or 0 in values.shape:
            raise ValueError(f"{name} must have shape (n_samples,) or (n_samples, n_outputs), found {values.shape}")
        if len(values) != n_samples:
            raise ValueError(f"{name} must have one row for each of the {n_samples} samples, found {len(values)}")
        matrix = values[:, None] if values.ndim == 1 else values
        if n_outputs not in (None, matrix.shape[1]):
            raise ValueError(f"{name} must have {n_outputs} columns, one an output, found shape {values.shape}")
        targets = in_dtype(matrix, dtype)
        check_finite(name, targets if values.ndim == 2 else targets[:, 0])
        outside = self.outside(targets)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            where = f"row {row}, column {column}" if values.ndim == 2 else f"row {row}"
            raise ValueError(f"{name} must hold {what}, found {matrix[row, column]} at {where}")
        return Samples(None, targets, targets.shape[1], parameter=self.parameter)

    @override
    def mean_at_zero(self, n_outputs: int) -> float:
        return LINKS[self.link].at_zero

    @override
    def intercept(self, samples: Samples) -> Float64Array:
        """Return b of the weighted mean of y: where W is zero and there is no offset, the optimum."""
        weight, mean = _weights_of(samples), self._mean_of(samples)
        if samples.offset is None:
            return self.intercept_of(mean, len(weight))
        offset = samples.offset.astype(np.float64)
        if not self.offset_multiplies:
            return self.intercept_of(mean, len(weight), (np.zeros(len(mean)), weight @ offset / weight.sum()))
        # Less the largest so as not to overflow.
        largest = offset.max(axis=0)
        factors = weight @ np.exp(offset - largest) / weight.sum()
        return self.intercept_of(mean, len(weight), (largest, factors))

    @override
    def intercept_of(
        self, mean: Float64Array, n_samples: int, offset: tuple[Float64Array, Float64Array] | None = None
    ) -> Float64Array:
        of_mean = LINKS[self.link].of_mean(self.inside(mean, n_samples))
        if offset is None:
            return of_mean
        largest, rest = offset
        # Offsets are logarithms of exposures: the mean of y over that of these.
        return np.asarray(of_mean - largest - (np.log(rest) if self.offset_multiplies else rest))

    @property
    @override
    def offset_multiplies(self) -> bool:
        return LINKS[self.link].factor is not None

    def _mean_of(self, samples: Samples) -> Float64Array:
        """Return the weighted mean of y, (n_outputs,), or another one near it that has a finite logit."""
        assert samples.targets is not None
        weight = _weights_of(samples)
        # The mean of equal y is y itself, if it is that of differences; sums and differences of large y may overflow.
        halves = samples.targets.astype(np.float64) / 2
        mean = 2 * (halves[0] + weight / weight.sum() @ (halves - halves[0]))
        return self.inside(mean, len(weight))

    @override
    def likely_curvature(self, samples: Samples) -> float:
        assert samples.targets is not None
        of_mean = self.curvature(self._mean_of(samples)[None])
        of_y = self.curvature(samples.targets.astype(np.float64))
        return MORE_CURVATURE * float(np.sqrt(of_mean.max()) * np.sqrt(max(of_y.max(), of_mean.max())))

    @override
    def floor_of(self, samples: Samples) -> float:
        # A model may fit y to all digits, and the distance to a minimum of zero is never small beside it.
        return self.floor - self.slack * self.loss_of(samples, self.intercept(samples))

    def loss_of(self, samples: Samples, logits: FloatArray) -> float:
        """Return the mean of s_i L_i at logits, (n_samples, n_outputs) or (n_outputs,), and the offset."""
        assert samples.targets is not None
        dtype, offset = samples.targets.dtype, samples.offset
        at, along = np.broadcast_to(logits.astype(dtype, copy=False), samples.targets.shape), None
        if offset is not None:
            at, along = offset, at
        return _kernels.cross_entropy[C_TYPE[dtype]](None, at, along, 1.0, samples, self.number, 1)[0]

    def inside(self, mean: Float64Array, n_samples: int) -> Float64Array:
        """Return means of y, (n_outputs,), or other ones near them that have a finite logit."""
        return np.where(mean > 0, mean, LINKS[self.link].at_zero) if self.link == "log" else mean


def _weights_of(samples: Samples) -> Float64Array:
    assert samples.targets is not None
    return np.ones(len(samples.targets)) if samples.weight is None else samples.weight


def power_of(mean: FloatArray, power: float) -> FloatArray:
    """mean^power; infinite without a warning where that is."""
    with np.errstate(over="ignore", divide="ignore"):
        return np.asarray(mean**power)


@dataclass(frozen=True)
class PowerFamily(OutputsFamily):
    """A family of the log link whose variance is proportional to m^p."""

    @property
    def variance_power(self) -> float:
        """The exponent p."""
        raise NotImplementedError

    @override
    def outside(self, y: FloatArray) -> NDArray[np.bool_]:
        return y < 0 if self.variance_power < 2 else y <= 0

    @override
    def variance(self, mean: FloatArray) -> FloatArray:
        return power_of(mean, self.variance_power)

    @override
    def curvature(self, mean: FloatArray) -> FloatArray:
        return power_of(mean, 2 - self.variance_power)

    @override
    def observed(self, mean: FloatArray, y: FloatArray) -> FloatArray | None:
        a, c = 2 - self.variance_power, 1 - self.variance_power
        if c == 0:
            return None
        return a * power_of(mean, a) - c * y * power_of(mean, c)
