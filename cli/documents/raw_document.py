"""Drafts out of one opened file: a text, lines of JSON, rows of CSV.

A draft has no settled id and is not checked yet; that is done in ``cli.documents.reader``.
Nothing here
raises for bad content: it becomes an ``InputRefusal``, and the records after it go on.
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

#: Bytes of a file that are looked at before it is read, and of one read while skipping.
BUFFER_BYTES = 65_536

#: Bytes that one character can take: four in every encoding read here, six in JSON (``\\u2019``).
_BYTES_PER_CHAR = 4
_JSON_BYTES_PER_CHAR = 6
#: Room in a line of JSON for what is not the text.
_JSON_OTHER_BYTES = 65_536

_ID_FIELDS = ("id", "custom_id")
_TITLE_FIELDS = ("title", "headline")
#: Fields that can hold the text, the first that does is read.
TEXT_FIELDS = {
    "text": ArticleFormat.TEXT,
    "article": ArticleFormat.TEXT,
    "content": ArticleFormat.TEXT,
    "body": ArticleFormat.TEXT,
    "html": ArticleFormat.HTML,
}

#: Keys that a message lists, and characters of each, so that it stays a line.
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
    """The file or record that is read."""

    source: str
    """``file`` or ``file:line``, for people."""
    stem: str
    """The id of an article that brings none."""

    def at(self, line: int) -> Origin:
        """The record on line ``line`` (from 1)."""
        return Origin(f"{self.source}:{line}", f"{self.stem}-{line}")


class RawDocument(NamedTuple):
    """What a file or record holds."""

    origin: Origin
    text: str
    format: ArticleFormat = ArticleFormat.TEXT
    title: str = ""
    id: str = ""
    """The record's own id; empty where it has none."""


class _FieldError(ValueError):
    """A field of a record holds the wrong kind of value."""


def refuse(reason: Reason, source: str, message: str, hint: str = "") -> InputRefusal:
    """A refusal with the reason's usual hint, unless another is given."""
    hint = hint or _HINTS.get(reason, "")
    return InputRefusal(reason=reason, source=source, message=message, hint=hint)


def refuse_stream(stream: io.BufferedReader, source: str) -> InputRefusal | None:
    """A refusal of a whole file of records, by a look at its beginning: binary data, UTF-32."""
    head = stream.peek(BUFFER_BYTES)
    if marked_encoding(head) is None and looks_binary(head):
        return refuse(Reason.BINARY, source, "the bytes are not text")
    return None


def read_text(
    stream: io.BufferedReader, origin: Origin, kind: ArticleFormat, max_chars: int, lead: bytes
) -> RawDocument | InputRefusal:
    """The whole of ``lead`` and ``stream`` as one draft; no more than can fit is read."""
    limit = _BYTES_PER_CHAR * (max_chars + 1)
    data = lead + stream.read(limit + 1 - len(lead))
    if len(data) > limit:
        return refuse(Reason.TOO_LARGE, origin.source, f"it has over {max_chars:,} characters")
    if marked_encoding(data) is None and looks_binary(data):
        return refuse(Reason.BINARY, origin.source, "the bytes are not text")
    text = decode_text(data)
    if text is None:
        message = "the text is neither UTF-8 nor an encoding that could be told with confidence"
        return refuse(Reason.BAD_ENCODING, origin.source, message)
    return RawDocument(origin, text, kind)


def read_lines(
    stream: io.BufferedReader, origin: Origin, max_chars: int, first_line: int = 1
) -> Iterator[RawDocument | InputRefusal]:
    """One draft or refusal for each line of JSON that is not blank; bounded memory.

    A line longer than six bytes for each of ``max_chars`` and 64 KiB is skipped unread.
    """
    refused = refuse_stream(stream, origin.source)
    marked = marked_encoding(stream.peek(4))
    if refused is None and marked not in (None, "utf-8-sig"):
        refused = refuse(Reason.BAD_ENCODING, origin.source, "lines of JSON must be UTF-8")
    if refused:
        yield refused
        return
    limit = _JSON_BYTES_PER_CHAR * max_chars + _JSON_OTHER_BYTES
    blank = True
    for number in count(first_line):
        line = stream.readline(limit + 1)
        if not line:
            break
        if number == first_line:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.isspace() or not line:
            continue
        blank = False
        place = origin.at(number)
        if len(line) > limit:
            while not line.endswith(b"\n") and (line := stream.readline(BUFFER_BYTES)):
                pass
            message = f"the line has over {limit:,} bytes and was not read"
            yield refuse(Reason.TOO_LARGE, place.source, message)
        else:
            yield _draft_from_json(line, place)
    if blank:
        yield refuse(Reason.EMPTY, origin.source, "it holds no record")


def _draft_from_json(line: bytes, origin: Origin) -> RawDocument | InputRefusal:
    try:
        # Takes less than half the time of json's. What it does not read, json may: half
        # characters, deep nesting; or json says what is wrong. What both read is the same.
        record = from_json(line, cache_strings="keys")
    except ValueError:
        return _draft_by_json(line, origin)
    return _draft_from_value(record, origin)


def _draft_by_json(line: bytes, origin: Origin) -> RawDocument | InputRefusal:
    """The draft or the refusal by Python's own reader, which draws the line between the two."""
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
    except ValueError:  # Python's guard against integers of thousands of digits
        return refuse(Reason.BAD_JSON, origin.source, "a number has too many digits")
    return _draft_from_value(record, origin)


def _draft_from_value(record: object, origin: Origin) -> RawDocument | InputRefusal:
    if not isinstance(record, dict):
        message = f"the line holds {_kind(record)}, not an object"
        return refuse(Reason.BAD_JSON, origin.source, message)
    return document_from_record(record, origin)


def document_from_record(record: Mapping[str, Any], origin: Origin) -> RawDocument | InputRefusal:
    """The draft in a JSON object or a row.

    Of the fields that can hold the text, the first that is not blank is read.
    """
    try:
        own_id, title = _label(record, _ID_FIELDS), _label(record, _TITLE_FIELDS)
    except _FieldError as error:
        return refuse(Reason.BAD_JSON, origin.source, str(error))
    blank: RawDocument | None = None
    for key, kind in TEXT_FIELDS.items():
        text = record.get(key)
        if not isinstance(text, str):
            continue
        if text and not text.isspace():
            return RawDocument(origin, text, kind, title, own_id)
        blank = blank or RawDocument(origin, text, kind, title, own_id)
    if blank:
        return blank
    message = f"no field with a text; it has {show_keys(record)}"
    return refuse(Reason.NO_TEXT_FIELD, origin.source, message)


def show_keys(keys: Iterable[str]) -> str:
    """The first keys as one line of ASCII, whatever they are."""
    # json.dumps escapes controls and lone surrogates, which a refusal's message could not hold.
    shown = [json.dumps(key[:_SHOWN_KEY_CHARS]) for key in keys]
    more = f" and {len(shown) - _SHOWN_KEYS} more" if len(shown) > _SHOWN_KEYS else ""
    return (", ".join(shown[:_SHOWN_KEYS]) or "no fields") + more


def _label(record: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of the fields that is neither missing, null nor blank; a number as its digits."""
    for key in keys:
        value = record.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise _FieldError(f"the field {key} holds {_kind(value)}, not a text or a number")
        label = str(value)
        if label and not label.isspace():
            return label
    return ""


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else json.dumps(value)
