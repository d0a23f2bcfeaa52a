"""Opens delimited text, parquet and Arrow files as raw Arrow tables: bounded memory, nothing guessed, nothing lost."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from verticals.data.magic import no_table, refuse_others
from verticals_plugins.errors import DataError, UsageError

MAX_LINE = 4 << 20
"""Longest line in bytes; a longer one is no table and is refused before it is read into memory."""
CHUNK = 1 << 20
HEAD = 256 << 10
TEXT = (".csv", ".tsv", ".txt", ".tab", ".psv")
COLUMNAR = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
PACKED = (".gz", ".bz2", ".xz", ".zip")


def kind_of(path: Path) -> str:
    """``"text"``, ``"columnar"`` or ``""``, by the name alone; a suffix of compression is looked through."""
    suffixes = [one.lower() for one in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes = suffixes[:-1]
    last = suffixes[-1] if suffixes else ""
    return "text" if last in TEXT else "columnar" if last in COLUMNAR else ""


def table_files(path: Path) -> list[Path]:
    """The table files at ``path``: itself, or those of a folder in order of name; of its subfolders if it has none.

    Raises:
        DataError: nothing is there, or a folder mixes delimited text with columnar files.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist.", todo="Check the path given with --data.")
    if path.is_file():
        return [path]
    files = tables_in(path.iterdir()) or tables_in(path.rglob("*"))
    if not files:
        raise DataError(
            f"{path} holds no table.",
            expected=f"Files {', '.join(TEXT + COLUMNAR)}, which may be packed ({', '.join(PACKED)}).",
            todo="Give the file itself, or export it in one of these formats.",
        )
    if len({kind_of(one) for one in files}) > 1:
        raise DataError(
            f"{path} mixes text tables with columnar ones.", todo="Give one of the files, or separate them."
        )
    return files


def tables_in(paths: Iterable[Path]) -> list[Path]:
    """Those that are table files by their names, hidden ones left out."""
    return sorted(one for one in paths if one.is_file() and kind_of(one) and one.name[0] not in "._")


# ------------------------------------------------------------------------------------------------ bytes


def sha256(path: Path) -> str:
    """Hash of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, decompressing gzip, bzip2, xz, and a zip with exactly one member (by content, not by name)."""
    with path.open("rb") as stream:
        magic = stream.read(6)
    if magic[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.open(path))
    if magic[:3] == b"BZh":
        return bz2.open(path)
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(path)
    if magic[:4] == b"PK\x03\x04":
        return _open_zip(path)
    return path.open("rb")


