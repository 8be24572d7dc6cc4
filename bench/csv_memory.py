"""Memory of ``fastsoftmax fit`` beside the size of its CSV file: ``python -m bench.csv_memory --megabytes 1000``.

It writes files of random cells: numbers alone, letters alone, words of few letters, and half of each. A file of N MB
takes N MB on the disk while it is fitted. The peak is that of the whole process, with interpreter and imports.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COMMAND = str(Path(sysconfig.get_path("scripts"), "fastsoftmax"))

N_COLUMNS, N_ROWS = 60, 20_000
WORDS = ("a", "bc", "def", "yes", "no")

Draw = Callable[[np.random.Generator, int], NDArray[np.str_]]


def numbers(rng: np.random.Generator, column: int) -> NDArray[np.str_]:
    """Return cells of numbers of four digits."""
    return np.char.mod("%.4g", rng.standard_normal(N_ROWS))


def letters(rng: np.random.Generator, column: int) -> NDArray[np.str_]:
    """Return cells of one letter, of eight."""
    return np.array(list("abcdefgh"))[rng.integers(0, 8, N_ROWS)]


def words(rng: np.random.Generator, column: int) -> NDArray[np.str_]:
    """Return cells of two to five words, of which some are missing in every third column."""
    known = [*WORDS[: 2 + column % 4], *([""] if column % 3 == 0 else [])]
    return np.array(known)[rng.integers(0, len(known), N_ROWS)]


def mixed(rng: np.random.Generator, column: int) -> NDArray[np.str_]:
    """Return numbers in every second column, else words."""
    return (words if column % 2 else numbers)(rng, column)


KINDS: dict[str, Draw] = {"numbers": numbers, "letters": letters, "words": words, "mixed": mixed}


def write(path: Path, draw: Draw, megabytes: float) -> None:
    """Write a file of at least that size: columns c0, c1, …, and a target of three classes, t."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join([*(f"c{j}" for j in range(N_COLUMNS)), "t"]) + "\n")
        while file.tell() < megabytes * 1e6:
            target = np.array(["u", "v", "w"])[rng.integers(0, 3, N_ROWS)]
            cells = np.column_stack([*(draw(rng, j) for j in range(N_COLUMNS)), target])
            file.write("\n".join(map(",".join, cells.tolist())) + "\n")


def peak(command: list[str]) -> float:
    """Return the largest resident memory of a command in bytes; Linux tells no less than that of this process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    # macOS counts bytes, Linux kibibytes.
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print a line for each kind of file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", action="store_true", help="a line of JSON for each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        for kind in options.kinds:
            write(path, KINDS[kind], options.megabytes)
            out = str(path.with_suffix(".safetensors"))
            fit = [COMMAND, "fit", str(path), "--target", "t", "--out", out]
            size, most = path.stat().st_size / 1e6, peak(fit) / 1e6
            if options.json:
                print(json.dumps({"kind": kind, "megabytes": size, "peak_megabytes": most}), flush=True)
            else:
                print(f"{kind:8} {size:6.0f} MB, peak {most:6.0f} MB, {most / size:.2f} of the file", flush=True)


if __name__ == "__main__":
    main()
