"""Labels from files: different ones stay different, and long text takes no more memory than it needs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastsoftmax.files.columns import target_column
from fastsoftmax.files.data_file import read_table

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.arange(6.0).reshape(3, 2)


def labels_of(tmp_path, form, labels):
    """Write labels, given as text, to a file of this form; return them as `read_table` reads them."""
    path = tmp_path / f"d.{form}"
    if form == "csv":
        path.write_text("a,t\n" + "".join(f"1,{label}\n" for label in labels))
    elif form == "svm":
        path.write_text("".join(f"{label} 1:1\n" for label in labels))
    elif form == "parquet":
        parquet.write_table(pa.table({"a": np.ones(len(labels)), "t": [float(label) for label in labels]}), path)
    elif form == "npz":
        np.savez(path, X=np.ones((len(labels), 1)), y=[float(label) for label in labels])
    else:
        np.save(path, np.ones((len(labels), 1)))
        np.save(tmp_path / "y.npy", [float(label) for label in labels])
    return read_table(path, {"csv": "t", "parquet": "t", "npy": str(tmp_path / "y.npy")}.get(form)).y


class TestLargeLabels:
    """Different labels stay different, or are refused."""

    @pytest.mark.parametrize("form", ["csv", "parquet", "npz", "npy", "svm"])
    @pytest.mark.parametrize("labels", [("1e300", "1e301"), ("1", "-9007199254740993.0"), ("2", "9007199254740992.0")])
    def test_floats_that_are_rounded_are_refused(self, tmp_path, form, labels):
        with pytest.raises(ValueError, match=r"whole numbers below 2\*\*53 .*, found .* in row [12]"):
            labels_of(tmp_path, form, labels)

    @pytest.mark.parametrize("form", ["csv", "parquet", "npz", "npy", "svm"])
    def test_the_largest_floats(self, tmp_path, form):
        labels = ["9007199254740991.0", "9007199254740990.0", "-9007199254740991.0"]
        assert labels_of(tmp_path, form, labels).tolist() == [2**53 - 1, 2**53 - 2, 1 - 2**53]

    def test_whole_numbers_of_64_bits(self, tmp_path):
        labels = [2**63 - 1, 2**63 - 2, -(2**63)]
        assert labels_of(tmp_path, "csv", labels).tolist() == labels
        np.savez(tmp_path / "d.npz", X=X, y=labels)
        assert read_table(tmp_path / "d.npz").y.tolist() == labels
        parquet.write_table(pa.table({"a": [1, 2, 3], "t": labels}), tmp_path / "d.parquet")
        assert read_table(tmp_path / "d.parquet", "t").y.tolist() == labels

    def test_whole_numbers_beyond_64_bits(self, tmp_path):
        with pytest.raises(ValueError, match=r"whole numbers below 2\*\*53 .*, found 1.2345678901234567e\+19 in row 2"):
            labels_of(tmp_path, "csv", [1, "12345678901234567890", "12345678901234567891"])
        np.savez(tmp_path / "d.npz", X=X, y=np.array([1, 2, 2**63], np.uint64))
        with pytest.raises(ValueError, match="holds 9223372036854775808, which is larger than labels may be"):
            read_table(tmp_path / "d.npz")

    def test_numbers_longer_than_float64(self, tmp_path):
        np.savez(tmp_path / "d.npz", X=X, y=np.array([1, 2, 2**53], np.longdouble) + np.array([0, 0, 1]))
        with pytest.raises(ValueError, match=r"below 2\*\*53"):
            read_table(tmp_path / "d.npz")


class TestTextInParquet:
    @pytest.mark.parametrize("keeps_schema", [True, False])
    @pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
    @pytest.mark.parametrize("in_dictionary", [False, True])
    def test_every_kind(self, tmp_path, kind, in_dictionary, keeps_schema):
        labels = pa.array(["u", "v", "a longer text", "u"]).cast(getattr(pa, kind)())
        if in_dictionary:
            labels = pa.DictionaryArray.from_arrays([0, 1, 2, 0], labels.slice(0, 3))
        table = pa.table({"a": [1, 2, 3, 4], "t": labels})
        found = [target_column(Path("d"), table, "t")]
        # pyarrow cannot write views in a dictionary.
        if not (in_dictionary and kind == "string_view"):
            parquet.write_table(table, tmp_path / "d.parquet", store_schema=keeps_schema)
            found.append(read_table(tmp_path / "d.parquet", "t").y)
        for y in found:
            assert y.tolist() == ["u", "v", "a longer text", "u"]
            assert y.dtype == object
            assert y[0] is y[3]

    def test_a_long_text_that_occurs_often_is_held_once(self, tmp_path):
        """The file has a few kB, its text 200 MB if every row had a copy."""
        labels = pa.DictionaryArray.from_arrays(np.arange(2000) % 2, pa.array(["x" * 200_000, "y"]))
        parquet.write_table(pa.table({"a": np.arange(2000), "t": labels}), tmp_path / "d.parquet", store_schema=False)
        code = (
            "import sys, pyarrow; from fastsoftmax.files.data_file import read_table\n"
            "labels = read_table(sys.argv[1], 't').y\n"
            "assert set(labels) == {'x' * 200_000, 'y'}\n"
            "print(pyarrow.default_memory_pool().max_memory())"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "d.parquet")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert 0 < int(done.stdout) < 2**25

    def test_as_polars_writes_it(self, tmp_path):
        polars = pytest.importorskip("polars")
        labels = ["u", "v", "u"]
        for kind in (polars.String, polars.Categorical, polars.Enum(["u", "v"])):
            frame = polars.DataFrame({"a": [1.0, 2.0, 3.0], "t": polars.Series(labels, dtype=kind)})
            frame.write_parquet(tmp_path / "d.parquet")
            assert read_table(tmp_path / "d.parquet", "t").y.tolist() == labels

    @pytest.mark.parametrize("kind", ["binary", "large_binary", "binary_view"])
    def test_bytes_are_no_text(self, tmp_path, kind):
        labels = pa.array([b"u", b"v"]).cast(getattr(pa, kind)())
        parquet.write_table(pa.table({"a": [1, 2], "t": labels}), tmp_path / "d.parquet")
        with pytest.raises(ValueError, match="must hold text, whole numbers or booleans, found .*binary"):
            read_table(tmp_path / "d.parquet", "t")

    def test_missing_text(self, tmp_path):
        for labels in (pa.array(["u", None, "v"]), pa.array(["u", None, "v"]).dictionary_encode()):
            parquet.write_table(pa.table({"a": [1, 2, 3], "t": labels}), tmp_path / "d.parquet")
            with pytest.raises(ValueError, match="has 1 missing value, in row 2 of 3"):
                read_table(tmp_path / "d.parquet", "t")

    def test_text_among_features_is_named_by_its_kind(self, tmp_path):
        path = tmp_path / "d.parquet"
        parquet.write_table(pa.table({"a": ["red", "blue"], "t": [0, 1]}), path)
        with pytest.raises(ValueError, match="'a' .* must hold numbers, found string, such as 'red'"):
            read_table(path, "t")


def test_a_long_label_is_not_repeated_in_messages(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("a,t\n" + "x" * 10_000 + ",1\n")
    with pytest.raises(ValueError, match=r"such as 'xxx[x]*… \(10002 letters\)") as error:
        read_table(path, "t")
    assert len(str(error.value)) < 300 + len(str(path))
