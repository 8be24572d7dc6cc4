"""Reading and writing tables: every format gives the same numbers, and every refusal names the place."""

import os

import numpy as np
import pytest
import scipy.sparse as sp

from fastsoftmax.files import data_file
from fastsoftmax.files.data_file import read_table, write_table

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.array([[1.5, 0.0], [0.25, -2.0], [3.0, 1e-3]])


def csv(path, text):
    path.write_text(text)
    return path


def to_parquet(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


class TestFormatsAgree:
    @pytest.mark.parametrize("labels", [["a", "b", "a"], [0, 2, 1], [True, False, True]], ids=str)
    def test_csv_and_parquet(self, tmp_path, labels):
        columns = {"p": X[:, 0], "q": X[:, 1], "t": np.array(labels)}
        for name in ("d.csv", "d.parquet"):
            write_table(tmp_path / name, columns)
            table = read_table(tmp_path / name, "t")
            np.testing.assert_array_equal(table.X, X, strict=True)
            # Text is objects, each of its own length.
            expected = np.array(labels, dtype=object if isinstance(labels[0], str) else None)
            np.testing.assert_array_equal(table.y, expected, strict=True)
            assert table.feature_names == ("p", "q")

    def test_npz(self, tmp_path):
        np.savez(tmp_path / "d.npz", X=X, y=[1, 0, 2], z=["u", "v", "u"])
        table = read_table(tmp_path / "d.npz")
        np.testing.assert_array_equal(table.X, X, strict=True)
        np.testing.assert_array_equal(table.y, [1, 0, 2])
        assert table.feature_names is None
        assert read_table(tmp_path / "d.npz", "z").y.tolist() == ["u", "v", "u"]

    @pytest.mark.parametrize("suffix", [".svm", ".svmlight", ".libsvm", ".SVM"])
    def test_svmlight(self, tmp_path, suffix):
        path = csv(tmp_path / f"d{suffix}", "1 1:1.5\n-1 1:0.25 2:-2\n1 1:3 2:0.001\n")
        for target in (None, "label"):
            table = read_table(path, target)
            assert table.X.format == "csr"
            np.testing.assert_array_equal(table.X.toarray(), X, strict=True)
            np.testing.assert_array_equal(table.y, np.array([1, -1, 1]), strict=True)

    def test_svmlight_has_the_features_of_the_model(self, tmp_path):
        path = csv(tmp_path / "d.svm", "1 2:5\n")
        assert read_table(path, n_features=4).X.toarray().tolist() == [[0, 5, 0, 0]]
        with pytest.raises(ValueError, match=r"d\.svm cannot be read as svmlight"):
            read_table(path, n_features=1)

    def test_svmlight_that_counts_from_zero(self, tmp_path):
        path = csv(tmp_path / "d.svm", "1 0:5 2:7\n-1 1:3\n")
        table = read_table(path)
        assert table.counts_from_zero
        np.testing.assert_array_equal(table.X.toarray(), [[5, 0, 7], [0, 3, 0]])
        # Without a feature 0, the model says from where features count.
        path = csv(tmp_path / "d.svm", "1 1:3\n")
        assert read_table(path, n_features=3, counts_from_zero=True).X.toarray().tolist() == [[0, 3, 0]]
        assert read_table(path, n_features=3, counts_from_zero=False).X.toarray().tolist() == [[3, 0, 0]]
        assert not read_table(path).counts_from_zero
        path = csv(tmp_path / "d.svm", "1 0:5\n")
        with pytest.raises(ValueError, match="feature 0, but features are counted from 1"):
            read_table(path, n_features=3, counts_from_zero=False)


class TestDtypes:
    def test_float32_stays(self, tmp_path):
        path = to_parquet(tmp_path / "d.parquet", a=X[:, 0].astype("f4"), b=X[:, 1].astype("f4"), t=[1, 2, 3])
        assert read_table(path, "t").X.dtype == np.float32
        np.savez(tmp_path / "d.npz", X=X.astype("f4"), y=[1, 2, 3])
        assert read_table(tmp_path / "d.npz").X.dtype == np.float32

    @pytest.mark.parametrize("dtype", ["f2", "u1", "i1"])
    def test_narrow_types_stay(self, tmp_path, dtype):
        narrow = np.array([[1, 2], [3, 4], [0, 1]], dtype)
        path = to_parquet(tmp_path / "d.parquet", a=narrow[:, 0], b=narrow[:, 1], t=[1, 2, 3])
        np.testing.assert_array_equal(read_table(path, "t").X, narrow, strict=True)
        np.savez(tmp_path / "d.npz", X=narrow, y=[1, 2, 3])
        np.testing.assert_array_equal(read_table(tmp_path / "d.npz").X, narrow, strict=True)

    def test_one_other_column_makes_float64(self, tmp_path):
        path = to_parquet(tmp_path / "d.parquet", a=X[:, 0].astype("f4"), b=[1, 2, 3], t=[1, 2, 3])
        assert read_table(path, "t").X.dtype == np.float64

    def test_booleans_and_decimals_are_numbers(self, tmp_path):
        decimals = pa.array([1.5, 2.5]).cast(pa.decimal128(4, 1))
        path = to_parquet(tmp_path / "d.parquet", a=[True, False], b=decimals, t=[0, 1])
        assert read_table(path, "t").X.tolist() == [[1, 1.5], [0, 2.5]]

    def test_unsigned_labels_become_signed(self, tmp_path):
        np.savez(tmp_path / "d.npz", X=X, y=np.array([1, 2, 3], dtype=np.uint8))
        assert read_table(tmp_path / "d.npz").y.dtype == np.int64

    def test_a_categorical_target_is_text(self, tmp_path):
        path = to_parquet(tmp_path / "d.parquet", a=[1, 2], t=pa.array(["u", "v"]).dictionary_encode())
        assert read_table(path, "t").y.tolist() == ["u", "v"]


class TestColumns:
    def test_features_of_a_model_are_picked_by_name(self, tmp_path):
        path = csv(tmp_path / "d.csv", "id,b,a\nx,2,1\ny,4,3\n")
        table = read_table(path, labelled=False, feature_names=("a", "b"), n_features=2)
        assert table.X.tolist() == [[1, 2], [3, 4]]
        assert table.y is None

    def test_a_missing_feature_is_named(self, tmp_path):
        path = csv(tmp_path / "d.csv", "lenght,width\n1,2\n")
        with pytest.raises(ValueError, match=r"no column 'length' \(did you mean 'lenght'\?\), a feature"):
            read_table(path, labelled=False, feature_names=("length", "width"))
        with pytest.raises(ValueError, match="lacks 2 of the 3 features of the model: 'p', 'q'"):
            read_table(path, labelled=False, feature_names=("p", "width", "q"))

    def test_the_count_must_agree_without_names(self, tmp_path):
        path = csv(tmp_path / "d.csv", "a,b,note\n1,2,x\n")
        with pytest.raises(ValueError, match="must have 2 features, as the model has, found 3"):
            read_table(path, labelled=False, n_features=2)
        np.savez(tmp_path / "d.npz", X=X)
        with pytest.raises(ValueError, match=r"d\.npz must have 5 features, as the model has, found 2"):
            read_table(tmp_path / "d.npz", labelled=False, n_features=5)

    def test_an_unlabelled_table_needs_no_target(self, tmp_path):
        np.savez(tmp_path / "d.npz", X=X, y=np.array([np.nan] * 3))
        assert read_table(tmp_path / "d.npz", labelled=False).y is None
        assert read_table(csv(tmp_path / "d.csv", "a\n1\n"), labelled=False).X.tolist() == [[1]]

    def test_the_index_of_a_frame_is_no_feature(self, tmp_path):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1, 2], "t": [0, 1]}, index=pandas.Index([10, 20], name="row"))
        frame.to_parquet(tmp_path / "d.parquet")
        assert read_table(tmp_path / "d.parquet", "t").feature_names == ("a",)

    def test_quotes_tell_a_name_from_a_missing_value(self, tmp_path):
        path = csv(tmp_path / "d.csv", 'a,t\n1,"NA"\n2,DE\n')
        assert read_table(path, "t").y.tolist() == ["NA", "DE"]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,species\n1,x\n", "speces", r"no target column 'speces' \(did you mean 'species'\?\).*'a', 'species'"),
        ("a,t\n1,x\n", None, "needs a target, one of its columns: 'a', 't'"),
        ("a,t\n1,x\n2,\n3,\n", "t", "target column 't' .* has 2 missing values, the first in row 2 of 3"),
        ("a,t\n1,1\n2,NaN\n", "t", "target column 't' .* has 1 missing value, in row 2 of 2"),
        ("a,t\n1,0.5\n2,1\n", "t", "whole numbers or booleans, found 0.5 in row 1"),
        ("a,t\n1,2020-01-01\n2,2020-01-02\n", "t", "whole numbers or booleans, found date32"),
        ("a,b,t\n1,red,x\n", "t", "feature column 'b' .* must hold numbers, found string, such as 'red'"),
        ("a,b,t\n1,2,x\n3,,y\n", "t", "feature column 'b' .* has 1 missing value, in row 2 of 2"),
        ("a,b,t\n1,,x\n3,,y\n", "t", "feature column 'b' .* has 2 missing values, the first in row 1"),
        ("a,t\n1,x\ninf,y\n", "t", "feature column 'a' .* has an infinite value in row 2"),
        ("t\n1\n2\n", "t", "has no feature columns, only 't'"),
        ("a,t\n", "t", "has no rows, only the columns 'a', 't'"),
        ("", "t", "cannot be read as CSV: Empty CSV file"),
        ("a,t\n1\n", "t", "cannot be read as CSV: .*Expected 2 columns, got 1"),
        ("a,a,t\n1,2,3\n", "t", "more than one column 'a'"),
        (",a,t\n0,2,3\n", "t", "column 1 of .* has no name.*index=False"),
    ],
)
def test_refused_csv(tmp_path, text, target, message):
    path = csv(tmp_path / "data.csv", text)
    with pytest.raises(ValueError, match=message) as error:
        read_table(path, target)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "target", "message"),
    [
        ({"x": X, "y": [1, 2, 3]}, None, r"no array 'X' for the features.*'x', 'y'"),
        ({"X": X}, None, "no array 'y' for the target; its arrays are 'X'"),
        ({"X": X, "label": [1, 2, 3]}, "labels", r"'labels' for the target \(did you mean 'label'\?\)"),
        ({"X": X[0], "y": [1, 2]}, None, r"must be a matrix of numbers, found shape \(2,\)"),
        ({"X": X.astype(str), "y": [1, 2, 3]}, None, "must be a matrix of numbers.*dtype <U"),
        ({"X": X[:0], "y": []}, None, r"must not be empty, found shape \(0, 2\)"),
        ({"X": X, "y": [1, 2]}, None, r"must have shape \(3,\).*found \(2,\)"),
        ({"X": X, "y": [1, np.nan, 2]}, None, "array 'y' .* 1 missing value, in row 2 of 3"),
        ({"X": X, "y": [b"a", b"b", b"c"]}, None, "text, whole numbers or booleans, found |S1"),
        ({"X": np.where(X == 3, np.nan, X), "y": [1, 2, 3]}, None, r"a missing value \(NaN\) in row 3, column 1"),
        ({"X": np.where(X == 3, np.inf, X), "y": [1, 2, 3]}, None, "an infinite value in row 3, column 1"),
        (
            {"X": np.array([[1, None]], dtype=object), "y": [1]},
            None,
            "array 'X' of .* cannot be read as NPZ: .*Python objects",
        ),
    ],
)
def test_refused_npz(tmp_path, arrays, target, message):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message) as error:
        read_table(path, target)
    assert str(path) in str(error.value)


