"""CSV files: found delimiters, cells by batches, and the kind of every column from all of its cells.

Every cell is read as text and converted by one rule, `converted`, in two passes: the first finds the kinds, the number
of rows and what is missing; the second yields columns of these kinds. A table of the file's size is never made.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .columns import readable_as, shown
from .reading import DELIMITERS, Reading
from .source import Column, Survey

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that are parsed at a time, unless the header is long. Arrow reads some blocks ahead, and each makes a batch of
# text: larger ones take more memory and are slower.
BLOCK = 1 << 20

# The most bytes that a header may have.
HEADER = 1 << 20

# Kinds of columns as Arrow's types, in the order in which they are tried; "comma" is double with decimal commas.
KINDS = ("int64", "double", "comma", "bool", "date32[day]", "timestamp[s]", "timestamp[ns]", "timestamp[ns, tz=UTC]")

# So many cells tell most often that a kind is not the right one. Arrow takes long to refuse many.
FIRST_CELLS = 64

# Which kind holds the cells of two kinds; all other pairs make text.
JOINED = {
    frozenset(("int64", "double")): "double",
    frozenset(("int64", "comma")): "comma",
    frozenset(("date32[day]", "timestamp[s]")): "timestamp[s]",
    frozenset(("date32[day]", "timestamp[ns]")): "timestamp[ns]",
    frozenset(("timestamp[s]", "timestamp[ns]")): "timestamp[ns]",
}

# The first line by which a table tells Excel its delimiter.
SEPARATOR = re.compile(r"sep=([,;\t|])\s*", re.IGNORECASE)

# How files begin that are often named .csv though they are none.
BINARY = {
    b"PK\x03\x04": "a zip archive, as Excel's .xlsx files are; save the sheet as CSV",
    b"\x1f\x8b": "compressed by gzip; name it .csv.gz",
    b"PAR1": "Parquet; name it .parquet",
}

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


@dataclass(frozen=True)
class Dialect:
    """How a file is cut into cells: names, the lines that they take, the delimiter, and bytes to parse at a time."""

    names: tuple[str, ...]
    header_lines: int
    delimiter: str
    block: int


class CsvFile:
    """A CSV file with a header.

    Parameters
    ----------
    path : path
    reading : Reading

    Raises
    ------
    ValueError
        If the file has no header, or is not of the encoding. All methods raise it, and if the file is damaged.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path, self.reading = path, reading
        self.dialect = self._look()
        self.names: Sequence[str] = self.dialect.names
        self.members: dict[str, tuple[str, ...]] = {}
        self.has_types = False

    def _look(self) -> Dialect:
        with self._faults(), self._stream() as stream:
            start = stream.read(HEADER)
            start = b"" if start is None else bytes(start)
        cut = len(start) == HEADER
        for beginning, what in BINARY.items():
            if start.startswith(beginning):
                raise ValueError(f"{self.path} is not CSV but {what}")
        if start.startswith((b"\xff\xfe", b"\xfe\xff")) and self.reading.encoding == "utf-8":
            raise ValueError(f"{self.path} is not UTF-8 but UTF-16 text; give the encoding utf-16 (--encoding utf-16)")
        text = self._decoded(start[: start.rfind(b"\n") + 1] if cut else start).removeprefix("\ufeff")
        lines = text.splitlines(keepends=True)
        blank = next((i for i, line in enumerate(lines) if line.strip()), None)
        if blank is None:
            raise ValueError(f"{self.path} cannot be read as CSV: Empty CSV file")
        said = SEPARATOR.fullmatch(lines[blank])
        blank += said is not None
        given = self.reading.delimiter or (said[1] if said else None)
        delimiters = [given] if given else [*DELIMITERS]
        found: dict[str, tuple[list[str], int]] = {}
        for delimiter in delimiters:
            rows = csv.reader(iter(lines[blank:]), delimiter=delimiter)
            # A long header of another delimiter is one name, which may be longer than csv reads.
            with suppress(csv.Error, StopIteration):
                found[delimiter] = next(rows), blank + rows.line_num
        if not found:
            raise ValueError(
                f"{self.path} cannot be read as CSV: its first line is no header: {shown(''.join(lines[blank:][:1]))}"
            )
        # The delimiter that cuts the header into most names; the comma if that is none.
        best = max(found, key=lambda delimiter: len(found[delimiter][0]))
        names, header_lines = found[best]
        if len(names) == 1 and len(delimiters) > 1:
            self._check_title(lines, header_lines)
        # Rows of a wide table are long, too: a row must fit in a block.
        block = max(BLOCK, 32 * sum(len(line) for line in lines[:header_lines]))
        return Dialect(tuple(name.strip() for name in names), header_lines, best, block)

    def _check_title(self, lines: list[str], n_before: int) -> None:
        """Raise ValueError if a header of one name is a title or a comment: the two lines after it have more cells."""
        after = [line for line in lines[n_before:] if line.strip()][:2]
        for delimiter in DELIMITERS:
            with suppress(csv.Error):
                widths = {len(row) for row in csv.reader(after, delimiter=delimiter)}
                if len(after) == 2 and len(widths) == 1 and widths != {1}:
                    title = shown(lines[n_before - 1].strip())
                    raise ValueError(
                        f"{self.path} cannot be read as CSV: its first line is no header: {title}, and the lines after "
                        f"it have {widths.pop()} cells; delete what stands before the header"
                    )

    def _decoded(self, start: bytes) -> str:
        try:
            return start.decode(self.reading.encoding)
        except UnicodeDecodeError as error:
            raise self._encoding_fault(start, error) from None

    def _encoding_fault(self, data: bytes, error: UnicodeDecodeError) -> ValueError:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start : error.start + 1]
        if byte >= b"\xa0":
            hint = f"if it is Latin-1, where this is {byte.decode('latin-1')!r}, say so (--encoding latin-1)"
        else:
            hint = "say which encoding it has, such as --encoding cp1252"
        wanted = self.reading.encoding.upper()
        return ValueError(f"{self.path} is not {wanted} text: byte 0x{byte.hex()} in line {line}; {hint}")

    def _stream(self) -> Any:
        import pyarrow as pa

        compression = COMPRESSIONS.get(self.path.suffix.lower())
        return pa.input_stream(str(self.path), compression=compression)

    def _faults(self) -> Any:
        return readable_as("CSV", self.path)

    def survey(self, names: Sequence[str]) -> Survey:
        """Return the kind of each named column, what is missing, and the number of rows."""
        import pyarrow.compute

        columns = {name: Column("null") for name in names}
        n_rows = 0
        for batch in self._texts(names):
            for name, cells in zip(names, batch, strict=True):
                column = columns[name]
                column.missing += cells.null_count
                if column.kind != "string" and cells.null_count < len(cells):
                    column.kind, values = self._joined(name, column.kind, cells)
                    column.is_byte = column.is_byte and values is not None and _are_bytes(values)
                    if column.kind not in ("int64", "double"):
                        column.example = cells[pyarrow.compute.index(pyarrow.compute.is_valid(cells), True)].as_py()
            n_rows += len(batch[0])
        return Survey(n_rows, columns)

    def _joined(self, name: str, kind: str, cells: "pa.Array") -> tuple[str, "pa.Array | None"]:
        """Return the kind of a column that has had this kind, and now has these cells too; and these as values."""
        if name in self.reading.texts:
            return "string", None
        kinds = [found for found in KINDS if found != "comma" or self._commas]
        for found in kinds if kind == "null" else [kind, *kinds]:
            values = _values(cells, found)
            if values is not None:
                return found if kind in ("null", found) else JOINED.get(frozenset((kind, found)), "string"), values
        return "string", None

    @property
    def _commas(self) -> bool:
        """Whether numbers may have decimal commas."""
        return self.reading.decimal == "," or (self.reading.decimal is None and self.dialect.delimiter != ",")

    def batches(self, survey: Survey, names: Sequence[str]) -> Iterator["pa.Table"]:
        """Yield the named columns, of the kinds that were found."""
        import pyarrow as pa

        for batch in self._texts(names):
            with self._faults():
                kinds = [survey.columns[name].kind for name in names]
                yield pa.table(list(map(converted, batch, kinds)), list(names))

    def _texts(self, names: Sequence[str]) -> Iterator[list["pa.Array"]]:
        """Yield batches of cells as text."""
        import pyarrow as pa
        import pyarrow.csv

        keys = [str(j) for j in range(len(self.names))]
        # Of columns of one name, which are dropped, any will do.
        key_of = dict(zip(self.names, keys, strict=True))
        wanted = [key_of[name] for name in names]
        # Empty fields and NA are missing values, but in quotes they are text.
        options = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(keys, pa.string()),
            include_columns=wanted,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        options.null_values = [*options.null_values, *self.reading.na]
        refused: list[Any] = []

        def keep(row: Any) -> str:
            refused.append(row)
            return "error"

        parse = pyarrow.csv.ParseOptions(
            delimiter=self.dialect.delimiter,
            newlines_in_values=True,
            invalid_row_handler=keep,
        )
        read = pyarrow.csv.ReadOptions(
            column_names=keys,
            skip_rows=self.dialect.header_lines,
            block_size=self.dialect.block,
            encoding=self.reading.encoding,
            use_threads=False,
        )
        start = 0
        try:
            with self._stream() as stream:
                reader = pyarrow.csv.open_csv(stream, read, parse, options)
                for batch in reader:
                    if len(batch):
                        start += len(batch)
                        yield batch.columns
        except pa.ArrowInvalid as error:
            if "Could not skip initial" in str(error) or ("Empty CSV" in str(error) and not start):
                return
            raise self._fault(error, refused, start) from None
        except (OSError, UnicodeError) as error:
            raise ValueError(f"{self.path} cannot be read as CSV: {error}") from None

    def _fault(self, error: Exception, refused: list[Any], start: int) -> ValueError:
        """Return the error of a file that Arrow refuses, with the place and the remedy."""
        if refused:
            row = refused[-1]
            found = f"Expected {row.expected_columns} columns, got {row.actual_columns}: {row.text}"
            place = f"in line {row.number}, " if row.number is not None and row.number > 0 else ""
            more = row.actual_columns - row.expected_columns
            if more == 1 and row.text.rstrip("\r\n").endswith(self.dialect.delimiter):
                remedy = "; rows end in a delimiter that the header has not: add one to the header"
            elif more > 0:
                remedy = "; put a cell in quotes if the delimiter is part of it"
            else:
                remedy = "; add the cells that are missing, empty ones"
            return ValueError(f"{self.path} cannot be read as CSV: {place}{found}{remedy}")
        if "UTF8" in str(error) or "UTF-8" in str(error):
            return self._find_encoding_fault()
        if "straddling" in str(error):
            return ValueError(
                f"{self.path} cannot be read as CSV: after row {start} a row is longer than {self.dialect.block} "
                "bytes; is there a quote that does not end?"
            )
        return ValueError(f"{self.path} cannot be read as CSV: {error}")

    def _find_encoding_fault(self) -> ValueError:
        """Return the error of a file that is not of its encoding, with the line."""
        n_lines = 0
        with self._stream() as stream:
            for line in io.BufferedReader(stream):
                try:
                    line.decode(self.reading.encoding)
                except UnicodeDecodeError as error:
                    return self._encoding_fault(b"\n" * n_lines + line, _moved(error, n_lines))
                n_lines += 1
        return ValueError(f"{self.path} is not {self.reading.encoding.upper()} text")


