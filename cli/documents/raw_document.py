"""Reads raw documents from one open file: a whole text, or one document per line of JSON.

A raw document is unchecked and may have no id; ``cli.documents.reader`` turns it into an article.
Bad content raises no error: it becomes an ``InputRefusal``, and reading continues.
"""

from __future__ import annotations

import codecs
import io
import json
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json

from cli.documents.encoding import decode_text, looks_binary, marked_encoding
from worker.records.article import ArticleFormat, InputRefusal
from worker.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "BUFFER_BYTES",
    "TEXT_FIELDS",
    "Origin",
    "RawDocument",
    "document_from_record",
    "read_lines",
    "read_text",
    "refuse",
    "refuse_stream",
    "show_keys",
]

#: Number of bytes inspected before a file is read, and of bytes per read while skipping.
BUFFER_BYTES = 65_536

#: Maximum bytes per character: four in every encoding read here, six in JSON (``\\u2019``).
_BYTES_PER_CHAR = 4
_JSON_BYTES_PER_CHAR = 6
#: Room in a line of JSON for everything but the text.
_JSON_OTHER_BYTES = 65_536

_ID_FIELDS = ("id", "custom_id")
_TITLE_FIELDS = ("title", "headline")
#: Fields that can contain the text; the first non-blank field wins.
TEXT_FIELDS = {
    "text": ArticleFormat.TEXT,
    "article": ArticleFormat.TEXT,
    "content": ArticleFormat.TEXT,
    "body": ArticleFormat.TEXT,
    "html": ArticleFormat.HTML,
}

#: Maximum number of keys in a message, and of characters per key: the message stays on one line.
_SHOWN_KEYS = 12
_SHOWN_KEY_CHARS = 40

_HINTS = {
    Reason.BINARY: "give text; UTF-16 needs a byte-order mark",
    Reason.BAD_ENCODING: "save it as UTF-8",
    Reason.TOO_LARGE: "split it, or raise max_article_chars",
    Reason.BAD_JSON: "each line holds one JSON object",
    Reason.NO_TEXT_FIELD: f"put the text into the field {' or '.join(TEXT_FIELDS)}",
    Reason.DUPLICATE_ID: "give each article an id of its own",
    Reason.BAD_CSV: 'quote fields that hold commas or line breaks with ", and write " inside as ""',
}


class Origin(NamedTuple):
    """The file or record that is being read."""

    source: str
    """``file`` or ``file:line``, for display."""
    stem: str
    """The article's id if the record has none of its own."""

    def on_line(self, line: int) -> Origin:
        """Return the origin of the record on ``line`` (from 1)."""
        return Origin(f"{self.source}:{line}", f"{self.stem}-{line}")


class RawDocument(NamedTuple):
    """The content of a file or record, not yet checked."""

    origin: Origin
    text: str
    format: ArticleFormat = ArticleFormat.TEXT
    title: str = ""
    id: str = ""
    """The record's own id, or empty."""


class _FieldError(ValueError):
    """A field of a record has the wrong kind of value."""


def refuse(reason: Reason, source: str, message: str, hint: str = "") -> InputRefusal:
    """Return a refusal with ``hint``, by default the usual hint for its reason."""
    hint = hint or _HINTS.get(reason, "")
    return InputRefusal(reason=reason, source=source, message=message, hint=hint)


def refuse_stream(stream: io.BufferedReader, source: str) -> InputRefusal | None:
    """Return a refusal if a file of records starts with binary data, else None."""
    head = stream.peek(BUFFER_BYTES)
    if marked_encoding(head) is None and looks_binary(head):
        return refuse(Reason.BINARY, source, "the bytes are not text")
    return None


def read_text(
    stream: io.BufferedReader, origin: Origin, kind: ArticleFormat, max_chars: int, lead: bytes
) -> RawDocument | InputRefusal:
    """Read ``lead`` and ``stream`` as one document; stop as soon as it is too long."""
    limit = _BYTES_PER_CHAR * (max_chars + 1)
    data = lead + stream.read(limit + 1 - len(lead))
    if len(data) > limit:
        return refuse(Reason.TOO_LARGE, origin.source, f"it has over {max_chars:,} characters")
    if marked_encoding(data) is None and looks_binary(data):
        return refuse(Reason.BINARY, origin.source, "the bytes are not text")
    text = decode_text(data)
    if text is None:
        message = "the text is neither UTF-8 nor in an encoding that could be recognised"
        return refuse(Reason.BAD_ENCODING, origin.source, message)
    return RawDocument(origin, text, kind)