def test_a_pickle_in_a_file_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    np.savez(tmp_path / "data.npz", X=np.array([[Bomb()]], dtype=object), y=[1])
    with pytest.raises(ValueError, match="holds Python objects, which can run code"):
        read_table(tmp_path / "data.npz")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("1 1:2\n", "y", "leave target out, found 'y'"),
        ("hello world\n", None, "cannot be read as svmlight"),
        ("1 1:nan\n", None, r"a missing value \(NaN\) in row 1, column 1"),
        ("nan 1:2\n", None, "the labels of .* 1 missing value"),
        ("", None, "has no rows"),
        ("1 1:1 99999999999:2\n", None, "cannot be read as svmlight"),
    ],
)
def test_refused_svmlight(tmp_path, text, target, message):
    with pytest.raises(ValueError, match=message):
        read_table(csv(tmp_path / "data.svm", text), target)


def test_svmlight_that_memory_cannot_hold(tmp_path):
    path = csv(tmp_path / "data.svm", "1 1:1 2000000000:1\n" * 1000)
    with pytest.raises(ValueError, match=r"2000000000 features: the parameters .* GiB.*half of this machine's memory"):
        read_table(path)


def test_memory_limit_is_half_of_the_machine():
    assert 2**26 < data_file.memory_limit() < 2**50


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_damaged_files(tmp_path, suffix):
    path = tmp_path / f"data{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, X=X, y=[1, 2, 3])
    else:
        to_parquet(path, a=[1, 2, 3], t=[1, 2, 3])
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cannot be read as"):
            read_table(path, "t" if suffix == ".parquet" else None)


