"""``python -m bench.any_f``: losses of many classes for PyTorch, with gradients, beside its own; needs PyTorch."""

import argparse
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

from .ceilings import Ceilings, CeilingsError
from .environment import OtherLoad, all_threads, describe, has_torch
from .memory import peak_memory
from .options import positive
from .results import Report, add_results_options
from .tables import three_digits
from .timing import time_once

COLUMNS = ("what", "n×N×K", "s", "CPU s", "ratio", "peak MB")
THEIRS, IN_PLACE = "PyTorch", "the same, in place"
TOLERANCE = 1e-5  # of float32, relative to the largest entry of a gradient

# A call returns the loss and its gradients, as tensors.
Calls = dict[str, Callable[[], list["torch.Tensor"]]]


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.any_f", description=__doc__)
    parser.add_argument("--repeats", type=positive, default=5, metavar="R", help="default: %(default)s")
    parser.add_argument("--rows", type=positive, default=8192, help="of the logits; default: %(default)s")
    parser.add_argument("--samples", type=positive, default=4096, help="of the linear model; default: %(default)s")
    parser.add_argument("--features", type=positive, default=1024, help="default: %(default)s")
    parser.add_argument("--classes", type=positive, default=32000, help="default: %(default)s")
    parser.add_argument("--markdown", action="store_true", help="print a table for a README")
    add_results_options(parser)
    options = parser.parse_args()
    if not has_torch():
        sys.exit("bench.any_f: needs PyTorch")
    report = Report("any_f", options)
    facts, load, threads = describe(), OtherLoad(), all_threads()
    torch.set_num_threads(threads)
    try:
        ceilings = Ceilings()
        ceilings.measure("float32", [threads])
    except CeilingsError as error:
        sys.exit(f"bench.any_f: {error}")
    rows = measure(f"{options.rows}×{options.classes}", cross_entropies(options.rows, options.classes), options.repeats)
    linear = linear_losses(options.samples, options.features, options.classes)
    rows += measure(f"{options.samples}×{options.features}×{options.classes}", linear, options.repeats)
    facts |= ceilings.describe() | {
        "meanwhile": load.describe(),
        "times": f"medians of {options.repeats} turns on {threads} threads; ratio: of PyTorch's time to this in a turn",
        "peak": "memory beyond what the arguments take",
    }
    report.add_facts(facts)
    report.add_table(COLUMNS, rows, "loss and gradient in float32")
    report.save(ceilings)


def cross_entropies(n: int, n_classes: int) -> Calls:
    """Return the cross-entropies of given logits, which have the gradient of the logits."""
    logits, y = torch.randn(n, n_classes), torch.randint(0, n_classes, (n,))
    spent = logits.clone()

    def call(loss: Callable[..., "torch.Tensor"], memory: "torch.Tensor") -> list["torch.Tensor"]:
        # Not a leaf, as the logits of a model.
        value = loss(memory.requires_grad_().view_as(memory), y)
        return [value.detach(), *torch.autograd.grad(value, memory)]

    return {
        THEIRS: lambda: call(torch.nn.functional.cross_entropy, logits),
        "fastsoftmax.torch.cross_entropy": lambda: call(ours.cross_entropy, logits),
        IN_PLACE: lambda: call(lambda z, y: ours.cross_entropy(z, y, inplace=True), spent),
    }


def linear_losses(n: int, n_features: int, n_classes: int) -> Calls:
    """Return the cross-entropies of a linear model, which have the gradients of X, W and b."""
    parts = [torch.randn(n, n_features), torch.randn(n_classes, n_features) / n_features**0.5, torch.zeros(n_classes)]
    y = torch.randint(0, n_classes, (n,))

    def call(loss: Callable[..., "torch.Tensor"]) -> list["torch.Tensor"]:
        X, W, b = (part.requires_grad_() for part in parts)
        value = loss(X, W, b, y)
        return [value.detach(), *torch.autograd.grad(value, (X, W, b))]

    def theirs(X: "torch.Tensor", W: "torch.Tensor", b: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(X, W, b), y)

    return {
        THEIRS: lambda: call(theirs),
        "fastsoftmax.torch.linear_cross_entropy": lambda: call(ours.linear_cross_entropy),
    }


def measure(shape: str, calls: Calls, repeats: int) -> list[tuple[str, ...]]:
    """Return a row for each call, timed in turns without pinning: some make their threads anew."""
    expected = calls[THEIRS]()
    for name, call in calls.items():
        for actual, wanted in zip(call(), expected, strict=True):
            error = float((actual - wanted).abs().max() / wanted.abs().max())
            if not error <= TOLERANCE:
                sys.exit(f"bench.any_f: {name} differs from PyTorch by {error:.1e}")
    del expected, actual, wanted
    peaks = {name: peak_memory(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    processor_seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            began = process_time()
            seconds[name].append(time_once(call)[0])
            processor_seconds[name].append(process_time() - began)
    rows: list[tuple[str, ...]] = []
    for name in calls:
        ratio = median(a / b for a, b in zip(seconds[THEIRS], seconds[name], strict=True))
        peak = peaks[name]
        memory = "" if peak is None else f"{peak / 1e6:.0f}"
        times = three_digits(median(seconds[name])), three_digits(median(processor_seconds[name]))
        rows.append((name, shape, *times, three_digits(ratio), memory))
    return rows


if has_torch():
    import torch

    import fastsoftmax.torch as ours

if __name__ == "__main__":
    main()
