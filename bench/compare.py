"""``python -m bench.compare``: one pass by NumPy, PyTorch, fastsoftmax, and at the machine's limit, in one table."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.cli import numpy_baseline
from fastsoftmax.fitting.passes import PrecisionName

from . import usual_numpy
from .agreement import DisagreementError, check_against_numpy, check_threads
from .ceilings import Ceilings, CeilingsError
from .environment import OtherLoad, all_threads, describe, has_torch, instruction_sets
from .memory import peak_memory
from .options import add_common_options, positive
from .problems import DTYPES, SHAPES, Problem, Shape, make_problem
from .results import Report, add_results_options
from .storage import OURS, SCIPY, SKLEARN, StoredProblem, check_stored, stored_problems
from .tables import milliseconds
from .timing import Times, take_turns
from .uses import check_use, make_uses

TYPES = {"float32": "f32", "float64": "f64"}
NUMPY, USUAL, TORCH = "NumPy", "usual NumPy", "Torch"
FLOAT32 = "f32"
STORED_COLUMNS = (
    *("what", "T", SCIPY, SKLEARN, OURS, f"× {SCIPY}", f"× {SKLEARN}", f"× {FLOAT32}"),
    *("X MB", f"{SCIPY} MB", f"{OURS} MB"),
)


class Case(NamedTuple):
    """One line of the table."""

    shape: Shape
    dtype: str
    threads: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, print it and keep it."""
    options = _parse(arguments)
    report = Report("compare", options)
    facts, load = describe(), OtherLoad()
    try:
        ceilings = Ceilings()
        passes = {}
        for case, times in _measure(options, ceilings):
            passes[case] = times
            ours = " ".join(f"{name} {milliseconds(times.median(name))}" for name in (NUMPY, *_variants(options.isa)))
            print(f"{case.shape} {TYPES[case.dtype]} {case.threads}: {ours} ms", file=sys.stderr, flush=True)
        uses = [] if options.passes_only else list(_measure_uses(options.threads, options.repeats))
        stored = [] if options.passes_only else list(_measure_stored(options.data, options.threads, options.repeats))
    except (CeilingsError, DisagreementError) as error:
        sys.exit(f"bench.compare: {error}")
    facts |= ceilings.describe() | {"meanwhile": load.describe()}
    facts["times"] = (
        f"milliseconds on T threads, medians of {options.repeats} repetitions in turns; NumPy: class-major, usual "
        f"NumPy: a sample a row; ratios and share are of {options.isa[-1]}; limit: the larger of the times for "
        "operations and for memory, at the best rates seen"
    )
    report.add_facts(facts)
    report.add_table(*_pass_table(passes, options.isa, ceilings))
    if uses:
        report.add_table(("what", "T", NUMPY, "ours", "× NumPy"), uses)
    if stored:
        report.add_table(STORED_COLUMNS, stored)
    report.save(ceilings)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare",
        description="Measure one pass by NumPy, PyTorch, fastsoftmax, and at the machine's limit.",
    )
    parser.add_argument(
        "--shape", nargs="+", type=_shape, default=SHAPES, metavar="n×N×K", help="samples × features × classes"
    )
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument(
        "--threads",
        nargs="+",
        type=_threads,
        default=sorted({1, all_threads()}),
        metavar="T",
        help="default: one, and all that the process may use",
    )
    sets = instruction_sets()
    parser.add_argument(
        "--isa",
        nargs="+",
        choices=sets,
        default=[name for name in sets if name in ("avx2", "avx512", "amx")] or sets[-1:],
        help="instruction sets, the one to be judged last; default: %(default)s",
    )
    parser.add_argument("--passes-only", action="store_true", help="leave out everything but passes over floats")
    add_common_options(parser, repeats=7)
    add_results_options(parser)
    return parser.parse_args(arguments)


def _shape(text: str) -> Shape:
    try:
        return Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _threads(text: str) -> int:
    threads = positive(text)
    if threads > all_threads():
        raise argparse.ArgumentTypeError(f"this process may use {all_threads()}, found {text}")
    return threads


