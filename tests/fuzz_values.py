"""Arguments for tests/fuzz.py: mostly valid ones, of every type and layout, and sometimes extreme or invalid ones."""

import ml_dtypes
import numpy as np
import scipy.sparse as sp

FLOATS = ["f8", "f4", "f2", ">f8", ">f4", "longdouble", ml_dtypes.bfloat16]
INTEGERS = ["u1", "i1", "?", "i2", "i4", "i8", "u8", ">i4"]
NO_NUMBERS = ["O", "c8", "c16", "U3", "S3", "M8[s]", "m8[D]"]
MAGNITUDES = [1e-320, 1e-155, 1e-45, 1e-38, 1e-20, 1e-10, 1e-5, 1e5, 1e10, 1e20, 1e38, 1e100, 1e155, 1e300, 1e308]
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65, 97]
COUNTS = [1, 2, 3, 7, 16, 31, 64, 65, 130, 513, 700]
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]

# Probability that an argument is extreme or invalid, so that the result cannot be compared.
WILD = 0.08


class Draw:
    """Random arguments of one call.

    `tame` becomes False with the first argument that is extreme or invalid. If it is True at the end, the call must
    succeed and agree with the reference.
    """

    def __init__(self, seed, wild):
        self.rng = np.random.default_rng(seed)
        self.wild = wild
        self.tame = True

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def goes_wild(self, share=1.0):
        """Whether this argument shall be extreme or invalid."""
        if not self.chance(self.wild * share):
            return False
        self.tame = False
        return True

    def shape(self):
        n_classes = self.pick([k for k in SIZES if k > 1])
        return self.pick(COUNTS), self.pick(SIZES), n_classes

    # -----------------------------------------------------------------------------------------------------------------
    # Arrays
    # -----------------------------------------------------------------------------------------------------------------

    def array(self, values, dtypes=FLOATS):
        """Values in some dtype, which may round them, and layout; wild ones may also change in size and shape."""
        values = np.asarray(values, np.float64)
        dtype = self.pick(dtypes)
        if self.goes_wild():
            values = values * self.pick(MAGNITUDES)
        if self.goes_wild(0.5) and values.size:
            values = values.copy()
            values[tuple(self.rng.integers(size) for size in values.shape)] = self.pick([np.nan, np.inf, -np.inf])
        if self.goes_wild(0.3):
            dtype = self.pick(NO_NUMBERS)
        if self.goes_wild(0.3):
            shapes = [lambda v: v[None], lambda v: v[..., None], lambda v: v[:-1], lambda v: v[:0], np.ravel]
            values = self.pick(shapes)(values)
        if self.goes_wild(0.2):
            return np.ma.array(values, mask=self.rng.random(values.shape) < 0.1)
        return self.layout(cast(values, dtype))

    def layout(self, array):
        """The same numbers in another memory layout, or as lists."""
        if array.size == 0 or array.ndim == 0:
            return array
        layouts = [
            lambda a: a,
            np.asfortranarray,
            lambda a: np.repeat(a, 2, axis=0)[::2],
            lambda a: np.repeat(a, 3, axis=-1)[..., ::3],
            lambda a: np.ascontiguousarray(a[::-1])[::-1],
            lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
            lambda a: np.ascontiguousarray(a.T).T,
            unaligned,
            read_only,
            lambda a: a.tolist() if a.dtype.kind in "biuf" and a.dtype != np.longdouble else a,
            lambda a: np.ma.array(a) if a.dtype.kind != "O" else a,
        ]
        return self.pick(layouts)(array)

    def X(self, n, n_features, sparse=0.3):
        values = self.rng.standard_normal((n, n_features)) * self.pick([0.1, 1, 1, 1, 10])
        if self.chance(0.2):
            values[:, self.rng.integers(n_features)] = self.pick([0, 1, -3])
        if self.chance(0.05):
            values = np.broadcast_to(values[:1], values.shape)  # strides of zero
            return values if self.chance(0.5) else np.broadcast_to(values[:, :1], values.shape)
        if self.chance(sparse):
            return self.sparse(values)
        if self.chance(0.3):
            # Integers and booleans, spread over their range.
            dtype = self.pick(INTEGERS)
            return self.array(
                values > 0 if dtype == "?" else 40 * np.abs(values) if "u" in dtype else 40 * values, [dtype]
            )
        return self.array(values)

    def sparse(self, values):
        values = np.where(self.rng.random(values.shape) < self.pick([0, 0.1, 0.5, 1]), values, 0)
        if self.goes_wild():
            values = values * self.pick(MAGNITUDES)
        dtype = self.pick(["f8", "f4", "f4", "f8", "longdouble", "i4", "u1", ">f8", ">f4"])
        if self.goes_wild(0.2):
            dtype = self.pick(["c16", "?"])
        if np.dtype(dtype).kind in "iu":
            values = np.clip(np.abs(values) * 10, 0, 200)
        X = sp.csr_matrix(values).astype(np.dtype(dtype).newbyteorder("="))
        if self.chance(0.6):
            X.indices = X.indices.astype(self.pick(["i4", "i8"]))
            if self.chance(0.3):
                X.indptr = X.indptr.astype(self.pick(["i4", "i8"]))
            if self.chance(0.3):
                X.data, X.indices, X.indptr = map(unaligned, (X.data, X.indices, X.indptr))
            if self.goes_wild(2):
                self.corrupt(X)
            return X
        X = X.asformat(self.pick(FORMATS))
        return X if self.chance(0.7) else {"csr": sp.csr_array, "csc": sp.csc_array}.get(X.format, sp.coo_array)(X)

    def corrupt(self, X):
        """Damage a CSR matrix as no SciPy routine would; or make its indices unsorted or repeated, which is valid."""
        nnz = len(X.indices)
        place = self.rng.integers(max(1, nnz))
        match self.rng.integers(12):
            case 0 if nnz:
                X.indices[place] = self.pick([-1, X.shape[1], 2**31 - 1, -(2**31)])
            case 1:
                X.indptr[self.rng.integers(len(X.indptr))] = self.pick([-1, 0, nnz + 1, 2**31 - 1])
            case 2:
                X.indptr = X.indptr[:-1]
            case 3:
                X.indptr = np.append(X.indptr, nnz)
            case 4:
                X.indices = X.indices[: nnz // 2]
            case 5:
                X.data = X.data[: nnz // 2]
            case 6:
                X.data = np.append(X.data, 1).astype(X.data.dtype)
            case 7:
                X.indices = X.indices.astype(self.pick(["i2", "u4", "f8", ">i4"]))
            case 8:
                X.indptr = X.indptr.astype(self.pick(["i2", "u8", "f8", ">i8"]))
            case 9 if nnz and X.data.dtype.kind == "f":
                X.data[place] = self.pick([np.nan, np.inf])
            case 10 if nnz:
                X.indices[:] = X.indices[place]  # many entries of one feature
            case _:
                X.indices[:] = X.indices[::-1].copy()

    # -----------------------------------------------------------------------------------------------------------------
    # What belongs to samples and features
    # -----------------------------------------------------------------------------------------------------------------

    def y(self, n, n_classes, soft=0.3):
        labels = self.rng.integers(0, n_classes, n)
        labels[: min(n, n_classes)] = np.arange(n_classes)[:n]
        if self.goes_wild(2):
            labels = labels.astype(float)
            labels[self.rng.integers(n)] = self.pick([-1, n_classes, 0.5, np.nan, np.inf, 1e13, 1e300, -1e300])
            return self.array(labels, dtypes=["f8", "i8", "i4", "O", "longdouble"])
        if self.goes_wild():
            return self.pick(
                [
                    None,
                    3,
                    ["a"] * n,
                    [None] * n,
                    np.c_[labels, labels[::-1]],
                    np.c_[labels],
                    sp.csr_matrix(labels),
                    labels * 10**13,
                    (labels.astype("u8") + np.uint64(2**63)),
                    labels[:-1],
                    "text",
                    {},
                ]
            )
        if not self.chance(soft):
            return self.array(labels, dtypes=[*INTEGERS[3:], "i8", "f8", "f4"])
        if self.chance(0.3):
            return np.eye(n_classes)[labels].astype(self.pick(["?", "u1", "i8", "f4"]))
        rows = self.rng.random((n, n_classes)) * (self.rng.random((n, n_classes)) < 0.7)
        rows[np.arange(n), labels] += 0.1
        return self.array(rows * self.pick([1, 1, 10]), dtypes=["f8", "f4", "f2", "longdouble"])

    def sample_weight(self, n):
        if self.chance(0.4):
            return None
        weights = self.rng.integers(0, 3, n) * self.rng.random(n)
        weights[self.rng.integers(n)] = 1.0
        if self.goes_wild():
            wrong = [np.zeros(n), -weights, "balanced", 3.0, weights[:, None]]
            return self.pick([*wrong, weights * 1e-320, weights * 1e308])
        return self.array(weights, dtypes=["f8", "f8", "f4", "f2", "longdouble"])

    def offset(self, n, n_classes):
        if self.chance(0.6):
            return None
        offset = self.rng.standard_normal((n, n_classes))
        if self.goes_wild(3):
            offset = self.pick([700, 1e5, 1e30]) * np.sign(offset)
        if self.goes_wild(3):
            offset = np.where(self.rng.random(offset.shape) < self.pick([0.1, 0.9]), -np.inf, offset)
        return self.array(offset, dtypes=["f8", "f4", "f2", "longdouble"])

    def scaling(self, n_features):
        factors = {}
        for name in ("scale", "shift"):
            if self.chance(0.7):
                continue
            factor = self.rng.uniform(0.2, 2, n_features) * self.rng.choice([-1, 1], n_features)
            factors[name] = self.pick([0.5, 1, -2]) if self.chance(0.5) else self.array(factor, dtypes=["f8", "f4"])
            if self.goes_wild():
                factors[name] = self.pick([0, np.nan, 1e300, 1e-300, -1e200, "a", [1], None, np.zeros(n_features)])
        return factors

    def parameters(self, n_classes, n_features, size=1.0):
        W = self.rng.standard_normal((n_classes, n_features)) * size
        b = self.rng.standard_normal(n_classes)
        if self.goes_wild(0.3):
            b = 700 * b
        dtypes = ["f8", "f8", "f4", "f2", ">f8", "longdouble"]
        return self.array(W, dtypes=dtypes), self.array(b, dtypes=dtypes)

    # -----------------------------------------------------------------------------------------------------------------
    # Numbers
    # -----------------------------------------------------------------------------------------------------------------

    def penalty(self):
        if self.goes_wild():
            return self.pick([-1.0, np.nan, np.inf, 1e300, 1e-300, 5e-324, 1e150, "1", None, 10**400, 1j, True, [1.0]])
        return self.pick([0, 0.0, 1e-3, 0.1, np.float32(0.5), 1, np.float16(0.25)])

    def num_threads(self):
        if self.goes_wild():
            return self.pick([0, -1, 1.5, "2", True, 2**31, 2**31 - 1, 2**70, [1], np.nan])
        return self.pick([None, 1, 2, 3, 5, 7, np.int64(2), 65])


def cast(values, dtype):
    """Convert values to a dtype; whole numbers are rounded, and clipped to its range."""
    kind = np.dtype(dtype).kind
    with np.errstate(all="ignore"):
        if kind in "iu":
            info = np.iinfo(dtype)
            rounded = np.round(np.nan_to_num(values))
            return np.clip(rounded, max(info.min, -(2**53)), min(info.max, 2**53)).astype(dtype)
        if kind in "mM":
            return np.nan_to_num(values).astype("i8").astype(dtype)
        return values.astype(dtype)


def unaligned(array):
    """A copy at an odd address."""
    if array.dtype.kind == "O":
        return array
    memory = np.empty(array.nbytes + 1, dtype=np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array
