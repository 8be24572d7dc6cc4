"""The data of the zoo: sets that packages ship, and generators, each for a kind of data that users have.

A generator draws from the seed that its name makes, so that it gives the same data alone and among others.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from . import data as public
from .data import Labels
from .fit_problems import draw_classes, draw_embeddings
from .problems import Shape

Float64 = NDArray[np.float64]
MNIST_STEP = 10  # of the images, each tenth


class Data(NamedTuple):
    """Samples as their owner has them."""

    X: Any  # (n_samples, n_features), dense or CSR
    y: Any  # labels (n_samples,), or probabilities or counts (n_samples, n_classes)
    sample_weight: Float64 | None = None  # (n_samples,)


Generator = Callable[[np.random.Generator], Data]


def generate(generator: Generator) -> Data:
    """Return the data of a generator, from the seed that its name makes."""
    return generator(np.random.default_rng(crc32(generator.__name__.encode())))


def standardize(X: Any) -> Float64:
    """Return dense features with mean 0 and standard deviation 1, or 0 where they are constant; float64."""
    if issparse(X):
        raise ValueError("sparse features are not standardised: they would become dense")
    X = np.asarray(X, np.float64)
    deviation = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))


def from_sklearn(name: str) -> Data:
    """Return iris, wine, breast_cancer or digits."""
    from sklearn import datasets

    return Data(*getattr(datasets, f"load_{name}")(return_X_y=True))


def from_statsmodels(name: str) -> Data:
    """Return anes96 (party, of seven), fair (whether there was an affair) or spector (whether a grade improved)."""
    from statsmodels import datasets

    loaded = getattr(datasets, name).load_pandas()
    X, y = loaded.exog.to_numpy(np.float64), loaded.endog.to_numpy(np.float64)
    return Data(X, (y > 0).astype(np.intp) if name == "fair" else y.astype(np.intp))


def mnist(folder: Path) -> Data:
    """Each tenth image, with pixels from 0 to 1."""
    _, pixels, y = public.images(folder)
    return Data(pixels[::MNIST_STEP] / 255.0, y[::MNIST_STEP])


def newsgroups(folder: Path) -> Data:
    """20 Newsgroups, a CSR matrix."""
    return Data(*public.text(folder)[1:])


def onehot(rng: np.random.Generator) -> Data:
    """Dense one-hot columns of six fields; Zipf's law makes most of their 30 categories rare."""
    X = _indicators(rng, 3000, n_fields=6, n_categories=30, exponent=1.3).toarray()
    return Data(X, _linear_classes(rng, X, n_classes=3, spread=6.0))


def onehot_sparse(rng: np.random.Generator) -> Data:
    """Sparse one-hot columns of eight fields of 400 categories, as `OneHotEncoder` returns them."""
    X = _indicators(rng, 10_000, n_fields=8, n_categories=400, exponent=1.1)
    return Data(X, _linear_classes(rng, X, n_classes=5, spread=4.0))


def rare_pixels(rng: np.random.Generator) -> Data:
    """Pixels from 0 to 16 of ten digits in three hands each; eight pixels are non-zero in 2 to 14 samples only."""
    n_samples, n_features, n_classes, n_hands, n_rare = 5620, 64, 10, 3, 8
    y = rng.integers(0, n_classes, n_samples)
    strokes = rng.random((n_classes, 1, n_features)) * (rng.random((n_classes, 1, n_features)) < 0.5)
    hands = 16 * np.clip(strokes + 0.35 * rng.standard_normal((n_classes, n_hands, n_features)), 0, 1)
    mixing = np.eye(n_features) + 0.15 * rng.standard_normal((n_features, n_features))
    noise = 6 * rng.standard_normal((n_samples, n_features)) @ mixing
    X = np.clip(np.rint(hands[y, rng.integers(0, n_hands, n_samples)] + noise), 0, 16)
    for feature in range(n_rare):
        seen = rng.choice(n_samples, rng.integers(2, 15), replace=False)
        X[:, feature] = 0
        X[seen, feature] = rng.integers(1, 17, len(seen))
    return Data(X, y)


