"""Tensors as the kernels read them: where they lie."""

import torch

from ..fitting.logit_options import as_class_weight
from ..runtime.arrays import FloatArray
from ..runtime.threads import SMALL_WORK

DTYPES = (torch.float32, torch.float64)
HALVES = (torch.float16, torch.bfloat16)


def check_tensor(name: str, tensor: object, *, constant: bool = False) -> torch.Tensor:
    """Return a tensor that NumPy can see; raise ValueError, which names it, for another.

    constant says that the loss has no gradient with respect to it.
    """
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"{name} must be a tensor, found {type(tensor).__name__}")
    if tensor.device.type != "cpu":
        raise ValueError(f"{name} must be a tensor of the CPU, found one of the device {str(tensor.device)!r}")
    if tensor.layout != torch.strided:
        raise ValueError(f"{name} must be a dense tensor, found the layout {tensor.layout}")
    if constant and tensor.requires_grad:
        raise ValueError(f"{name} must not require a gradient, which the loss does not compute; pass {name}.detach()")
    return tensor


def check_floats(name: str, tensor: object) -> torch.Tensor:
    """Return a tensor of float32 or float64, or of half precision, as float32."""
    checked = check_tensor(name, tensor)
    if checked.dtype in HALVES:
        return checked.float()
    if checked.dtype not in DTYPES:
        raise ValueError(f"{name} must hold float32, float64, float16 or bfloat16, found {checked.dtype}")
    return checked


def check_weight(weight: object, n_classes: int, dtype: torch.dtype) -> FloatArray | None:
    """Return the weights of the classes, (n_classes,)."""
    if weight is None:
        return None
    values = check_tensor("weight", weight, constant=True).to(dtype).numpy()
    return as_class_weight("weight", values, n_classes, values.dtype)


def threads_for(work: int) -> int:
    """Return as many threads as PyTorch uses for a call of `work` multiply-adds, one for a small one."""
    return torch.get_num_threads() if work >= SMALL_WORK else 1