def _measure(options: argparse.Namespace, ceilings: Ceilings) -> Iterator[tuple[Case, Times]]:
    """Yield the times of each checked case, and measure the ceilings in between; one problem at a time is in memory."""
    for shape in options.shape:
        for dtype in options.dtype:
            problem = make_problem(shape, dtype)
            for isa in options.isa:
                _kernels.use_isa(isa)
                check_against_numpy(problem, options.threads[0])
                check_threads(problem, {1, all_threads(), *options.threads})
            ceilings.measure(dtype, options.threads)
            for threads in options.threads:
                calls: dict[str, Callable[[], object]] = {NUMPY: partial(numpy_baseline.loss_grad, *problem)}
                calls[USUAL] = partial(usual_numpy.loss_grad, problem)
                if has_torch():
                    from .torch_baseline import loss_grad as torch_loss_grad

                    calls[TORCH] = torch_loss_grad(problem, threads)
                for name, variant in _variants(options.isa).items():
                    calls[name] = partial(_ours, *variant, problem, threads)
                with threadpool_limits(threads, user_api="blas"):
                    yield Case(shape, dtype, threads), take_turns(calls, options.repeats)


def _variants(isas: Sequence[str]) -> dict[str, tuple[str, PrecisionName]]:
    """Return a dict: name of the column → instruction set and precision."""
    variants: dict[str, tuple[str, PrecisionName]] = {}
    for isa in isas:
        if isa == "amx":
            variants[f"{isa} fast"] = (isa, "fast")
        variants[isa] = (isa, "exact")
    return variants


def _ours(isa: str, precision: PrecisionName, problem: Problem, threads: int) -> None:
    _kernels.use_isa(isa)
    fs.loss_grad(*problem, precision=precision, num_threads=threads)


def _measure_uses(threads: Sequence[int], repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: other uses of a pass than training, by NumPy and by the fastest instruction set."""
    _kernels.use_isa("")
    for use in make_uses():
        for count in threads if use.threaded else [1]:
            ours = partial(use.ours, num_threads=count)
            check_use(use, ours)
            with threadpool_limits(count, user_api="blas"):
                times = take_turns({NUMPY: use.numpy, "ours": ours}, repeats)
            medians = [milliseconds(times.median(name)) for name in (NUMPY, "ours")]
            yield use.name, str(count), *medians, f"{times.ratio(NUMPY, 'ours'):.2f}"


def _measure_stored(folder: Path | None, threads: Sequence[int], repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: a pass over X in each type of storage, its time relative to float32's, and the memory it takes."""
    dense: StoredProblem | None = None
    for problem in stored_problems(folder):
        check_stored(problem)
        for count in threads:
            calls = problem.calls(count)
            if isinstance(problem.X, np.ndarray):
                dense = dense or problem
                calls[FLOAT32] = dense.calls(count)[OURS]
            with threadpool_limits(count, user_api="blas"):
                times = take_turns(calls, repeats)
                peaks = {name: peak_memory(calls[name]) for name in (SCIPY, OURS) if name in calls}
            yield (
                *(problem.name, str(count)),
                *(milliseconds(times.median(name)) if name in calls else "" for name in (SCIPY, SKLEARN, OURS)),
                *(f"{times.ratio(name, OURS):.2f}" if name in calls else "" for name in (SCIPY, SKLEARN, FLOAT32)),
                f"{problem.megabytes:.0f}",
                *(_megabytes(peaks.get(name)) for name in (SCIPY, OURS)),
            )


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f}"


def _pass_table(
    passes: Mapping[Case, Times], isas: Sequence[str], ceilings: Ceilings
) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Return the columns and the rows of the table of passes."""
    peers = [NUMPY, USUAL, *([TORCH] if has_torch() else [])]
    ours = list(_variants(isas))
    columns = (
        *("n×N×K", "type", "T", *peers, *ours),
        *(f"× {peer}" for peer in peers),
        *("limit", "% of it"),
    )
    rows = []
    for case, times in passes.items():
        limit = ceilings.limit(*case)
        rows.append(
            (
                *(str(case.shape), TYPES[case.dtype], str(case.threads)),
                *(milliseconds(times.median(name)) for name in (*peers, *ours)),
                *(f"{times.ratio(peer, ours[-1]):.2f}" for peer in peers),
                *(milliseconds(limit.seconds), f"{100 * limit.seconds / times.median(ours[-1]):.0f}"),
            )
        )
    return columns, rows


if __name__ == "__main__":
    main()
