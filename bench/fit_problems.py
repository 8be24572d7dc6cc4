"""The problems that solvers are compared on: data in float32, a penalty, and the objective that judges all solvers.

If no public data are at hand, they are drawn from a seed. They have what makes real data hard: correlated features,
rare indicators, many classes, scales that differ by orders of magnitude.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .data import Labels, images, text
from .problems import Shape

BLOCK = 2**14  # samples that are converted to float64 at a time, to save memory

Parameters = NDArray[np.floating[Any]]


class FitProblem(NamedTuple):
    """What is minimised: mean cross-entropy + (l1_ratio ‖W‖₁ + (1 − l1_ratio) ½‖W‖²) / (C Σs); b is not penalised.

    s are the weights of the samples, ones if there are none, and the mean is over them: as scikit-learn has it.
    """

    name: str
    X: Any  # (n_samples, n_features), float32 or float64, dense or CSR
    y: Any  # labels (n_samples,), or probabilities or counts (n_samples, n_classes)
    C: float
    l1_ratio: float = 0.0
    sample_weight: NDArray[np.float64] | None = None  # (n_samples,)

    @property
    def shape(self) -> Shape:
        """Sizes, from the arrays."""
        n_samples, n_features = self.X.shape
        return Shape(n_samples, n_features, self.y.shape[1] if self.y.ndim == 2 else int(self.y.max()) + 1)

    @property
    def sparse(self) -> bool:
        """Whether X is CSR."""
        return issparse(self.X)

    @property
    def mass(self) -> float:
        """Sum of the weights of the samples."""
        return float(len(self.y) if self.sample_weight is None else self.sample_weight.sum())

    @property
    def l1(self) -> float:
        """Weight of ‖W‖₁, added to the mean loss."""
        return self.l1_ratio / (self.C * self.mass)

    @property
    def l2(self) -> float:
        """Weight of ½‖W‖², added to the mean loss."""
        return (1 - self.l1_ratio) / (self.C * self.mass)

    def describe(self) -> str:
        """Return name, sizes and penalty, in words."""
        penalty = {0.0: "", 1.0: "L1, "}.get(self.l1_ratio, f"l1_ratio = {self.l1_ratio:g}, ")
        return f"{self.name} {self.shape}{' CSR' if self.sparse else ''}, {penalty}C = {self.C:g}"

    def objective(self, W: Parameters, b: Parameters) -> float:
        """Return F in float64, computed by NumPy and SciPy only, so that no solver judges itself."""
        W, b = np.asarray(W, np.float64), np.asarray(b, np.float64).ravel()
        total = 0.0
        for start in range(0, len(self.y), BLOCK):
            block = slice(start, start + BLOCK)
            losses = _cross_entropy(self.X[block].astype(np.float64) @ W.T + b, self.y[block])
            total += float(losses.sum() if self.sample_weight is None else self.sample_weight[block] @ losses)
        return total / self.mass + self.l1 * float(np.abs(W).sum()) + self.l2 * 0.5 * float((W**2).sum())

    def labelled(self) -> "FitProblem":
        """Return the same problem with labels, for solvers that know no other y; F differs by a constant factor.

        A sample with probabilities or counts becomes one sample for each class of a positive y, weighted by it.
        """
        if self.y.ndim == 1:
            return self
        rows, labels = np.nonzero(self.y)
        weights = self.y[rows, labels].astype(np.float64)
        if self.sample_weight is not None:
            weights *= self.sample_weight[rows]
        return self._replace(X=self.X[rows], y=labels, sample_weight=weights)


def _cross_entropy(Z: NDArray[np.float64], y: Any) -> NDArray[np.float64]:
    """Return the loss of each row of logits, (n,); Z is overwritten."""
    y = np.asarray(y)
    own, mass = (Z[np.arange(len(y)), y], 1.0) if y.ndim == 1 else ((y * Z).sum(axis=1) / y.sum(axis=1), y.sum(axis=1))
    Z -= own[:, None]
    highest = Z.max(axis=1)
    return np.asarray(mass * (highest + np.log(np.exp(Z - highest[:, None]).sum(axis=1))))


def make_digits(name: str, _folder: Path | None) -> FitProblem:
    """Images of digits, 8 × 8; scikit-learn has them."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return FitProblem(name, (X / 16).astype(np.float32), y.astype(np.intp), C=1.0)


def make_images(name: str, folder: Path | None, *, C: float, l1_ratio: float = 0.0) -> FitProblem:
    """MNIST, or random images of its shape."""
    kind, pixels, y = images(folder)
    return FitProblem(name if folder else f"{name}, random {kind}", pixels / np.float32(255), y, C, l1_ratio)