def read_lines(
    stream: io.BufferedReader, origin: Origin, max_chars: int, first_line: int = 1
) -> Iterator[RawDocument | InputRefusal]:
    """Yield one document or refusal for each non-blank line of JSON, in bounded memory.

    A line longer than six times ``max_chars`` bytes plus 64 KiB is skipped unread.
    """
    refusal = refuse_stream(stream, origin.source)
    marked = marked_encoding(stream.peek(4))
    if refusal is None and marked not in (None, "utf-8-sig"):
        refusal = refuse(Reason.BAD_ENCODING, origin.source, "lines of JSON must be UTF-8")
    if refusal:
        yield refusal
        return
    limit = _JSON_BYTES_PER_CHAR * max_chars + _JSON_OTHER_BYTES
    blank = True
    for line_number in count(first_line):
        line = stream.readline(limit + 1)
        if not line:
            break
        if line_number == first_line:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.isspace() or not line:
            continue
        blank = False
        record_origin = origin.on_line(line_number)
        if len(line) > limit:
            while not line.endswith(b"\n") and (line := stream.readline(BUFFER_BYTES)):
                pass
            message = f"the line has over {limit:,} bytes and was not read"
            yield refuse(Reason.TOO_LARGE, record_origin.source, message)
        else:
            yield _document_from_json(line, record_origin)
    if blank:
        yield refuse(Reason.EMPTY, origin.source, "it holds no record")


def _document_from_json(line: bytes, origin: Origin) -> RawDocument | InputRefusal:
    try:
        # from_json takes less than half the time of json.loads and gives the same values. If it
        # rejects a line (lone surrogates, deep nesting), json may accept it or names the error.
        record = from_json(line, cache_strings="keys")
    except ValueError:
        return _document_from_slow_json(line, origin)
    return _document_from_value(record, origin)


def _document_from_slow_json(line: bytes, origin: Origin) -> RawDocument | InputRefusal:
    """Parse the line with Python's own parser, which decides what is valid JSON."""
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} of the line is not UTF-8"
        return refuse(Reason.BAD_ENCODING, origin.source, message)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg}, column {error.colno}"
        return refuse(Reason.BAD_JSON, origin.source, message)
    except RecursionError:
        return refuse(Reason.BAD_JSON, origin.source, "the JSON is nested too deeply")
    except ValueError:  # Python limits the digits of an integer
        return refuse(Reason.BAD_JSON, origin.source, "a number has too many digits")
    return _document_from_value(record, origin)


def _document_from_value(record: object, origin: Origin) -> RawDocument | InputRefusal:
    if not isinstance(record, dict):
        message = f"the line holds {_kind_of(record)}, not an object"
        return refuse(Reason.BAD_JSON, origin.source, message)
    return document_from_record(record, origin)


def document_from_record(record: Mapping[str, Any], origin: Origin) -> RawDocument | InputRefusal:
    """Return the document in a JSON object or table row, or why there is none.

    The text is the first field of ``TEXT_FIELDS`` that is not blank.
    """
    try:
        record_id, title = _label(record, _ID_FIELDS), _label(record, _TITLE_FIELDS)
    except _FieldError as error:
        return refuse(Reason.BAD_JSON, origin.source, str(error))
    blank: RawDocument | None = None
    for key, kind in TEXT_FIELDS.items():
        text = record.get(key)
        if not isinstance(text, str):
            continue
        if text and not text.isspace():
            return RawDocument(origin, text, kind, title, record_id)
        blank = blank or RawDocument(origin, text, kind, title, record_id)
    if blank:
        return blank
    message = f"no field with a text; it has {show_keys(record)}"
    return refuse(Reason.NO_TEXT_FIELD, origin.source, message)


def show_keys(keys: Iterable[str]) -> str:
    """Return the first keys as one line of ASCII."""
    # json.dumps escapes control characters and lone surrogates, which no message may contain.
    shown = [json.dumps(key[:_SHOWN_KEY_CHARS]) for key in keys]
    more = f" and {len(shown) - _SHOWN_KEYS} more" if len(shown) > _SHOWN_KEYS else ""
    return (", ".join(shown[:_SHOWN_KEYS]) or "no fields") + more


def _label(record: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the first field that is not missing, null or blank, with numbers as digits."""
    for key in keys:
        value = record.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise _FieldError(f"the field {key} holds {_kind_of(value)}, not a text or a number")
        label = str(value)
        if label and not label.isspace():
            return label
    return ""


def _kind_of(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else json.dumps(value)