def test_a_file_of_another_kind(tmp_path):
    np.save(tmp_path / "d.npy", X)
    os.rename(tmp_path / "d.npy", tmp_path / "d.npz")
    with pytest.raises(ValueError, match="one array without a name"):
        read_table(tmp_path / "d.npz")


def test_unknown_suffixes_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"one of \.csv, \.tsv, \.parquet, \.npz, .*; found '\.xlsx'"):
        read_table(csv(tmp_path / "d.xlsx", ""))
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.csv"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(ValueError, match=r"must end in \.csv or \.parquet, found '\.txt'"):
        write_table(tmp_path / "d.txt", {"a": X[:, 0]})
    assert sorted(os.listdir(tmp_path)) == ["d.xlsx"]


def test_written_csv(tmp_path):
    columns = {"prediction": np.array(["x", 'a,"b"']), "probability_a,b": np.array([0.5, 0.1], dtype=np.float32)}
    write_table(tmp_path / "d.csv", columns)
    assert (tmp_path / "d.csv").read_text() == 'prediction,"probability_a,b"\n"x",0.5\n"a,""b""",0.1\n'


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "d.parquet").write_text("old")
    with pytest.raises(ValueError, match="length"):
        write_table(tmp_path / "d.parquet", {"a": np.arange(3), "b": np.arange(2)})
    assert os.listdir(tmp_path) == ["d.parquet"]
    assert (tmp_path / "d.parquet").read_text() == "old"


