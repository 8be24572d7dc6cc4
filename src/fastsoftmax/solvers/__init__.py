"""Solvers: one loop, and one file per method. They use the objective's protocol, never the data."""

from .agd import AcceleratedGradient
from .gd import GradientDescent
from .lbfgs import LBFGS
from .loop import Method, Objective, Progress, Solution, minimize
from .proximal import ProximalQuasiNewton
from .screening import minimize_screened
from .sgd import SGD, StochasticGradient, Walk

__all__ = [
    "LBFGS",
    "SGD",
    "AcceleratedGradient",
    "GradientDescent",
    "Method",
    "Objective",
    "Progress",
    "ProximalQuasiNewton",
    "Solution",
    "StochasticGradient",
    "Walk",
    "minimize",
    "minimize_screened",
]
