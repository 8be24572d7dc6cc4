"""The installed files are those in the folders, and C and Cython files include only those of lower floors."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fastsoftmax"

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="needs the sources")

COMPILED = {".h", ".c", ".inc", ".pxd", ".pyx"}

# Which files may include or cimport which: those of the same floor and of the floors above it in this list.
FLOORS = (
    r"native/(__init__|codes|threads)\.pxd",
    r"native/simd/(simd\.h|families/.*)",
    r"native/simd/.*",
    r"native/simd\.pxd",
    r"native/arena\.pxd",
    r"native/layout\.pxd",
    r"native/(border|csr|slots|tile)\.pxd",
    r"native/(coordinates|csr_gradient|csr_predict|dual|gradient|gram|logits|predict|sums)\.pxd",
    r"(_coordinates|_kernels)\.pyx",
)


def test_meson_installs_every_module():
    for room in {path.parent for path in SOURCE.rglob("*.py")} - {SOURCE}:
        listed = re.findall(r"'(\w+\.py)'", (room / "meson.build").read_text())
        assert sorted(listed) == sorted(path.name for path in room.glob("*.py")), room
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
