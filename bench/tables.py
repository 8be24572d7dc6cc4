"""Printing for all commands: facts, tables and numbers with three digits, for a terminal or a README."""

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

WRAPPED = ("what changed", "outcome")
WRAPPED_WIDTH = 20
LEFT = ("n×N×K", "type", "what", "solver", "problem", "version", *WRAPPED)


def print_facts(facts: Mapping[str, str], markdown: bool) -> None:
    """Print the facts that the times depend on."""
    if markdown:
        print("\n".join(f"- {name}: {value}" for name, value in facts.items()))
        return
    head = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        head.add_row(name, value)
    Console(highlight=False).print(head, markup=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool, title: str = "") -> None:
    """Print an empty line, the title if there is one, and a table."""
    print(f"\n{title}" if title else "")
    if title and markdown:
        print()
    (_print_markdown if markdown else _print_terminal)(columns, rows)


def _print_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    rule = ["---" if column in LEFT else "---:" for column in columns]
    for cells in (columns, rule, *rows):
        print(f"| {' | '.join(cells)} |")


def _print_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for place, column in enumerate(columns):
        heading, can_wrap = re.sub("[ _]", "\n", column), column in WRAPPED
        lines = [*heading.split("\n"), *(row[place] for row in rows)]
        table.add_column(
            heading,
            justify="left" if column in LEFT else "right",
            no_wrap=not can_wrap,
            min_width=WRAPPED_WIDTH if can_wrap else max(map(cell_len, lines)),
        )
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    # A narrow terminal breaks the lines; a number that was cut would be another number.
    console.width = max(console.width, _width(table))
    console.print(table, markup=False)


def _width(table: Table) -> int:
    """Return the width of a table in which nothing is cut, and only what may be is wrapped."""
    unlimited = Console(width=1000)
    return Measurement.get(unlimited, unlimited.options, table).minimum


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with three digits."""
    return three_digits(seconds * 1e3)


def three_digits(value: float) -> str:
    """Return a number with three significant digits but at most three decimals, without an exponent."""
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2 if value >= 0.9995 else 3
    return f"{value:.{decimals}f}"
