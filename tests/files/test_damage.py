"""Damaged files of every form: clean errors, never another exception, and no memory that the file does not explain."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file

from fastsoftmax.files.data_file import read_table, write_table

pytest.importorskip("pyarrow")

X = np.array([[1.5, 0.0], [0.25, -2.0], [3.0, 1e-3]])


def damaged(whole, rng):
    """Return the file's bytes cut off, changed, or with a piece inserted or removed."""
    data, (place, other), length = bytearray(whole), rng.integers(0, len(whole), 2), rng.integers(1, 9)
    match rng.integers(5):
        case 0:
            del data[place:]
        case 1:
            for position in rng.integers(0, len(whole), rng.integers(1, 4)):
                data[position] ^= 1 << rng.integers(8)
        case 2:
            data[place : place + length] = rng.choice([b"\xff", b"\0", b"9", b"-", b"'"]) * int(length)
        case 3:
            data[place:place] = data[other : other + length]
        case 4:
            del data[place : place + length]
    return bytes(data)


def _write_sparse(path):
    matrix = sp.csr_matrix(X)
    sp.save_npz(path, matrix)
    np.savez(path, y=["a", "b", "c"], **np.load(path))


WRITERS = {
    "npz": lambda path: np.savez(path, X=X, y=["a", "b", "c"]),
    "compressed.npz": lambda path: np.savez_compressed(path, X=X, y=[1, 2, 3]),
    "sparse.npz": _write_sparse,
    "npy": lambda path: np.save(path, X),
    "csv": lambda path: write_table(path, {"a": X[:, 0], "b": X[:, 1], "t": np.array(["u", "v", "w"])}),
    "parquet": lambda path: write_table(path, {"a": X[:, 0], "b": X[:, 1], "t": np.array(["u", "v", "w"])}),
    "svm": lambda path: dump_svmlight_file(X, [0, 1, 2], str(path), zero_based=False),
}


@pytest.mark.parametrize("form", WRITERS)
def test_damage_of_any_kind_is_an_error_that_names_the_file_or_no_harm(tmp_path, form):
    """Damage raises only ValueError, and takes no more memory than the size of the file explains."""
    path = tmp_path / f"d.{form}"
    np.save(tmp_path / "y.npy", [0, 1, 2])
    WRITERS[form](path)
    target = {"npy": str(tmp_path / "y.npy"), "csv": "t", "parquet": "t"}.get(form)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    tracemalloc.start()
    try:
        for _ in range(300):
            # Write a new file: the old one may still be memory-mapped.
            path.unlink()
            path.write_bytes(damaged(whole, rng))
            try:
                table = read_table(path, target)
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017
                refused += 1
            else:
                assert table.X.shape[0] == len(table.y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused > 50
    assert peak < 2**26
