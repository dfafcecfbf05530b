"""Reads the rows of evaluation files: JSON Lines, plain or gzip, with errors that name the line.

Covers the file formats only, not what is measured on the rows.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from worker.errors import UsageError
from worker.records.article import ArticleFormat

__all__ = [
    "MeaningRow",
    "PageRow",
    "RepairRow",
    "SpottingRow",
    "SummaryRow",
    "SupportRow",
    "TextRow",
    "read_meaning_rows",
    "read_page_rows",
    "read_repair_rows",
    "read_spotting_rows",
    "read_summary_rows",
    "read_support_rows",
    "read_text_rows",
]

_GZIP_MAGIC = b"\x1f\x8b"

#: Keys of the article and the reference summary in a summary row, in the order of preference.
_SUMMARY_SHAPES = (
    ("article", "summary"),
    ("leads", "summary"),
    ("src", "ref_summ"),
    ("text", "summary"),
)

_REPAIR_HINT = 'a row is {"source": "…", "target": "…"} or {"source": "…", "targets": ["…", …]}'
_SUMMARY_HINT = (
    'a row is {"article": "…", "summary": "…"}; also "text" or "leads" with "summary", or "src" '
    'with "ref_summ"'
)
_PAGE_HINT = 'a row is {"html": "…", "article": "…"} or {"text": "…", "article": "…"}'

_SUPPORT_HINT = (
    'a row is {"article": "…", "sentence": "…", "supported": true}; also "summary", with "errors", '
    'which is "correct" or a list of faults'
)
_SPOTTING_HINT = 'a row is {"source": "…", "fluency_votes": 0}'
_MEANING_HINT = 'a row is {"source": "…", "proposal": "…", "meaning": "same"}, or "differs"'
_TEXT_HINT = 'a row is {"text": "headline, paragraphs, each on a line"}'


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RepairRow(_Row):
    """A sentence and its versions by people or other engines."""

    source: str
    target: str
    """The version that chrF and TER compare with: ``target``, or the first of ``targets``."""
    versions: tuple[str, ...]
    """All versions: ``targets``, preceded by ``target`` if it is not among them."""
    edit_rate: float | None = None
    """``hter``: the share of words that a person who had the source text changed."""
    reference: str | None = None
    """``reference``: a translation made without this one. ``None`` if the row has none, or its
    ``new_names_numbers`` lists facts that only those who have the source text can know."""


class SummaryRow(_Row):
    """An article and a person's summary of it."""

    id: str
    """The line number of the row; several rows may share an article."""
    text: str
    title: str = ""
    summary: str


class PageRow(_Row):
    """A web page and its article."""

    id: str
    url: str = ""
    text: str
    """The page: HTML, or plain text with furniture."""
    format: ArticleFormat
    article: str
    """The gold text."""


class TextRow(_Row):
    """A clean article."""

    lines: tuple[str, ...]
    """The headline, then the paragraphs; no line is blank."""


class SpottingRow(_Row):
    """A sentence, and how many people found that it reads badly."""

    source: str
    fluency_votes: int


class MeaningRow(_Row):
    """A sentence, a rewrite of it, and whether a reader found that both say the same."""

    source: str
    proposal: str
    same: bool


class SupportRow(_Row):
    """A claim about an article, and whether people found it supported."""

    article: str
    claim: str
    """A sentence, or a summary of several sentences."""
    supported: bool


_R = TypeVar("_R", bound=_Row)


def read_repair_rows(path: Path, limit: int | None = None) -> list[RepairRow]:
    """Read the first ``limit`` rows (all by default) of a file with ``source`` and ``target(s)``.

    ``hter``, ``reference`` and ``new_names_numbers`` are read if they are there; other keys are
    ignored.

    Raises:
        UsageError: the file is missing, unreadable or empty, or a line is not a JSON object or
            lacks a key. The message starts with ``file:line`` if a line is at fault.
    """
    return _read(path, limit, _repair_row, _REPAIR_HINT)


def read_spotting_rows(path: Path, limit: int | None = None) -> list[SpottingRow]:
    """Read the first ``limit`` rows (all by default) of a file with ``source`` and its votes.

    ``fluency_votes`` is the number of people who found that the sentence reads badly. Other keys
    are ignored.

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _spotting_row, _SPOTTING_HINT)


def read_meaning_rows(path: Path, limit: int | None = None) -> list[MeaningRow]:
    """Read the first ``limit`` rows (all by default) of a file with read rewrites.

    ``meaning`` is "same" or "differs". Other keys are ignored.

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _meaning_row, _MEANING_HINT)


def read_text_rows(path: Path, limit: int | None = None) -> list[TextRow]:
    """Read the first ``limit`` rows (all by default) of a file with clean articles in ``text``.

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _text_row, _TEXT_HINT)


def read_summary_rows(path: Path, limit: int | None = None) -> list[SummaryRow]:
    """Read the first ``limit`` rows (all by default) of a file with articles and summaries.

    The keys are ``article`` + ``summary``, ``leads`` (a list of objects with ``text``, joined into
    one article) + ``summary``, ``src`` + ``ref_summ``, or ``text`` + ``summary``. With ``article``
    or ``text``, ``title`` is the article's title; with ``leads``, it belongs to the reference and
    is not used.

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _summary_row, _SUMMARY_HINT)


