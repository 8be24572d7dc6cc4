"""X as it is stored: every dtype, order and sparse format gives the results of the same values in float64."""

import ml_dtypes
import numpy as np
import pytest
import reference
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from problems import SIZES, make_objective, make_problem, one_hot
from tolerances import GRAM, SAME, assert_gradient_close, assert_loss_close

import fastsoftmax as fs
from fastsoftmax.data.features import bind_features
from fastsoftmax.families import SOFTMAX

STORED = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "uint8": np.uint8,
    "int8": np.int8,
    "bool": np.bool_,
}
ORDERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "backwards": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "unaligned": lambda X: unaligned(X),
}
SCALINGS = {
    "as it is": lambda n: {},
    "scale": lambda n: {"scale": 1 / 255},
    "both": lambda n: {"scale": np.linspace(0.1, 2, n), "shift": np.linspace(-1, 1, n)},
    "shift": lambda n: {"shift": 0.5},
}


def unaligned(X):
    memory = np.empty(X.nbytes + 1, dtype=np.uint8)
    copy = memory[1:].view(X.dtype).reshape(X.shape)
    copy[...] = X
    return copy


def store(X, name):
    """X's values in a dtype, spread over its range."""
    if name == "bool":
        return X > 0
    if name in ("uint8", "int8"):
        info = np.iinfo(STORED[name])
        return np.clip(np.round(40 * X), info.min, info.max).astype(STORED[name])
    return X.astype(STORED[name])


