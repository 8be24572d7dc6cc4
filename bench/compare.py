"""``python -m bench.compare``: one pass by NumPy, by fastsoftmax, and at the machine's limit, in one table."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import fastsoftmax as fs
from fastsoftmax import numpy_baseline

from .agreement import DisagreementError, check_against_numpy, check_threads
from .ceilings import Ceilings, CeilingsError
from .environment import OtherLoad, all_threads, describe
from .problems import DTYPES, SHAPES, Shape, make_problem
from .timing import Comparison, compare

COLUMNS = ("n×N×K", "dtype", "threads", "NumPy ms", "ours ms", "ratio", "limit ms", "set by", "of limit")
LEFT = ("n×N×K", "dtype", "set by")


class Case(NamedTuple):
    """One line of the table."""

    shape: Shape
    dtype: str
    threads: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, and print it."""
    options = _parse(arguments)
    facts, load = describe(), OtherLoad()
    try:
        ceilings = Ceilings()
        results = dict(_measure(options.shape, options.dtype, options.threads, options.repeats, ceilings))
    except (CeilingsError, DisagreementError) as error:
        sys.exit(f"bench.compare: {error}")
    facts |= _rates(ceilings) | {"meanwhile": load.describe()}
    facts["times"] = f"medians of {options.repeats} repetitions in turns; limit: from the best rate seen"
    rows = [_row(case, result, ceilings) for case, result in results.items()]
    if options.markdown:
        _print_markdown(facts, rows)
    else:
        _print_terminal(facts, rows)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare",
        description="Measure one pass by NumPy, by fastsoftmax, and at the machine's limit.",
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
    parser.add_argument("--repeats", type=_positive, default=7, metavar="R", help="default: %(default)s")
    parser.add_argument("--markdown", action="store_true", help="print a table for a README")
    return parser.parse_args(arguments)


def _shape(text: str) -> Shape:
    try:
        return Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _threads(text: str) -> int:
    threads = _positive(text)
    if threads > all_threads():
        raise argparse.ArgumentTypeError(f"this process may use {all_threads()}, found {text}")
    return threads


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, found {text!r}")
    return int(text)


def _measure(
    shapes: Sequence[Shape], dtypes: Sequence[str], threads: Sequence[int], repeats: int, ceilings: Ceilings
) -> Iterator[tuple[Case, Comparison]]:
    """Yield a comparison a case, and measure the ceilings in between; one problem exists at a time, checked first."""
    for shape in shapes:
        for dtype in dtypes:
            problem = make_problem(shape, dtype)
            check_against_numpy(problem, threads[0])
            check_threads(problem, {1, all_threads(), *threads})
            ceilings.measure(dtype, threads)
            for count in threads:
                with threadpool_limits(count, user_api="blas"):
                    yield (
                        Case(shape, dtype, count),
                        compare(
                            partial(numpy_baseline.loss_grad, *problem),
                            partial(fs.loss_grad, *problem, num_threads=count),
                            repeats,
                        ),
                    )


def _rates(ceilings: Ceilings) -> dict[str, str]:
    """Return what was measured, worst to best, by name."""
    operations: dict[str, list[str]] = {}
    for (dtype, threads), seen in ceilings.operations.items():
        operations.setdefault(dtype, []).append(f"{_range(seen)} GFLOP/s on {threads}")
    bandwidth = [f"{_range(seen)} GB/s on {threads}" for threads, seen in ceilings.bandwidth.items()]
    return {
        **{f"{dtype} multiply-add": ", ".join(rates) for dtype, rates in operations.items()},
        "memory read": f"{', '.join(bandwidth)}; last-level cache {ceilings.cache_bytes / 2**20:.0f} MiB",
    }


def _range(rates: Sequence[float]) -> str:
    lowest, highest = (f"{rate / 1e9:.0f}" for rate in (min(rates), max(rates)))
    return highest if lowest == highest else f"{lowest}–{highest}"


def _row(case: Case, result: Comparison, ceilings: Ceilings) -> tuple[str, ...]:
    limit = ceilings.limit(*case)
    return (
        str(case.shape),
        case.dtype,
        str(case.threads),
        _milliseconds(result.baseline),
        _milliseconds(result.ours),
        f"{result.ratio:.2f}",
        _milliseconds(limit.seconds),
        limit.bound,
        f"{limit.seconds / result.ours:.0%}",
    )


def _milliseconds(seconds: float) -> str:
    """Three significant digits, without an exponent."""
    milliseconds = seconds * 1e3
    decimals = 0 if milliseconds >= 99.95 else 1 if milliseconds >= 9.995 else 2 if milliseconds >= 0.9995 else 3
    return f"{milliseconds:.{decimals}f}"


def _print_markdown(facts: dict[str, str], rows: Sequence[Sequence[str]]) -> None:
    for name, value in facts.items():
        print(f"- {name}: {value}")
    print()
    rule = ["---" if column in LEFT else "---:" for column in COLUMNS]
    for cells in (COLUMNS, rule, *rows):
        print(f"| {' | '.join(cells)} |")


def _print_terminal(facts: dict[str, str], rows: Sequence[Sequence[str]]) -> None:
    console = Console(highlight=False)
    head = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        head.add_row(name, value)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True)
    for column in COLUMNS:
        table.add_column(column.replace(" ", "\n"), justify="left" if column in LEFT else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(head, table, sep="\n\n", markup=False)


if __name__ == "__main__":
    main()
