"""Solvers: one loop, and one file per method. They use the objective's protocol, never the data."""

from .agd import AcceleratedGradient
from .gd import GradientDescent
from .lbfgs import LBFGS
from .loop import Progress, Solution, minimize
from .protocol import Method, Objective, Problem, check_needs
from .proximal import ProximalNewton
from .screening import minimize_screened
from .sgd import SGD, StochasticGradient, Walk

__all__ = [
    "LBFGS",
    "SGD",
    "AcceleratedGradient",
    "GradientDescent",
    "Method",
    "Objective",
    "Problem",
    "Progress",
    "ProximalNewton",
    "Solution",
    "StochasticGradient",
    "Walk",
    "check_needs",
    "minimize",
    "minimize_screened",
]
