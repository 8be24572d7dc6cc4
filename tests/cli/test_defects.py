"""Common defects of real files: a fit trains all the same, or says which file, column and row, and what helps."""

import gzip
import re

import numpy as np
import pytest
from command_line import run

from fastsoftmax.files.model_file import load_model

pytest.importorskip("pyarrow")

HEADER = "age,height,t"
ROWS = [f"{20 + i % 7},{150 + i % 11},{'yes' if i % 7 > 3 else 'no'}" for i in range(40)]


def lines(*extra, header=HEADER, rows=ROWS):
    return "\n".join([header, *rows, *extra]) + "\n"


def with_column(name, cells):
    """The table, and one more column, whose cells are repeated."""
    rows = [f"{row},{cells[i % len(cells)]}" for i, row in enumerate(ROWS)]
    return lines(header=f"{HEADER},{name}", rows=rows)


BY_NAME = lines(header=f"who,{HEADER}", rows=[f"P{i},{row}" for i, row in enumerate(ROWS)])
INDEXED = "\n".join(f"{i},{line}" for i, line in enumerate([HEADER, *ROWS])).replace("0,age", ",age", 1)

PLAIN = ("age", "height")

# The defect, the file, options, and the names of the features that are trained on.
TRAINED = {
    "byte order mark": ("\ufeff" + lines(), (), PLAIN),
    "Windows line ends": (lines().replace("\n", "\r\n"), (), PLAIN),
    "no line end at the end": (lines().rstrip("\n"), (), PLAIN),
    "blank lines": ("\n\n" + lines().replace("\n", "\n\n"), (), PLAIN),
    "semicolons and decimal commas": (
        lines("21,5;160,5;no", header="age;height;t", rows=[row.replace(",", ";") for row in ROWS]),
        (),
        PLAIN,
    ),
    "tabs": (lines().replace(",", "\t"), (), PLAIN),
    "spaces around numbers": (lines(rows=[" " + row.replace(",", " , ", 1) for row in ROWS]), (), PLAIN),
    "spaces around names": (lines(header="age , height,t"), (), PLAIN),
    "plus signs": (lines("+21,+160.5,no"), (), PLAIN),
    "delimiters in quotes": (
        with_column("town", ['"Paris, France"', "Rome"]),
        (),
        (*PLAIN, "town=Paris, France", "town=Rome"),
    ),
    "line ends in quotes": (
        with_column("town", ['"Paris\nFrance"', "Rome"]),
        (),
        (*PLAIN, "town=Paris\nFrance", "town=Rome"),
    ),
    "all cells of a column missing": (with_column("empty", [""]), (), PLAIN),
    "a text that is always the same": (with_column("unit", ["cm"]), (), PLAIN),
    "a number that is always the same": (with_column("one", ["1"]), (), (*PLAIN, "one")),
    "some numbers missing": (
        with_column("weight", ["70", "NA", "", "80.5"]),
        (),
        (*PLAIN, "weight", "weight is missing"),
    ),
    "some texts missing": (with_column("sex", ["f", "NA", "m"]), (), (*PLAIN, "sex=f", "sex=m", "sex is missing")),
    "some booleans missing": (
        with_column("flag", ["true", "", "false"]),
        (),
        (*PLAIN, "flag=False", "flag=True", "flag is missing"),
    ),
    "an own mark of missing cells": (
        with_column("weight", ["70", "?", "80"]),
        ("--na", "?"),
        (*PLAIN, "weight", "weight is missing"),
    ),
    "an index without a name": (INDEXED, ("--drop", ""), PLAIN),
    "numbers that are names": (
        with_column("zip", ["01234", "02345"]),
        ("--text", "zip"),
        (*PLAIN, "zip=01234", "zip=02345"),
    ),
    "Latin-1 that is named": (
        with_column("café", ["é", "à"]).encode("latin-1"),
        ("--encoding", "latin-1"),
        (*PLAIN, "café=à", "café=é"),
    ),
    "Excel's line of the delimiter": ("sep=;\n" + lines().replace(",", ";"), (), PLAIN),
    "a delimiter at the end of every line": (
        lines(header=HEADER + ",", rows=[row + "," for row in ROWS]),
        ("--drop", ""),
        PLAIN,
    ),
    "points for thousands and decimal commas": (
        lines(header=HEADER.replace(",", ";"), rows=[f"1.{200 + i};160,5;{'ab'[i % 2]}" for i in range(40)]),
        ("--drop", "age"),
        ("height",),
    ),
    "old line ends of Macintosh": (lines().replace("\n", "\r"), (), PLAIN),
    "names of rows": (BY_NAME, ("--id", "who"), PLAIN),
}