def make_text(name: str, folder: Path | None, *, C: float, l1_ratio: float = 0.0) -> FitProblem:
    """20 Newsgroups, or random text of its shape."""
    kind, X, y = text(folder)
    return FitProblem(name if folder else f"{name}, random {kind}", X, y, C, l1_ratio)


def make_covertype(name: str, _folder: Path | None) -> FitProblem:
    """Like forest cover types: ten correlated measurements, one of four areas, one of forty soils; rare classes."""
    rng = np.random.default_rng(0)
    n_samples, n_measured, n_areas, n_soils = 581_012, 10, 4, 40
    prior = np.array([0.365, 0.488, 0.0615, 0.0047, 0.0163, 0.0299, 0.0353])
    soil = rng.choice(n_soils, n_samples, p=rng.dirichlet(np.full(n_soils, 0.6)))
    area = rng.choice(n_areas, n_samples, p=[0.45, 0.05, 0.44, 0.06])
    mixing = 0.4 * rng.standard_normal((n_measured, n_measured)) + np.eye(n_measured)
    measured = rng.standard_normal((n_samples, n_measured)) @ mixing
    X = np.zeros((n_samples, n_measured + n_areas + n_soils), np.float32)
    X[:, :n_measured] = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    X[np.arange(n_samples), n_measured + area] = 1
    X[np.arange(n_samples), n_measured + n_areas + soil] = 1
    W = 0.9 * rng.standard_normal((len(prior), X.shape[1]))
    return FitProblem(name, X, draw_classes(rng, X @ W.T + np.log(prior)), C=1.0)


def make_embeddings(name: str, _folder: Path | None) -> FitProblem:
    """Like the last layer of a network, for a thousand classes."""
    X, y = draw_embeddings(np.random.default_rng(1), Shape(20_000, 512, 1000), separation=0.5)
    return FitProblem(name, np.ascontiguousarray(X, np.float32), y, C=0.01)


def make_probe(name: str, _folder: Path | None) -> FitProblem:
    """Make a linear probe: like embeddings of a tenth of ImageNet's images, in float16."""
    X, y = draw_embeddings(np.random.default_rng(3), Shape(128_117, 768, 1000), separation=0.5)
    return FitProblem(name, X.astype(np.float16), y, C=0.01)


def draw_embeddings(rng: np.random.Generator, shape: Shape, separation: float) -> tuple[NDArray[np.float64], Labels]:
    """Noise around a mean per class, `separation` times as large, scaled to a power-law spectrum and rotated."""
    n_samples, n_features, n_classes = shape
    y = rng.integers(0, n_classes, n_samples)
    y[:n_classes] = np.arange(n_classes)
    spectrum = np.sqrt(1 / (1 + np.arange(n_features)))
    spectrum *= np.sqrt(n_features) / np.linalg.norm(spectrum)
    rotation, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    means = separation * rng.standard_normal((n_classes, n_features))
    return ((means[y] + rng.standard_normal((n_samples, n_features))) * spectrum) @ rotation.T, y


def make_ill_scaled(name: str, _folder: Path | None) -> FitProblem:
    """Correlated features in units that differ by up to six orders of magnitude, with a weak penalty."""
    rng = np.random.default_rng(2)
    n_samples, n_features, n_classes = 50_000, 60, 5
    mixing = np.eye(n_features) + 0.3 * rng.standard_normal((n_features, n_features))
    X = rng.standard_normal((n_samples, n_features)) @ mixing
    W = 0.15 * rng.standard_normal((n_classes, n_features))
    y = draw_classes(rng, X @ W.T)
    units = 10 ** rng.uniform(-3, 3, n_features)
    return FitProblem(name, (X * units).astype(np.float32), y, C=1e3)


def draw_classes(rng: np.random.Generator, logits: NDArray[np.float64]) -> Labels:
    """Draw a class for each row from its softmax, by Gumbel's trick."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


PROBLEMS: Mapping[str, Callable[[str, Path | None], FitProblem]] = {
    "mnist": partial(make_images, C=1.0),
    "digits": make_digits,
    "covertype": make_covertype,
    "embeddings": make_embeddings,
    "probe": make_probe,
    "20news": partial(make_text, C=10.0),
    "ill": make_ill_scaled,
    "mnist-l1": partial(make_images, C=0.1, l1_ratio=1.0),
    "20news-l1": partial(make_text, C=10.0, l1_ratio=1.0),
}
