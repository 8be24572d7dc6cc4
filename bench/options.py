"""Options that the commands have in common."""

import argparse
from pathlib import Path


def add_common_options(parser: argparse.ArgumentParser, repeats: int) -> None:
    """Add what data to read, how often to measure and how to print."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="a folder with mnist.npz and 20news_tfidf.npz; random numbers of their shapes if not given",
    )
    parser.add_argument("--repeats", type=positive, default=repeats, metavar="R", help="default: %(default)s")
    parser.add_argument("--markdown", action="store_true", help="print a table for a README")


def positive(text: str) -> int:
    """Return the positive integer that is written; argparse's error if it is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, found {text!r}")
    return int(text)
