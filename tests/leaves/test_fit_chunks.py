import numpy as np
import pytest
from chunked import CUTS, WAYS, N, assert_same_bits, in_chunks, set_way
from problems import noisy
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.chunks import from_arrays
from fastsoftmax.leaves import cut as cutting
from fastsoftmax.leaves import streamed

X, Y_INDEX = noisy(N)
RNG = np.random.default_rng(3)
WEIGHT, OFFSET = RNG.integers(0, 4, N).astype(float), RNG.standard_normal((N, 4))
SOFT = 0.9 * np.eye(4)[Y_INDEX] + 0.025
PENALTIES = {"l2": {"l2": 1e-3}, "elastic net": {"l2": 1e-4, "l1": 1e-3}}


@pytest.fixture(autouse=True, params=WAYS)
def way(request, monkeypatch):
    """Take every test for rows that are held after the first pass, and for more."""
    set_way(request.param, monkeypatch)
    return request.param


@pytest.mark.bits
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_depend_on_no_chunk_thread_or_direction(penalty, dtype, monkeypatch):
    monkeypatch.setattr(cutting, "MOST_ROWS", 2048)  # several leaves in the first pass too
    data = X.astype(dtype), Y_INDEX, WEIGHT
    one = fs.fit(in_chunks(*data, cuts=(0, N)), tol=1e-6, **penalty)
    many = fs.fit(in_chunks(*data), tol=1e-6, num_threads=1, **penalty)
    assert_same_bits(one, many)
    fortran = fs.fit(in_chunks(np.asfortranarray(data[0]), *data[1:]), tol=1e-6, num_threads=2, **penalty)
    assert_same_bits(one, fortran)


@pytest.mark.bits
def test_the_bits_depend_on_no_read_direction():
    class Backward:
        """The same rows; the second pass reads them forward as the first one did."""

        n_features = X.shape[1]

        def __len__(self):
            return 3

        def __getitem__(self, index):
            a, b = ((0, 2500), (2500, 2500), (2500, N))[index]
            return X[a:b], Y_INDEX[a:b]

    from fastsoftmax.leaves import LocalPasses

    class Forward(LocalPasses):
        def total(self, of_leaf, size):
            self._backward = False
            return super().total(of_leaf, size)

    from fastsoftmax.families import SOFTMAX
    from fastsoftmax.leaves import bind_passes

    theta = RNG.standard_normal(4 * X.shape[1] + 4)
    sums = []
    for passes in (LocalPasses(Backward()), Forward(Backward())):
        loss = bind_passes(passes, SOFTMAX)
        grads = [np.empty_like(theta), np.empty_like(theta)]
        for grad, scale in zip(grads, (1.0, 0.5), strict=True):
            loss.write_loss_grad(loss.split(grad), loss.split(scale * theta))
        sums.append(np.concatenate(grads))
    assert np.array_equal(*sums)