def _moved(error: UnicodeDecodeError, by: int) -> UnicodeDecodeError:
    error.start += by
    return error


def converted(cells: "pa.Array", kind: str) -> "pa.Array":
    """Return cells of text as values of a kind; raise pyarrow's ArrowInvalid if one is none."""
    import pyarrow as pa
    import pyarrow.compute

    if kind == "null":
        return pa.nulls(len(cells))
    if kind == "string":
        return cells
    if kind == "comma":
        cells, kind = pyarrow.compute.replace_substring(cells, ",", "."), "double"
    wanted = _type(kind)
    try:
        return cells.cast(wanted)
    except pa.ArrowInvalid:
        trimmed = pyarrow.compute.utf8_trim_whitespace(cells)
        if kind in ("int64", "double"):
            trimmed = pyarrow.compute.replace_substring_regex(trimmed, r"^\+(\d|\.)", r"\1")
        return trimmed.cast(wanted)


def _type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    if kind.startswith("timestamp"):
        return pa.timestamp("s") if kind == "timestamp[s]" else pa.timestamp("ns", "UTC" if "UTC" in kind else None)
    return {"int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_(), "date32[day]": pa.date32()}[kind]


def _values(cells: "pa.Array", kind: str) -> "pa.Array | None":
    """Return cells of text as values of a kind, or None if one is none."""
    import pyarrow as pa

    try:
        if len(cells) > FIRST_CELLS:
            converted(cells[:FIRST_CELLS], kind)
        return converted(cells, kind)
    except pa.ArrowInvalid:
        return None


def _are_bytes(values: "pa.Array") -> bool:
    """Whether all values are whole numbers from 0 to 255."""
    import pyarrow as pa
    import pyarrow.compute

    if values.type != pa.int64():
        return False
    ends = pyarrow.compute.min_max(values).as_py()
    return bool(ends["min"] >= 0 and ends["max"] <= 255)
