"""Solvers: one loop, one method a file. They know the objective's protocol and nothing of the data."""

from .gd import GradientDescent
from .lbfgs import LBFGS
from .loop import Method, Objective, Progress, Solution, minimize
from .proximal import ProximalQuasiNewton

__all__ = [
    "LBFGS",
    "GradientDescent",
    "Method",
    "Objective",
    "Progress",
    "ProximalQuasiNewton",
    "Solution",
    "minimize",
]