CASES = {
    "labels": ((X, Y_INDEX), {}),
    "weights": ((X, Y_INDEX, WEIGHT), {"sample_weight": WEIGHT}),
    "soft labels": ((X, SOFT), {}),
    "offset": ((X, Y_INDEX, None, OFFSET), {"offset": OFFSET}),
    "counts": ((X, 5 * SOFT, WEIGHT, OFFSET), {"sample_weight": WEIGHT, "offset": OFFSET}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
def test_the_optimum_is_that_of_the_arrays(case, penalty):
    arrays, options = case
    expected = fs.fit(X, arrays[1], tol=1e-10, **penalty, **options)
    found = fs.fit(in_chunks(*arrays), tol=1e-10, **penalty)
    assert abs(found.loss - expected.loss) <= SAME * expected.loss
    if "l1" in penalty:
        assert found.duality_gap <= max(SAME, 10 * expected.duality_gap)


@pytest.mark.parametrize(("l2", "tol"), [(1e-2, 1e-5), (1e-4, 1e-8), (1e-6, 1e-8)])
def test_a_fit_takes_about_as_many_passes_as_that_of_the_arrays(l2, tol):
    X, y = noisy(100_000)
    expected, found = fs.fit(X, y, l2=l2, tol=tol), fs.fit(from_arrays([(X, y)]), l2=l2, tol=tol)
    assert abs(found.n_passes - expected.n_passes) <= 2
    assert abs(found.loss - expected.loss) <= tol * expected.loss


@pytest.mark.parametrize("solver", ["gd", "agd", "lbfgs", "preconditioned-lbfgs", "proximal"])
def test_every_other_solver_serves_chunks(solver):
    options = {"solver": solver, "l2": 0.1, "tol": 1e-7}
    expected, found = fs.fit(X, Y_INDEX, **options), fs.fit(in_chunks(X, Y_INDEX), **options)
    assert found.status == expected.status == "converged"
    assert abs(found.loss - expected.loss) <= SAME * expected.loss


@pytest.mark.bits
@pytest.mark.parametrize("rule", ["momentum", "adam"])
def test_an_epoch_of_sgd_walks_through_the_leaves_in_order(rule):
    options = {"solver": fs.SGD(rule=rule, batch_size=50), "l2": 0.01, "max_iter": 10, "tol": 0.0}
    runs = [
        fs.fit(in_chunks(X, Y_INDEX, WEIGHT, cuts=cuts), random_state=0, num_threads=threads, **options)
        for cuts, threads in (((0, N), 1), (CUTS, 2))
    ]
    assert_same_bits(*runs)
    # An epoch and its evaluation are two passes.
    assert runs[0].history["n_passes"][-1] - runs[0].history["n_passes"][1] == 18
    optimum = fs.fit(X, Y_INDEX, sample_weight=WEIGHT, l2=0.01).loss
    assert optimum <= runs[0].loss < 1.01 * optimum
    assert fs.fit(in_chunks(X, Y_INDEX, WEIGHT), random_state=1, **options).loss != runs[0].loss


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int8, bool])
def test_storages_are_read_as_they_are(dtype):
    stored = (X > 0.3) if dtype is bool else (20 * X).clip(0, 100).astype(dtype)
    options = {"l2": 1e-2, "scale": 0.1, "shift": -0.5, "tol": 1e-6}
    expected, found = fs.fit(stored, Y_INDEX, **options), fs.fit(in_chunks(stored, Y_INDEX), **options)
    assert abs(found.loss - expected.loss) <= 1e-6 * expected.loss


def test_sparse_rows():
    from scipy.sparse import random

    S = random(N, 400, 0.05, format="csr", random_state=0)
    y = (S @ np.random.default_rng(0).standard_normal((400, 4)) * 3 + RNG.gumbel(size=(N, 4))).argmax(axis=1)
    for penalty in ({"l2": 1e-3}, {"l1": 1e-3, "l2": 1e-5}):
        expected = fs.fit(S, y, tol=1e-8, **penalty)
        found = fs.fit(in_chunks(S, y), tol=1e-8, **penalty)
        assert abs(found.loss - expected.loss) <= 1e-9 * expected.loss


def test_the_gap_over_chunks_is_that_of_the_arrays(way):
    """At the same point, far from the optimum and near it, with classes ruled out for some samples."""
    from fastsoftmax.families import SOFTMAX
    from fastsoftmax.fitting.binding import bind
    from fastsoftmax.leaves import LocalPasses, bind_passes
    from fastsoftmax.penalties import ElasticNet

    offset = OFFSET.copy()
    offset[::7, 1] = -np.inf
    offset[Y_INDEX == 1] = 0
    whole = bind(X, Y_INDEX, sample_weight=WEIGHT, offset=offset)
    leaves = bind_passes(LocalPasses(in_chunks(X, Y_INDEX, WEIGHT, offset)), SOFTMAX)
    near = fs.fit(X, Y_INDEX, sample_weight=WEIGHT, offset=offset, l1=1e-2, l2=1e-3, tol=1e-5)
    far = np.random.default_rng(0).standard_normal(near.W.shape), np.zeros(4)
    for W, b in (far, (near.W, near.b)):
        for penalty in (ElasticNet(1e-3, 1e-2), ElasticNet(0.0, 1e-2), ElasticNet(1e-2, 0.0)):
            theta = np.append(W.ravel(), b)
            expected = whole.duality_gap(whole.split(theta), penalty)
            assert leaves.duality_gap(leaves.split(theta), penalty) == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_a_path_over_chunks():
    l1s = np.geomspace(0.1, 1e-3, 4)
    expected = fs.path(X, Y_INDEX, l1s=l1s, tol=1e-7)
    found = fs.path(in_chunks(X, Y_INDEX), l1s=l1s, tol=1e-7)
    assert np.abs(found.loss / expected.loss - 1).max() <= 1e-9
    assert all(result.duality_gap <= 1e-6 for result in found)