def _open_zip(path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as err:
        raise DataError(f"{path.name} is a damaged zip file ({err}).", todo="Copy it again.") from err
    if "[Content_Types].xml" in archive.namelist():
        raise no_table(path.name, "an Excel or Office file")
    members = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX")]
    if len(members) != 1:
        raise DataError(
            f"{path.name} holds {len(members)} files ({', '.join(members[:5])}).",
            expected="A zip with exactly one table can be read.",
            todo="Unpack it and give the folder or the file.",
        )
    if archive.getinfo(members[0]).flag_bits & 1:
        raise DataError(f"{path.name} is encrypted.", todo="Unpack it with its password first.")
    return archive.open(members[0])


DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Scan:
    """What a streamed look at all bytes of a text file found: encoding, number of lines, number of quotes."""

    encoding: str
    lines: int
    quotes: int


def encoding_of(head: bytes, declared: str | None, name: str) -> str:
    """The declared encoding, or the one that a byte-order mark states, or UTF-8."""
    if declared:
        try:
            codecs.lookup(declared)
        except LookupError as err:
            raise UsageError(f"Encoding {declared!r} is not known.", expected="For example utf-8, cp1252.") from err
        return "utf-8-sig" if codecs.lookup(declared).name == "utf-8" else declared
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[:2000].count(0) > len(head[:2000]) // 4:
        raise DataError(
            f"{name}: bytes of value 0 from the start, no byte-order mark.",
            todo="If it is UTF-16 text, pass --option encoding=utf-16-le (or -be); otherwise it is no text table.",
        )
    return "utf-8-sig"


def scan(path: Path, declared: str | None = None) -> Scan:
    """Stream a text file once: encoding, number of lines, quotes.

    Raises:
        DataError: bytes that are not text in this encoding, a NUL byte, a line longer than ``MAX_LINE``, a damaged
            compressed file; with byte offset and line.
    """
    try:
        with open_bytes(path) as stream:
            return _scan(stream, declared, path.name)
    except DAMAGED as err:
        if isinstance(err, FileNotFoundError | PermissionError):
            raise DataError(f"{path} cannot be opened: {err.strerror}.") from err
        raise DataError(
            f"{path.name} is a damaged or truncated compressed file ({err}).", todo="Copy it again."
        ) from err


def _scan(stream: IO[bytes], declared: str | None, name: str) -> Scan:
    chunk = stream.read(CHUNK)
    refuse_others(chunk[:256], name)
    encoding = encoding_of(chunk, declared, name)
    decoder = codecs.getincrementaldecoder(encoding)()
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    offset = lines = tail = quotes = 0
    while chunk:
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as err:
            raise _not_text(err, pending + chunk, offset - len(pending), lines, encoding, name) from err
        plain = text.encode() if wide else chunk
        if b"\0" in plain:
            line = lines + plain[: plain.index(b"\0")].count(b"\n") + 1
            raise DataError(f"{name}: a byte of value 0 in line {line}.", expected="A text table has none.",
                            todo="The file is damaged, or no text.")  # fmt: skip
        tail = _longest(plain, tail, lines, name)
        quotes += plain.count(b'"')
        lines += plain.count(b"\n") or (plain.count(b"\r") if b"\n" not in plain else 0)
        offset += len(chunk)
        chunk = stream.read(CHUNK)
    if decoder.getstate()[0]:
        raise DataError(f"{name} ends in the middle of a character ({encoding}).", todo="The file is truncated.")
    return Scan(encoding, lines + (tail > 0), quotes)


def _not_text(err: UnicodeDecodeError, data: bytes, start: int, lines: int, encoding: str, name: str) -> DataError:
    shown = "UTF-8" if encoding == "utf-8-sig" else encoding
    line = lines + data[: err.start].count(b"\n") + 1
    return DataError(
        f"{name}: byte 0x{data[err.start]:02x} at offset {start + err.start:,} (line {line:,}) is not {shown}.",
        todo="State the file's encoding, for example --option encoding=cp1252 (Western Windows) or latin-1.",
    )


def _longest(plain: bytes, tail: int, lines: int, name: str) -> int:
    """Length of the unfinished line after ``plain``; refuses one that is too long."""
    first = min((at for at in (plain.find(b"\n"), plain.find(b"\r")) if at >= 0), default=-1)
    if tail + (first if first >= 0 else len(plain)) > MAX_LINE:
        raise DataError(
            f"{name}: line {lines + 1:,} is longer than {MAX_LINE >> 20} MiB.",
            expected="A table has a line a row.",
            todo="Check that this is the right file and that its line ends were kept.",
        )
    return tail + len(plain) if first < 0 else len(plain) - 1 - max(plain.rfind(b"\n"), plain.rfind(b"\r"))


# ------------------------------------------------------------------------------------------ delimited text


@dataclass(frozen=True)
class Layout:
    """How a text table is written: encoding, delimiter, column names, and the line on which the header ends."""

    encoding: str
    delimiter: str
    names: tuple[str, ...]
    header_end: int
    renamed: tuple[str, ...] = ()


def delimiter_of(text: str) -> str:
    """The delimiter that cuts the header and the first records into the same number of cells; "," if none does."""
    best, chosen = (0.0, 0), ","
    for mark in ",;\t|":
        widths = [len(row) for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=mark), 300) if row]
        if not widths or widths[0] < 2:
            continue
        usual, often = Counter(widths).most_common(1)[0]
        share = often / len(widths) if usual >= 2 else 0.0
        share *= 1.0 if usual == widths[0] else 0.5
        if (round(share, 2), usual) > best:
            best, chosen = (round(share, 2), usual), mark
    return chosen


def head_of(path: Path, encoding: str) -> str:
    """The first whole lines of a text file."""
    with open_bytes(path) as stream:
        data = stream.read(HEAD)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(data)
    if len(data) == HEAD and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text


def layout_of(path: Path, encoding: str, options: Mapping[str, str]) -> Layout:
    """Find delimiter and header.

    Options: ``delimiter`` states the delimiter, ``header`` the line number of the header (1 = first).
    """
    text = head_of(path, encoding)
    try:
        skip = int(options.get("header", "1")) - 1
    except ValueError as err:
        raise UsageError(f"Option header={options['header']!r} is not a line number.") from err
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))[skip:]
    mark = {"tab": "\t", "\\t": "\t"}.get(options.get("delimiter", ""), options.get("delimiter", ""))
    stated = re.fullmatch(r"sep=(.)\s*", lines[0]) if lines else None
    if stated:  # a first line that spreadsheets write and read
        lines, skip, mark = lines[1:], skip + 1, mark or stated[1]
    if not "".join(lines).strip():
        raise DataError(f"{path.name} is empty.", expected="A header line and rows.")
    mark = mark or delimiter_of("".join(lines))
    if len(mark) != 1:
        raise UsageError(f"Option delimiter={mark!r} is not understood.", expected="One character, or tab.")
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=mark)
    header: list[str] = []
    while not header:
        header = next(reader)
    names, renamed = unique_names([one.strip().removeprefix("\ufeff") for one in header])
    return Layout(encoding, mark, names, skip + reader.line_num, renamed)


