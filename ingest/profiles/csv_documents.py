"""CSV with a header row, asked by column name. Rows are counted as a spreadsheet does: the header is row 1."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.profiles.documents import Found, Query, Record, UnreadableDocumentError


@dataclass(frozen=True)
class CsvFormat:
    """`encoding` is a codec's name; a byte order mark is left out whatever it says."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"

    def compile(self, expression: str) -> Query:
        """A column's name, as the header has it."""
        if not expression.strip():
            raise ValueError("must name a column")
        return Query(expression.strip(), None)

    def records(self, body: bytes, first_row: int | None = None) -> Iterator[Record]:
        """The rows below the header, empty ones left out."""
        # Names in a header decide what everything else means, so they come before any row.
        text = io.StringIO(self._decoded(body), newline="")
        rows = csv.reader(text, strict=True, delimiter=self.delimiter, quotechar=self.quote)
        header: tuple[str, ...] = ()
        number = 0
        try:
            for row in rows:
                number += 1
                if not header:
                    header = _header(row)
                elif any(cell.strip() for cell in row):
                    shown = number if first_row is None else first_row + number - 2
                    yield self._record(header, row, shown)
        except csv.Error as error:
            raise UnreadableDocumentError(f"Row {number + 1}", f"cannot be read: {error}") from error
        if not header:
            raise UnreadableDocumentError("Row 1", "must name the columns, but the file is empty")

    def _record(self, header: tuple[str, ...], row: list[str], number: int) -> "CsvRecord":
        return CsvRecord(self, header, tuple(row), number)

    def _decoded(self, body: bytes) -> str:
        try:
            if body.startswith(codecs.BOM_UTF8):
                return body.decode("utf-8-sig")
            return body.decode(self.encoding)
        except UnicodeDecodeError as error:
            row = body[: error.start].count(b"\n") + 1
            raise UnreadableDocumentError(f"Line {row}", f"is not {self.encoding}") from error

    def written(self, rows: list[tuple[str, ...]]) -> bytes:
        """The rows as this profile's files have them."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.delimiter, quotechar=self.quote, lineterminator="\r\n").writerows(rows)
        return text.getvalue().encode(self.encoding)


@dataclass(frozen=True)
class CsvRecord:
    """One row; `number` counts the header."""

    form: CsvFormat
    header: tuple[str, ...]
    row: tuple[str, ...]
    number: int

    @property
    def cells(self) -> Mapping[str, str]:
        """The row by column; a row that is too short or too long has the wrong columns somewhere."""
        if len(self.row) != len(self.header):
            raise UnreadableDocumentError(
                f"row {self.number}", f"has {len(self.row)} columns, the header {len(self.header)}"
            )
        return dict(zip(self.header, self.row, strict=True))

    def find(self, query: Query) -> list[Found]:
        """See `Record.find`."""
        cells = self.cells
        if query.expression not in cells:
            raise UnreadableDocumentError("row 1", f"has no column '{query.expression}'")
        value = cells[query.expression].strip()
        return [Found(value, self.place_of(query))] if value else []

    def place_of(self, query: Query) -> str:
        """See `Record.place_of`."""
        return f"row {self.number}, column '{query.expression}'"

    def alone(self) -> bytes:
        """The row below its header."""
        return self.form.written([self.header, self.row])


def _header(row: list[str]) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in row)
    twice = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if twice:
        raise UnreadableDocumentError("Row 1", f"names the column '{twice[0][:60]}' twice")
    return names
