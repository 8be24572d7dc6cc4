"""`fastsoftmax-config`: what a build of compiled code needs to know."""

import argparse
from pathlib import Path

from .._build_config import version
from . import get_include


def main(arguments: list[str] | None = None) -> None:
    """Print what is asked for, one answer a line."""
    parser = argparse.ArgumentParser(
        prog="fastsoftmax-config", description="What a build of C, C++ or Cython code with fastsoftmax needs to know."
    )
    parser.add_argument("--cflags", action="store_true", help="flags of the compiler; there is nothing to link with")
    parser.add_argument("--includedir", action="store_true", help="the folder of fastsoftmax/fastsoftmax.h")
    parser.add_argument("--pkgconfigdir", action="store_true", help="a folder for PKG_CONFIG_PATH")
    parser.add_argument("--version", action="store_true", help="the version of the package")
    options = parser.parse_args(arguments)
    answers = {
        "cflags": f"-I{get_include()}",
        "includedir": get_include(),
        "pkgconfigdir": str(Path(__file__).parent / "pkgconfig"),
        "version": version,
    }
    asked = [answer for name, answer in answers.items() if getattr(options, name)]
    if not asked:
        parser.error("ask for something: --" + ", --".join(answers))
    print("\n".join(asked))


if __name__ == "__main__":
    main()