def duplicates(rng: np.random.Generator) -> Data:
    """Each of twenty features three times, with relative differences of 1e-3."""
    features = rng.standard_normal((2000, 20))
    X = np.repeat(features, 3, axis=1)
    X += 1e-3 * rng.standard_normal(X.shape)
    return Data(X, _linear_classes(rng, features, n_classes=4, spread=2.0))


def polynomial(rng: np.random.Generator) -> Data:
    """All products of up to three of six positive features."""
    from sklearn.preprocessing import PolynomialFeatures

    features = rng.gamma(2.0, 2.0, (3000, 6))
    y = _linear_classes(rng, standardize(features**2), n_classes=3, spread=3.0)
    return Data(PolynomialFeatures(3, include_bias=False).fit_transform(features), y)


def log_normal(rng: np.random.Generator) -> Data:
    """Log-normal features whose units spread over nine orders of magnitude."""
    logarithms = rng.standard_normal((5000, 20))
    X = np.exp(logarithms) * np.logspace(-4.5, 4.5, 20)
    return Data(X, _linear_classes(rng, logarithms, n_classes=4, spread=2.0))


def rare_events(rng: np.random.Generator) -> Data:
    """One positive among ten thousand, with larger features."""
    n_samples, n_features, n_positive = 40_000, 10, 4
    y = np.zeros(n_samples, np.intp)
    y[rng.choice(n_samples, n_positive, replace=False)] = 1
    return Data(rng.standard_normal((n_samples, n_features)) + 0.7 * y[:, None], y)


def genes(rng: np.random.Generator) -> Data:
    """Far more features than samples, a few of which tell the classes."""
    n_samples, n_features, n_classes, n_telling = 150, 2000, 5, 40
    y = rng.integers(0, n_classes, n_samples)
    X = rng.standard_normal((n_samples, n_features))
    X[:, :n_telling] += rng.standard_normal((n_classes, n_telling))[y]
    return Data(X, y)


def embeddings(rng: np.random.Generator) -> Data:
    """Embeddings of a network's last layer, with a spectrum that decays by a power law."""
    return Data(*draw_embeddings(rng, Shape(6000, 256, 20), separation=0.3))


def linear_probe(rng: np.random.Generator) -> Data:
    """Well separated embeddings in float16."""
    X, y = draw_embeddings(rng, Shape(6000, 128, 50), separation=1.5)
    return Data(X.astype(np.float16), y)


def many_classes(rng: np.random.Generator) -> Data:
    """Four samples of each of a thousand classes."""
    n_classes, n_samples, n_features = 1000, 4, 64
    y = np.repeat(np.arange(n_classes), n_samples)
    return Data(rng.standard_normal((n_classes, n_features))[y] + rng.standard_normal((len(y), n_features)), y)


