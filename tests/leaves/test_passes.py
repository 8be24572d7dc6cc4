"""Fits to chunks take the passes of fits to arrays, and the bits of wide sparse rows depend on no chunk either."""

import numpy as np
import pytest
from chunked import assert_same_bits, in_chunks, set_way
from tolerances import SAME

import fastsoftmax as fs

N, N_FEATURES, N_ETA = 8000, 3000, 50_000
RNG = np.random.default_rng(5)
ETA = RNG.standard_normal((N_ETA, 20)).astype(np.float32) / 3
SLOPES = RNG.standard_normal(20)


def words():
    """Counts of words: few are frequent, most are rare."""
    from scipy.sparse import csr_matrix

    shares = 1 / np.arange(1, N_FEATURES + 1)
    counts = RNG.poisson(20, N) + 1
    columns = RNG.choice(N_FEATURES, counts.sum(), p=shares / shares.sum())
    X = csr_matrix((np.ones(len(columns)), columns, np.append(0, counts.cumsum())), (N, N_FEATURES))
    X.sum_duplicates()
    W = RNG.standard_normal((N_FEATURES, 4)) * (RNG.random((N_FEATURES, 1)) < 0.2)
    return X, (X @ W + RNG.gumbel(size=(N, 4))).argmax(axis=1)


WORDS = words()
CASES = {
    "few words": (*WORDS, {"l1": 1e-2}),
    "some words": (*WORDS, {"l1": 1e-3}),
    "most words": (*WORDS, {"l1": 5e-5}),
    "all words": (*WORDS, {"l2": 1e-4}),
    "poisson": (ETA, RNG.poisson(np.exp(ETA @ SLOPES)).astype(float), {"family": "poisson", "l2": 1e-3}),
    "gamma": (ETA, np.exp(ETA @ SLOPES) * RNG.gamma(2, 0.5, N_ETA), {"family": "gamma", "l2": 1e-3}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_fits_take_two_passes_more_at_most(case, monkeypatch):
    set_way("kept", monkeypatch)
    X, y, options = case
    expected, found = fs.fit(X, y, **options), fs.fit(in_chunks(X, y, cuts=(0, 3000, len(y))), **options)
    assert found.n_passes <= expected.n_passes + 2
    assert found.status == expected.status == "converged"
    assert abs(found.loss - expected.loss) <= options.get("tol", 1e-4) * expected.loss


@pytest.mark.bits
@pytest.mark.parametrize("penalty", [{"l1": 1e-3}, {"l1": 5e-5}, {"l2": 1e-4}])
@pytest.mark.parametrize("way", ["kept", "streamed"])
def test_the_bits_of_wide_sparse_rows_depend_on_no_chunk_or_thread(penalty, way, monkeypatch):
    set_way(way, monkeypatch)
    X, y = WORDS
    one, many = (in_chunks(X, y, cuts=cuts) for cuts in ((0, N), (0, 1, 700, 700, 5000, N)))
    assert_same_bits(fs.fit(one, max_iter=30, **penalty), fs.fit(many, max_iter=30, num_threads=1, **penalty))


@pytest.mark.parametrize("penalty", [{"l1": 1e-3}, {"l2": 1e-4}])
def test_more_rows_than_are_gathered_have_the_same_optimum(penalty, monkeypatch):
    set_way("streamed", monkeypatch)
    X, y = WORDS
    expected = fs.fit(X, y, tol=1e-9, **penalty)
    found = fs.fit(in_chunks(X, y, cuts=(0, 3000, N)), tol=1e-9, **penalty)
    assert abs(found.loss - expected.loss) <= SAME * expected.loss
