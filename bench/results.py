"""Measurements printed, and kept: each run of a bench writes one JSON file, so that a later reader sees the history.

The file is ``bench/results/<bench>/<processor>-<threads>t-<time>.json``, with time in UTC, and never replaces another:

- ``bench``, ``options`` and ``time``: the command, with its defaults and folders by their last name, and when it began;
- ``processor`` and ``threads``: the name that the system gives it, and the threads that the process could use;
- ``fastsoftmax``: the version, the commit of this clone, whether its files differ from the commit (``changed``), and
  whether the package that ran is the one of this clone (``in_place``); null where Git does not tell;
- ``environment``: what was printed above the tables, in words;
- ``ceilings``: what the machine can do at all, measured in the same run; null where the bench has no use for it;
- ``tables``: what was printed, a title and rows, each by the names of its columns; an empty cell is null;
- ``details``: what the bench itself reads again; null for most.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastsoftmax as fs

from .ceilings import Ceilings
from .environment import all_threads, processor
from .tables import print_facts, print_table

CLONE = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).resolve().with_name("results")
OWN = ("results", "no_save")  # options that say nothing of what is measured
MEASURED = ("meson.build", "meson.options", "src", "bench", ":!bench/results")  # files, by Git, that times depend on


def add_results_options(parser: argparse.ArgumentParser) -> None:
    """Add where the numbers are kept."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--results",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="keep the numbers in DIR/<bench>; default: %(default)s",
    )
    where.add_argument("--no-save", action="store_true", help="print the numbers only")


def add_from_results_option(parser: argparse.ArgumentParser) -> None:
    """Add which kept files are printed instead of a measurement."""
    parser.add_argument(
        "--from-results",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing, print and draw what these files keep, under what the first says of the machine",
    )


class Report:
    """What one run of a bench tells: printed at once, kept by `save`.

    Parameters
    ----------
    bench : str
        Name of the command, as in ``python -m bench.<name>``.
    options : argparse.Namespace
        All that the command understood; those of `add_results_options` must be among them, and ``markdown``, if it is
        there, says how to print.

    Raises
    ------
    SystemExit
        The folder cannot be written to. It is tried before anything is measured.
    """

    def __init__(self, bench: str, options: argparse.Namespace) -> None:
        self._bench, self._folder = bench, None if options.no_save else options.results / bench
        self._markdown = getattr(options, "markdown", False)
        self._began = datetime.now(UTC)
        self._options = {name: _plain(value) for name, value in vars(options).items() if name not in OWN}
        self._package = describe_package()
        self._facts: dict[str, str] = {}
        self._tables: list[dict[str, Any]] = []
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._path.open("x").close()
                self._path.unlink()
            except OSError as error:
                sys.exit(f"bench.{bench}: the numbers cannot be kept: {error}; choose --results DIR or --no-save")

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{slug(processor())}-{all_threads()}t-{self._began:%Y-%m-%dT%H%M%SZ}.json"

    def add_facts(self, facts: Mapping[str, str]) -> None:
        """Print what the numbers depend on."""
        print_facts(facts, self._markdown)
        self._facts |= facts

    def add_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
        """Print a table, below an empty line and its title if it has one."""
        print_table(columns, rows, self._markdown, title)
        cells = [dict(zip(columns, map(_value, row), strict=True)) for row in rows]
        self._tables.append({"title": title, "rows": cells})

    def save(self, ceilings: Ceilings | None = None, details: object = None) -> None:
        """Write the file and tell its name, unless only printing was asked for; FileExistsError if it is there."""
        if self._folder is None:
            return
        content = {
            "bench": self._bench,
            "options": self._options,
            "time": self._began.isoformat(timespec="seconds"),
            "processor": processor(),
            "threads": all_threads(),
            "fastsoftmax": self._package,
            "environment": self._facts,
            "ceilings": ceilings.rates() if ceilings else None,
            "tables": self._tables,
            "details": details,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        with self._path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
        print(f"bench.{self._bench}: kept in {self._path}", file=sys.stderr)


def load(path: Path, bench: str) -> dict[str, Any]:
    """Return the content of a file of that bench; ValueError if it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("bench") != bench:
        raise ValueError(f"{path} does not hold results of bench.{bench}")
    return content


def describe_package() -> dict[str, Any]:
    """Return version and commit of the package, as the file has them."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *MEASURED)
    return {
        "version": fs.__version__,
        "commit": commit,
        "changed": None if changes is None else changes != "",
        "in_place": Path(fs.__file__).resolve().is_relative_to(CLONE / "src"),
    }


def slug(name: str) -> str:
    """Return the name of a processor as part of a file's: letters, digits and hyphens."""
    plain = re.sub(r"\((r|tm|c)\)", " ", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "unknown"


def _git(*arguments: str) -> str | None:
    """Return what Git prints about this clone, None where there is no Git or no clone."""
    try:
        done = subprocess.run(["git", "-C", str(CLONE), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _plain(value: object) -> Any:
    """Return the value of an option as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):  # but a shape, which is written n×N×K
        return [_plain(part) for part in value]
    return value.name if isinstance(value, Path) else str(value)


def _value(cell: str) -> float | str | None:
    """Return the number that a cell is, its text if it is none, None if it is empty."""
    for number in (int, float):
        try:
            return number(cell)
        except ValueError:
            continue
    return cell or None
