"""What the objective and the functions ask of X, whatever it is stored as."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.precision import Precision
from ..arguments import FloatArray, Targets, overflow_shows
from ..samples import Samples

Vector = NDArray[np.float64]


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

    def __init__(self, scale: Vector | None, shift: Vector | None) -> None:
        self.scale = scale
        self.shift = shift

    def __len__(self) -> int:
        return self.shape[0]

    def loss_grad(
        self,
        grad_W_out: FloatArray,
        grad_b_out: Vector,
        W: FloatArray,
        b: FloatArray,
        targets: Targets,
        sample_weight: Vector | None,
        offset: FloatArray | None,
        precision: Precision,
        num_threads: int,
    ) -> float:
        """Write the gradient of the mean of s_i L_i, and return that mean; one pass over X."""
        samples = Samples(targets.labels, targets.rows, sample_weight, offset)
        loss = self._loss_grad(grad_W_out, grad_b_out, *self._fold(W, b), samples, precision, num_threads)
        self._unfold(grad_W_out, grad_b_out)
        return loss

    @overflow_shows
    def hess_vec(
        self,
        product_W_out: Vector,
        product_b_out: Vector,
        W: Vector,
        b: Vector,
        V: Vector,
        v: Vector,
        mass: Vector | None,
        offset: FloatArray | None,
        precision: Precision,
        num_threads: int,
    ) -> None:
        """Write the Hessian of the mean of s_i L_i times (V, v); mass is s_i Σ_k y_ik; one pass over X."""
        at, along = self._fold(W, b), self._fold(V, v)
        self._hess_vec(product_W_out, product_b_out, *at, *along, mass, offset, precision, num_threads)
        self._unfold(product_W_out, product_b_out)

    def predict(
        self, out: FloatArray, W: FloatArray, b: FloatArray, probabilities: bool, precision: Precision, num_threads: int
    ) -> float:
        """Write logits or probabilities, and return the sum of the logits, finite if every one is."""
        return self._predict(out, *self._fold(W, b), probabilities, precision, num_threads)

    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return what the gradient of W can be written in."""
        return np.dtype(np.float64)

    @abstractmethod
    def rows(self, rows: NDArray[np.intp] | slice) -> "Features":
        """Features of some of the samples: an array of indices, or a slice without a step."""

    @abstractmethod
    def columns(self, columns: NDArray[np.intp]) -> "Features":
        """Copy some of the features, named by ascending indices."""

    @abstractmethod
    def values(self) -> FloatArray:
        """X itself, dense, scaled and shifted; not to be written to."""

    @abstractmethod
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """Σ_i w_ik x_ij² for every column of weights, (n_weights, n_features)."""

    def exact_products(self, W: Vector) -> Vector:
        """W x_i for every row, (n_samples, len(W)), in float64 whatever the dtype."""
        products = np.zeros((len(self), len(W)))
        if self.shift is not None:
            products += W @ self.shift
        W = W if self.scale is None else W * self.scale
        for rows, block in self._float64_blocks():
            products[rows] += block @ W.T
        return products

    def exact_sums(self, sample_weight: Vector) -> Vector:
        """Σ_i w_ik x_i for every column of weights, (n_weights, n_features), in float64 whatever the dtype."""
        sums = np.zeros((sample_weight.shape[1], self.shape[1]))
        for rows, block in self._float64_blocks():
            sums += (block.T @ sample_weight[rows]).T
        if self.scale is not None:
            sums *= self.scale
        return sums if self.shift is None else sums + np.outer(sample_weight.sum(axis=0), self.shift)

    @abstractmethod
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield what is stored, some rows at a time."""

    def dual_ascent(
        self,
        W_inout: Vector,
        b_inout: Vector,
        probabilities_inout: FloatArray,
        step: Vector,
        order: NDArray[np.intp],
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
    def moments(self, sample_weight: Vector | None, num_threads: int) -> tuple[Vector, Vector]:
        """Weighted means and standard deviations of what is stored, (n_features,) each; weights have mean one."""

    @abstractmethod
    def check_finite(self, name: str) -> None:
        """Raise ValueError, naming the place, if X holds NaN or infinity."""

    @abstractmethod
    def _loss_grad(self, *arguments: Any) -> float: ...

    @abstractmethod
    def _hess_vec(self, *arguments: Any) -> None: ...

    @abstractmethod
    def _predict(self, *arguments: Any) -> float: ...

    def _factors(self, columns: NDArray[np.intp]) -> tuple[Vector | None, Vector | None]:
        """Scale and shift of some features."""
        scale = None if self.scale is None else self.scale[columns]
        shift = None if self.shift is None else self.shift[columns]
        return scale, shift

    def _fold(self, W: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Parameters for what is stored."""
        return (W if self.scale is None else W * self.scale), b

    def _unfold(self, grad_W: FloatArray, grad_b: FloatArray) -> None:
        """Turn a gradient for what is stored into that for X."""
        if self.scale is not None:
            grad_W *= self.scale
