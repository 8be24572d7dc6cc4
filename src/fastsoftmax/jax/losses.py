"""`cross_entropy` and `linear_cross_entropy` with a rule for their gradient, which calls the kernels back."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..fitting.linear_logits import Wanted
from ..fitting.linear_logits import linear_cross_entropy as linear_loss
from ..fitting.logit_options import REDUCTIONS, CrossEntropyOptions, check_reduction
from ..fitting.logits import cross_entropy_of_options

DTYPES = ("float32", "float64")
HALVES = ("float16", "bfloat16")


class Options(NamedTuple):
    """What is not an array, and known when a function is traced."""

    ignore_index: int | None
    reduction: str
    label_smoothing: float

    def with_weight(self, weight: Any) -> CrossEntropyOptions:
        """Return the options of a call."""
        return CrossEntropyOptions(
            class_weight=None if weight is None else np.asarray(weight),
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


def cross_entropy(
    logits: jax.Array,
    y: jax.Array,
    weight: jax.Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> jax.Array:
    """Cross-entropy of logits, with the arguments and the meaning of `torch.nn.functional.cross_entropy`.

    Under `jax.grad` the gradient is computed with the loss, and kept: one pass over the logits. It cannot be
    differentiated again.

    Parameters
    ----------
    logits : array of shape (n_samples, n_classes)
        Half precision is computed in float32.
    y : array of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or probabilities.
    weight : array of shape (n_classes,), optional
    ignore_index : int, default=-100
        For class indices.
    reduction : {"mean", "sum", "none"}, default="mean"
    label_smoothing : float, default=0.0

    Returns
    -------
    array of the dtype of logits: a number, or of shape (n_samples,) for reduction="none".

    Raises
    ------
    ValueError
        If an argument has the wrong shape or type. Values are checked when the function runs: there JAX makes its own
        exception of that.
    """
    check_reduction(reduction, REDUCTIONS)
    values = _as_floats("logits", logits)
    if values.ndim != 2:
        raise ValueError(f"logits must be two-dimensional, found shape {values.shape}")
    options = _options(y, ignore_index, reduction, label_smoothing)
    return _cross_entropy(options, values, jnp.asarray(y), weight).astype(jnp.asarray(logits).dtype)


def linear_cross_entropy(
    X: jax.Array,
    W: jax.Array,
    b: jax.Array | None,
    y: jax.Array,
    weight: jax.Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> jax.Array:
    """`cross_entropy` of the logits X Wᵀ + b, of which only a block of samples exists at a time.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Half precision is computed in float32.
    W : array of shape (n_classes, n_features)
    b : array of shape (n_classes,) or None
    y, weight, ignore_index, label_smoothing
        As of `cross_entropy`.
    reduction : {"mean", "sum"}, default="mean"

    Raises
    ------
    ValueError
        As of `cross_entropy`.
    """
    check_reduction(reduction, ("mean", "sum"))
    parts = {"X": X, "W": W} | ({} if b is None else {"b": b})
    floats = tuple(_as_floats(name, part) for name, part in parts.items())
    for name, part in zip(parts, floats, strict=True):
        if part.dtype != floats[0].dtype:
            raise ValueError(f"{name} must have the dtype of X, {floats[0].dtype}, found {part.dtype}")
    options = _options(y, ignore_index, reduction, label_smoothing)
    return _linear_cross_entropy(options, floats, jnp.asarray(y), weight).astype(jnp.asarray(X).dtype)


def _as_floats(name: str, array: jax.Array) -> jax.Array:
    values = jnp.asarray(array)
    if values.dtype.name in HALVES:
        return values.astype(jnp.float32)
    if values.dtype.name not in DTYPES:
        raise ValueError(f"{name} must hold float32, float64, float16 or bfloat16, found {values.dtype}")
    return values


def _options(y: jax.Array, ignore_index: int, reduction: str, label_smoothing: float) -> Options:
    soft = jnp.issubdtype(jnp.asarray(y).dtype, jnp.floating)
    return Options(None if soft else ignore_index, reduction, label_smoothing)


def _call_back(function: Callable[..., Any], shapes: Any, *arrays: Any) -> Any:
    return jax.pure_callback(function, shapes, *arrays, vmap_method="sequential")


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _loss_like(options: Options, logits: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(logits.shape[:1] if options.reduction == "none" else (), logits.dtype)


def _refuse_gradients(**arguments: Any) -> None:
    """Raise ValueError for an argument that is differentiated, though the loss computes no gradient of it."""
    for name, argument in arguments.items():
        if argument is not None and argument.perturbed:
            raise ValueError(f"{name} must not be differentiated: the loss has no gradient with respect to it")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _cross_entropy(options: Options, logits: jax.Array, y: jax.Array, weight: jax.Array | None) -> jax.Array:
    def loss_of(logits: Any, y: Any, weight: Any) -> Any:
        some = options.with_weight(weight)
        loss, _ = cross_entropy_of_options(np.asarray(logits), np.asarray(y), some, None, with_grad=False)
        return np.asarray(loss, logits.dtype)

    loss: jax.Array = _call_back(loss_of, _loss_like(options, logits), logits, y, weight)
    return loss


def _cross_entropy_forward(options: Options, logits: Any, y: Any, weight: Any) -> tuple[jax.Array, jax.Array]:
    _refuse_gradients(y=y, weight=weight)

    def loss_grad_of(logits: Any, y: Any, weight: Any) -> tuple[Any, Any]:
        some = options.with_weight(weight)
        loss, grad = cross_entropy_of_options(np.asarray(logits), np.asarray(y), some, None, with_grad=True)
        return np.asarray(loss, logits.dtype), grad

    z = logits.value
    shapes = _loss_like(options, z), _like(z)
    loss, grad = _call_back(loss_grad_of, shapes, z, y.value, None if weight is None else weight.value)
    return loss, grad


def _cross_entropy_backward(options: Options, grad: jax.Array, factor: jax.Array) -> tuple[jax.Array | None, ...]:
    return grad * (factor[:, None] if options.reduction == "none" else factor), None, None


_cross_entropy.defvjp(_cross_entropy_forward, _cross_entropy_backward, symbolic_zeros=True)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _linear_cross_entropy(
    options: Options, parts: tuple[jax.Array, ...], y: jax.Array, weight: jax.Array | None
) -> jax.Array:
    loss, _ = _linear(options, parts, y, weight, (False,) * len(parts))
    return loss


def _linear(
    options: Options, parts: tuple[jax.Array, ...], y: Any, weight: Any, wanted: tuple[bool, ...]
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Return the loss and the gradients with respect to the parts that are wanted."""

    def loss_grad_of(parts: Any, y: Any, weight: Any) -> tuple[Any, tuple[Any, ...]]:
        X, W, *rest = map(np.asarray, parts)
        asked = Wanted(*(*wanted, False)[:3])
        loss, *grads = linear_loss(
            X, W, rest[0] if rest else None, np.asarray(y), options.with_weight(weight), asked, None
        )
        return np.asarray(loss, X.dtype), tuple(np.asarray(grad, X.dtype) for grad in grads if grad is not None)

    grads = tuple(_like(part) for part, is_wanted in zip(parts, wanted, strict=True) if is_wanted)
    shapes = jax.ShapeDtypeStruct((), parts[0].dtype), grads
    loss, found = _call_back(loss_grad_of, shapes, parts, y, weight)
    return loss, found


def _linear_forward(options: Options, parts: Any, y: Any, weight: Any) -> tuple[jax.Array, Any]:
    _refuse_gradients(y=y, weight=weight)
    wanted = tuple(part.perturbed for part in parts)
    arrays = tuple(part.value for part in parts)
    loss, grads = _linear(options, arrays, y.value, None if weight is None else weight.value, wanted)
    found = iter(grads)
    return loss, tuple(next(found) if is_wanted else None for is_wanted in wanted)


def _linear_backward(options: Options, grads: Any, factor: jax.Array) -> tuple[Any, None, None]:
    return tuple(None if grad is None else grad * factor for grad in grads), None, None


_linear_cross_entropy.defvjp(_linear_forward, _linear_backward, symbolic_zeros=True)