def sparse_of(X, density, seed):
    """X with most entries dropped, some rows and columns empty, as CSR."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random(X.shape) < density, X, 0)
    X[rng.random(len(X)) < 0.1] = 0
    return sp.csr_matrix(X)


def values(X, scale=1.0, shift=0.0):
    """X scaled and shifted, dense, in float64."""
    dense = X.toarray() if sp.issparse(X) else X
    return dense.astype(np.float64) * scale + shift


def check_against_reference(X, p, *, soft=False, weighted=False, with_offset=False, scaling=None):
    """Compare loss, gradient, Hessian times a vector, and probabilities with the reference."""
    scaling = scaling or {}
    n_classes = len(p.W)
    full = values(X, **scaling)
    W = p.W / np.maximum(1, np.linalg.norm(full, axis=1).max())
    Y = p.Y.astype(float) if soft else one_hot(p.y, n_classes)
    s, offset = (p.s if weighted else None), (p.offset if with_offset else None)
    y = p.Y if soft else p.y
    objective = make_objective(X, y, n_classes, sample_weight=s, offset=offset, l2=0.1, **scaling)
    dtype = objective.X.dtype
    rest = {"s": s, "offset": 0.0 if offset is None else offset, "l2": 0.1}
    share = Y.sum(axis=1).max() * (1 if s is None else len(s) * s.max() / s.sum()) * (5 + np.abs(p.b).max())
    kind = np.empty((0,), dtype)

    loss, grad = objective.loss_grad(np.concatenate([W.ravel(), p.b]))
    expected, *gradients = reference.loss_grad(full, Y, W, p.b, **rest)
    assert_loss_close(loss, expected, dtype.type, scale=share)
    for actual, wanted in zip(objective.split(grad), gradients, strict=True):
        assert_gradient_close(actual, wanted, full.astype(dtype), share)

    V, v = np.random.default_rng(3).standard_normal((2, *p.W.shape))[0], p.b[::-1]
    product = objective.hess_vec(np.concatenate([W.ravel(), p.b]), np.concatenate([V.ravel(), v]))
    wanted_product = reference.hess_vec(full, Y, W, p.b, V, v, **rest)
    along = np.abs(full @ V.T + v).max()
    for actual, wanted in zip(objective.split(product), wanted_product, strict=True):
        assert_gradient_close(actual, wanted, full.astype(dtype), share * along)

    probabilities = fs.predict_proba(X, W, p.b, **scaling)
    assert probabilities.dtype == kind.dtype
    np.testing.assert_allclose(
        probabilities, reference.softmax(full @ W.T + p.b), rtol=100 * np.finfo(dtype).eps * (2 + np.abs(p.b).max())
    )


def make(shape, seed):
    return make_problem(*shape, dtype=np.float64, seed=seed)


SHAPES = st.tuples(
    st.sampled_from(SIZES) | st.integers(1, 300), st.sampled_from(SIZES), st.sampled_from([k for k in SIZES if k > 1])
)


@given(
    SHAPES,
    st.sampled_from(sorted(STORED)),
    st.sampled_from(sorted(ORDERS)),
    st.sampled_from(sorted(SCALINGS)),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 2**32 - 1),
)
def test_dense(shape, stored, order, scaling, extras, seed):
    p = make(shape, seed)
    X = ORDERS[order](store(p.X, stored))
    soft, weighted, with_offset = extras
    check_against_reference(
        X, p, soft=soft, weighted=weighted, with_offset=with_offset, scaling=SCALINGS[scaling](shape[1])
    )


@pytest.mark.parametrize("stored", sorted(STORED))
@pytest.mark.parametrize("order", sorted(ORDERS))
@pytest.mark.parametrize("shape", [(130, 33, 5), (300, 17, 33), (65, 801, 3)])
def test_dense_in_every_order(stored, order, shape):
    p = make(shape, 1)
    X = ORDERS[order](store(p.X, stored))
    X.flags.writeable = False
    check_against_reference(X, p, weighted=True, scaling=SCALINGS["both"](shape[1]))


@given(
    SHAPES,
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([np.int32, np.int64]),
    st.sampled_from(sorted(SCALINGS)),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_csr(shape, dtype, index, scaling, extras, density, seed):
    p = make(shape, seed)
    X = sparse_of(p.X.astype(dtype), density, seed)
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    soft, weighted, with_offset = extras
    check_against_reference(
        X, p, soft=soft, weighted=weighted, with_offset=with_offset, scaling=SCALINGS[scaling](shape[1])
    )


@pytest.mark.parametrize("shape", [(70, 20_000, 3), (3000, 300, 20), (200, 5000, 101)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wide_csr_and_many_classes(shape, dtype):
    p = make(shape, 2)
    check_against_reference(sparse_of(p.X.astype(dtype), 0.02, 2), p, weighted=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_csr_sums_of_very_long_rows_stay_exact(dtype):
    p = make((40, 30_000, 4), 3)
    X = sp.csr_matrix(np.abs(p.X).astype(dtype))
    check_against_reference(X, p)


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize(
    "form", ["csc", "coo", "lil", "dok", "bsr", "dia", "unsorted", "duplicates", "csr_array", "counts"]
)
def test_sparse_forms(form):
    p = make((120, 40, 4), 4)
    X = sparse_of(np.round(3 * p.X), 0.2, 4)
    if form == "unsorted":
        other = X.copy()
        for i in range(X.shape[0]):
            row = slice(X.indptr[i], X.indptr[i + 1])
            other.data[row], other.indices[row] = X.data[row][::-1], X.indices[row][::-1]
        other.has_sorted_indices = True  # which is not true
    elif form == "duplicates":
        halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
        other = sp.csr_matrix(halves, shape=X.shape)
    elif form == "csr_array":
        other = sp.csr_array(X)
    elif form == "counts":
        other = X.astype(np.int64)
    else:
        other = X.asformat(form)
    before = [part.copy() for part in (other.data, other.indices)] if form in ("unsorted", "duplicates") else []
    check_against_reference(other, p, scaling=SCALINGS["both"](40))
    if before:
        np.testing.assert_array_equal(other.data, before[0])
        np.testing.assert_array_equal(other.indices, before[1])
    scale, shift = fs.standardization(other)
    np.testing.assert_allclose(scale, fs.standardization(X)[0], rtol=SAME)
    np.testing.assert_allclose(shift, fs.standardization(X)[1], rtol=SAME, atol=SAME)


@pytest.mark.bits
@pytest.mark.parametrize("kind", ["uint8", "float16", "csr32", "csr64"])
def test_threads_change_no_bit(kind):
    p = make((2500, 33, 5), 5)
    if kind.startswith("csr"):
        X = sparse_of(p.X.astype(np.float32), 0.3, 5)
        X.indices = X.indices.astype(f"int{kind[3:]}")
    else:
        X = store(p.X, kind)
    one = fs.loss_grad(X, p.y, p.W, p.b, sample_weight=p.s, shift=0.1, num_threads=1)
    for num_threads in (2, 3, 7):
        many = fs.loss_grad(X, p.y, p.W, p.b, sample_weight=p.s, shift=0.1, num_threads=num_threads)
        assert many[0] == one[0]
        np.testing.assert_array_equal(many[1], one[1])
        np.testing.assert_array_equal(many[2], one[2])


def test_blocks_of_sparse_samples_add_up():
    """X has more samples than one block of residuals holds."""
    rng = np.random.default_rng(6)
    n, n_features, n_classes = 90_000, 40, 24
    X = sp.random(n, n_features, density=0.05, format="csr", dtype=np.float64, random_state=rng)
    y = rng.integers(0, n_classes, n)
    W, b = rng.standard_normal((n_classes, n_features)), rng.standard_normal(n_classes)
    loss, grad_W, grad_b = fs.loss_grad(X, y, W, b)
    expected, expected_W, expected_b = reference.loss_grad(X.toarray(), one_hot(y, n_classes), W, b)
    assert loss == pytest.approx(expected, rel=SAME)
    np.testing.assert_allclose(grad_W, expected_W, atol=SAME)
    np.testing.assert_allclose(grad_b, expected_b, atol=SAME)


def test_a_float32_gradient_of_shifted_sparse_samples_is_rounded_once():
    """A shift that centres X cancels most of each sum; the rest must still have all its digits."""
    p = make((800, 7, 3), 11)
    X = sparse_of(p.X + 30, 0.9, 11).astype(np.float32)
    scale, shift = fs.standardization(X)
    W, b = (0.01 * p.W).astype(np.float32), p.b.astype(np.float32)
    _, expected, _ = fs.loss_grad(X, p.y, W.astype(np.float64), b.astype(np.float64), scale=scale, shift=shift)
    _, actual, _ = fs.loss_grad(X, p.y, W, b, scale=scale, shift=shift)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, expected.astype(np.float32))


def test_arrays_at_odd_addresses_are_copied():
    p = make((60, 9, 3), 12)
    X = sparse_of(p.X, 0.5, 12)
    odd = sp.csr_matrix(X.shape)
    odd.data, odd.indices, odd.indptr = map(unaligned, (X.data, X.indices, X.indptr))
    expected = fs.loss_grad(X, p.y, p.W, p.b, sample_weight=p.s, scale=p.W[0], shift=p.W[1])
    actual = fs.loss_grad(
        *(odd, unaligned(p.y), unaligned(p.W), unaligned(p.b)),
        **dict(sample_weight=unaligned(p.s), scale=unaligned(p.W[0]), shift=unaligned(p.W[1])),
    )
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, e)
    bound = bind_features(odd).matrix
    weight, offset = unaligned(p.s), unaligned(p.offset)
    samples = SOFTMAX.samples(unaligned(p.y), 60, np.float64, n_outputs=3, sample_weight=weight, offset=offset)
    for array in (bound.data, bound.indices, bound.indptr, samples.labels, samples.offset, samples.weight):
        assert array.flags.aligned


@pytest.mark.parametrize("stored", sorted(STORED))
@pytest.mark.parametrize("weighted", [False, True])
def test_standardization(stored, weighted):
    p = make((700, 9, 3), 7)
    X = store(p.X * 0.3 + 0.7, stored)
    full = values(X)
    s = p.s if weighted else np.ones(len(X))
    scale, shift = fs.standardization(X, sample_weight=s)
    scaled = full * scale + shift
    tolerance = 1e-5 if bind_features(X).dtype == np.float32 else 1e-12
    np.testing.assert_allclose(np.average(scaled, axis=0, weights=s), 0, atol=tolerance)
    np.testing.assert_allclose(np.average(scaled**2, axis=0, weights=s), 1, atol=tolerance)
    np.testing.assert_array_equal(fs.standardization(X, sample_weight=s, center=False)[1], 0)


def test_standardization_of_large_numbers_and_constants():
    p = make((500, 4, 3), 8)
    X = (p.X + np.array([0, 1e4, -1e5, 0])).astype(np.float32)
    X[:, 3] = 7.3
    scale, shift = fs.standardization(X)
    full = values(X)
    np.testing.assert_allclose(scale[:3], 1 / full.std(axis=0)[:3], rtol=1e-4)
    assert scale[3] == 1
    # The gradient of standardised data is exact although the stored values are far from zero.
    check_against_reference(X, p, scaling={"scale": scale, "shift": shift})


@pytest.mark.parametrize("stored", ["uint8", "float16", "bfloat16", "float32"])
def test_gram(stored):
    p = make((300, 33, 3), 9)
    X = store(p.X, stored)
    weights = np.random.default_rng(0).random((2, 300), dtype=np.float32)
    scaling = SCALINGS["both"](33)
    expected = reference.gram(values(X, **scaling), weights)
    actual = fs.gram(X, weights, **scaling)
    size = np.linalg.norm(reference.gram(np.abs(values(X, **scaling)), weights))
    assert np.linalg.norm(actual - expected) <= GRAM["exact", np.float32] * size


@pytest.mark.parametrize("stored", ["float32", "float64", "uint8"])
def test_a_gram_matrix_is_symmetric_to_the_last_bit(stored):
    p = make((300, 33, 3), 10)
    scale = np.random.default_rng(1).lognormal(sigma=5, size=33)
    for matrix in fs.gram(store(p.X, stored), p.offset.T, scale=scale, shift=scale / 3):
        np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("order", sorted(ORDERS))
@pytest.mark.parametrize("stored", [*sorted(STORED), "csr"])
@pytest.mark.parametrize("scaling", SCALINGS.values(), ids=SCALINGS)
def test_columns(stored, order, scaling):
    X = make_problem(30, 12, 2).X
    X = sp.csr_matrix(X) if stored == "csr" else ORDERS[order](store(X, stored))
    columns = np.array([1, 4, 5, 11])
    whole = bind_features(X, **scaling(12))
    part = whole.columns(columns)
    np.testing.assert_array_equal(part.values(), whole.values()[:, columns])
    assert part.shape == (30, 4)
    assert part.dtype == whole.dtype


def test_a_float16_beyond_the_normal_numbers():
    X = np.array([[6e-8, 65504], [1e-5, -65504], [0.0, -0.0]], dtype=np.float16)
    W, b = np.array([[1e4, 1e-5], [0, 0]]), np.zeros(2)
    np.testing.assert_allclose(
        fs.predict_proba(X, W, b), reference.softmax(X.astype(float) @ W.T), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("solver", ["lbfgs", "gd"])
@pytest.mark.parametrize("kind", ["uint8", "csr", "float16"])
def test_fit_finds_the_same_optimum(solver, kind):
    p = make((400, 12, 3), 12)
    X = sparse_of(p.X.astype(np.float32), 0.4, 12) if kind == "csr" else store(p.X, kind)
    scale = 1 / 40 if kind == "uint8" else 1.0
    arguments = {"solver": solver, "l2": 0.1, "tol": 1e-6, "max_iter": 5000, "sample_weight": p.s}
    expected = fs.fit(values(X, scale), p.y, **arguments)
    actual = fs.fit(X, p.y, scale=scale, **arguments)
    assert actual.status == expected.status == "converged"
    np.testing.assert_allclose(actual.W, expected.W, atol=1e-4)
    np.testing.assert_allclose(actual.b, expected.b, atol=1e-4)


@pytest.mark.bits
def test_memory_mapped(tmp_path):
    p = make((300, 12, 3), 13)
    np.save(tmp_path / "X.npy", store(p.X, "uint8"))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = fs.loss_grad(np.array(mapped), p.y, p.W, p.b)
    actual = fs.loss_grad(mapped, p.y, p.W, p.b)
    assert actual[0] == expected[0]
    np.testing.assert_array_equal(actual[1], expected[1])


@pytest.mark.parametrize("scaling", ["as they are", "scaled", "shifted"])
@pytest.mark.parametrize("stored", ["float64", "float16", "bfloat16", "uint8", "sparse"])
@pytest.mark.parametrize("density", [0.2, 0.8])
def test_stored_columns_have_all_that_is_not_zero(stored, scaling, density):
    rng = np.random.default_rng(0)
    values = rng.integers(1, 9, (60, 7)) * (rng.random((60, 7)) < density)
    kind = ml_dtypes.bfloat16 if stored == "bfloat16" else stored
    X = sp.csr_matrix(values, dtype=np.float64) if stored == "sparse" else values.astype(kind)
    scale = None if scaling == "as they are" else np.arange(1.0, 8.0)
    shift = np.full(7, 0.5) if scaling == "shifted" else None
    features = bind_features(X, scale, shift)
    found, rows, indptr = features.stored_columns()
    assert features.n_stored == len(found)
    expected = values * (1 if scale is None else scale) + (0 if shift is None else shift)
    if scaling != "shifted" and (density < 0.5 or stored == "sparse"):
        assert len(found) == np.count_nonzero(values)
        columns = sp.csc_matrix((found, rows, indptr), shape=(60, 7)).toarray()
    else:
        assert rows is None
        assert indptr is None
        columns = found.reshape(7, 60).T
    np.testing.assert_allclose(columns, expected, rtol=np.finfo(features.dtype).eps)
