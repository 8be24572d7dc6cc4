"""Stochastic gradient descent: a step per mini-batch, by momentum or Adam, with averaged iterates."""

import operator
from dataclasses import dataclass, replace
from math import cos, pi, sqrt

import numpy as np

from ..runtime.arrays import Float64Array
from ..runtime.vectors import add_scaled
from .loop import State
from .protocol import Problem

RULES = ("momentum", "adam")
SCHEDULES = ("constant", "invscaling", "cosine")

# Steps after which "invscaling" has divided the learning rate by √2.
DECAY_STEPS = 1000

# γ: the average gives its newest iterate, t, the weight (γ + 1)/(γ + t) (Shamir & Zhang, ICML 2013, polynomial decay).
FORGETTING = 3

# Adam's β₂ (decay of the mean squared gradient) and ε (added to its root) (Kingma & Ba, ICLR 2015, section 2).
SQUARES_DECAY, LEAST_ROOT = 0.999, 1e-8


@dataclass(frozen=True)
class SGD:
    """Options of stochastic gradient descent: `solver="sgd"` uses the defaults, `solver=SGD(...)` others.

    A step changes all of W, even if X is sparse. If W is larger than a mini-batch, larger batches are faster.

    Parameters
    ----------
    batch_size : int
        Samples in a mini-batch, at least 1. The batches of an epoch differ by at most one sample; each is copied.
    rule : {"momentum", "adam"}
        Nesterov's momentum (Sutskever et al., ICML 2013), or Adam (Kingma & Ba, ICLR 2015).
    momentum : float
        Share of the last step that is kept, or of Adam's mean gradient (β₁); in [0, 1).
    schedule : {"constant", "invscaling", "cosine"}
        The learning rate after t steps, as a share of the first: 1, 1/√(1 + t/1000), or ½(1 + cos(π t/T)), where T is
        the number of steps in max_iter epochs.
    average : bool
        Return the average of the iterates, in which later ones weigh more, instead of the last iterate.

    Raises
    ------
    ValueError
        If a parameter has another type or value than these.
    """

    batch_size: int = 128
    rule: str = "momentum"
    momentum: float = 0.9
    schedule: str = "invscaling"
    average: bool = True

    def __post_init__(self) -> None:
        try:
            size = 0 if isinstance(self.batch_size, bool) else operator.index(self.batch_size)
        except TypeError:
            size = 0
        if size < 1:
            raise ValueError(f"batch_size must be a positive whole number, found {self.batch_size!r}")
        for name, value, served in (("rule", self.rule, RULES), ("schedule", self.schedule, SCHEDULES)):
            if value not in served:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, served))}, found {value!r}")
        if not isinstance(self.momentum, int | float | np.floating) or not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be a number in [0, 1), found {self.momentum!r}")
        if not isinstance(self.average, bool | np.bool_):
            raise ValueError(f"average must be true or false, found {self.average!r}")

    def first_rate(self, curvature: float, n_params: int) -> float:
        """Return the learning rate of the first step, from the largest curvature; positive."""
        return 1 / sqrt(curvature * n_params) if self.rule == "adam" else 1 / curvature


@dataclass
class Walk:
    """What an epoch passes on to the next; both must have the same options."""

    theta: Float64Array  # the last iterate
    average: Float64Array  # of the iterates; theta itself if the options ask for no average
    velocity: Float64Array  # the last step, or Adam's mean gradient
    squares: Float64Array  # Adam's mean squared gradient; empty for momentum
    n_steps: int = 0
    learning_rate: float = 0.0  # of the first step, before the schedule; 0 until it is chosen

    @classmethod
    def start(cls, theta: Float64Array, options: SGD) -> "Walk":
        """Return the walk before its first step, at theta."""
        return cls(theta, theta, np.zeros_like(theta), np.zeros(theta.size if options.rule == "adam" else 0))


@dataclass(frozen=True, slots=True)
class SGDState(State):
    """A point (the average or the last iterate), and the walk that has led there."""

    walk: Walk | None = None


