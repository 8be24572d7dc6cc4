"""Calls of the C functions for tests/fuzz.py, with buffers of exactly the sizes that are told.

A valid call succeeds, agrees with the reference, and has the same bits on any number of threads. A wild one has some
arguments that are wrong in a way that the function can see: it must return a code and write nothing. Under
AddressSanitizer any access outside of a buffer ends the process.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import c_api
import ml_dtypes
import numpy as np
import reference
import scipy.sparse as sp
from c_api import STRUCT_TYPES, C
from c_header import CONSTANTS
from tolerances import SCORE, assert_gradient_close, assert_loss_close

from fastsoftmax import _kernels

KINDS = ["f8", "f4", "f2", ml_dtypes.bfloat16, "u1", "i1"]
SIZES = (1, 2, 3, 5, 8, 16, 17, 33, 70)
ROWS = (1, 2, 15, 16, 63, 64, 65, 130, 513, 1100)
THREADS = (1, 1, 2, 3, 40)

# What a wrong member of a struct may be: never what a function cannot tell from a right one.
WRONG = {
    "struct_size": (0, 1, 8, 2**20),
    "n_samples": (0, -1, -(2**63), 2**61, 2**63 - 1),
    "n_features": (0, -1, -(2**63), 2**61, 2**63 - 1),
    "n_outputs": (0, -1, -(2**63), 2**61, 2**63 - 1),
    "layout": (-1, 2, 2**31 - 1),
    "storage": (-1, 6, 2**31 - 1),
    "index_kind": (-1, 2),
    "row_stride": (0, -1, -(2**63), 2**60, 2**63 - 1),
    "column_stride": (0, -1, -(2**63), 2**60, 2**63 - 1),
    "targets_stride": (0, -1, 2**60, 2**63 - 1),
    "offset_stride": (0, -1, 2**60, 2**63 - 1),
    "dtype": (-1, 2, 5),
    # One with a parameter has no place for it in the struct.
    "family": (-1, _kernels.FAMILIES.index("tweedie"), len(_kernels.FAMILIES), 2**31 - 1),
    "precision": (-1, 3),
    "num_threads": (0, -1, 1025, 2**31 - 1),
    "data": (None,),
    "labels": (None,),
    "targets": (None,),
    "indptr": (None,),
    "W": (None,),
    "b": (None,),
    "workspace": (None,),
    "l2": (-1.0, float("nan"), float("inf")),
    "tol": (-1.0, float("nan")),
    "max_iter": (-1,),
    "memory": (0, -1, 1001, 2**62),
}
# Members that a layout, or a kind of targets, does not read.
OF_DENSE, OF_CSR = {"row_stride", "column_stride"}, {"index_kind", "indptr"}


@dataclass
class CCall:
    """A call of a C function."""

    name: str
    arguments: tuple  # as `describe` prints them
    keywords: dict
    run: Any  # called with a number of threads: (code, outputs)
    check: Any  # of the outputs
    spoiled: bool  # whether an argument is wrong
    threads: int

    def judge(self, draw):
        """Raise AssertionError if the call does what no call may do."""
        code, outputs, before = self.run(self.threads)
        if self.spoiled:
            assert 0 < code < CONSTANTS["FASTSOFTMAX_FIRST_OUTCOME"], f"accepted: {code}"
            for output, kept in zip(outputs, before, strict=True):
                assert output.tobytes() == kept, "a refused call has written"
            return
        assert code == 0, C.error_name(code)
        self.check(*outputs)
        again = self.run(draw.pick(THREADS))
        assert again[0] == 0
        for one, other in zip(outputs, again[1], strict=True):
            np.testing.assert_array_equal(one, other, err_msg="another number of threads gives another result")


def dense_of(values, kind, draw):
    """X of a kind in some order, in a buffer of just its extent."""
    stored = np.clip(np.abs(values) * 9 if kind == "u1" else values * 9 if kind == "i1" else values, -99, 99)
    stored = stored.astype(kind)
    n, n_features = stored.shape
    order, gap, step = draw.pick(["c", "f"]), draw.pick([0, 0, 1, 7]), draw.pick([1, 1, 2])
    if order == "f":
        stored = stored.T
    rows, columns = stored.shape
    width = columns * step + gap
    buffer = np.zeros((rows - 1) * width + (columns - 1) * step + 1, stored.dtype)
    strides = (width * stored.itemsize, step * stored.itemsize)
    view = np.lib.stride_tricks.as_strided(buffer, (rows, columns), strides)
    view[:] = stored
    row, column = (width, step) if order == "c" else (step, width)
    storage = c_api.STORAGE[stored.dtype.name]
    full = stored.astype(np.float64)
    struct = c_api.struct(
        "features", n_samples=n, n_features=n_features, storage=storage, data=buffer, row_stride=row,
        column_stride=column,
    )  # fmt: skip
    return struct, full.T if order == "f" else full


def sparse_of(values, dtype, draw):
    X = sp.csr_matrix(np.where(draw.rng.random(values.shape) < draw.pick([0, 0.1, 0.6, 1]), values, 0).astype(dtype))
    X.indices = X.indices.astype(draw.pick(["i4", "i8"]))
    return c_api.features(X), X.toarray().astype(np.float64)


def spaced(values, draw):
    """Rows with a leading dimension, in a buffer that ends with the last row; the buffer and the stride."""
    n, columns = values.shape
    stride = columns + draw.pick([0, 0, 1, 5])
    buffer = np.full((n - 1) * stride + columns, np.nan, values.dtype)
    rows_in(buffer, stride, values.shape)[:] = values
    return buffer, stride


def rows_in(buffer, stride, shape):
    return np.lib.stride_tricks.as_strided(buffer, shape, (stride * buffer.itemsize, buffer.itemsize))


def spoil(draw, structs, unread):
    """Make a member of one of the structs wrong; its name."""
    places = [
        (struct, member)
        for struct in structs
        for member, _ in STRUCT_TYPES[type(struct).__name__]._fields_
        if member in WRONG and member not in unread and (member not in ("data",) or not struct.layout)
    ]
    struct, member = draw.pick(places)
    setattr(struct, member, draw.pick(WRONG[member]))
    return f"{type(struct).__name__}.{member}"


class Problem:
    """Random arguments of a pass."""

    def __init__(self, draw):
        self.draw = draw
        rng, self.n, self.n_features, self.n_outputs = draw.rng, draw.pick(ROWS), draw.pick(SIZES), draw.pick(SIZES)
        self.dtype = np.dtype(draw.pick(["f4", "f8"]))
        values = rng.standard_normal((self.n, self.n_features))
        self.unread = set()
        self.sparse = draw.chance(0.35)
        if self.sparse:
            self.X, self.full = sparse_of(values, self.dtype, draw)
            self.unread |= OF_DENSE
        else:
            kinds = KINDS if self.dtype == np.float64 else KINDS[1:]
            self.X, self.full = dense_of(values, draw.pick(kinds), draw)
            self.unread |= OF_CSR
        size = 1 / max(1, np.linalg.norm(self.full, axis=1).max())
        self.W = (size * rng.standard_normal((self.n_outputs, self.n_features))).astype(self.dtype)
        self.b = rng.standard_normal(self.n_outputs).astype(self.dtype)
        self.model = c_api.model(self.W, self.b)
        self.s = rng.random(self.n) if draw.chance(0.5) else None
        self.offset = rng.standard_normal((self.n, self.n_outputs)).astype(self.dtype) if draw.chance(0.3) else None
        self.labels = draw.chance(0.5)
        if self.labels:
            self.y = rng.integers(0, self.n_outputs, self.n).astype(np.intp)
            self.Y = np.eye(self.n_outputs)[self.y]
            self.samples = c_api.samples(self.y, self.s)
            self.unread |= {"targets_stride", "targets"}
        else:
            self.Y = rng.integers(0, 3, (self.n, self.n_outputs)).astype(self.dtype) + self.dtype.type(0.5)
            buffer, stride = spaced(self.Y, draw)
            self.samples = c_api.struct("samples", targets=buffer, targets_stride=stride)
            if self.s is not None:
                self.samples.weight = self.s.ctypes.data
            self.unread |= {"labels"}
        if self.offset is None:
            self.unread |= {"offset_stride"}
        else:
            self.offset_buffer, self.samples.offset_stride = spaced(self.offset, draw)
            self.samples.offset = self.offset_buffer.ctypes.data
        self.spoiled = []

    @property
    def scale(self):
        """How large rounding errors may be."""
        weight = 1 if self.s is None else self.s.max()
        return self.Y.sum(axis=1).max() * weight * (5 + np.abs(self.b).max())

    def weights(self):
        return np.ones(self.n) if self.s is None else self.s

    def spoil(self, *more, unread=()):
        """Perhaps make arguments wrong."""
        if not self.draw.goes_wild(8):
            return
        structs = [self.X, self.model, *more]
        for _ in range(self.draw.pick([1, 1, 2, 4])):
            self.spoiled.append(spoil(self.draw, structs, self.unread | set(unread)))

    def spoil_values(self):
        """Perhaps make labels or sparse arrays wrong."""
        if not self.draw.goes_wild():
            return
        if self.sparse:
            indptr, indices = self.X.keep["indptr"], self.X.keep["indices"]
            if len(indices) and self.draw.chance(0.5):
                indices[self.draw.rng.integers(len(indices))] = self.draw.pick([-1, self.n_features, 2**31 - 1])
            else:
                indptr[self.draw.rng.integers(len(indptr) - 1)] = self.draw.pick([-1, -(2**63), indptr[-1] + 1])
            self.spoiled.append("csr")
        elif self.labels:
            self.y[self.draw.rng.integers(self.n)] = self.draw.pick([-1, self.n_outputs, 2**63 - 1, -(2**63)])
            self.spoiled.append("label")

    def room(self, size, num_threads):
        """A workspace of just that size, or shorter in a wild call, anywhere in memory."""
        if "workspace" in self.spoiled:
            size = int(self.draw.rng.integers(max(1, size)))
        return c_api.resources(size, num_threads, shift=self.draw.pick([0, 0, 1, 8, 63]))

    def call(self, name, function, outputs, check, size_of, resources=True):
        """The call; function(room, *outputs) makes it, and size_of(num_threads) tells the workspace."""
        if resources and not self.spoiled and self.draw.goes_wild(2):
            self.spoiled.append(self.draw.pick(["workspace", "num_threads", "resources.struct_size"]))
        # What a valid call takes: a wrong one is not asked.
        sizes = {}

        def run(num_threads):
            made = [np.full(shape, 7, dtype) for shape, dtype in outputs]
            before = [array.tobytes() for array in made]
            if num_threads not in sizes:
                sizes[num_threads] = size_of(num_threads)
            room = self.room(sizes[num_threads], num_threads)
            if "num_threads" in self.spoiled:
                room.num_threads = self.draw.pick(WRONG["num_threads"])
            if "resources.struct_size" in self.spoiled:
                room.struct_size = self.draw.pick(WRONG["struct_size"])
            return function(room, *made), made, before

        threads = self.draw.pick(THREADS)
        words = dict(
            n=self.n, n_features=self.n_features, n_outputs=self.n_outputs, dtype=str(self.dtype),
            storage=self.X.storage, layout=self.X.layout, threads=threads, spoiled=self.spoiled,
        )  # fmt: skip
        return CCall(name, (), words, run, check, bool(self.spoiled), threads)

    def size_of(self, operation):
        """How the workspace is told: by the arguments as they are before they are spoiled."""
        sizes = {threads: c_api.workspace_size(operation, self.X, self.model, threads) for threads in set(THREADS)}
        return sizes.__getitem__


def c_loss_grad(draw):
    p = Problem(draw)
    sizes = p.size_of("LOSS_GRAD")
    p.spoil(p.samples)
    p.spoil_values()

    def function(room, loss, grad_W, grad_b):
        return C.loss_grad(loss, grad_W, grad_b, p.X, p.samples, p.model, room)

    def check(loss, grad_W, grad_b):
        offset = 0.0 if p.offset is None else p.offset
        share = p.weights().mean()
        expected = reference.loss_grad(p.full, p.Y, p.W, p.b, p.weights(), offset)
        assert_loss_close(loss[0], share * expected[0], p.dtype.type, scale=p.scale * 10)
        for actual, wanted in zip((grad_W, grad_b), expected[1:], strict=True):
            assert_gradient_close(actual, share * wanted, p.full.astype(p.dtype), p.scale)

    shapes = [((1,), "f8"), (p.W.shape, "f8"), (p.b.shape, "f8")]
    return p.call("loss_grad", function, shapes, check, sizes)


def c_hess_vec(draw):
    p = Problem(draw)
    V, v = (draw.rng.standard_normal(part.shape).astype(p.dtype) for part in (p.W, p.b))
    sizes = p.size_of("HESS_VEC")
    p.spoil(p.samples, unread={"labels", "targets"})
    p.spoil_values()

    def function(room, hess_W, hess_b):
        return C.hess_vec(hess_W, hess_b, p.X, p.samples, p.model, V, v, room)

    def check(hess_W, hess_b):
        offset = 0.0 if p.offset is None else p.offset
        expected = reference.hess_vec(p.full, p.Y, p.W, p.b, V, v, s=p.weights(), offset=offset)
        scale = p.scale * (np.abs(p.full @ V.T.astype(np.float64)).max() + 5)
        for actual, wanted in zip((hess_W, hess_b), expected, strict=True):
            assert_gradient_close(actual, p.weights().mean() * wanted, p.full.astype(p.dtype), scale)

    return p.call("hess_vec", function, [(p.W.shape, "f8"), (p.b.shape, "f8")], check, sizes)


def c_predict(draw):
    p = Problem(draw)
    proba, stride = draw.chance(0.5), p.n_outputs + draw.pick([0, 0, 3])
    sizes = p.size_of("PREDICT")
    p.spoil()
    call = C.predict_proba if proba else C.predict_logits
    if not p.spoiled and draw.goes_wild():
        stride_given = draw.pick([0, -1, p.n_outputs - 1, 2**60])
        p.spoiled.append("out_stride")
    else:
        stride_given = stride

    def function(room, out):
        return call(out, stride_given, p.X, p.model, room)

    def check(out):
        Z = p.full @ p.W.T.astype(np.float64) + p.b
        expected = reference.softmax(Z) if proba else Z
        actual = rows_in(out, stride, Z.shape)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=SCORE[p.dtype.type] * (10 + np.abs(Z).max()))

    return p.call("predict", function, [(((p.n - 1) * stride + p.n_outputs,), p.dtype)], check, sizes)


def c_logits(draw):
    p = Problem(draw)
    which = draw.pick(["softmax", "log_softmax", "cross_entropy_grad"])
    Z = (3 * draw.rng.standard_normal((p.n, p.n_outputs))).astype(p.dtype)
    logits, logits_stride = spaced(Z, draw)
    stride = p.n_outputs + draw.pick([0, 0, 3])
    sizes = p.size_of("CROSS_ENTROPY_GRAD" if which == "cross_entropy_grad" else "SOFTMAX")
    given = [logits_stride, stride, p.n]
    if draw.goes_wild(3):
        place = draw.pick([0, 1, 2])
        given[place] = draw.pick([0, -1, p.n_outputs - 1, 2**61] if place < 2 else [0, -1, 2**61, 2**63 - 1])
        p.spoiled.append(f"size {place}")
    elif draw.goes_wild(5):
        structs = [p.model] + ([p.samples] if which == "cross_entropy_grad" else [])
        p.spoiled.append(spoil(draw, structs, p.unread | {"W", "b", "offset_stride"}))
    size = ((p.n - 1) * stride + p.n_outputs,)

    def function(room, *outputs):
        if which == "cross_entropy_grad":
            return C.cross_entropy_grad(*outputs, given[1], logits, given[0], given[2], p.samples, p.model, room)
        return getattr(C, which)(*outputs, given[1], logits, given[0], given[2], p.model, room)

    def check(*outputs):
        out, P = rows_in(outputs[-1], stride, Z.shape), reference.softmax(Z.astype(np.float64))
        expected = P if which == "softmax" else reference.log_softmax(Z.astype(np.float64))
        if which == "cross_entropy_grad":
            expected = p.weights()[:, None] * (P * p.Y.sum(axis=1, keepdims=True) - p.Y)
        np.testing.assert_allclose(out, expected, rtol=0, atol=SCORE[p.dtype.type] * 10 * (3 + p.scale))

    shapes = [((1,), "f8"), (size, p.dtype)] if which == "cross_entropy_grad" else [(size, p.dtype)]
    return p.call(which, function, shapes, check, sizes)


def c_scorer(draw):
    p = Problem(draw)
    size = ctypes.c_size_t()
    c_api.check(C.scorer_size(size, p.model, p.n_features))
    short, shift = 0, 0
    if draw.goes_wild(4):
        short, shift = draw.pick([(1, 0), (size.value, 0), (size.value // 2, 0), (0, 1), (0, 4)])
        p.spoiled.append(f"short {short} shift {shift}")
    elif draw.goes_wild(3):
        p.spoiled.append(spoil(draw, [p.model], p.unread))
    x = draw.rng.standard_normal(p.n_features).astype(p.dtype)

    def function(_, out):
        memory = np.zeros(size.value + 16, np.uint8)
        memory = memory[-memory.ctypes.data % 8 + shift :][: size.value - short]
        code = C.scorer_pack(memory, size.value - short, p.model, p.n_features)
        return code or C.scorer_proba(out, memory, x)

    def check(out):
        Z = p.W.astype(np.float64) @ x + p.b
        atol = SCORE[p.dtype.type] * (10 + np.abs(Z).max() + np.sqrt(p.n_features))
        np.testing.assert_allclose(out, reference.softmax(Z[None])[0], rtol=0, atol=atol)

    return p.call("scorer", function, [((p.n_outputs,), p.dtype)], check, lambda _: 0, resources=False)


def c_train(draw):
    p = Problem(draw)
    gd = draw.chance(0.3)
    p.model.W = p.model.b = None
    given = c_api.struct("training", l2=0.5, tol=1e-3, max_iter=draw.pick([0, 1, 5]), learning_rate=0.01)
    given.memory = draw.pick([1, 2, 3, 10])
    sizes = {}
    for threads in set(THREADS):
        size = ctypes.c_size_t()
        c_api.check(C.training_size(size, int(gd), p.X, p.model, given, threads))
        sizes[threads] = size.value
    p.spoil(p.samples, given, unread={"W", "b"} | ({"memory"} if gd else set()))
    p.spoil_values()
    outcomes = {0, CONSTANTS["FASTSOFTMAX_MAX_ITER"], CONSTANTS["FASTSOFTMAX_NO_PROGRESS"]}

    def function(room, theta):
        code = (C.train_gd if gd else C.train_lbfgs)(theta, p.X, p.samples, p.model, given, room)
        return 0 if code in outcomes else code

    def check(theta):
        assert np.isfinite(theta).all()

    return p.call("train", function, [((p.n_outputs * (p.n_features + 1),), "f8")], check, sizes.__getitem__)


C_FUNCTIONS = (c_loss_grad, c_hess_vec, c_predict, c_logits, c_scorer, c_train)