def read_support_rows(path: Path, limit: int | None = None) -> list[SupportRow]:
    """Read the first ``limit`` rows (all by default) of a file with claims about articles.

    The keys are ``article``, ``sentence`` or ``summary``, and ``supported`` (true or false) or
    ``errors`` (an empty list or "correct" if the claim is supported).

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _support_row, _SUPPORT_HINT)


def read_page_rows(path: Path, limit: int | None = None) -> list[PageRow]:
    """Read the first ``limit`` rows (all by default) of a file with pages and their gold article.

    Raises:
        UsageError: as for ``read_repair_rows``.
    """
    return _read(path, limit, _page_row, _PAGE_HINT)


class _ShapeError(Exception):
    """A row has the wrong shape; the message says what is wrong, but not where."""


def _repair_row(row: Mapping[str, Any], number: int) -> RepairRow:
    del number
    source = _text(row, "source")
    versions: list[str] = []
    if "targets" in row:
        versions = _texts(row, "targets")
    if "target" in row:
        target = _text(row, "target")
        versions = versions if target in versions else [target, *versions]
    elif versions:
        target = versions[0]
    else:
        raise _ShapeError('neither "target" nor "targets"')
    rate, reference = row.get("hter"), row.get("reference")
    has_reference = isinstance(reference, str) and reference.strip()
    return RepairRow(
        source=source,
        target=target,
        versions=tuple(versions),
        edit_rate=float(rate) if isinstance(rate, int | float) else None,
        reference=reference if has_reference and not row.get("new_names_numbers") else None,
    )


def _spotting_row(row: Mapping[str, Any], number: int) -> SpottingRow:
    del number
    votes = row.get("fluency_votes")
    if not isinstance(votes, int) or isinstance(votes, bool) or votes < 0:
        raise _ShapeError('"fluency_votes" is not a number of votes')
    return SpottingRow(source=_text(row, "source"), fluency_votes=votes)


def _meaning_row(row: Mapping[str, Any], number: int) -> MeaningRow:
    del number
    meaning = row.get("meaning")
    if meaning not in {"same", "differs"}:
        raise _ShapeError('"meaning" is neither "same" nor "differs"')
    return MeaningRow(
        source=_text(row, "source"), proposal=_text(row, "proposal"), same=meaning == "same"
    )


def _summary_row(row: Mapping[str, Any], number: int) -> SummaryRow:
    shape = next((shape for shape in _SUMMARY_SHAPES if shape[0] in row), None)
    if shape is None:
        raise _ShapeError('no "article", "leads", "src" or "text"')
    body, reference = shape
    title = ""
    if body == "leads":
        text = "\n\n".join(_lead_texts(row))
    else:
        text = _text(row, body)
        if body != "src" and isinstance(row.get("title"), str):
            title = row["title"]
    return SummaryRow(id=str(number), text=text, title=title, summary=_text(row, reference))


def _support_row(row: Mapping[str, Any], number: int) -> SupportRow:
    del number
    supported = row.get("supported")
    if "errors" in row and supported is None:
        errors = row["errors"]
        supported = not errors or errors == "correct"
    if not isinstance(supported, bool):
        raise _ShapeError('neither "supported", true or false, nor "errors"')
    claim = _text(row, "sentence" if "sentence" in row else "summary")
    return SupportRow(article=_text(row, "article"), claim=claim, supported=supported)


def _text_row(row: Mapping[str, Any], number: int) -> TextRow:
    del number
    lines = (line.strip() for line in _text(row, "text").splitlines())
    return TextRow(lines=tuple(line for line in lines if line))


def _page_row(row: Mapping[str, Any], number: int) -> PageRow:
    is_html = "html" in row
    if not is_html and "text" not in row:
        raise _ShapeError('neither "html" nor "text"')
    return PageRow(
        id=str(row.get("id") or number),
        url=str(row.get("url") or ""),
        text=_text(row, "html" if is_html else "text"),
        format=ArticleFormat.HTML if is_html else ArticleFormat.TEXT,
        article=_text(row, "article"),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        raise _ShapeError(f'"{key}" is missing')
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise _ShapeError(f'"{key}" is not a text, or empty')
    return value


def _texts(row: Mapping[str, Any], key: str) -> list[str]:
    values = row[key]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _ShapeError(f'"{key}" is not a list of texts')
    return [value for value in cast("list[str]", values) if value.strip()]


def _lead_texts(row: Mapping[str, Any]) -> list[str]:
    leads = row["leads"]
    if not isinstance(leads, list) or not all(isinstance(lead, dict) for lead in leads):
        raise _ShapeError('"leads" is not a list of objects with "text"')
    # Some leads of NeuS are only a headline.
    texts = [_text(lead, "text") for lead in leads if lead.get("text") != ""]
    if not texts:
        raise _ShapeError('"leads" has no text')
    return texts


def _read(
    path: Path, limit: int | None, row_from: Callable[[Mapping[str, Any], int], _R], hint: str
) -> list[_R]:
    rows: list[_R] = []
    for number, line in _lines(path):
        if limit is not None and len(rows) >= limit:
            break
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"{place}: not JSON: {error}", code="row_not_json", hint=f"one a line: {hint}"
            ) from error
        if not isinstance(row, dict):
            raise UsageError(f"{place}: not a JSON object", code="row_not_json", hint=hint)
        try:
            rows.append(row_from(row, number))
        except _ShapeError as error:
            raise UsageError(f"{place}: {error}", code="row_incomplete", hint=hint) from error
    if not rows:
        raise UsageError(f"{path}: there is no row in it", code="rows_empty", hint=hint)
    return rows


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the non-blank lines with their numbers; gzip is recognised by content, not by name."""
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            raw.seek(0)
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
            with io.TextIOWrapper(stream, encoding="utf-8-sig") as text:
                for number, line in enumerate(text, start=1):
                    if line.strip():
                        yield number, line
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no file {path}", code="file_missing", hint="a .jsonl or .jsonl.gz file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}:{number + 1}: not UTF-8: {error.reason}",
            code="file_unreadable",
            hint="JSON Lines are UTF-8, plain or gzip",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be read: {error}",
            code="file_unreadable",
            hint="JSON Lines, plain or gzip",
        ) from error