class StochasticGradient:
    """An iteration is an epoch (every sample once, in random order), then the loss and gradient of all: two passes.

    Parameters
    ----------
    options : SGD
    learning_rate : float or None
        Learning rate of the first step. None computes it from a bound L of the first mini-batch's curvature. Momentum
        takes 1/L, as gradient descent does. Adam's steps are equally long in every coordinate, so it takes
        1/√(L · n_params): the second-order term of a step is then at most ½.
    random : numpy.random.Generator
        Draws the order of the samples.
    max_epochs : int or None
        Epochs after which the schedule "cosine" reaches 0. None keeps its learning rate constant.
    """

    def __init__(
        self,
        options: SGD,
        learning_rate: float | None,
        random: np.random.Generator,
        max_epochs: int | None = None,
    ) -> None:
        self.options = options
        self.learning_rate = learning_rate
        self.random = random
        self.max_epochs = max_epochs

    @property
    def needs(self) -> tuple[str, ...]:
        """Batches, and the bound of the curvature unless the learning rate was given."""
        return ("batches", "curvature_bound") if self.learning_rate is None else ("batches",)

    def init(self, objective: Problem, theta: Float64Array) -> SGDState:
        """Evaluate the start."""
        return SGDState(theta, *objective.loss_grad(theta), walk=Walk.start(theta, self.options))

    def step(self, objective: Problem, state: SGDState) -> SGDState:
        """Walk for an epoch and evaluate its end."""
        assert state.walk is not None
        walk = self.epoch(objective, state.walk)
        return SGDState(walk.average, *objective.loss_grad(walk.average), walk=walk)

    def epoch(self, objective: Problem, walk: Walk) -> Walk:
        """Return the walk after one more epoch, a step per mini-batch; the given walk is not changed."""
        average = self.options.average
        theta = walk.theta.copy()
        walk = replace(
            walk,
            theta=theta,
            average=walk.average.copy() if average else theta,
            velocity=walk.velocity.copy(),
            squares=walk.squares.copy(),
        )
        take_step = _adam if self.options.rule == "adam" else _momentum
        n_batches, batches = objective.batches(self.options.batch_size, self.random)
        for batch in batches:
            if not walk.learning_rate:
                walk.learning_rate = self._settle(batch)
            _, grad = batch.loss_grad(theta)
            learning_rate = walk.learning_rate * self._schedule(walk.n_steps, n_batches)
            walk.n_steps += 1
            take_step(walk, grad, learning_rate, self.options.momentum)
            if average:
                newest = (FORGETTING + 1) / (FORGETTING + walk.n_steps)
                walk.average *= 1 - newest
                add_scaled(walk.average, newest, theta)
        return walk

    def _settle(self, batch: Problem) -> float:
        """Learning rate from the curvature of a batch; 0 if that is zero, so that the next batch is asked."""
        if self.learning_rate is not None:
            return self.learning_rate
        bound = batch.curvature_bound()
        return self.options.first_rate(bound, batch.n_params) if bound else 0.0

    def _schedule(self, n_steps: int, steps_of_epoch: int) -> float:
        """Learning rate after n_steps, as a share of the first."""
        if self.options.schedule == "invscaling":
            return 1 / sqrt(1 + n_steps / DECAY_STEPS)
        if self.options.schedule == "cosine" and self.max_epochs:
            return 0.5 * (1 + cos(pi * min(1.0, n_steps / (self.max_epochs * steps_of_epoch))))
        return 1.0


def _momentum(walk: Walk, grad: Float64Array, learning_rate: float, momentum: float) -> None:
    """Nesterov's momentum, where theta is the look-ahead point: v ← μ v − η g;  theta ← theta + μ v − η g."""
    walk.velocity *= momentum
    add_scaled(walk.velocity, -learning_rate, grad)
    add_scaled(walk.theta, momentum, walk.velocity)
    add_scaled(walk.theta, -learning_rate, grad)


def _adam(walk: Walk, grad: Float64Array, learning_rate: float, momentum: float) -> None:
    """Adam: m ← μ m + (1 − μ) g;  u ← ν u + (1 − ν) g²;  m̂ = m/(1 − μᵗ);  û = u/(1 − νᵗ);  theta −= η m̂/(√û + ε)."""
    walk.velocity *= momentum
    add_scaled(walk.velocity, 1 - momentum, grad)
    walk.squares *= SQUARES_DECAY
    add_scaled(walk.squares, 1 - SQUARES_DECAY, grad * grad)
    root = np.sqrt(walk.squares)
    root /= sqrt(1 - SQUARES_DECAY**walk.n_steps)
    root += LEAST_ROOT
    np.divide(walk.velocity, root, out=root)
    add_scaled(walk.theta, -learning_rate / (1 - momentum**walk.n_steps), root)
