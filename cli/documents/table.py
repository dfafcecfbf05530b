"""Reads raw documents from the rows of a CSV file with a header, in bounded memory."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from cli.documents.encoding import marked_encoding
from cli.documents.raw_document import (
    BUFFER_BYTES,
    TEXT_FIELDS,
    Origin,
    RawDocument,
    document_from_record,
    refuse,
    refuse_stream,
    show_keys,
)
from worker.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.records.article import InputRefusal

__all__ = ["read_table"]

#: Maximum characters of CSV per character of a field: quotation marks are doubled.
_CSV_CHARS_PER_CHAR = 2
#: Room in a row for everything but the text.
_OTHER_CHARS = 65_536


class _OversizedError(Exception):
    """A row is too long to hold an acceptable article."""


class _RowLines:
    """Feeds physical lines to ``csv.reader``, which asks for as many as the row needs.

    Tracks the row's first line, its size, and whether a quotation is open.
    """

    def __init__(self, text: io.TextIOWrapper, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._line_ended = True
        self.number = 0
        self.begin_row()

    def begin_row(self) -> None:
        self.first = self.number + 1
        self.quotation_open = False
        self._size = 0

    def __iter__(self) -> _RowLines:
        return self

    def __next__(self) -> str:
        line = self._read(self._limit + 1)
        if not line:
            raise StopIteration
        if self._size > self._limit:
            raise _OversizedError
        return line

    def skip_row(self) -> None:
        """Skip to the end of the row: the first line end outside a quotation."""
        while (self.quotation_open or not self._line_ended) and self._read(BUFFER_BYTES):
            pass

    def _read(self, max_chars_read: int) -> str:
        line = self._text.readline(max_chars_read)
        if line:
            self.number += self._line_ended
            self._line_ended = line.endswith(("\n", "\r"))
            self._size += len(line)
            self.quotation_open ^= line.count('"') % 2 == 1
        return line


def read_table(
    stream: io.BufferedReader, origin: Origin, max_chars: int
) -> Iterator[RawDocument | InputRefusal]:
    """Yield one document or refusal per row, read as UTF-8 or as the byte-order mark says.

    If broken quoting may extend past its line, reading stops with one refusal: after that point,
    pieces of a quoted text would pass for articles.
    """
    refusal = refuse_stream(stream, origin.source)
    if refusal:
        yield refusal
        return
    limit = _CSV_CHARS_PER_CHAR * max_chars + _OTHER_CHARS
    # csv's field limit is global, so it is only ever raised; _RowLines limits each row.
    csv.field_size_limit(max(csv.field_size_limit(), limit + 1))
    encoding = marked_encoding(stream.peek(4)) or "utf-8"
    # Invalid bytes become lone surrogates, so only the row that contains them is refused.
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    lines = _RowLines(text, limit)
    try:
        yield from _read_rows(lines, origin, limit)
    except UnicodeDecodeError:
        message = f"not {encoding.upper()}; nothing after this line was read"
        yield refuse(Reason.BAD_ENCODING, origin.on_line(lines.number + 1).source, message)
    finally:
        text.detach()  # keep the caller's stream open


def _read_rows(
    lines: _RowLines, origin: Origin, limit: int
) -> Iterator[RawDocument | InputRefusal]:
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    empty = True
    while True:
        lines.begin_row()
        try:
            row = next(reader, None)
        except _OversizedError:
            empty = False
            yield _refuse_oversized(lines, origin, limit)
            continue
        except csv.Error as error:
            # If a bad row has one line with paired quotation marks, the next line begins a new row.
            can_continue = header and lines.number == lines.first and not lines.quotation_open
            rest = "" if can_continue else "; nothing after this line was read"
            yield refuse(Reason.BAD_CSV, origin.on_line(lines.number).source, f"{error}{rest}")
            if not can_continue:
                return
            empty = False
            continue
        if row is None:
            break
        if not row:
            continue
        row_origin = origin.on_line(lines.first)
        if header:
            empty = False
            yield _document_from_row(header, row, row_origin)
            continue
        header = [name.strip().casefold() for name in row]
        if not TEXT_FIELDS.keys() & set(header):
            message = f"no column with a text, so no row was read; it has {show_keys(header)}"
            yield refuse(Reason.NO_TEXT_FIELD, row_origin.source, message)
            return
    if empty:
        yield refuse(Reason.EMPTY, origin.source, "it holds no row below a header")


def _refuse_oversized(lines: _RowLines, origin: Origin, limit: int) -> InputRefusal:
    lines.skip_row()
    message = (
        f"lines {lines.first} to {lines.number} are one row of over {limit:,} characters and were "
        "not read; is a quotation mark left open?"
    )
    return refuse(Reason.TOO_LARGE, origin.on_line(lines.first).source, message)


def _document_from_row(
    header: list[str], row: list[str], row_origin: Origin
) -> RawDocument | InputRefusal:
    if len(row) != len(header):
        message = f"the row has {len(row)} columns, the header {len(header)}"
        return refuse(Reason.BAD_CSV, row_origin.source, message)
    return document_from_record(dict(zip(header, row, strict=True)), row_origin)