# The defect, the file, and the message, which names the column, the row or line, and what helps.
REFUSED = {
    "no bytes": ("", "d.csv cannot be read as CSV: Empty CSV file"),
    "a header alone": (HEADER + "\n", "d.csv has no rows, only the columns 'age', 'height', 't'"),
    "two columns of one name": (
        lines(header="age,age,t"),
        "d.csv has more than one column 'age'; rename one, or .*--drop",
    ),
    "a column without a name": (
        lines(header=",height,t"),
        "column 1 of d.csv has no name.*index=False, or .*--drop ''",
    ),
    "a delimiter at the end of the header": (
        lines(header=HEADER + ",", rows=[row + "," for row in ROWS]),
        "last column of d.csv, column 4, has no name; if lines end in a delimiter, leave it out .*--drop ''",
    ),
    "nothing but Excel's line of the delimiter": (
        "sep=;\n",
        "d.csv cannot be read as CSV: its first line is no header",
    ),
    "a title before the header": (
        "Our table\n\n" + lines(),
        "first line is no header: 'Our table', and the lines after it have 3 cells; delete what stands before",
    ),
    "a comment before the header": (
        "# made by hand\n" + lines().replace(",", "\t"),
        "first line is no header: '# made by hand', and the lines after it have 3 cells",
    ),
    "Excel's own format": (b"PK\x03\x04" + bytes(200), "d.csv is not CSV but a zip archive.*save the sheet as CSV"),
    "compressed, but not named so": (gzip.compress(lines().encode()), "d.csv is not CSV but compressed by gzip"),
    "Parquet that is named CSV": (b"PAR1" + bytes(200), "d.csv is not CSV but Parquet"),
    "a short row": (lines("21,160"), "in line 42, Expected 3 columns, got 2: 21,160; add the cells"),
    "a long row": (lines("21,160,1,no"), "in line 42, Expected 3 columns, got 4: 21,160,1,no; put a cell in quotes"),
    "a delimiter at the end": (
        lines(rows=[row + "," for row in ROWS]),
        "in line 2, .*got 4.*end in a delimiter that the header",
    ),
    "text among numbers": (
        lines("?,160,no"),
        "'\\?' in row 41 of feature column 'age' of d.csv is no number.*--na '\\?'.*--text",
    ),
    "infinite numbers": (lines("inf,160,no"), "feature column 'age' of d.csv has an infinite value in row 41"),
    "ISO dates": (
        with_column("born", ["2001-02-03", "2002-03-04"]),
        "column 'born' .* dates or times, such as '2001-02-03'; .*year.*--drop",
    ),
    "other dates": (
        with_column("born", ["31.12.2001", "1.2.2002"]),
        "column 'born' .* dates or times, such as '31.12.2001'; .*--drop",
    ),
    "times": (with_column("at", ["12:30", "9:15"]), "column 'at' .* dates or times, such as '12:30'"),
    "thousands separators": (
        with_column("pay", ['"1,234"', "999"]),
        "column 'pay' .* thousands separators, such as '1,234' in row 1; write",
    ),
    "percent signs": (
        with_column("share", ["12%", "7.5%"]),
        "column 'share' .* signs of percent or currency, such as '12%' in row 1; write",
    ),
    "currencies": (
        with_column("pay", ["$12.50", "$7"]),
        "column 'pay' .* signs of percent or currency, such as '\\$12.50' in row 1",
    ),
    "decimal commas among commas": (
        with_column("x", ['"1,5"', '"2,5"']),
        "column 'x' .* decimal commas, such as '1,5' in row 1; .*--decimal ,",
    ),
    "a text in every row": (BY_NAME, "column 'who' .* 40 different texts in 40 rows.*--drop.*--id"),
    "missing labels": (
        lines("21,160,"),
        "target column 't' of d.csv has 1 missing value, in row 41 of 41; leave such rows out",
    ),
    "a single class": (
        lines(rows=[row.replace("yes", "no") for row in ROWS]),
        "target of d.csv must hold two classes or more, found only 'no'",
    ),
    "labels that are fractions": (
        lines(rows=[row.replace("yes", "0.5").replace("no", "1") for row in ROWS]),
        "target column 't' .* found 0.5 in row 5",
    ),
    "Latin-1": (
        with_column("town", ["Köln", "Bonn"]).encode("latin-1"),
        "d.csv is not UTF-8 text: byte 0xf6 in line 2; .*Latin-1.*'ö'.*--encoding latin-1",
    ),
    "UTF-16": (lines().encode("utf-16"), "d.csv is not UTF-8 but UTF-16 text; .*--encoding utf-16"),
    "a quote that does not end": (lines('21,"160,no'), "d.csv cannot be read as CSV: .*Expected 3 columns, got 2"),
    "nothing that tells": (
        lines(header="a,t", rows=["cm,yes", "cm,no"]),
        "d.csv has no feature that tells anything .*'a'",
    ),
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("defect", TRAINED)
def test_trains(tmp_path, monkeypatch, defect):
    monkeypatch.chdir(tmp_path)
    content, options, names = TRAINED[defect]
    write(tmp_path / "d.csv", content)
    result = run("fit", "d.csv", "--target", "t", "--standardize", *options)
    assert result.exit_code == 0, result.stderr
    model = load_model("model.safetensors")
    assert model.feature_names == names
    assert np.isfinite(model.W).all()
    data = [option for option in options if option not in ("--text", "zip")]
    assert run("predict", "model.safetensors", "d.csv", *data).exit_code == 0


@pytest.mark.parametrize("defect", REFUSED)
def test_says_what_is_wrong(tmp_path, monkeypatch, defect):
    monkeypatch.chdir(tmp_path)
    content, message = REFUSED[defect]
    write(tmp_path / "d.csv", content)
    result = run("fit", "d.csv", "--target", "t")
    assert result.exit_code == 1
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1 + result.stderr.count('21,"160,no\n')
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(("other", "twin"), [("no ", "'no' and 'no '"), ("No", "'No' and 'no'")])
def test_warns_of_classes_that_differ_in_spaces_or_capitals(tmp_path, monkeypatch, other, twin):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", lines(rows=[row.replace("no", other) if i % 2 else row for i, row in enumerate(ROWS)]))
    result = run("fit", "d.csv", "--target", "t")
    assert result.exit_code == 0
    assert f"warning: the classes {twin} differ in spaces or capitals alone" in result.stderr
    write(tmp_path / "d.csv", lines())
    assert "warning" not in run("fit", "d.csv", "--target", "t").stderr


def test_a_class_of_one_row_cannot_be_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", lines("1,2,maybe"))
    result = run("fit", "d.csv", "--target", "t", "--validation", "0.3")
    assert result.exit_code == 1
    assert "--validation with a share needs two rows or more of each class, found one of 'maybe'" in result.stderr


def test_a_spreadsheet_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.xlsx", b"PK")
    assert "found '.xlsx'; save the sheet as CSV" in run("fit", "d.xlsx", "--target", "t").stderr


def test_a_compressed_table_of_tabs_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.tsv.gz", gzip.compress(lines().replace(",", "\t").encode()))
    assert run("fit", "d.tsv.gz", "--target", "t").exit_code == 0


def test_a_compressed_file_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(lines().encode()))
    assert run("fit", "d.csv.gz", "--target", "t").exit_code == 0
    assert load_model("model.safetensors").feature_names == PLAIN
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(lines().encode())[:60])
    result = run("fit", "d.csv.gz", "--target", "t")
    assert result.exit_code == 1
    assert "d.csv.gz cannot be read as CSV" in result.stderr
