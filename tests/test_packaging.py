"""What is installed is what the folders hold, and C and Cython include only what is below them."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fastsoftmax"

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="needs the sources")

COMPILED = {".h", ".c", ".inc", ".pxd", ".pyx"}

# What may be included or cimported by what: the files of a floor know those of the floors before, and one another.
FLOORS = (
    r"native/(__init__|codes|threads)\.pxd",
    r"native/simd/(simd\.h|families/.*)",
    r"native/simd/.*",
    r"native/simd\.pxd",
    r"native/arena\.pxd",
    r"native/layout\.pxd",
    r"native/(border|csr|slots|tile)\.pxd",
    r"native/(csr_gradient|csr_predict|dual|gradient|gram|logits|predict|sums)\.pxd",
    r"_kernels\.pyx",
)


def test_meson_installs_every_module():
    listed = set()
    room = ""
    for line in (SOURCE / "meson.build").read_text().splitlines():
        if found := re.match(r"  '([\w/]+)': \[", line):
            room = found[1] + "/"
        if line.startswith("    '"):
            listed |= {room + name for name in re.findall(r"'(\w+\.py)'", line)}
    there = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.parent != SOURCE}
    assert listed == there
    assert {path.name for path in SOURCE.glob("*.py")} <= {"__init__.py", "_build_config.py"}


def name_of(path):
    return str(path.resolve().relative_to(SOURCE))


def floor_of(name):
    return next(floor for floor, pattern in enumerate(FLOORS) if re.fullmatch(pattern, name))


def included(path):
    """The files that one includes or cimports; C looks for them beside it and in native/simd."""
    text = path.read_text()
    headers = re.findall(r'^#include "([\w./]+)"', text, flags=re.MULTILINE)
    headers += re.findall(r'^cdef extern from "([\w./]+)"', text, flags=re.MULTILINE)
    for header in headers:
        beside = path.parent / header
        yield beside if beside.exists() else SOURCE / "native" / "simd" / header
    for module in re.findall(r"^from \.([\w.]+) cimport", text, flags=re.MULTILINE):
        yield path.parent / (module.replace(".", "/") + ".pxd")


@pytest.mark.parametrize("path", sorted(path for path in SOURCE.rglob("*") if path.suffix in COMPILED))
def test_the_kernels_know_only_what_is_below_them(path):
    own = floor_of(name_of(path))
    assert [name for name in map(name_of, included(path)) if floor_of(name) > own] == []
