"""Reads files, folders and stdin as a stream of articles and refusals.

Decides which files are read, in which order, which id each article gets, and what is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from cli.documents.encoding import looks_binary
from cli.documents.raw_document import (
    BUFFER_BYTES,
    Origin,
    RawDocument,
    read_lines,
    read_text,
    refuse,
)
from cli.documents.table import read_table
from worker.records.article import Article, ArticleFormat, InputRefusal
from worker.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["read_documents"]

_STDIN = "-"
_TEXT_FORMATS = {
    ".txt": ArticleFormat.TEXT,
    ".md": ArticleFormat.MARKDOWN,
    ".markdown": ArticleFormat.MARKDOWN,
    ".html": ArticleFormat.HTML,
    ".htm": ArticleFormat.HTML,
}
_LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_TABLE_SUFFIXES = frozenset({".csv"})
_SUFFIXES = (*_TEXT_FORMATS, *sorted(_LINE_SUFFIXES), *sorted(_TABLE_SUFFIXES))
_KNOWN_HINT = f"Copydesk reads {', '.join(_SUFFIXES)}, each also with .gz"

#: Maximum length of an id, as for ``Article.id``; a longer id is replaced by a hash.
_MAX_ID_CHARS = 512
#: Maximum number of characters shown of an id: the message stays on one line.
_SHOWN_ID_CHARS = 80
#: Size of the digest kept for each id: no two of 10^9 ids collide by chance.
_DIGEST_BYTES = 16
#: Bytes that may precede the first brace of JSON on stdin: blanks and a byte-order mark.
_BLANKS = b" \t\r\n\xef\xbb\xbf"


def read_documents(
    inputs: Sequence[str], *, max_chars: int, stdin: BinaryIO | None = None
) -> Iterator[Article | InputRefusal]:
    """Yield the articles and refusals from ``inputs``, in order; bad input raises no error.

    Memory is bounded, except for 16 bytes per id and the names in one folder. Folders are read
    recursively, in name order, without hidden files, READMEs and files of unknown types; a folder
    reached twice through links is read once.

    Args:
        inputs: files, folders, or ``-`` for stdin, which is JSON Lines if it begins with ``{`` and
            otherwise one text.
        max_chars: maximum number of characters in title and text together.
        stdin: replaces the process's own stdin.
    """
    builder = _ArticleBuilder(max_chars)
    for name in inputs:
        documents = _read_stdin(stdin, max_chars) if name == _STDIN else _read_path(name, max_chars)
        for document in documents:
            yield builder.build(document) if isinstance(document, RawDocument) else document


class _ArticleBuilder:
    """Turns raw documents into articles and keeps their ids unique."""

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._taken: set[bytes] = set()

    def build(self, document: RawDocument) -> Article | InputRefusal:
        """Return the article, or a refusal that says why the document cannot be one."""
        source = document.origin.source
        text = document.text
        if "\r" in text:  # two vain searches would take a seventh of the time
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text or text.isspace():
            return refuse(Reason.EMPTY, source, "it holds no text")
        if len(text) + len(document.title) > self._max_chars:
            return refuse(Reason.TOO_LARGE, source, f"it has over {self._max_chars:,} characters")
        try:
            data = f"{document.id}\n{document.title}\n{text}".encode()
        except UnicodeEncodeError:
            return refuse(Reason.BAD_ENCODING, source, "it holds half a character (a surrogate)")
        if b"\x00" in data or looks_binary(data):
            return refuse(Reason.BINARY, source, "it holds control characters that no text has")
        article_id = self._free_id(document)
        if article_id is None:
            message = f"the id {_shortened(document.id or document.origin.stem)!r} is taken"
            hint = "" if document.id else "the same file seems to be given more than once"
            return refuse(Reason.DUPLICATE_ID, source, message, hint)
        return Article(
            id=article_id, text=text, title=document.title, format=document.format, source=source
        )

    def _free_id(self, document: RawDocument) -> str | None:
        """Return a free id for the document, or None if its own is taken."""
        article_id = _bounded_id(document.id or document.origin.stem)
        if self._take_id(article_id):
            return article_id
        if document.id:
            return None
        # A derived id may be changed if another file or record of the same name came first.
        digest = hashlib.sha256(document.origin.source.encode()).hexdigest()[:8]
        article_id = _bounded_id(f"{document.origin.stem}-{digest}")
        return article_id if self._take_id(article_id) else None

    def _take_id(self, article_id: str) -> bool:
        digest = hashlib.blake2b(article_id.encode(), digest_size=_DIGEST_BYTES).digest()
        if digest in self._taken:
            return False
        self._taken.add(digest)
        return True


def _is_skipped(name: str) -> bool:
    """Return whether a folder entry is hidden or a README."""
    return name.startswith(".") or Path(name).stem.upper() == "README"


def _bounded_id(article_id: str) -> str:
    if len(article_id) <= _MAX_ID_CHARS:
        return article_id
    return "id-" + hashlib.sha256(article_id.encode()).hexdigest()


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_ID_CHARS else f"{text[: _SHOWN_ID_CHARS - 1]}…"


def _read_stdin(stdin: BinaryIO | None, max_chars: int) -> Iterator[RawDocument | InputRefusal]:
    origin = Origin("stdin", "stdin")
    raw: BinaryIO = stdin or sys.stdin.buffer
    if isinstance(raw, io.BufferedReader):
        yield from _read_stream(raw, origin, max_chars)
        return
    stream: io.BufferedReader = io.BufferedReader(cast(io.RawIOBase, raw), BUFFER_BYTES)
    try:
        yield from _read_stream(stream, origin, max_chars)
    finally:
        stream.detach()  # keep the caller's stream open


def _read_stream(
    stream: io.BufferedReader, origin: Origin, max_chars: int
) -> Iterator[RawDocument | InputRefusal]:
    try:
        lead = bytearray()
        while len(lead) <= max_chars and (blank := stream.peek(1)[:1]) and blank in _BLANKS:
            lead += stream.read(1)
        if stream.peek(1)[:1] == b"{":
            yield from read_lines(stream, origin, max_chars, 1 + lead.count(b"\n"))
        else:
            yield read_text(stream, origin, ArticleFormat.TEXT, max_chars, bytes(lead))
    except OSError as error:
        yield _unreadable(origin.source, error)


def _read_path(name: str, max_chars: int) -> Iterator[RawDocument | InputRefusal]:
    """Yield the documents and refusals of one file or folder."""
    if not name:  # an empty shell variable; Path would take it for the current folder
        yield refuse(Reason.FILE_MISSING, "", "an empty name was given")
        return
    path = Path(name)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _unreadable(name, error)
        return
    if stat.S_ISDIR(mode):
        yield from _read_folder(path, max_chars)
    elif _split_suffix(path)[1] not in _SUFFIXES:
        yield refuse(
            Reason.UNKNOWN_FORMAT, _printable(path), "its suffix is not known", _KNOWN_HINT
        )
    else:
        yield from _read_file(path, _printable(_split_suffix(path)[0]), mode, max_chars)


def _read_folder(folder: Path, max_chars: int) -> Iterator[RawDocument | InputRefusal]:
    empty = True
    for path, mode in _walk(folder):
        empty = False
        if isinstance(mode, InputRefusal):
            yield mode
        else:
            relative = path.relative_to(folder)
            stem = ".".join((*relative.parts[:-1], _split_suffix(path)[0]))
            yield from _read_file(path, _printable(stem), mode, max_chars)
    if empty:
        yield refuse(
            Reason.EMPTY,
            _printable(folder),
            "the folder holds no file to read",
            _KNOWN_HINT,
        )


def _walk(folder: Path) -> Iterator[tuple[Path, int | InputRefusal]]:
    """Yield each file of a known type with its mode, or with a refusal if it is inaccessible."""
    pending = [folder]
    seen: set[tuple[int, int]] = set()
    while pending:
        path = pending.pop()
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208 - names suffice
                    pending.extend(path / name for name in names if not _is_skipped(name))
                continue
        except OSError as error:
            # Files of unknown types are skipped, so broken links to them are skipped too.
            if not path.is_symlink() or _split_suffix(path)[1] in _SUFFIXES:
                yield path, _unreadable(path, error)
            continue
        if _split_suffix(path)[1] in _SUFFIXES:
            yield path, status.st_mode


def _read_file(
    path: Path, stem: str, mode: int, max_chars: int
) -> Iterator[RawDocument | InputRefusal]:
    origin = Origin(_printable(path), stem)
    if not stat.S_ISREG(mode):
        message, hint = "it is not a regular file", "pipe it in, with - as the input"
        yield refuse(Reason.FILE_UNREADABLE, origin.source, message, hint)
        return
    suffix = _split_suffix(path)[1]
    try:
        with _open(path) as stream:
            if suffix in _LINE_SUFFIXES:
                yield from read_lines(stream, origin, max_chars)
            elif suffix in _TABLE_SUFFIXES:
                yield from read_table(stream, origin, max_chars)
            else:
                yield read_text(stream, origin, _TEXT_FORMATS[suffix], max_chars, b"")
    except (OSError, EOFError, zlib.error) as error:
        yield _unreadable(path, error)


def _open(path: Path) -> io.BufferedReader:
    if path.suffix.lower() == ".gz":
        unpacked = gzip.GzipFile(path)  # closed with the reader
        return io.BufferedReader(cast(io.RawIOBase, unpacked), BUFFER_BYTES)
    return io.BufferedReader(io.FileIO(path), BUFFER_BYTES)


def _split_suffix(path: Path) -> tuple[str, str]:
    """Return a path's name without suffixes, and its lower-case suffix without ``.gz``."""
    name = path.stem if path.suffix.lower() == ".gz" else path.name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, not a path
    return stem, suffix.lower()


def _unreadable(path: Path | str, error: Exception) -> InputRefusal:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return refuse(Reason.FILE_MISSING, _printable(path), "there is no such file or folder")
    cause = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return refuse(Reason.FILE_UNREADABLE, _printable(path), f"it cannot be read: {cause}")


def _printable(path: Path | str) -> str:
    """Return a path as text with non-UTF-8 bytes escaped, since records hold only UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