def test_standardization_over_chunks():
    awkward = X.copy()
    awkward[:, 3], awkward[:, 4] = 7, X[:, 4] * 1e-3 + 1e6
    expected = fs.standardization(awkward, sample_weight=WEIGHT)
    found = fs.standardization(in_chunks(awkward, Y_INDEX, WEIGHT))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7)


@pytest.mark.parametrize("options", [{"standardize": True}, {"class_weight": "balanced"}, {"class_weight": {"b": 2.0}}])
def test_the_classifier_fits_chunks_of_any_labels(options):
    labels = np.array(["a", "b", "c", "d"], dtype=object)[Y_INDEX]
    expected = SoftmaxRegression(tol=1e-8, **options).fit(X, labels, WEIGHT)
    found = SoftmaxRegression(tol=1e-8, **options).fit(in_chunks(X, labels, WEIGHT))
    assert np.array_equal(found.classes_, expected.classes_)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found.predict(X), expected.predict(X))
    assert found.n_features_in_ == X.shape[1]


def test_chunks_can_be_read_in_a_process_that_knows_only_their_pickle():
    import pickle

    chunks = pickle.loads(pickle.dumps(in_chunks(X, Y_INDEX)))
    assert isinstance(chunks, fs.Chunks)
    assert len(chunks) == len(CUTS) - 1


def test_what_is_not_served_says_why():
    chunks = in_chunks(X, Y_INDEX)
    with pytest.raises(ValueError, match="y must come with the chunks"):
        fs.fit(chunks, Y_INDEX)
    with pytest.raises(ValueError, match="sample_weight must come with the chunks"):
        fs.fit(chunks, sample_weight=WEIGHT)
    with pytest.raises(ValueError, match="y must be given where X is an array"):
        fs.fit(X)


def test_features_that_an_l1_penalty_lets_in_are_gathered_in_a_pass(way, monkeypatch):
    """Eight of 60 features matter: these alone are few enough."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((N, 60))
    y = (X[:, :8] @ rng.standard_normal((8, 3)) + rng.gumbel(size=(N, 3))).argmax(axis=1)
    if way == "streamed":
        monkeypatch.setattr(streamed, "MOST_GATHERED", 20 * N)
    options = {"l1": 0.02, "tol": 1e-7, "scale": 0.5, "shift": 0.1}
    expected = fs.fit(X, y, sample_weight=WEIGHT, **options)
    found = fs.fit(in_chunks(X, y, WEIGHT), **options)
    assert abs(found.loss - expected.loss) <= SAME * expected.loss
    # The first pass and the one that gathers; two more for the gap if logits are not kept.
    assert found.n_passes <= expected.n_passes + (4 if way == "streamed" else 2)
    assert "features were let in" in found.message
    cuts = (0, 2000, N)
    assert_same_bits(found, fs.fit(in_chunks(X, y, WEIGHT, cuts=cuts), num_threads=1, **options))


def test_a_search_on_a_line_reads_the_rows_a_few_times_only(way):
    from fastsoftmax.families import SOFTMAX
    from fastsoftmax.fitting.binding import bind
    from fastsoftmax.leaves import LocalPasses, bind_passes

    loss, whole = bind_passes(LocalPasses(in_chunks(X, Y_INDEX)), SOFTMAX), bind(X, Y_INDEX)
    theta, direction = np.zeros(loss.n_params), np.random.default_rng(0).standard_normal(loss.n_params)
    before, ts = loss.ledger.n_passes, 8 * 0.5 ** np.arange(18)
    found, expected = ([phi(t) for t in ts] for phi in (one.line(theta, direction) for one in (loss, whole)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert loss.ledger.n_passes - before <= (4 if way == "streamed" else 1)