class TestSparseNpz:
    def test_as_scipy_writes_it(self, tmp_path):
        matrix = sp.csr_matrix(X)
        np.savez(
            tmp_path / "d.npz",
            y=[1, 0, 2],
            **{name: getattr(matrix, name) for name in ("data", "indices", "indptr")},
            shape=matrix.shape,
        )
        table = read_table(tmp_path / "d.npz")
        assert table.X.format == "csr"
        np.testing.assert_array_equal(table.X.toarray(), X)
        assert table.y.tolist() == [1, 0, 2]
        sp.save_npz(tmp_path / "only.npz", matrix)
        np.testing.assert_array_equal(read_table(tmp_path / "only.npz", labelled=False).X.toarray(), X)

    def test_other_formats_are_refused(self, tmp_path):
        sp.save_npz(tmp_path / "d.npz", sp.csc_matrix(X))
        with pytest.raises(ValueError, match=r"d\.npz must hold a CSR matrix, found one of format 'csc'"):
            read_table(tmp_path / "d.npz", labelled=False)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"indices": np.array([0, 9, 0, 1, 1], np.int32)}, "X.indices must be between 0 and 1, found 9 in row 1"),
            ({"indptr": np.array([0, 3, 2, 5], np.int32)}, "X.indptr must never decrease"),
            ({"shape": np.array([3])}, r"array 'shape' .* must be two positive numbers, found \[3\]"),
            ({"data": np.array([1, np.nan, 1, 1, 1])}, "X contains NaN at row 1, column 0"),
            ({"data": np.ones((5, 1))}, r"array 'data' .* must be a vector of numbers, found shape \(5, 1\)"),
            ({"indices": np.array(["a"])}, "array 'indices' .* must be a vector of numbers, .* dtype <U1"),
            ({"shape": np.array([10**15, 2])}, "'indptr' .* must have 1000000000000001 entries .*, found 4"),
            ({"shape": np.array([3, 10**15])}, "1000000000000000 features: the parameters .* half of this machine's"),
            ({"format": np.array(7)}, r"array 'format' .* must be a word, found shape \(\), dtype int64"),
        ],
    )
    def test_damaged(self, tmp_path, change, message):
        matrix = sp.csr_matrix(X)
        parts = (
            {name: getattr(matrix, name) for name in ("data", "indices", "indptr")} | {"shape": matrix.shape} | change
        )
        np.savez(tmp_path / "d.npz", y=[1, 0, 2], **parts)
        with pytest.raises(ValueError, match=message):
            read_table(tmp_path / "d.npz")


class TestNpy:
    def test_is_mapped_and_not_read(self, tmp_path):
        np.save(tmp_path / "X.npy", (10 * X).astype(np.int8))
        np.save(tmp_path / "y.npy", [1, 0, 2])
        table = read_table(tmp_path / "X.npy", str(tmp_path / "y.npy"))
        assert isinstance(table.X, np.memmap)
        np.testing.assert_array_equal(table.X, (10 * X).astype(np.int8))
        assert table.y.tolist() == [1, 0, 2]

    def test_needs_a_file_for_the_target(self, tmp_path):
        np.save(tmp_path / "X.npy", X)
        for target in (None, "y"):
            with pytest.raises(ValueError, match=r"target of .*X\.npy must be a \.npy file with a label for each row"):
                read_table(tmp_path / "X.npy", target)
        np.save(tmp_path / "y.npy", [1, 2])
        with pytest.raises(ValueError, match=r"y\.npy must have shape \(3,\), a label for each row of X, found \(2,\)"):
            read_table(tmp_path / "X.npy", str(tmp_path / "y.npy"))

    def test_damaged(self, tmp_path):
        (tmp_path / "X.npy").write_bytes(b"hello")
        with pytest.raises(ValueError, match=r"X\.npy cannot be read as NPY"):
            read_table(tmp_path / "X.npy", labelled=False)
