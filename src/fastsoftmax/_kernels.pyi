# Types of the compiled border. A _Real is float32 or float64, the same in all arguments of a call. A kernel whose first
# such argument may be None, or whose call must be fast, is chosen by its C type: kernel["float"] or kernel["double"].

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_Real = NDArray[np.floating[Any]]
_Float64 = NDArray[np.float64]
_Index = NDArray[np.intp]

def gradient_tasks(n_samples: int, n_features: int, n_outputs: int, num_threads: int) -> list[list[int]]: ...

class _Samples(Protocol):
    @property
    def labels(self) -> _Index | None: ...
    @property
    def targets(self) -> _Real | None: ...
    @property
    def weight(self) -> _Float64 | None: ...
    @property
    def offset(self) -> _Real | None: ...
    @property
    def parameter(self) -> float: ...

class _CrossEntropy(Protocol):
    def __call__(
        self,
        residual_out: _Real | None,
        logits: _Real,
        direction: _Real | None,
        step: float,
        samples: _Samples,
        family: int,
        num_threads: int,
        factor: float = 1,
    ) -> tuple[float, float]: ...

class _CrossEntropyRows(Protocol):
    def __call__(
        self,
        losses_out: _Float64,
        grad_out: _Real | None,
        logits: _Real,
        samples: _Samples,
        kept: _Real,
        share: _Real | None,
        inverse_temperature: float,
        scale: float,
        num_threads: int,
    ) -> None: ...

class _LossGrad(Protocol):
    def __call__(
        self,
        grad_W_out: _Float64,
        grad_b_out: _Float64,
        X: memoryview,
        center: _Real | None,
        W: _Real,
        b: _Real,
        samples: _Samples,
        family: int,
        precision: int,
        num_threads: int,
    ) -> float: ...

class _HessVec(Protocol):
    def __call__(
        self,
        hess_W_out: _Float64,
        hess_b_out: _Float64,
        X: memoryview,
        center: _Real | None,
        W: _Real,
        b: _Real,
        V: _Real,
        v: _Real,
        mass: _Float64 | None,
        offset: _Real | None,
        of_family: float,
        family: int,
        precision: int,
        num_threads: int,
    ) -> None: ...

class _Gram(Protocol):
    def __call__(
        self, out: _Real, X: memoryview, center: _Real | None, sample_weight: _Real, precision: int, num_threads: int
    ) -> None: ...

class _FeatureSums(Protocol):
    def __call__(
        self,
        out: _Float64,
        X: memoryview,
        center: _Real | None,
        sample_weight: _Float64 | None,
        squares: bool,
        num_threads: int,
    ) -> None: ...

class _Predict(Protocol):
    def __call__(
        self,
        out: _Real,
        X: memoryview,
        center: _Real | None,
        W: _Real,
        b: _Real,
        mean: bool,
        family: int,
        precision: int,
        num_threads: int,
    ) -> float: ...

class PackedModel:
    def predict_row(self, out: _Real, x: NDArray[Any], mean: bool, family: int) -> float | None: ...

class _Pack(Protocol):
    def __call__(self, W: _Real, b: _Real) -> PackedModel: ...

class _CsrLossGrad(Protocol):
    def __call__(
        self,
        grad_W_out: _Real,
        grad_b_out: _Float64,
        values: _Real,
        indices: memoryview,
        indptr: _Index,
        bounds: _Index,
        scale: _Float64 | None,
        W: _Real,
        b: _Float64,
        samples: _Samples,
        family: int,
        num_threads: int,
    ) -> float: ...

class _CsrHessVec(Protocol):
    def __call__(
        self,
        hess_W_out: _Float64,
        hess_b_out: _Float64,
        values: _Real,
        indices: memoryview,
        indptr: _Index,
        bounds: _Index,
        scale: _Float64 | None,
        W: _Float64,
        b: _Float64,
        V: _Float64,
        v: _Float64,
        mass: _Float64 | None,
        offset: _Real | None,
        of_family: float,
        family: int,
        num_threads: int,
    ) -> None: ...

class _CsrPredict(Protocol):
    def __call__(
        self,
        out: _Real,
        values: _Real,
        indices: memoryview,
        indptr: _Index,
        scale: _Float64 | None,
        W: _Real,
        b: _Float64,
        mean: bool,
        family: int,
        num_threads: int,
    ) -> float: ...

C_API: object  # a capsule with the struct of fastsoftmax.h
__pyx_capi__: dict[str, object]  # capsules of the functions

EXACT: int
FAST: int
ROUGH: int
AMD: int
OTHERS: int
FAMILIES: tuple[str, ...]  # the names of the families, by their numbers
MAX_STRIPES: int
MAX_STEPS: int

def gradient_seconds(
    grad_W_out: _Float64,
    grad_b_out: _Float64,
    X: memoryview,
    center: _Real | None,
    W: _Real,
    b: _Real,
    samples: _Samples,
    family: int,
    precision: int,
    tasks_for: int,
) -> list[list[float]]: ...
def project(out: _Float64, vectors: Sequence[_Float64] | _Float64, v: _Float64, num_threads: int) -> None: ...
def affine(
    out: _Real,
    x: _Real,
    row: _Float64 | None,
    column: _Float64 | None,
    scale: _Float64,
    shift: _Float64 | None,
    num_threads: int,
) -> None: ...
def combine(out: _Real, coefficients: _Float64, vectors: Sequence[_Float64] | _Float64, num_threads: int) -> None: ...

loss_grad: dict[str, _LossGrad]
hess_vec: dict[str, _HessVec]
gram: dict[str, _Gram]
feature_sums: dict[str, _FeatureSums]
cross_entropy: dict[str, _CrossEntropy]
cross_entropy_rows: dict[str, _CrossEntropyRows]
pack: dict[str, _Pack]
predict: dict[str, _Predict]
csr_loss_grad: dict[tuple[str, str], _CsrLossGrad]  # by the types of W and of the values
csr_hess_vec: dict[str, _CsrHessVec]
csr_predict: dict[tuple[str, str], _CsrPredict]  # by the types of the values and of W

def csr_dual_ascent(
    W_inout: _Float64,
    b_inout: _Float64,
    q_inout: _Real,
    values: _Real,
    indices: memoryview,
    indptr: _Index,
    square: _Real,
    step: _Real,
    order: _Index,
    intercept: bool,
    num_threads: int,
) -> None: ...
def csr_order(indices: memoryview, indptr: _Index, n_features: int) -> tuple[int, bool]: ...
def softmax(out: _Real, logits: _Real, log: bool, num_threads: int) -> None: ...
def mean(out: _Real, logits: _Real, family: int, num_threads: int) -> None: ...
def targets_of(family: int) -> tuple[str, ...]: ...
def max_threads() -> int: ...
def isa_names() -> tuple[tuple[str, ...], tuple[str, ...], str]: ...
def use_isa(name: str) -> None: ...
def products_of(
    name: str | None = None, vendor: int = ...
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]: ...
def has_rounded(precision: int, n_classes: int) -> bool: ...
