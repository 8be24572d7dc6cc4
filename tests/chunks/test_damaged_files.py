"""A file that is cut short, damaged or changed ends a fit with its name, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest
from chunked import N, in_chunks
from command_line import run
from problems import noisy

import fastsoftmax as fs
from fastsoftmax.chunks import from_iterable, from_npy, from_svmlight

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

X, Y = noisy(N)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cut_short(path, share=0.5):
    """Leave the first part of a file."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(share * len(content))])


def damage(path, place=0.5, n_bytes=64):
    """Turn some bytes of a file around."""
    content = bytearray(Path(path).read_bytes())
    first = int(place * len(content))
    content[first : first + n_bytes] = bytes(255 - value for value in content[first : first + n_bytes])
    Path(path).write_bytes(content)


def npy():
    np.save("X.npy", X)
    np.save("y.npy", Y)
    return from_npy("X.npy", "y.npy", chunk_bytes=100_000)


def cached():
    return from_iterable([(X[:3000], Y[:3000]), (X[3000:], Y[3000:])], "cache")


@pytest.mark.parametrize("spoil", [cut_short, damage])
def test_a_file_of_a_cache_is_named(spoil):
    cached()
    from sklearn.datasets import dump_svmlight_file

    dump_svmlight_file(X, Y, "a.svm", zero_based=False)
    options = {"n_features": 10, "chunk_bytes": 200_000}
    assert len(from_svmlight("a.svm", "svm", **options)) > 1
    for name in ("cache/000001.npz", "svm/000001.npz"):
        spoil(name)
    # The index of a cache that was written before is trusted, and its files are not.
    with pytest.raises(ValueError, match=r"svm/000001.npz.* cannot be read as NPZ"):
        fs.fit(from_svmlight("a.svm", "svm", **options), l2=1e-3)
    chunks = from_iterable([(X, Y)], "other")
    spoil("other/000000.npz")
    with pytest.raises(ValueError, match=r"other/000000.npz has changed since it was opened"):
        fs.fit(chunks, l2=1e-3)


def test_text_that_is_no_svmlight_is_named_and_leaves_no_cache():
    Path("a.svm").write_text("1 1:0.5 2:0.25\n0 1:0.5 oops\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a.svm cannot be read as svmlight"):
        from_svmlight("a.svm", "cache", n_features=2)
    assert not list(Path("cache").glob("*"))


@pytest.mark.parametrize("make", [npy, cached], ids=["npy", "cache"])
def test_a_file_that_changes_between_passes_is_noticed(make):
    chunks = make()
    last = Path("X.npy" if make is npy else "cache/000001.npz")

    def change(state):
        if state.iteration == 2:
            if make is npy:
                np.save(last, X[::-1])
            else:
                np.savez(last, X=X[3000:], y=Y[:3000])

    assert fs.fit(chunks, l2=1e-4, tol=1e-8).n_iter > 2
    with pytest.raises(ValueError, match=f"{last}.* has changed since it was opened"):
        fs.fit(chunks, l2=1e-4, tol=1e-8, callback=change)


@pytest.mark.parametrize("spoil", [cut_short, damage])
def test_the_command_line_writes_nothing(folder, spoil):
    Path("data").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(N), 3)):
        columns = {f"f{j}": X[rows, j] for j in range(10)} | {"label": Y[rows]}
        pq.write_table(pa.table(columns), f"data/{number}.parquet", write_page_checksum=True)
    spoil("data/2.parquet")
    result = run("fit", "data/*.parquet", "--target", "label", "--out", "model.safetensors")
    assert result.exit_code == 1
    assert "2.parquet" in result.output
    assert [path.name for path in folder.iterdir()] == ["data"]


def test_files_that_are_whole_fit():
    expected = fs.fit(in_chunks(X, Y), l2=1e-3)
    for chunks in (npy(), cached()):
        assert fs.fit(chunks, l2=1e-3).loss == expected.loss
