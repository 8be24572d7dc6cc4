"""Families other than softmax over chunks: the optimum of the arrays, and the same bits however rows are cut."""

import numpy as np
import pytest
from chunked import WAYS, N, assert_same_bits, in_chunks, set_way
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.chunks import from_npy
from fastsoftmax.leaves import cut as cutting

RNG = np.random.default_rng(5)
X = RNG.standard_normal((N, 8)) / 3
ETA = X @ RNG.standard_normal((8, 2)) + 0.3
WEIGHT, OFFSET = RNG.integers(0, 4, N).astype(float), RNG.standard_normal((N, 2)) / 4
TARGETS = {
    "bernoulli": (RNG.random((N, 2)) < 1 / (1 + np.exp(-ETA))).astype(float),
    "binomial": np.stack([RNG.integers(0, 4, N), RNG.integers(0, 3, N)], axis=1).astype(float),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
    "gaussian": ETA + RNG.standard_normal((N, 2)),
    "gamma": RNG.gamma(2.0, np.exp(ETA) / 2),
    "inverse-gaussian": RNG.wald(np.exp(ETA), 3.0),
    "tweedie(1.5)": RNG.poisson(np.exp(ETA)) * RNG.gamma(2.0, 0.5, (N, 2)),
    "negative-binomial(0.5)": RNG.negative_binomial(2, 1 / (1 + np.exp(ETA) / 2)).astype(float),
}
PENALTIES = {"l2": {"l2": 1e-3}, "elastic net": {"l2": 1e-3, "l1": 1e-2}, "none": {}}


@pytest.fixture(autouse=True, params=WAYS)
def way(request, monkeypatch):
    """Take every test for rows that are held after the first pass, and for more."""
    set_way(request.param, monkeypatch)
    return request.param


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
@pytest.mark.parametrize("family", TARGETS)
def test_the_optimum_is_that_of_the_arrays(family, penalty, way):
    y = TARGETS[family]
    offset = OFFSET[:, :1] if family == "binomial" else OFFSET
    for weight, added in ((None, None), (WEIGHT, offset)):
        expected = fs.fit(X, y, family=family, sample_weight=weight, offset=added, tol=1e-8, **penalty)
        found = fs.fit(in_chunks(X, y, weight, added), family=family, tol=1e-8, **penalty)
        assert found.status == expected.status == "converged"
        assert abs(found.loss - expected.loss) <= SAME * expected.loss
        if way == "held":
            assert abs(found.n_passes - expected.n_passes) <= 2
        if expected.dispersion is None:
            assert found.dispersion is None
        else:
            np.testing.assert_allclose(found.dispersion, expected.dispersion, rtol=1e-6)


@pytest.mark.bits
@pytest.mark.parametrize("penalty", [{"l2": 1e-3}, {"l1": 1e-2}])
@pytest.mark.parametrize("family", ["poisson", "binomial", "gaussian"])
def test_the_bits_depend_on_no_chunk_thread_or_direction(family, penalty, monkeypatch):
    monkeypatch.setattr(cutting, "MOST_ROWS", 2048)  # several leaves in the first pass too
    offset = OFFSET[:, :1] if family == "binomial" else OFFSET
    data = X.astype(np.float32), TARGETS[family], WEIGHT, offset
    one = fs.fit(in_chunks(*data, cuts=(0, N)), family=family, num_threads=2, **penalty)
    assert_same_bits(one, fs.fit(in_chunks(*data), family=family, num_threads=1, **penalty), family)
    many = (*range(0, N, 211), N)  # so many that a backward pass is one of runs of chunks
    assert_same_bits(one, fs.fit(in_chunks(*data, cuts=many), family=family, **penalty), family)


@pytest.mark.bits
def test_one_file_or_seven(tmp_path):
    y = TARGETS["poisson"][:, 0]
    for number, rows in enumerate(np.array_split(np.arange(N), 7)):
        np.save(tmp_path / f"X{number}.npy", X[rows])
        np.save(tmp_path / f"y{number}.npy", y[rows])
    np.save(tmp_path / "all-X.npy", X)
    np.save(tmp_path / "all-y.npy", y)
    one = fs.fit(from_npy(tmp_path / "all-X.npy", tmp_path / "all-y.npy"), family="poisson", l2=1e-3)
    seven = from_npy(tmp_path / "X?.npy", tmp_path / "y?.npy", chunk_bytes=1 << 14)
    assert_same_bits(one, fs.fit(seven, family="poisson", l2=1e-3), "poisson")


