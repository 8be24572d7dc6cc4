# Types of the compiled border. A _Real is float32 or float64, the same in all arguments of a call. A kernel whose first
# such argument may be None, or whose call must be fast, is chosen by its C type: kernel["float"] or kernel["double"].

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_Real = NDArray[np.floating[Any]]
_Float64 = NDArray[np.float64]
_Index = NDArray[np.intp]

class _CrossEntropy(Protocol):
    def __call__(
        self,
        residual_out: _Real | None,
        logits: _Real,
        direction: _Real | None,
        step: float,
        labels: _Index | None,
        targets: _Real | None,
        sample_weight: _Float64 | None,
        num_threads: int,
    ) -> tuple[float, float]: ...

class _Predict(Protocol):
    def __call__(
        self, out: _Real, X: _Real, W: _Real, b: _Real, probabilities: bool, fast: bool, num_threads: int
    ) -> float: ...

cross_entropy: dict[str, _CrossEntropy]
predict: dict[str, _Predict]

def loss_grad(
    grad_W_out: _Float64,
    grad_b_out: _Float64,
    X: _Real,
    W: _Real,
    b: _Real,
    labels: _Index | None,
    targets: _Real | None,
    sample_weight: _Float64 | None,
    offset: _Real | None,
    fast: bool,
    num_threads: int,
) -> float: ...
def hess_vec(
    hess_W_out: _Float64,
    hess_b_out: _Float64,
    X: _Real,
    W: _Real,
    b: _Real,
    sample_weight: _Float64 | None,
    offset: _Real | None,
    fast: bool,
    num_threads: int,
) -> None: ...
def gram(out: _Real, X: _Real, sample_weight: _Real, fast: bool, num_threads: int) -> None: ...
def softmax(out: _Real, logits: _Real, log: bool, num_threads: int) -> None: ...
def max_threads() -> int: ...
def isa_names() -> tuple[tuple[str, ...], tuple[str, ...], str]: ...
def use_isa(name: str) -> None: ...
def bfloat16_products() -> bool: ...
