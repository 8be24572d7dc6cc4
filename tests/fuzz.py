"""Random calls of every public function: each succeeds and agrees with the reference, or says what is wrong.

    python tests/fuzz.py --seconds 600 --seed 0        many calls
    python tests/fuzz.py --seconds 600 --only c        of the functions in C, or: --only python, families
    python tests/fuzz.py --seed 0 --case 1234          one of them again

A call may raise a ValueError or a TypeError that names an argument. If all its arguments are valid and of moderate size
it must succeed, and its result must agree with tests/reference.py, in float64. Every result must be finite and have the
same bits on any number of threads; no argument may be changed. Anything else is a finding. So are warnings, calls that
take more than a minute, and crashes: the calls run in a child process.
"""

import argparse
import faulthandler
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from fuzz_capi import C_FUNCTIONS, CCall
from fuzz_entries import FUNCTIONS
from fuzz_families import FAMILIES
from fuzz_fits import FITS
from fuzz_values import WILD, Draw

NAMES = (
    "X W b y logits sample_weight offset scale shift init l2 l1 l2s l1s num_threads precision solver learning_rate tol "
    "max_iter callback random_state fit_intercept C Cs cv l1_ratio l1_ratios n_jobs classes class_weight standardize "
    "family link alpha alphas power dispersion label_smoothing temperature ignore_index reduction chunks"
)
NAMED = re.compile(rf"\b({'|'.join(NAMES.split())})\b")
SLOWEST = 60  # seconds
FOUND = 3  # exit code of a child that did not crash, and found something
GROUPS = {
    "all": (*FUNCTIONS, *FITS, *FAMILIES, *C_FUNCTIONS),
    "python": (*FUNCTIONS, *FITS, *FAMILIES),
    "families": FAMILIES,
    "c": C_FUNCTIONS,
}


class Finding(Exception):
    """A call did what no call may do."""


def is_refusal(error):
    """Whether an error rightly refuses arguments: a plain ValueError or TypeError that names one, or scikit-learn's."""
    if type(error).__name__ == "InvalidParameterError":
        return True
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    named = NAMED.search(str(error)) is not None or "sklearn" in Path(raised_in).parts
    return type(error) in (ValueError, TypeError) and named


def bytes_of(argument):
    """The contents of an argument, which must not change."""
    if isinstance(argument, np.ndarray):
        return argument.tobytes() if argument.dtype != object else repr(argument)
    if sp.issparse(argument) and argument.format == "csr":
        return tuple(part.tobytes() for part in (argument.data, argument.indices, argument.indptr))
    return tuple(map(bytes_of, argument)) if isinstance(argument, tuple) else None


def attempt(call, *arguments, **keywords):
    """Return (result, None), or (None, error) if the arguments were refused."""
    before = bytes_of(arguments + tuple(keywords.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for category in (RuntimeWarning, DeprecationWarning, np.exceptions.ComplexWarning):
            warnings.simplefilter("error", category)
        try:
            result, refusal = call(*arguments, **keywords), None
        except Exception as error:
            if not is_refusal(error):
                raise
            result, refusal = None, error
    if bytes_of(arguments + tuple(keywords.values())) != before:
        raise Finding("an argument was written to")
    return result, refusal


def make_case(seed, case, only):
    """Return the entry that belongs to the number of a case: its name, its random draw and its call."""
    entries = GROUPS[only]
    entry = entries[case % len(entries)]
    # Half of the calls are meant to succeed.
    draw = Draw([seed, case], WILD if case // len(entries) % 2 else 0.0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return entry.__name__, draw, entry(draw)


def judge(draw, entry):
    """Make a call, and raise if it does what it must not do."""
    if isinstance(entry, CCall):
        entry.judge(draw)
        return
    result, refusal = attempt(entry.call, *entry.arguments, **entry.keywords)
    if refusal is not None:
        if draw.tame:
            raise Finding("refused without a cause") from refusal
        return
    entry.check_finite(result)
    if draw.tame:
        entry.check(result)
    if entry.threads and draw.chance(0.5):
        keywords = {**entry.keywords, entry.threads: draw.pick([1, 2, 3, 5])}
        again, refusal = attempt(entry.call, *entry.arguments, **keywords)
        if refusal is not None:
            raise Finding("refused on another number of threads") from refusal
        for one, other in zip(entry.arrays(result), entry.arrays(again), strict=True):
            np.testing.assert_array_equal(one, other, err_msg="another number of threads gives another result")


def again(seed, case, only):
    """Return the command that repeats a call."""
    return f"python tests/fuzz.py --seed {seed} --only {only} --case {case}"


def describe(name, draw, entry):
    """Return a call in words."""

    def words(value):
        if isinstance(value, np.ndarray):
            return f"{type(value).__name__}{value.shape} {value.dtype} strides {value.strides}"
        if sp.issparse(value):
            return f"{type(value).__name__}{value.shape} {value.dtype}"
        return f"({', '.join(map(words, value))})" if isinstance(value, tuple) else repr(value)[:80]

    keywords = [f"{key}={words(value)}" for key, value in entry.keywords.items()]
    return f"{name}({', '.join([*map(words, entry.arguments), *keywords])}){' tame' if draw.tame else ''}"


def work(seed, only, first, until, place):
    """Run cases, writing down the number of each before it runs; return the number of findings."""
    faulthandler.enable()
    findings, case = 0, first
    with open(place, "r+b", buffering=0) as note:
        while time.time() < until:
            note.seek(0)
            note.write(b"%20d" % case)
            faulthandler.dump_traceback_later(SLOWEST, exit=True)
            name, draw, entry = make_case(seed, case, only)
            try:
                judge(draw, entry)
            except Exception as error:
                findings += 1
                print(f"== {describe(name, draw, entry)}\n   again: {again(seed, case, only)}")
                print("".join(traceback.format_exception(error, limit=-4)), flush=True)
            case += 1
    faulthandler.cancel_dump_traceback_later()
    print(f"{case - first} calls", flush=True)
    return findings


def main():
    """Run calls in a child process for some time; if it crashes, start another. Return 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=GROUPS, default="all", help="which functions")
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        name, draw, entry = make_case(options.seed, options.case, options.only)
        print(describe(name, draw, entry))
        judge(draw, entry)
        return 0
    if options.child:
        first, until, place = options.child
        return FOUND if work(options.seed, options.only, int(first), float(until), place) else 0
    until, first, found = time.time() + options.seconds, 0, False
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "case"
        place.write_bytes(b"")
        while time.time() < until:
            child = ["--child", str(first), str(until), str(place)]
            command = [sys.executable, __file__, f"--seed={options.seed}", f"--only={options.only}", *child]
            # If there are more threads than processors, threads that wait in a busy loop slow the others.
            code = subprocess.run(command, env={**os.environ, "OMP_WAIT_POLICY": "passive"}, check=False).returncode
            found |= code != 0
            if code in (0, FOUND):
                break
            case = int(place.read_bytes() or first)
            print(f"== the process ended with {code}\n   again: {again(options.seed, case, options.only)}")
            first = case + 1
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
