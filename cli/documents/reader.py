"""Input files, folders and stdin as a stream of articles and refusals.

Owns what is read, in which order, which id an article gets, and what is no article.
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
_TEXTS = {
    ".txt": ArticleFormat.TEXT,
    ".md": ArticleFormat.MARKDOWN,
    ".markdown": ArticleFormat.MARKDOWN,
    ".html": ArticleFormat.HTML,
    ".htm": ArticleFormat.HTML,
}
_LINES = frozenset({".jsonl", ".ndjson"})
_TABLES = frozenset({".csv"})
_SUFFIXES = (*_TEXTS, *sorted(_LINES), *sorted(_TABLES))
_KNOWN = f"Copydesk reads {', '.join(_SUFFIXES)}, each also with .gz"

#: Longest id of an article (``Article.id``); a longer one is replaced by its hash.
_MAX_ID_CHARS = 512
#: Characters of an id in a message, so that it stays a line.
_SHOWN_ID_CHARS = 80
#: Bytes of the digest that is kept of each id: no two of 10^9 ids share one by chance.
_DIGEST_BYTES = 16
#: Blanks and byte-order mark that may stand before the first brace of JSON on stdin.
_BLANKS = b" \t\r\n\xef\xbb\xbf"


def read_documents(
    inputs: Sequence[str], *, max_chars: int, stdin: BinaryIO | None = None
) -> Iterator[Article | InputRefusal]:
    """Each article of the inputs, or why it is none, in order; nothing is raised for bad input.

    Memory is bounded but for 16 bytes an id and the names in one folder. A folder is read
    recursively in the order of names, without hidden files, READMEs and files of other kinds; a
    folder reached twice through links is read once.

    Args:
        inputs: files, folders, ``-`` for stdin: JSON Lines where it begins with ``{``, else one
            text.
        max_chars: most characters of title and text together.
        stdin: read for ``-`` in place of the process's own.
    """
    desk = _Desk(max_chars)
    for given in inputs:
        drafts = _read_stdin(stdin, max_chars) if given == _STDIN else _read_path(given, max_chars)
        for draft in drafts:
            yield desk.settle(draft) if isinstance(draft, RawDocument) else draft


class _Desk:
    """Turns drafts into articles; remembers which ids are taken."""

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._taken: set[bytes] = set()

    def settle(self, draft: RawDocument) -> Article | InputRefusal:
        """The article, or why the draft is none."""
        source = draft.origin.source
        text = draft.text
        if "\r" in text:  # else two vain searches would be a seventh of all reading
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text or text.isspace():
            return refuse(Reason.EMPTY, source, "it holds no text")
        if len(text) + len(draft.title) > self._max_chars:
            return refuse(Reason.TOO_LARGE, source, f"it has over {self._max_chars:,} characters")
        try:
            data = f"{draft.id}\n{draft.title}\n{text}".encode()
        except UnicodeEncodeError:
            return refuse(Reason.BAD_ENCODING, source, "it holds half a character (a surrogate)")
        if b"\x00" in data or looks_binary(data):
            return refuse(Reason.BINARY, source, "it holds control characters that no text has")
        article_id = self._settle_id(draft)
        if article_id is None:
            message = f"the id {_shortened(draft.id or draft.origin.stem)!r} is taken"
            hint = "" if draft.id else "the same file seems to be given more than once"
            return refuse(Reason.DUPLICATE_ID, source, message, hint)
        return Article(
            id=article_id, text=text, title=draft.title, format=draft.format, source=source
        )

    def _settle_id(self, draft: RawDocument) -> str | None:
        """The article's id; ``None`` where its own is taken."""
        article_id = _bounded(draft.id or draft.origin.stem)
        if self._claim(article_id):
            return article_id
        if draft.id:
            return None
        # An id of our own making may give way: another file or record of that name came first.
        digest = hashlib.sha256(draft.origin.source.encode()).hexdigest()[:8]
        article_id = _bounded(f"{draft.origin.stem}-{digest}")
        return article_id if self._claim(article_id) else None

    def _claim(self, article_id: str) -> bool:
        digest = hashlib.blake2b(article_id.encode(), digest_size=_DIGEST_BYTES).digest()
        if digest in self._taken:
            return False
        self._taken.add(digest)
        return True


def _is_passed_over(name: str) -> bool:
    """Whether a folder's file is hidden, or tells of the folder instead of being an article."""
    return name.startswith(".") or Path(name).stem.upper() == "README"


def _bounded(article_id: str) -> str:
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
        stream.detach()  # or the caller's stream would be closed with this one


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


def _read_path(given: str, max_chars: int) -> Iterator[RawDocument | InputRefusal]:
    """The drafts of one file or folder."""
    if not given:  # for Path it is the current folder; here, an empty shell variable
        yield refuse(Reason.FILE_MISSING, "", "an empty name was given")
        return
    path = Path(given)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _unreadable(given, error)
        return
    if stat.S_ISDIR(mode):
        yield from _read_folder(path, max_chars)
    elif _parted(path)[1] not in _SUFFIXES:
        yield refuse(Reason.UNKNOWN_FORMAT, _shown(path), "its suffix is not known", _KNOWN)
    else:
        yield from _read_file(path, _shown(_parted(path)[0]), mode, max_chars)


def _read_folder(folder: Path, max_chars: int) -> Iterator[RawDocument | InputRefusal]:
    empty = True
    for path, found in _walk(folder):
        empty = False
        if isinstance(found, InputRefusal):
            yield found
        else:
            within = path.relative_to(folder)
            stem = ".".join((*within.parts[:-1], _parted(path)[0]))
            yield from _read_file(path, _shown(stem), found, max_chars)
    if empty:
        yield refuse(Reason.EMPTY, _shown(folder), "the folder holds no file to read", _KNOWN)


def _walk(folder: Path) -> Iterator[tuple[Path, int | InputRefusal]]:
    """Each file of a known kind with its mode, and what could not be looked at."""
    waiting = [folder]
    seen: set[tuple[int, int]] = set()
    while waiting:
        path = waiting.pop()
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208 - names suffice
                    waiting.extend(path / name for name in names if not _is_passed_over(name))
                continue
        except OSError as error:
            # A broken link of another kind would have been passed over whole, too.
            if not path.is_symlink() or _parted(path)[1] in _SUFFIXES:
                yield path, _unreadable(path, error)
            continue
        if _parted(path)[1] in _SUFFIXES:
            yield path, status.st_mode


def _read_file(
    path: Path, stem: str, mode: int, max_chars: int
) -> Iterator[RawDocument | InputRefusal]:
    origin = Origin(_shown(path), stem)
    if not stat.S_ISREG(mode):
        message, hint = "it is not a regular file", "pipe it in, with - as the input"
        yield refuse(Reason.FILE_UNREADABLE, origin.source, message, hint)
        return
    suffix = _parted(path)[1]
    try:
        with _opened(path) as stream:
            if suffix in _LINES:
                yield from read_lines(stream, origin, max_chars)
            elif suffix in _TABLES:
                yield from read_table(stream, origin, max_chars)
            else:
                yield read_text(stream, origin, _TEXTS[suffix], max_chars, b"")
    except (OSError, EOFError, zlib.error) as error:
        yield _unreadable(path, error)


def _opened(path: Path) -> io.BufferedReader:
    if path.suffix.lower() == ".gz":
        unpacked = gzip.GzipFile(path)  # closed with the reader
        return io.BufferedReader(cast(io.RawIOBase, unpacked), BUFFER_BYTES)
    return io.BufferedReader(io.FileIO(path), BUFFER_BYTES)


def _parted(path: Path) -> tuple[str, str]:
    """Name without suffixes, and the suffix that says the kind, in lower case."""
    name = path.stem if path.suffix.lower() == ".gz" else path.name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, not a path
    return stem, suffix.lower()


def _unreadable(path: Path | str, error: Exception) -> InputRefusal:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return refuse(Reason.FILE_MISSING, _shown(path), "there is no such file or folder")
    cause = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return refuse(Reason.FILE_UNREADABLE, _shown(path), f"it cannot be read: {cause}")


def _shown(path: Path | str) -> str:
    """A path as text; bytes that are no UTF-8 as escapes, which no record could hold."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