def test_a_path():
    y = TARGETS["poisson"]
    l1s = np.geomspace(0.3, 1e-3, 4)
    expected = fs.path(X, y, family="poisson", l1s=l1s, tol=1e-7)
    found = fs.path(in_chunks(X, y), family="poisson", l1s=l1s, tol=1e-7)
    assert np.abs(found.loss / expected.loss - 1).max() <= 1e-9


def test_equal_targets_have_a_loss_of_zero():
    y = np.full(N, 0.1)
    found = fs.fit(in_chunks(X, y), family="gaussian", l2=1e-3)
    assert found.b == 0.1
    assert found.loss == 0


def test_the_regressions_fit_chunks():
    y = TARGETS["gamma"][:, 0]
    options = {"alpha": 1e-3, "tol": 1e-9}
    for estimator in (fs.GammaRegression, fs.TweedieRegression):
        expected = estimator(**options).fit(X, y, WEIGHT, offset=OFFSET[:, 0])
        found = estimator(**options).fit(in_chunks(X, y, WEIGHT, OFFSET[:, 0]))
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-5)
        np.testing.assert_allclose(found.dispersion_, expected.dispersion_, rtol=1e-6)
        assert found.coef_.shape == (8,)
        assert found.n_features_in_ == 8
        np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-5)
    several = fs.PoissonRegression(alpha=1e-3).fit(in_chunks(X, TARGETS["poisson"]))
    assert several.coef_.shape == (2, 8)
    with pytest.raises(ValueError, match="y must come with the chunks"):
        fs.GammaRegression().fit(in_chunks(X, y), y)


def test_multilabel_regression_fits_chunks_of_labels_and_of_indicators():
    labels = np.array(["a", "b", "c"])[RNG.integers(0, 3, N)]
    indicators = TARGETS["bernoulli"].astype(np.int8)
    for y in (labels, np.where(labels == "a", "a", "b"), indicators):
        expected = fs.MultilabelRegression(tol=1e-9).fit(X, y)
        found = fs.MultilabelRegression(tol=1e-9).fit(in_chunks(X, y))
        assert np.array_equal(found.classes_, expected.classes_)
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-4, atol=1e-6)
        assert np.array_equal(found.predict(X), expected.predict(X))
    with pytest.raises(ValueError, match="chunk 0: y must hold labels, or 0 and 1 in a column"):
        fs.MultilabelRegression().fit(in_chunks(X, 0.5 * TARGETS["bernoulli"]))


def test_what_a_family_refuses_is_named():
    y = TARGETS["poisson"].copy()
    y[3500, 1] = -1
    with pytest.raises(ValueError, match="chunk 4: y must hold counts, .* found -1.0 at row 100, column 1"):
        fs.fit(in_chunks(X, y), family="poisson")
    with pytest.raises(ValueError, match="y must have trials in some row of positive weight"):
        fs.fit(in_chunks(X, np.zeros((N, 2))), family="binomial")
    with pytest.raises(ValueError, match="dispersion must be a number where rows come in chunks"):
        fs.fit(in_chunks(X, TARGETS["poisson"]), family="negative-binomial(auto)")


def test_a_binomial_of_several_outputs():
    counts = np.stack([RNG.integers(0, 4, (N, 2)), np.zeros((N, 2), int)], axis=2)
    counts[:, :, 1] = 5 - counts[:, :, 0]
    expected = fs.fit(X, counts, family="binomial", l2=1e-3, tol=1e-8)
    found = fs.fit(in_chunks(X, counts), family="binomial", l2=1e-3, tol=1e-8)
    assert abs(found.loss - expected.loss) <= SAME * expected.loss


@pytest.mark.parametrize("soft", [False, True])
def test_fits_start_at_the_shares_of_the_classes_where_nearly_all_samples_have_one(soft):
    from fastsoftmax.families import SOFTMAX
    from fastsoftmax.fitting.binding import bind, start
    from fastsoftmax.leaves import LocalPasses, bind_passes

    y = np.where(np.arange(N) % 100, 0, 1 + np.arange(N) // 100 % 2)
    y = np.eye(3)[y] if soft else y
    leaves = bind_passes(LocalPasses(in_chunks(X, y, WEIGHT)), SOFTMAX)
    expected = start(None, bind(X, y, sample_weight=WEIGHT))
    assert expected.any()
    np.testing.assert_allclose(start(None, leaves), expected, rtol=1e-12)
    assert fs.fit(in_chunks(X, y), l2=1e-3, max_iter=0).b.any()
    even = np.arange(N) % 3
    assert not start(None, bind_passes(LocalPasses(in_chunks(X, even)), SOFTMAX)).any()
