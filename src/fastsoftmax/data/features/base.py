"""What the objective and the functions ask of X, whatever it is stored as."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...runtime.arrays import Float64Array, FloatArray, IndexArray
from ...runtime.contention import contention
from ...runtime.precision import Precision
from ..arguments import is_finite, overflow_shows
from ..samples import Samples

# Products with W are those of the features that have weights, where these are at most this share.
MOST_USED = 0.3


class Parameters(NamedTuple):
    """W, (n_outputs, n_features), and b, (n_outputs,); also a direction in which they move, or a gradient."""

    W: NDArray[Any]  # float32 or float64, as is b
    b: NDArray[Any]


class PassOptions(NamedTuple):
    """How a pass over X is done."""

    family: int  # the kernels' number
    precision: Precision
    num_threads: int


class Features(ABC):
    """What the objective and the functions need of X.

    Numbers that overflow become infinite without a warning: they show in the results, and whoever asked for these
    judges them.

    Parameters
    ----------
    scale, shift : (n_features,) float64, optional

    Attributes
    ----------
    shape : tuple
        (n_samples, n_features)
    dtype : dtype
        float32 or float64: what is computed in.
    n_entries : int
        Numbers that are stored.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_entries: int

    def __init__(self, scale: Float64Array | None, shift: Float64Array | None) -> None:
        self.scale = scale
        self.shift = shift

    def __len__(self) -> int:
        return self.shape[0]

    def loss_grad(self, grad_out: Parameters, at: Parameters, samples: Samples, options: PassOptions) -> float:
        """Write the gradient of the mean of s_i L_i, and return that mean; one pass over X."""
        with contention.watched(options.num_threads):
            loss = self._loss_grad(grad_out, self._fold(at), samples, options)
        self._unfold(grad_out)
        return loss

    @overflow_shows
    def hess_vec(
        self, product_out: Parameters, at: Parameters, direction: Parameters, samples: Samples, options: PassOptions
    ) -> None:
        """Write the Hessian of the mean of s_i L_i times a direction; one pass over X."""
        with contention.watched(options.num_threads):
            self._hess_vec(product_out, self._fold(at), self._fold(direction), samples, options)
        self._unfold(product_out)

    def predict(self, out: FloatArray, at: Parameters, mean: bool, options: PassOptions) -> float:
        """Write the logits, or the mean that they give; return the sum of the logits, which is finite if they are."""
        with contention.watched(options.num_threads):
            return self._predict(out, self._fold(at), mean, options)

    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return what the gradient of W can be written in."""
        return np.dtype(np.float64)

    @abstractmethod
    def rows(self, rows: IndexArray | slice) -> "Features":
        """Features of some of the samples: an array of indices, or a slice without a step."""

    @abstractmethod
    def columns(self, columns: IndexArray) -> "Features":
        """Copy some of the features, named by ascending indices."""

    @property
    def n_stored(self) -> int:
        """How many values `stored_columns` returns: fewer than all where it leaves out zeros."""
        return len(self) * self.shape[1]

    def stored_columns(self) -> tuple[Float64Array, IndexArray | None, IndexArray | None]:
        """Return X by columns in float64: values, one column after the other, and as in CSC their rows and indptr.

        The last two are None where every column has a value for each row.
        """
        return np.ascontiguousarray(self.finite_values().T, np.float64).ravel(), None, None

    @abstractmethod
    def values(self) -> FloatArray:
        """X itself, dense, scaled and shifted; not to be written to."""

    @overflow_shows
    def finite_values(self) -> FloatArray:
        """`values`, of which what is stored has been found finite.

        Raises
        ------
        ValueError
            If the scale or the shift makes them infinite.
        """
        values = self.values()
        if (self.scale is not None or self.shift is not None) and not is_finite(values):
            raise ValueError(f"scale or shift is so large that X overflows {values.dtype} with them")
        return values

    @abstractmethod
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """Σ_i w_ik x_ij² for every column of weights, (n_weights, n_features)."""

    def exact_products(self, W: Float64Array) -> Float64Array:
        """W x_i for every row, (n_samples, len(W)), in float64 whatever the dtype."""
        used = np.flatnonzero(W.any(axis=0))
        if 0 < len(used) <= MOST_USED * W.shape[1]:
            return self.columns(used).exact_products(W[:, used])
        products = np.zeros((len(self), len(W)))
        if self.shift is not None:
            products += W @ self.shift
        W = W if self.scale is None else W * self.scale
        for rows, block in self._float64_blocks():
            products[rows] += block @ W.T
        return products

    def exact_sums(self, sample_weight: Float64Array) -> Float64Array:
        """Σ_i w_ik x_i for every column of weights, (n_weights, n_features), in float64 whatever the dtype."""
        sums = np.zeros((sample_weight.shape[1], self.shape[1]))
        for rows, block in self._float64_blocks():
            sums += sample_weight[rows].T @ block
        if self.scale is not None:
            sums *= self.scale
        return sums if self.shift is None else sums + np.outer(sample_weight.sum(axis=0), self.shift)

    @abstractmethod
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield what is stored, some rows at a time."""

    def dual_ascent(
        self,
        at_inout: Parameters,
        q_inout: FloatArray,
        step: Float64Array,
        order: IndexArray,
        intercept: bool,
        num_threads: int,
    ) -> None:
        """Ascend on the dual, a coordinate for each sample of `order`; where `serves_dual_ascent` is true."""
        raise NotImplementedError

    @property
    def serves_dual_ascent(self) -> bool:
        """Whether a step for one sample costs as little as its entries."""
        return False

    def serves_rough_products(self, n_classes: int) -> bool:
        """Whether rough products for that many classes are faster, and rounded samples hardly differ from X's."""
        return False

    @abstractmethod
    def gram(self, sample_weight: FloatArray, precision: Precision, num_threads: int) -> FloatArray:
        """Σ_i w_ci x_i x_iᵀ for every row of weights, (n_weights, n_features, n_features)."""

    @abstractmethod
    def moments(self, sample_weight: Float64Array | None, num_threads: int) -> tuple[Float64Array, Float64Array]:
        """Weighted means and standard deviations of what is stored, (n_features,) each; weights have mean one."""

    @overflow_shows
    def second_moments(
        self, center: Float64Array, sample_weight: Float64Array | None, num_threads: int
    ) -> Float64Array:
        """Weighted means of (x_ij − center_j)², (n_features,); an overflow becomes infinite."""
        shift, scale = 0.0 if self.shift is None else self.shift, 1.0 if self.scale is None else self.scale
        return self._second_moments((center - shift) / scale, sample_weight, num_threads) * np.square(scale)

    @abstractmethod
    def check_finite(self, name: str) -> None:
        """Raise ValueError, naming the place, if X holds NaN or infinity."""

    def _second_moments(
        self, center: Float64Array, sample_weight: Float64Array | None, num_threads: int
    ) -> Float64Array:
        """`second_moments` of what is stored."""
        mean, deviation = self.moments(sample_weight, num_threads)
        return deviation**2 + (mean - center) ** 2

    @abstractmethod
    def _loss_grad(self, grad_out: Parameters, at: Parameters, samples: Samples, options: PassOptions) -> float:
        """`loss_grad` of what is stored."""

    @abstractmethod
    def _hess_vec(
        self, product_out: Parameters, at: Parameters, direction: Parameters, samples: Samples, options: PassOptions
    ) -> None:
        """`hess_vec` of what is stored."""

    @abstractmethod
    def _predict(self, out: FloatArray, at: Parameters, mean: bool, options: PassOptions) -> float:
        """`predict` of what is stored."""

    def _factors(self, columns: IndexArray) -> tuple[Float64Array | None, Float64Array | None]:
        """Scale and shift of some features."""
        scale = None if self.scale is None else self.scale[columns]
        shift = None if self.shift is None else self.shift[columns]
        return scale, shift

    def _fold(self, at: Parameters) -> Parameters:
        """Parameters for what is stored."""
        if self.scale is None:
            return at
        with np.errstate(over="ignore", invalid="ignore"):
            return Parameters(at.W * self.scale, at.b)

    def _unfold(self, grad: Parameters) -> None:
        """Turn a gradient for what is stored into that for X."""
        if self.scale is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                np.multiply(grad.W, self.scale, out=grad.W, casting="same_kind")


def by_columns(matrix: Any) -> tuple[Float64Array, IndexArray, IndexArray]:
    """Return the values of a sparse matrix column by column, in float64, their rows, and where each column begins."""
    columns = matrix.tocsc()
    return columns.data.astype(np.float64), columns.indices.astype(np.intp), columns.indptr.astype(np.intp)
