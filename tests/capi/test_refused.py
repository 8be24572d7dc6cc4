"""Every wrong argument of a C function is a code, and nothing is written then."""

import ctypes

import numpy as np
import pytest
import scipy.sparse as sp
from c_api import C, address, features, model, resources, room_for, samples, struct
from c_header import CONSTANTS
from problems import make_problem

from fastsoftmax import _kernels

N, K = 6, 4


def code(name):
    return CONSTANTS["FASTSOFTMAX_" + name]


class Call:
    """Valid arguments of loss_grad, one of which a test spoils."""

    def __init__(self, sparse=False, soft=False, dtype=np.float64):
        p = make_problem(50, N, K, dtype=dtype)
        self.problem = p
        self.X = features(sp.csr_matrix(np.maximum(p.X, 0)) if sparse else p.X)
        self.samples = samples(p.Y if soft else p.y.astype(np.intp), p.s, p.offset)
        self.model = model(p.W, p.b)
        self.resources = room_for("LOSS_GRAD", self.X, self.model)
        self.out = np.full(1 + K * N + K, -7.0)

    def __call__(self, X=(), samples=(), model=(), resources=(), skip=None):
        for value, change in ((self.X, X), (self.samples, samples), (self.model, model), (self.resources, resources)):
            for member, given in dict(change).items():
                setattr(value, member, given)
        arguments = [self.out, self.out[1:], self.out[1 + K * N :]]
        arguments += [self.X, self.samples, self.model, self.resources]
        if skip is not None:
            arguments[skip] = None
        found = C.loss_grad(*arguments)
        assert found == 0 or (self.out == -7).all()
        return C.error_name(found).decode().removeprefix("FASTSOFTMAX_")


WRONG = {
    "WRONG_ABI": [
        {part: {"struct_size": size}} for part in ("X", "samples", "model", "resources") for size in (0, 8, 1 << 20)
    ],
    "BAD_SHAPE": [
        *({"X": {member: value}} for member in ("n_samples", "n_features") for value in (0, -1, -(2**62))),
        {"model": {"n_outputs": 0}},
    ],
    "BAD_STRIDE": [
        {"X": {"row_stride": N - 1}},
        {"X": {"row_stride": 0}},
        {"X": {"column_stride": 0}},
        {"X": {"column_stride": -1}},
        {"X": {"column_stride": 2}},
        {"samples": {"offset_stride": K - 1}},
    ],
    "BAD_KIND": [
        {"X": {"storage": 6}},
        {"X": {"storage": -1}},
        {"X": {"layout": 2}},
        {"X": {"layout": 1, "storage": 0}},
        {"model": {"dtype": 2}},
        {"model": {"dtype": 0}},  # of float64 data
        {"model": {"family": len(_kernels.FAMILIES)}},
        {"model": {"family": _kernels.FAMILIES.index("tweedie")}},  # it has a parameter
        {"model": {"family": -1}},
        {"model": {"precision": 3}},
    ],
    "BAD_THREADS": [{"resources": {"num_threads": count}} for count in (0, -1, 1025, 2**31 - 1)],
    "TOO_LARGE": [
        {"X": {"n_samples": 2**61, "row_stride": 2**61}},
        {"X": {"row_stride": 2**60}},
        {"X": {"n_features": 2**40, "row_stride": 2**40}, "model": {"n_outputs": 2**40}},
        {"model": {"n_outputs": 2**62}},
    ],
    "NULL_POINTER": [
        *({"skip": position} for position in range(7)),
        {"X": {"data": None}},
        {"samples": {"labels": None}},
        {"model": {"W": None}},
        {"model": {"b": None}},
    ],
    "SHORT_WORKSPACE": [{"resources": {"workspace": None}}, {"resources": {"workspace_size": 0}}],
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in WRONG.items() for change in changes], ids=str
)
def test_a_wrong_argument_is_a_code(name, change):
    assert Call()() == "OK"
    assert Call()(**change) == name


def test_both_kinds_of_targets_are_one_too_many():
    call = Call()
    assert call(samples={"targets": address(call.problem.Y), "targets_stride": K}) == "BAD_KIND"
    assert Call(soft=True)() == "OK"
    assert Call(soft=True)(samples={"targets_stride": K - 1}) == "BAD_STRIDE"


@pytest.mark.parametrize("label", [-1, K, 2**62, -(2**62)])
def test_a_label_that_is_no_class(label):
    call = Call()
    call.samples.keep["labels"][17] = label
    assert call() == "BAD_LABEL"


