"""The data of the zoo are the same every time, and each kind is what it says."""

import numpy as np
import pytest
from scipy.sparse import issparse

import fastsoftmax as fs
from bench import zoo_data as data
from bench.zoo_data import generate


def frequencies(X):
    return np.sort(np.asarray(X.astype(bool).sum(axis=0)).ravel())[::-1]


@pytest.mark.parametrize("generator", [data.onehot, data.onehot_sparse, data.counts, data.weights, data.topics])
def test_a_generator_draws_the_same_every_time(generator):
    once, again = generate(generator), generate(generator)
    for one, other in zip(once, again, strict=True):
        if issparse(one):
            assert (one != other).nnz == 0
        else:
            np.testing.assert_array_equal(one, other)


def test_generators_draw_from_seeds_of_their_own():
    assert not np.array_equal(generate(data.counts).X[:9, 0], generate(data.weights).X[:9, 0])


@pytest.mark.parametrize(("generator", "n_fields"), [(data.onehot, 6), (data.onehot_sparse, 8)])
def test_one_hot_columns_have_zipfs_frequencies(generator, n_fields):
    X = generate(generator).X
    assert issparse(X) == (generator is data.onehot_sparse)
    assert set(np.unique(X if not issparse(X) else X.data)) <= {0, 1}
    np.testing.assert_array_equal(X.sum(axis=1).ravel(), n_fields)
    seen = frequencies(X)
    assert seen[0] > X.shape[0] / 6
    assert seen[seen > 0][-1] < X.shape[0] / 100


def test_rare_pixels_are_seen_in_few_samples():
    X = generate(data.rare_pixels).X
    seen = frequencies(X)
    assert np.all((seen[-8:] >= 2) & (seen[-8:] <= 14))
    assert seen[-9] > 500
    assert X.min() == 0
    assert X.max() == 16


def test_near_duplicates_and_polynomials_are_nearly_dependent():
    assert np.linalg.cond(data.standardize(generate(data.duplicates).X)) > 1e3
    X = generate(data.polynomial).X
    np.testing.assert_allclose(X[:, 6], X[:, 0] ** 2)
    assert np.linalg.cond(data.standardize(X)) > 30


def test_log_normal_features_spread_over_nine_orders():
    X = generate(data.log_normal).X
    medians = np.median(X, axis=0)
    assert np.log10(medians.max() / medians.min()) == pytest.approx(9, abs=0.1)
    assert np.std(np.log(X), axis=0) == pytest.approx(1, abs=0.1)


def test_one_class_is_ten_thousand_times_as_frequent():
    negative, positive = np.bincount(generate(data.rare_events).y)
    assert negative + positive == 10_000 * positive


def test_sizes_are_those_of_the_kind():
    n_samples, n_features = generate(data.genes).X.shape
    assert n_features > 10 * n_samples
    np.testing.assert_array_equal(np.bincount(generate(data.many_classes).y), np.full(1000, 4))
    assert np.bincount(generate(data.sensors).y).min() == 10
    assert set(generate(data.two_classes).y) == {0, 1}


def test_the_spectrum_of_embeddings_decays():
    X = generate(data.embeddings).X
    values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    assert values[0] > 5 * values[len(values) // 2] > 5 * values[-1]


def test_a_fifth_of_the_labels_is_noise():
    X, y, _ = generate(data.noisy_labels)
    result = fs.fit(X, y, l2=1e-3)
    assert 0.19 < np.mean((X @ result.W.T + result.b).argmax(axis=1) != y) < 0.27


def test_one_sample_prevents_separation():
    X, y, _ = generate(data.nearly_separable)
    assert fs.fit(X[1:], y[1:]).status == "separated"
    assert fs.fit(X, y, max_iter=300).status != "separated"


def test_targets_are_counts_or_probabilities():
    counts = generate(data.counts).y
    assert np.array_equal(counts, np.rint(counts))
    assert counts.sum(axis=1).min() == 1
    assert counts.sum(axis=1).max() == 20
    soft = generate(data.soft_labels).y
    np.testing.assert_allclose(soft.sum(axis=1), 1)
    assert soft.max() < 1


def test_weights_spread_over_nine_orders():
    weight = generate(data.weights).sample_weight
    assert np.log10(weight.max() / weight.min()) == pytest.approx(9, abs=0.1)


def test_documents_are_normed_and_words_have_zipfs_frequencies():
    X = generate(data.topics).X
    np.testing.assert_allclose(np.asarray(X.multiply(X).sum(axis=1)).ravel(), 1)
    seen = frequencies(X)
    assert seen[0] > 100 * max(1, np.median(seen))


def test_standardised_features_have_no_units_and_constants_become_zero():
    X = data.standardize(np.column_stack([np.arange(5.0) * 1e6, np.full(5, 3.0)]))
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(X.std(axis=0), [1, 0])
    with pytest.raises(ValueError, match="sparse"):
        data.standardize(generate(data.topics).X)


@pytest.mark.parametrize(("name", "shape"), [("iris", (150, 4)), ("digits", (1797, 64))])
def test_data_sets_of_scikit_learn(name, shape):
    assert data.from_sklearn(name).X.shape == shape
