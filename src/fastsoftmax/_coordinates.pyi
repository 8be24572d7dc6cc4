# Types of the compiled border; all arrays are contiguous.

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Float64 = NDArray[np.float64]

def minimize_matrix(
    u_inout: _Float64,
    grad: _Float64,
    B: _Float64,
    l1: _Float64,
    lower: _Float64 | None,
    upper: _Float64 | None,
    blocks: NDArray[np.intp] | None,
    sets: NDArray[np.intp] | None,
    accuracy: float,
) -> float: ...
def fill_hessian(
    out: _Float64,
    grams: NDArray[np.floating[Any]],
    outputs: NDArray[np.intp],
    columns: NDArray[np.intp],
    l2: _Float64,
) -> None: ...
def weigh_pairs(out: _Float64, p: NDArray[np.floating[Any]], mass: _Float64 | None, share: float) -> float: ...
def factor_pairs(
    factor_out: _Float64, grams: _Float64, directions: _Float64, l2: _Float64, resolution: float, ridge: float
) -> bool: ...
def descend_pairs(
    u_inout: _Float64,
    t_inout: _Float64,
    grad: _Float64,
    start: _Float64,
    D: _Float64,
    P: _Float64,
    Z: _Float64,
    l1: _Float64,
    lower: _Float64 | None,
    upper: _Float64 | None,
    blocks: NDArray[np.intp] | None,
    enough: float,
    sweeps: int,
) -> int: ...
def descend_samples(
    u_inout: _Float64,
    v_inout: _Float64,
    t_inout: _Float64,
    grad: _Float64,
    start: _Float64,
    diagonal: _Float64,
    l2: _Float64,
    p: _Float64,
    mass: _Float64,
    values: _Float64,
    rows: NDArray[np.intp] | None,
    indptr: NDArray[np.intp] | None,
    outputs: NDArray[np.intp],
    columns: NDArray[np.intp],
    l1: _Float64,
    lower: _Float64 | None,
    upper: _Float64 | None,
    blocks: NDArray[np.intp] | None,
    sets: NDArray[np.intp] | None,
    enough: float,
    least_gain: float,
    sweeps: int,
) -> int: ...
def diagonal_of_samples(
    out: _Float64,
    l2: _Float64,
    p: _Float64,
    mass: _Float64,
    values: _Float64,
    rows: NDArray[np.intp] | None,
    indptr: NDArray[np.intp] | None,
    outputs: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> None: ...
def minimize_rows(
    u_inout: _Float64,
    b_inout: _Float64 | None,
    logits: _Float64,
    targets: _Float64,
    mass: _Float64,
    values: _Float64,
    rows: NDArray[np.intp] | None,
    indptr: NDArray[np.intp],
    l1: _Float64,
    l2: _Float64,
    lower: _Float64 | None,
    upper: _Float64 | None,
    far: _Float64,
    grouped: bool,
    accuracy: float,
    most_steps: int,
) -> float: ...