def test_every_shorter_workspace_is_refused():
    call = Call()
    size = call.resources.workspace_size
    for shorter in (size - 1, size // 2, 64, 1):
        assert call(resources={"workspace_size": shorter}) == "SHORT_WORKSPACE"
    assert call(resources={"workspace_size": size}) == "OK"


@pytest.mark.parametrize(
    ("array", "place", "value"),
    [("indptr", 0, -1), ("indptr", 3, 0), ("indptr", 3, 2**40), ("indices", 5, -1), ("indices", 5, N)],
)
def test_sparse_arrays_that_are_wrong(array, place, value):
    assert Call(sparse=True)() == "OK"
    call = Call(sparse=True)
    call.X.keep[array][place] = value
    assert call() == "BAD_CSR"


def test_sparse_features_that_do_not_ascend():
    call = Call(sparse=True)
    indices, indptr = call.X.keep["indices"], call.X.keep["indptr"]
    row = next(i for i in range(50) if indptr[i + 1] - indptr[i] > 1)
    first = indptr[row]
    indices[first + 1] = indices[first]
    assert call() == "BAD_CSR"


@pytest.mark.parametrize("member", ["data", "indices", "indptr"])
def test_sparse_arrays_that_are_missing(member):
    assert Call(sparse=True)(X={member: None}) == "NULL_POINTER"


def test_sparse_samples_without_entries_need_no_arrays():
    call = Call(sparse=True)
    call.X.keep["indptr"][:] = 0
    assert call(X={"data": None, "indices": None}) == "OK"


def test_what_workspace_size_refuses():
    X, shape, size = features(np.zeros((5, N))), model(n_outputs=K), ctypes.c_size_t(7)
    assert C.workspace_size(None, 0, X, shape, 1) == code("NULL_POINTER")
    assert C.workspace_size(size, 0, None, shape, 1) == code("NULL_POINTER")
    assert C.workspace_size(size, 0, X, None, 1) == code("NULL_POINTER")
    assert C.workspace_size(size, 0, X, shape, 0) == code("BAD_THREADS")
    for operation in (-1, 5):
        assert C.workspace_size(size, operation, X, shape, 1) == code("BAD_KIND")
    assert size.value == 7


def test_what_functions_of_logits_refuse():
    logits, out = np.zeros((5, K)), np.full((5, K), -7.0)
    shape, room = model(n_outputs=K), resources(100_000)
    assert C.softmax(None, K, logits, K, 5, shape, room) == code("NULL_POINTER")
    assert C.softmax(out, K, None, K, 5, shape, room) == code("NULL_POINTER")
    assert C.softmax(out, K - 1, logits, K, 5, shape, room) == code("BAD_STRIDE")
    assert C.log_softmax(out, K, logits, K - 1, 5, shape, room) == code("BAD_STRIDE")
    assert C.softmax(out, K, logits, K, 0, shape, room) == code("BAD_SHAPE")
    assert C.softmax(out, K, logits, K, 5, shape, resources(0)) == code("SHORT_WORKSPACE")
    none = struct("samples")
    assert C.cross_entropy_grad(out, None, 0, logits, K, 5, none, shape, room) == code("NULL_POINTER")
    assert (out == -7).all()


def test_what_a_scorer_refuses():
    at_W, size = model(np.zeros((K, N)), np.zeros(K)), ctypes.c_size_t()
    assert C.scorer_size(size, at_W, N) == 0
    memory, x, out = np.zeros(size.value // 8 + 1), np.zeros(N), np.zeros(K)
    assert C.scorer_pack(memory, size.value - 1, at_W, N) == code("BAD_SCORER")
    assert C.scorer_pack(address(memory) + 1, memory.nbytes, at_W, N) == code("BAD_SCORER")
    assert C.scorer_pack(None, memory.nbytes, at_W, N) == code("NULL_POINTER")
    assert C.scorer_size(size, at_W, 0) == code("BAD_SHAPE")
    assert C.scorer_proba(out, memory, x) == code("BAD_SCORER")
    assert C.scorer_pack(memory, memory.nbytes, at_W, N) == 0
    for arguments in ((None, memory, x), (out, None, x), (out, memory, None)):
        assert C.scorer_proba(*arguments) == code("NULL_POINTER")


def test_codes_have_names_and_families_numbers():
    names = {name for name in CONSTANTS if CONSTANTS[name] == 0}
    for number in range(-3, 100):
        name = C.error_name(number).decode()
        assert name == "unknown code" or CONSTANTS[name] == number
    assert C.error_name(0).decode() in names
    assert C.family_number(b"softmax") == 0
    assert C.family_number(b"nonsense") == C.family_number(None) == -1
    assert 1 <= C.max_threads() <= CONSTANTS["FASTSOFTMAX_MOST_THREADS"]
