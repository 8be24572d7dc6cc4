"""CSV in two passes: the kinds of columns from all of their cells, and one matrix of the numbers."""

import numpy as np
import pytest

from fastsoftmax.data.coded_matrix import CodedMatrix
from fastsoftmax.files import codes, csv_file
from fastsoftmax.files.csv_file import CsvFile
from fastsoftmax.files.data_file import read_table
from fastsoftmax.files.reading import Reading

pytest.importorskip("pyarrow")

MIXED = Reading(mixed=True)


def csv(tmp_path, text, name="d.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def kinds_of(path, reading=MIXED):
    file = CsvFile(path, reading)
    return {name: column.kind for name, column in file.survey(file.names).columns.items()}


class TestDialect:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters_are_found(self, tmp_path, delimiter):
        text = "a,b,c\n1,2,x\n".replace(",", delimiter)
        assert CsvFile(csv(tmp_path, text), MIXED).names == ("a", "b", "c")

    def test_a_delimiter_in_quotes_is_none(self, tmp_path):
        file = CsvFile(csv(tmp_path, '"a;b;c;d",e,f\n1,2,3\n'), MIXED)
        assert file.names == ("a;b;c;d", "e", "f")
        assert file.dialect.delimiter == ","

    def test_a_delimiter_is_given(self, tmp_path):
        path = csv(tmp_path, "a;b,c\n1;2,3\n")
        assert CsvFile(path, Reading(delimiter=";")).names == ("a", "b,c")
        assert CsvFile(path, Reading(delimiter=",")).names == ("a;b", "c")

    def test_a_header_of_several_lines(self, tmp_path):
        path = csv(tmp_path, '\n"a\nb",t\n1,x\n2,y\n')
        table = read_table(path, "t")
        assert table.feature_names == ("a\nb",)
        assert table.X.tolist() == [[1], [2]]

    def test_one_column(self, tmp_path):
        assert read_table(csv(tmp_path, "a\n1\n2\n"), labelled=False).X.tolist() == [[1], [2]]

    def test_a_wide_table_has_larger_blocks(self, tmp_path):
        n = 40_000
        text = (
            ",".join(f"x{j}" for j in range(n)) + "\n" + (",".join(["0.123456789012345678901234567890"] * n) + "\n") * 2
        )
        table = read_table(csv(tmp_path, text), labelled=False)
        assert table.X.shape == (2, n)


class TestKinds:
    @pytest.mark.parametrize(
        ("cells", "kind"),
        [
            (["1", "", "3"], "int64"),
            (["1", "2.5"], "double"),
            ([" 1 ", "+2"], "int64"),
            (["1e3", "-.5", "+.5"], "double"),
            (["true", "FALSE"], "bool"),
            (["2020-01-01", "2020-01-02 10:00:00"], "timestamp[s]"),
            (["NA", ""], "null"),
            (["1", "x"], "string"),
            (["true", "2.5"], "string"),
            (["1,5", "2"], "string"),
        ],
    )
    @pytest.mark.parametrize("block", [1 << 4, 1 << 20])
    def test_of_all_cells(self, tmp_path, monkeypatch, cells, kind, block):
        """Whether cells come in one batch or in several."""
        monkeypatch.setattr(csv_file, "BLOCK", block)
        text = "x,more\n" + "".join(f'"{cell}",1\n' if cell not in ("", "NA") else f"{cell},1\n" for cell in cells)
        assert kinds_of(csv(tmp_path, text))["x"] == kind

    def test_decimal_commas(self, tmp_path):
        path = csv(tmp_path, "a;b\n1,5;1\n2;2\n")
        assert kinds_of(path) == {"a": "comma", "b": "int64"}
        assert read_table(path, labelled=False).X.tolist() == [[1.5, 1], [2, 2]]
        assert kinds_of(path, Reading(decimal="."))["a"] == "string"
        path = csv(tmp_path, 'a,b\n"1,5",1\n2,2\n')
        assert kinds_of(path, Reading(decimal=","))["a"] == "comma"

    def test_the_offending_cell_is_named_wherever_it_stands(self, tmp_path):
        rows = [f"{i},a\n" for i in range(300_000)]
        rows[250_016] = "?,a\n"
        path = csv(tmp_path, "age,t\n" + "".join(rows))
        with pytest.raises(ValueError, match=r"'\?' in row 250017 of feature column 'age' of .*d\.csv is no number"):
            read_table(path, "t", reading=MIXED)


class TestLargeTables:
    """The types that keep a table small: what they hold is the same."""

    @pytest.fixture
    def small_limit(self, monkeypatch):
        monkeypatch.setattr(codes, "LARGE", 1 << 10)

    def test_numbers_become_float32(self, tmp_path, small_limit):
        X = np.random.default_rng(0).normal(size=(100, 3)).round(4)
        path = csv(tmp_path, "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in X.tolist()))
        np.testing.assert_array_equal(read_table(path, labelled=False).X, X.astype(np.float32), strict=True)

    def test_bytes_become_uint8(self, tmp_path, small_limit):
        X = np.random.default_rng(0).integers(0, 256, (100, 3))
        path = csv(tmp_path, "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in X.tolist()))
        np.testing.assert_array_equal(read_table(path, labelled=False).X, X.astype(np.uint8), strict=True)
        for other in ("256,0,0\n", "-1,0,0\n", ",0,0\n"):
            path.write_text(path.read_text() + other)
            assert read_table(path, labelled=False, reading=MIXED).X.dtype == np.float32

    @pytest.mark.parametrize("n_levels", [40, 300])
    def test_many_levels_stay_codes(self, tmp_path, monkeypatch, n_levels):
        def row(i, town):
            # Numbers, text, numbers of which some are missing, text of which some is missing, booleans likewise.
            flag = "" if i % 5 == 0 else i % 2 == 0
            return f"{i},{town},{'' if i % 9 == 0 else i % 5},{'' if i % 7 == 0 else 'ab'[i % 2]},{flag}\n"

        header = "a,b,c,d,e\n"
        path = csv(tmp_path, header + "".join(row(i, f"town {i % n_levels}") for i in range(700)))
        other = tmp_path / "other.csv"
        other.write_text(header + "".join(row(i, f"town {i}") for i in range(290, 600)))
        table = read_table(path, labelled=False, reading=MIXED)
        dense, dense_other = table.X, read_table(other, labelled=False, preprocessing=table.preprocessing).X
        assert isinstance(dense, np.ndarray)
        monkeypatch.setattr(codes, "LARGE", 1 << 10)
        monkeypatch.setattr(codes, "BLOCK", 1 << 7)
        coded = read_table(path, labelled=False, reading=MIXED)
        assert coded.preprocessing == table.preprocessing
        for X, wanted in (
            (coded.X, dense),
            (read_table(other, labelled=False, preprocessing=coded.preprocessing).X, dense_other),
        ):
            assert isinstance(X, CodedMatrix)
            assert (X.dtype, X.codes.dtype) == (np.float32, np.uint8 if n_levels < 253 else np.uint16)
            np.testing.assert_array_equal(X.tocsr().toarray(), wanted)

    def test_too_many_levels(self, tmp_path):
        text = "a,t\n" + "".join(f"word {i % 12000},{i % 2}\n" for i in range(30000))
        with pytest.raises(ValueError, match="'a' .* has 1[0-9]+ different texts in [0-9]+ rows, such as 'word 0'"):
            read_table(csv(tmp_path, text), "t", reading=MIXED)


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = csv(tmp_path, "a,t\n1,x\n2,y\n")
    whole = CsvFile.survey

    def survey(self, names):
        found = whole(self, names)
        path.write_text("a,t\n1,x\n2,y\n3,z\n")
        return found

    monkeypatch.setattr(CsvFile, "survey", survey)
    with pytest.raises(ValueError, match=r"d\.csv has changed while it was read"):
        read_table(path, "t")


def test_encodings(tmp_path):
    for encoding in ("latin-1", "utf-16", "cp1252", "utf-8-sig"):
        path = csv(tmp_path, "à,t\n1,é\n2,ü\n".encode(encoding))
        table = read_table(path, "t", reading=Reading(encoding=encoding))
        assert table.feature_names == ("à",)
        assert table.y.tolist() == ["é", "ü"]


def test_the_line_that_is_of_another_encoding(tmp_path):
    path = csv(tmp_path, b"a,t\n" + b"1,x\n" * 400_000 + "2,ü\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"d\.csv is not UTF-8 text: byte 0xfc in line 400002; .*'ü'"):
        read_table(path, "t")


@pytest.mark.parametrize("suffix", ["gz", "bz2"])
def test_compressed(tmp_path, suffix):
    import bz2
    import gzip

    compress = {"gz": gzip.compress, "bz2": bz2.compress}[suffix]
    path = csv(tmp_path, compress(b"a\tt\n1\tx\n"), f"d.tsv.{suffix}")
    assert read_table(path, "t").X.tolist() == [[1]]
    with pytest.raises(ValueError, match=r"must be a \.csv or \.tsv file that is compressed"):
        read_table(csv(tmp_path, b"", f"d.parquet.{suffix}"), "t")
