"""The C functions of fastsoftmax as Python calls them through ctypes, by the capsules of `fastsoftmax.capi`."""

import ctypes
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
from c_header import CONSTANTS, STRUCTS

from fastsoftmax import capi

TYPES = {
    "size_t": ctypes.c_size_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "Py_ssize_t": ctypes.c_ssize_t,
    "int": ctypes.c_int,
    "double": ctypes.c_double,
    "void": None,
}
DEFAULTS = {
    "fastsoftmax_features": {"column_stride": 1},
    "fastsoftmax_samples": {},
    "fastsoftmax_model": {"dtype": CONSTANTS["FASTSOFTMAX_F64"]},
    "fastsoftmax_resources": {"num_threads": 1},
    "fastsoftmax_training": {"tol": 1e-6, "max_iter": 1000, "memory": 10},
}
STORAGE = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3, "uint8": 4, "bool": 4, "int8": 5}

_get_name = ctypes.pythonapi.PyCapsule_GetName
_get_name.restype, _get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def type_of(declared):
    """The ctypes type of a declaration; every pointer is a void pointer, but to char."""
    if "*" in declared or declared == "fastsoftmax_callback":
        return ctypes.c_char_p if declared.replace("const", "").split() == ["char", "*"] else ctypes.c_void_p
    return TYPES[declared]


def signatures():
    """Name of a function → its signature, which is the name of its capsule."""
    return {name: _get_name(capsule).decode() for name, capsule in capi.__pyx_capi__.items()}


def function(name):
    """The C function of that name, for arguments that may be structs or arrays: these are passed by their addresses."""
    capsule = capi.__pyx_capi__[name]
    result, arguments = _get_name(capsule).decode().rstrip(")").split("(", 1)
    types = [type_of(part.strip()) for part in arguments.split(",")]
    prototype = ctypes.CFUNCTYPE(type_of(result.strip()), *([] if types == [None] else types))
    call = prototype(pointer_of(capsule))
    return lambda *given: call(*map(address, given))


def pointer_of(capsule):
    """What a capsule holds."""
    return _get_pointer(capsule, _get_name(capsule))


def size_of_api():
    """Bytes of the struct of functions, as it says."""
    return ctypes.c_size_t.from_address(pointer_of(capi._API) + 2 * ctypes.sizeof(ctypes.c_int)).value


def address(value):
    """What is passed for an argument."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data
    return ctypes.addressof(value) if isinstance(value, (ctypes.Structure, ctypes.c_size_t)) else value


C = SimpleNamespace(**{name: function(name) for name in capi.__pyx_capi__})
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
STRUCT_TYPES = {
    name: type(name, (ctypes.Structure,), {"_fields_": [(member, type_of(kind)) for kind, member in members]})
    for name, members in STRUCTS.items()
    if name != "fastsoftmax_api"
}


def struct(name, **members):
    """A struct as its fastsoftmax_..._init() leaves it, with some members set; arrays become pointers, and live on."""
    value = STRUCT_TYPES["fastsoftmax_" + name]()
    value.struct_size = ctypes.sizeof(value)
    value.keep = members
    for member, given in {**DEFAULTS["fastsoftmax_" + name], **members}.items():
        setattr(value, member, given.ctypes.data if isinstance(given, np.ndarray) else given)
    return value


def features(X):
    """X as the C functions take it: a dense array of any order, or CSR."""
    if sp.issparse(X):
        indptr = X.indptr.astype(np.intp)
        return struct(
            "features", n_samples=X.shape[0], n_features=X.shape[1], layout=CONSTANTS["FASTSOFTMAX_CSR"],
            storage=STORAGE[X.dtype.name], data=X.data, indices=X.indices, indptr=indptr,
            index_kind=int(X.indices.dtype == np.int64),
        )  # fmt: skip
    row, column = (stride // X.itemsize for stride in X.strides)
    return struct(
        "features", n_samples=X.shape[0], n_features=X.shape[1], storage=STORAGE[X.dtype.name], data=X,
        row_stride=row, column_stride=column,
    )  # fmt: skip


def samples(y=None, weight=None, offset=None):
    """Labels of intp, or targets, weights of float64, an offset."""
    members = {} if weight is None else {"weight": weight}
    if offset is not None:
        members |= {"offset": offset, "offset_stride": offset.strides[0] // offset.itemsize}
    if y is None:
        return struct("samples", **members)
    if y.ndim == 1:
        return struct("samples", labels=y, **members)
    return struct("samples", targets=y, targets_stride=y.strides[0] // y.itemsize, **members)


def model(W=None, b=None, n_outputs=None, dtype=np.float64, **members):
    """Parameters that are contiguous arrays, or the number of outputs and the dtype alone."""
    if W is not None:
        n_outputs, dtype, members = len(W), W.dtype, members | {"W": W, "b": b}
    return struct("model", n_outputs=n_outputs, dtype=STORAGE[np.dtype(dtype).name], **members)


def resources(size, num_threads=1, shift=0):
    """A workspace of that many bytes, shift bytes after where NumPy puts one; full of NaN."""
    memory = np.full(size + shift, 0xFF, np.uint8)[shift:]
    return struct("resources", workspace=memory, workspace_size=size, num_threads=num_threads)


def workspace_size(operation, X, model, num_threads=1):
    """Bytes that an operation takes."""
    size = ctypes.c_size_t()
    check(C.workspace_size(size, CONSTANTS["FASTSOFTMAX_" + operation], X, model, num_threads))
    return size.value


def room_for(operation, X, model, num_threads=1, **options):
    """Resources that just suffice for an operation."""
    return resources(workspace_size(operation, X, model, num_threads), num_threads, **options)


def check(code):
    """Raise for a code that is not FASTSOFTMAX_OK."""
    if code:
        raise ValueError(C.error_name(code).decode())


def loss_grad(X, y, W, b, weight=None, offset=None, num_threads=1, **options):
    """The loss and its gradient, (loss, grad_W, grad_b)."""
    X, y, at_W = features(X), samples(y, weight, offset), model(W, b, **options)
    loss, grad_W, grad_b = np.empty(1), np.empty(W.shape), np.empty(len(W))
    room = room_for("LOSS_GRAD", X, at_W, num_threads)
    check(C.loss_grad(loss, grad_W, grad_b, X, y, at_W, room))
    return loss[0], grad_W, grad_b