def unique_names(header: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name columns apart: an empty name becomes its position, a repeated one gets a number. Returns those repeated."""
    seen: dict[str, int] = {}
    names, repeated = [], []
    for at, one in enumerate(header, start=1):
        name = one or f"column {at}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            repeated.append(name)
            name = f"{name}.{seen[name]}"
        names.append(name)
    return tuple(names), tuple(dict.fromkeys(repeated))


@dataclass(frozen=True)
class TextFile:
    """A text table, its layout and what is known of all its bytes."""

    path: Path
    layout: Layout
    scan: Scan
    ragged: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """(record, what) of rows with a wrong number of cells; record 0 is the first after the header."""

    @classmethod
    def open(cls, path: Path, options: Mapping[str, str]) -> TextFile:
        found = scan(path, options.get("encoding"))
        if not found.lines:
            raise DataError(f"{path.name} is empty.", expected="A header line and rows.")
        text = cls(path, layout_of(path, found.encoding, options), found)
        if found.quotes % 2 and (never_closed := text.open_quote()):
            raise DataError(
                f"{path.name}: {never_closed}",
                expected="Quotes come in pairs; a quote inside a quoted cell is written twice.",
                todo="Correct that line.",
            )
        return text

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows, every cell as text. Rows with too few or too many cells are skipped and noted."""
        self.ragged.clear()
        try:
            with open_bytes(self.path) as stream:
                yield from self._read(stream)
        except pa.ArrowInvalid as err:
            if "Empty CSV" in str(err) or "Could not skip initial" in str(err):  # nothing after the header
                return
            raise DataError(
                f"{self.path.name} cannot be read as a table: {str(err)[:200]}.",
                todo=self.open_quote() or "Check delimiter and quotes.",
            ) from err

    def _read(self, stream: IO[bytes]) -> Iterator[pa.RecordBatch]:
        encoding = "utf-8" if self.layout.encoding == "utf-8-sig" else self.layout.encoding
        names = list(self.layout.names)
        reader = pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=4 * MAX_LINE, column_names=names, encoding=encoding,
                skip_rows=self.layout.header_end,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self.layout.delimiter, newlines_in_values=self.scan.quotes > 0, invalid_row_handler=self._skip
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )  # fmt: skip
        yield from reader

    def _skip(self, row: Any) -> str:
        record = row.number - 1 - self.layout.header_end  # the reader counts the lines that it skips
        self.ragged.append((record, f"{row.actual_columns} cells instead of {row.expected_columns}"))
        return "skip"

    def lines_of(self, records: Sequence[int]) -> list[str]:
        """Where records (counted with the ragged ones) start, for people; a second, slower walk over the file."""
        last, found, before, at = max(records, default=-1), dict[int, int](), 0, 0
        with io.TextIOWrapper(open_bytes(self.path), encoding=self.layout.encoding, newline="") as stream:
            for _ in range(self.layout.header_end):
                stream.readline()
            reader = csv.reader(stream, delimiter=self.layout.delimiter)
            try:
                for row in reader:
                    if row:
                        found[at] = self.layout.header_end + before + 1
                        at += 1
                    before = reader.line_num
                    if at > last:
                        break
            except csv.Error:
                pass  # a cell longer than the csv module accepts: later records are named by their number
        return [f"line {found[one]}" if one in found else f"row {one + 1}" for one in records]

    def likely_header(self) -> int:
        """Number of the first line with as many cells as most lines have; 0 if that is the header in use."""
        text = io.StringIO(head_of(self.path, self.layout.encoding), newline="")
        rows = list(islice(csv.reader(text, delimiter=self.layout.delimiter), 300))
        usual = Counter(len(one) for one in rows if one).most_common(1)
        line = next((at for at, one in enumerate(rows, start=1) if usual and len(one) == usual[0][0]), 0)
        words = line and sum(bool(re.search(r"[^\W\d]", one)) for one in rows[line - 1]) * 2 > len(rows[line - 1])
        return line if words and line != self.layout.header_end else 0

    def open_quote(self) -> str:
        """Say where quotes do not pair, if they do not; "" if they do."""
        with io.TextIOWrapper(open_bytes(self.path), encoding=self.layout.encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=self.layout.delimiter, strict=True)
            before = 0
            try:
                for _ in reader:
                    before = reader.line_num
            except csv.Error as err:
                if "unexpected end" in str(err) or "field larger" in str(err):
                    return f"A quote opened in line {before + 1:,} is not closed."
                return f"The quotes in lines {before + 1:,} to {reader.line_num:,} do not pair ({err})."
        return ""

    def record_of(self, row: int) -> int:
        """Record number of the ``row``-th row that was not skipped."""
        record = row
        for bad, _ in sorted(self.ragged):
            if bad <= record:
                record += 1
        return record
