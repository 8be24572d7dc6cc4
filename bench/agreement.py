"""Checks before any timing: both give the same answer, and ours gives the same bits on any number of threads."""

from collections.abc import Iterable

import numpy as np

import fastsoftmax as fs
from fastsoftmax.cli import numpy_baseline

from .problems import Problem

# Norm of the difference, relative to the norm of NumPy's answer. NumPy sums in the precision of the data.
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


class DisagreementError(AssertionError):
    """Two answers that must agree differ."""


def check_against_numpy(problem: Problem, threads: int) -> None:
    """Raise DisagreementError unless loss and gradients agree within the dtype's tolerance."""
    ours = fs.loss_grad(*problem, num_threads=threads)
    theirs = numpy_baseline.loss_grad(*problem)
    tolerance = TOLERANCE[problem.X.dtype.name]
    for name, actual, expected in zip(
        ("loss", "grad_W", "grad_b"), map(np.asarray, ours), map(np.asarray, theirs), strict=True
    ):
        error = np.linalg.norm(actual - expected) / np.linalg.norm(expected)
        if not error <= tolerance:
            raise DisagreementError(f"{name} differs from NumPy's by {error:.1e}, more than {tolerance:.0e}")


def check_threads(problem: Problem, threads: Iterable[int]) -> None:
    """Raise DisagreementError unless every number of threads gives the same bits."""
    answers = {count: fs.loss_grad(*problem, num_threads=count) for count in threads}
    bits = {count: b"".join(np.asarray(part).tobytes() for part in answer) for count, answer in answers.items()}
    if len(set(bits.values())) > 1:
        raise DisagreementError(f"the answer depends on the number of threads, among {sorted(bits)}")