def noisy_labels(rng: np.random.Generator) -> Data:
    """Classes of which the features tell all, but 20 % of the labels are wrong."""
    n_samples, n_features, n_classes = 5000, 30, 5
    X = rng.standard_normal((n_samples, n_features))
    y = (X @ rng.standard_normal((n_features, n_classes))).argmax(axis=1)
    wrong = rng.choice(n_samples, n_samples // 5, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return Data(X, y)


def nearly_separable(rng: np.random.Generator) -> Data:
    """Classes that planes separate, but for the first sample, which has the label of another class."""
    n_features, n_classes = 10, 3
    X = rng.standard_normal((1000, n_features))
    logits = X @ rng.standard_normal((n_features, n_classes))
    second, first = np.sort(logits, axis=1)[:, -2:].T
    clear = first - second > 0.5
    X, y = X[clear], logits[clear].argmax(axis=1)
    y[0] = (y[0] + 1) % n_classes
    return Data(X, y)


def two_classes(rng: np.random.Generator) -> Data:
    """Two classes by a logistic model of correlated features."""
    X = rng.standard_normal((10_000, 30)) @ (np.eye(30) + 0.3 * rng.standard_normal((30, 30)))
    return Data(X, _linear_classes(rng, X, n_classes=2, spread=2.0))


def counts(rng: np.random.Generator) -> Data:
    """How often each class was seen for a sample, of one to twenty times."""
    X = rng.standard_normal((1500, 12))
    probabilities = _softmax(X @ rng.standard_normal((12, 5)))
    return Data(X, rng.multinomial(rng.integers(1, 21, len(X)), probabilities).astype(np.float64))


def soft_labels(rng: np.random.Generator) -> Data:
    """Probabilities that a teacher gave, who saw more than the features."""
    X = rng.standard_normal((3000, 20))
    logits = X @ rng.standard_normal((20, 4)) + rng.standard_normal((3000, 4))
    return Data(X, _softmax(logits / 2))


def weights(rng: np.random.Generator) -> Data:
    """Weights of the samples that spread over nine orders of magnitude."""
    X = rng.standard_normal((3000, 15))
    y = _linear_classes(rng, X, n_classes=3, spread=2.0)
    return Data(X, y, 10 ** rng.uniform(-4.5, 4.5, len(X)))


def sensors(rng: np.random.Generator) -> Data:
    """Whole numbers of nine sensors over wide ranges, with outliers; three of seven classes have ten samples."""
    sizes = np.array([45_000, 8900, 3270, 800, 10, 10, 10])
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    means, noise = 3 * rng.standard_normal((len(sizes), 9)), rng.standard_t(2, (len(y), 9))
    return Data(np.rint((means[y] + noise) * np.logspace(0.5, 3, 9)), y)


def topics(rng: np.random.Generator) -> Data:
    """Documents as normed weights of words; words have Zipf's frequencies and classes favour some."""
    n_documents, n_words, n_classes, length = 3000, 8000, 10, 120
    y = rng.integers(0, n_classes, n_documents)
    frequency = 1 / (10 + np.arange(n_words)) * np.exp(0.8 * rng.standard_normal((n_classes, n_words)))
    frequency /= frequency.sum(axis=1, keepdims=True)
    words = np.array([rng.choice(n_words, length, p=frequency[label]) for label in y])
    X = csr_matrix((np.ones(words.size), words.ravel(), np.arange(n_documents + 1) * length), (n_documents, n_words))
    X.sum_duplicates()
    seen = np.bincount(X.indices, minlength=n_words)
    X.data *= 1 + np.log(n_documents / np.maximum(seen, 1))[X.indices]
    X.data /= np.repeat(np.sqrt(np.add.reduceat(X.data**2, X.indptr[:-1])), np.diff(X.indptr))
    return Data(X, y)


def letters(rng: np.random.Generator) -> Data:
    """Sixteen whole numbers from 0 to 15 for each of 26 letters, which overlap."""
    n_samples, n_features, n_classes = 20_000, 16, 26
    y = rng.integers(0, n_classes, n_samples)
    means = rng.uniform(3, 12, (n_classes, n_features))
    mixing = 1.5 * np.eye(n_features) + 0.4 * rng.standard_normal((n_features, n_features))
    return Data(np.clip(np.rint(means[y] + rng.standard_normal((n_samples, n_features)) @ mixing), 0, 15), y)


def informative(_rng: np.random.Generator) -> Data:
    """Draw what scikit-learn's own benchmark compares solvers with an L1 penalty on."""
    from sklearn.datasets import make_classification

    sizes = {"n_samples": 10_000, "n_features": 10, "n_informative": 10, "n_redundant": 0, "n_classes": 3}
    return Data(*make_classification(**sizes, random_state=0))


def _indicators(
    rng: np.random.Generator, n_samples: int, n_fields: int, n_categories: int, exponent: float
) -> csr_matrix:
    """One 1 a field; the k-th category of a field has frequency ∝ k^−exponent."""
    frequency = np.arange(1, n_categories + 1) ** -exponent
    categories = rng.choice(n_categories, (n_samples, n_fields), p=frequency / frequency.sum())
    columns = categories + n_categories * np.arange(n_fields)
    rows = np.arange(n_samples + 1) * n_fields
    return csr_matrix((np.ones(columns.size), columns.ravel(), rows), (n_samples, n_fields * n_categories))


def _linear_classes(rng: np.random.Generator, X: Any, n_classes: int, spread: float) -> Labels:
    """Draw classes from logits that are linear in X and have standard deviation `spread` in each class."""
    logits = np.asarray(X @ rng.standard_normal((X.shape[1], n_classes)))
    return draw_classes(rng, spread * standardize(logits))


def _softmax(logits: Float64) -> Float64:
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))
