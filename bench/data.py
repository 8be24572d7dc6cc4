"""MNIST and 20 Newsgroups, or random numbers of their shapes.

A folder holds them as mnist.npz (arrays X_train, y_train) and 20news_tfidf.npz (train_data, train_indices,
train_indptr, y_train, n_features).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Labels = NDArray[np.intp]


def images(folder: Path | None) -> tuple[str, NDArray[np.uint8], Labels]:
    """Return a name, pixels (60000, 784) and their ten classes, (60000,)."""
    return ("MNIST", *_mnist(folder)) if folder else ("images", *_random_images())


def text(folder: Path | None) -> tuple[str, csr_matrix, Labels]:
    """Return a name, weights of words (11314, 130108) in float32 and the documents' twenty classes, (11314,)."""
    return ("20news", *_newsgroups(folder)) if folder else ("text", *_random_text())


def _mnist(folder: Path) -> tuple[NDArray[np.uint8], Labels]:
    file = np.load(folder / "mnist.npz")
    return file["X_train"].reshape(len(file["X_train"]), -1), file["y_train"].astype(np.intp)


def _random_images() -> tuple[NDArray[np.uint8], Labels]:
    rng = np.random.default_rng(0)
    shape = (60000, 784)
    pixels = rng.integers(0, 256, shape, np.uint8) * (rng.random(shape, np.float32) < 0.2)
    return pixels.astype(np.uint8), rng.integers(0, 10, len(pixels))


def _newsgroups(folder: Path) -> tuple[csr_matrix, Labels]:
    file = np.load(folder / "20news_tfidf.npz")
    parts = file["train_data"], file["train_indices"], file["train_indptr"]
    shape = len(file["y_train"]), int(file["n_features"])
    return csr_matrix(parts, shape=shape), file["y_train"].astype(np.intp)


def _random_text() -> tuple[csr_matrix, Labels]:
    """Words by Zipf's law, about 160 different words per document."""
    rng = np.random.default_rng(0)
    n_samples, n_features, length = 11314, 130_108, 250
    frequency = 1 / (10 + np.arange(n_features))
    words = rng.choice(rng.permutation(n_features), (n_samples, length), p=frequency / frequency.sum())
    values = rng.random(words.size, np.float32)
    text = csr_matrix((values, words.ravel(), np.arange(n_samples + 1) * length), shape=(n_samples, n_features))
    text.sum_duplicates()
    return text, rng.integers(0, 20, n_samples)
