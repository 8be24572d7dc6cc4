"""`cross_entropy` with PyTorch's signature, and that of a linear model whose logits never exist together."""

from typing import Any

import torch

from ..fitting.linear_logits import Wanted
from ..fitting.linear_logits import linear_cross_entropy as linear_loss
from ..fitting.logit_options import CrossEntropyOptions
from ..fitting.logits import EXP_WORK, cross_entropy_of_options
from .tensors import check_floats, check_tensor, check_weight, threads_for


def cross_entropy(
    logits: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    inplace: bool = False,
) -> torch.Tensor:
    """Take the place of `torch.nn.functional.cross_entropy`, with the same values.

    Where logits require a gradient, it is computed with the loss, and kept: one pass over the logits. It cannot be
    differentiated again.

    Parameters
    ----------
    logits : tensor of shape (n_classes,), (n_samples, n_classes) or (n_samples, n_classes, ...)
        Of the CPU; half precision is computed in float32.
    y : tensor
        Class indices of the shape of logits without n_classes, or probabilities of the shape of logits.
    weight : tensor of shape (n_classes,), optional
    ignore_index : int, default=-100
        For class indices.
    reduction : {"mean", "sum", "none"}, default="mean"
    label_smoothing : float, default=0.0
    inplace : bool, default=False
        Write the gradient into the logits, where they need one: no memory is allocated. They must not be a leaf, and
        PyTorch raises an error where another function needs their values in its backward.

    Returns
    -------
    tensor of the dtype of logits: a number, or for reduction="none" of the shape of class indices.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type, device or values. Other than by PyTorch, logits of NaN or +∞, negative
        probabilities and a mean over no sample are refused too.
    """
    values = check_floats("logits", logits)
    targets = check_tensor("y", y, constant=True)
    if values.ndim == 0:
        raise ValueError(f"logits must have a dimension of classes, found shape {tuple(logits.shape)}")
    axis = min(values.ndim - 1, 1)
    shape = values.shape[:axis] + values.shape[axis + 1 :]
    soft = targets.is_floating_point()
    if targets.shape != (values.shape if soft else shape):
        raise ValueError(
            f"y must be class indices of shape {tuple(shape)} or probabilities of shape {tuple(values.shape)}, found "
            f"{targets.dtype} of shape {tuple(targets.shape)}"
        )
    if inplace and (values is not logits or logits.ndim != 2):
        shape_found = f"{logits.dtype} and {logits.ndim} dimensions"
        raise ValueError(f"inplace is for logits of float32 or float64 and two dimensions, found {shape_found}")
    if inplace and logits.requires_grad and logits.is_leaf:
        raise ValueError("inplace must be false where logits are a leaf that requires a gradient, found True")
    n_classes = values.shape[axis]
    options = CrossEntropyOptions(
        class_weight=check_weight(weight, n_classes, values.dtype),
        ignore_index=None if soft else ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
    rows = _as_rows(values, axis)
    loss = _CrossEntropy.apply(rows, _as_rows(targets, axis) if soft else targets.reshape(-1), options, inplace)
    return (loss.reshape(shape) if reduction == "none" else loss).to(logits.dtype)


def linear_cross_entropy(
    X: torch.Tensor,
    W: torch.Tensor,
    b: torch.Tensor | None,
    y: torch.Tensor,
    weight: torch.Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """`cross_entropy` of the logits X Wᵀ + b, of which only a block of samples exists at a time.

    What require a gradient of X, W and b have it computed with the loss, and kept. It cannot be differentiated again.

    Parameters
    ----------
    X : tensor of shape (n_samples, n_features)
        Of the CPU and of the dtype of W and b; half precision is computed in float32.
    W : tensor of shape (n_classes, n_features)
    b : tensor of shape (n_classes,) or None
    y : tensor of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or probabilities.
    weight, ignore_index, label_smoothing
        As of `cross_entropy`.
    reduction : {"mean", "sum"}, default="mean"

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type, device or values.
    """
    named = [("X", X), ("W", W)] + ([("b", b)] if b is not None else [])
    for name, tensor in named[1:]:
        if check_tensor(name, tensor).dtype != check_tensor("X", X).dtype:
            raise ValueError(f"{name} must have the dtype of X, {X.dtype}, found {tensor.dtype}")
    parts = [check_floats(name, tensor) for name, tensor in named]
    targets = check_tensor("y", y, constant=True)
    if parts[1].ndim != 2:
        raise ValueError(f"W must be two-dimensional, found shape {tuple(W.shape)}")
    options = CrossEntropyOptions(
        class_weight=check_weight(weight, len(parts[1]), parts[1].dtype),
        ignore_index=None if targets.is_floating_point() else ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
    loss: torch.Tensor = _LinearCrossEntropy.apply(targets, options, *parts)
    return loss.to(X.dtype)


def _as_rows(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return a matrix whose rows run over an axis: a view where that is possible."""
    return tensor.movedim(axis, -1).reshape(-1, tensor.shape[axis])


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, y: torch.Tensor, options: CrossEntropyOptions, inplace: bool
    ) -> torch.Tensor:
        with_grad = ctx.needs_input_grad[0]
        memory = logits.detach()
        z = memory.numpy()
        threads = threads_for(z.size * EXP_WORK)
        loss, grad = cross_entropy_of_options(
            z, y.numpy(), options, threads, with_grad=with_grad, out=z if inplace and with_grad else None
        )
        if with_grad and inplace:
            torch.autograd.graph.increment_version(logits)
            # It has the version of the logits: what writes to them later is found out.
            ctx.save_for_backward(memory)
        elif grad is not None:
            ctx.save_for_backward(torch.from_numpy(grad))
        ctx.by_sample = options.reduction == "none"
        return torch.as_tensor(loss, dtype=logits.dtype)

    @staticmethod
    def backward(ctx: Any, factor: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        _refuse_second_derivative()
        (grad,) = ctx.saved_tensors
        return _times(grad, factor[:, None] if ctx.by_sample else factor), None, None, None


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, options: CrossEntropyOptions, *parts: torch.Tensor) -> torch.Tensor:
        X, W, *rest = (part.detach().numpy() for part in parts)
        wanted = Wanted(*(*ctx.needs_input_grad[2:], False)[:3])
        threads = threads_for(X.size * len(W))
        loss, *grads = linear_loss(X, W, rest[0] if rest else None, y.numpy(), options, wanted, threads)
        saved = [None if grad is None else torch.from_numpy(grad).to(parts[0].dtype) for grad in grads]
        ctx.save_for_backward(*saved[: len(parts)])
        return torch.as_tensor(loss, dtype=parts[0].dtype)

    @staticmethod
    def backward(ctx: Any, factor: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        _refuse_second_derivative()
        return None, None, *(None if grad is None else _times(grad, factor) for grad in ctx.saved_tensors)


def _refuse_second_derivative() -> None:
    """Raise RuntimeError if a graph of the backward is made: the kept gradient is a constant in it, which it is not."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "fastsoftmax.torch has no second derivative: create_graph must be false, or the loss PyTorch's own"
        )


def _times(grad: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Return factor · grad: without a pass over it where the factor is one, as for the loss itself."""
    return grad if factor.numel() == 1 and factor.item() == 1 else grad * factor.to(grad.dtype)
