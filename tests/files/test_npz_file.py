"""Arrays in .npz files: a header is checked before it is believed."""

import io
import zipfile

import numpy as np
import pytest

from fastsoftmax.files import npz_file
from fastsoftmax.files.data_file import read_table

X = np.arange(6.0).reshape(3, 2)


def write(path, **members):
    """Write a .npz file of arrays, or of raw bytes in place of an array."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            if not isinstance(value, bytes):
                buffer = io.BytesIO()
                np.save(buffer, value)
                value = buffer.getvalue()
            archive.writestr(f"{name}.npy", value)
    return path


def array_bytes(shape, descr, contents=b"", version=(1, 0)):
    """The bytes of a .npy file whose header may be wrong."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = len(header).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + header + contents


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (array_bytes((3, 2), "<f8"), r"shape \(3, 2\) and dtype float64, which is 48 bytes, but it holds 0"),
        (array_bytes((2**40, 2**20), "<f8", bytes(48)), r"which is \d+ bytes, but it holds 48"),
        (array_bytes((3, 2), "<U500000000", bytes(48)), "12000000000 bytes, but it holds 48"),
        (array_bytes((-3, -2), "<f8", bytes(48)), r"its header has shape \(-3, -2\)"),
        (array_bytes((3, 2), "|O", bytes(48)), "it holds Python objects, which can run code"),
        (array_bytes((3, 2), "<f8", bytes(48), (3, 0)), r"its format must be \(1, 0\) or \(2, 0\), found \(3, 0\)"),
        (array_bytes((3, 2), "<q9", bytes(48)), "descr is not a valid dtype"),
        (b"hello", "EOF: reading magic string"),
        (b"", "EOF: reading magic string"),
    ],
)
def test_a_header_that_is_not_true(tmp_path, member, message):
    for name in ("X", "y"):
        path = write(tmp_path / "d.npz", **{"X": X, "y": np.arange(3), name: member})
        with pytest.raises(ValueError, match=f"array '{name}' of .*d.npz cannot be read as NPZ: .*{message}"):
            read_table(path)


def test_an_array_larger_than_memory_is_not_begun(tmp_path, monkeypatch):
    path = write(tmp_path / "d.npz", X=X, y=np.arange(3))
    monkeypatch.setattr(npz_file, "physical_memory", lambda: 47)
    monkeypatch.setattr(npz_file.NpzFile, "read", lambda *_: pytest.fail("read"))
    with pytest.raises(ValueError, match=r"it takes .* more than this machine's memory.* \.npy file"):
        read_table(path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_formats_of_headers(tmp_path, version):
    path = write(tmp_path / "d.npz", X=array_bytes((3, 2), "<f8", X.tobytes(), version), y=np.arange(3))
    np.testing.assert_array_equal(read_table(path).X, X, strict=True)


@pytest.mark.parametrize("block", [1, 7, 12, 2**20])
def test_texts_are_the_same_in_blocks_of_any_size(tmp_path, monkeypatch, block):
    monkeypatch.setattr(npz_file, "BLOCK", block)
    labels = ["a", "", "ünï", "a", "b" * 50]
    path = write(tmp_path / "d.npz", X=np.ones((5, 1)), y=np.array(labels))
    found = read_table(path).y
    assert found.tolist() == labels
    assert found.dtype == object
    assert found[0] is found[3]


@pytest.mark.parametrize(
    ("letters", "message"),
    [(0x110000, "cannot be read as (NPZ|text): "), (0xD800, r"must hold text that UTF-8 can write, found '\\ud800'")],
)
def test_letters_that_are_none(tmp_path, letters, message):
    member = array_bytes((3,), "<U1", np.full(3, letters, "<u4").tobytes())
    with pytest.raises(ValueError, match=f"array 'y' of .*{message}"):
        read_table(write(tmp_path / "d.npz", X=X, y=member))
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "y.npy").write_bytes(member)
    with pytest.raises(ValueError, match=f"the array of .*y.npy {message}"):
        read_table(tmp_path / "X.npy", str(tmp_path / "y.npy"))


def test_damage_in_any_place_of_a_member_names_it(tmp_path):
    path = write(tmp_path / "d.npz", X=X, y=np.array(["a", "b", "c"]))
    with zipfile.ZipFile(path) as archive:
        places = {name.removesuffix(".npy"): archive.getinfo(name).header_offset for name in archive.namelist()}
    whole = path.read_bytes()
    for name, place in places.items():
        # Offsets in the array's magic bytes, in its header, and in its numbers, whose checksum then fails.
        for offset in (40, 60, 170):
            damaged = bytearray(whole)
            damaged[place + offset] ^= 0x55
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=f"array '{name}' of .*d.npz cannot be read as NPZ"):
                read_table(path)
