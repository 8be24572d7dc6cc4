"""The installed files are those in the folders; C and Cython files include only those of their own or lower floors."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fastsoftmax"

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="needs the sources")

COMPILED = {".h", ".c", ".pxd", ".pyx"}

# Which files may include or cimport which: those of the same floor and of the floors above it in this list.
FLOORS = (
    r"simd/simd\.h",
    r"simd/.*",
    r"_simd\.pxd",
    r"_layout\.pxd",
    r"_tile\.pxd|_csr\.pxd",
    r"_sparse\.pxd|_dual\.pxd",
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


def floor_of(name):
    return next(floor for floor, pattern in enumerate(FLOORS) if re.fullmatch(pattern, name))


@pytest.mark.parametrize(
    "path", sorted(path for path in SOURCE.rglob("*") if path.suffix in {".h", ".c", ".pxd", ".pyx"})
)
def test_the_kernels_know_only_what_is_below_them(path):
    text = path.read_text()
    included = [f"simd/{name}" for name in re.findall(r'^#include "([\w./]+)"', text, flags=re.MULTILINE)]
    included += [f"{name}.pxd" for name in re.findall(r"^from \.(\w+) cimport", text, flags=re.MULTILINE)]
    included += [f"simd/{name}" for name in re.findall(r'^cdef extern from "([\w.]+)"', text, flags=re.MULTILINE)]
    own = floor_of(str(path.relative_to(SOURCE)))
    assert [name for name in included if floor_of(name) > own] == []
