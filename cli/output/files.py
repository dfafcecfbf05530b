"""Writes the result files of a job: rows, errors, Markdown pages and the manifest, each atomically.

Does not depend on Redis: callers pass collected articles and counters.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from cli.output.markdown import render_article
from worker import __version__
from worker.config.restraint import Restraint
from worker.errors import OutputError
from worker.records.article import ArticleState, CollectedArticle, InputRefusal
from worker.records.job import JobProgress
from worker.records.reason import REASON_FIELDS, Reason
from worker.records.result import (
    Edit,
    Flag,
    Method,
    Record,
    Refusal,
    Removal,
    SummarySentence,
)

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ErrorRow", "Manifest", "ResultRow", "ResultWriter", "result_row"]

RESULTS_NAME = "results.jsonl"
ERRORS_NAME = "errors.jsonl"
MANIFEST_NAME = "manifest.json"

_RERUN = "what was written before is whole; collect can be run again"
_HINTS = {
    errno.ENOSPC: f"the disk is full: free some space or choose another folder; {_RERUN}",
    errno.EDQUOT: f"your quota is used up: free some space or choose another folder; {_RERUN}",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that is not mounted read-only",
    errno.ENOTDIR: "choose a folder, not a file",
    errno.EEXIST: "choose a folder, not a file",
}

#: Characters that JSON need not escape, but that some readers treat as line ends and terminals as
#: control characters.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


class ResultRow(Record):
    """A line of ``results.jsonl``: one article that is done, failed or cancelled."""

    id: str
    state: ArticleState
    file: str | None = None
    """The article's Markdown page; None unless it is done."""
    title: str | None = None
    repaired: str | None = None
    summary_title: str | None = None
    summary: str | None = None
    method: Method | None = None
    evidence: tuple[SummarySentence, ...] = ()
    edits: tuple[Edit, ...] = ()
    refused: tuple[Refusal, ...] = ()
    removed: tuple[Removal, ...] = ()
    flags: tuple[Flag, ...] = ()
    timings: dict[str, float] = Field(default_factory=dict)
    cached: bool
    source: str
    reason: Reason | None
    """Why the article failed or was cancelled; None if it is done."""
    message: str
    hint: str


class ErrorRow(Record):
    """A line of ``errors.jsonl``: a refused input or a failed article."""

    id: str | None
    """None for a refused input."""
    source: str
    reason: Reason | None
    message: str
    hint: str


class Manifest(Record):
    """The contents of ``manifest.json``, written last: counts of what the other files contain."""

    job: str
    profile: str
    restraint: Restraint
    version: str
    """Version of the program that wrote the files."""
    created: datetime
    """When the job was created."""
    collected: datetime
    """When the files were written."""
    complete: bool
    """Whether the job is finished and each of its articles has a row."""
    total: int
    states: dict[ArticleState, int]
    """The job's articles by state when the files were written; they sum to ``total``."""
    rows: int
    pages: int
    cached: int
    refused_inputs: int
    """Inputs that were refused; not part of ``total``."""
    errors: dict[Reason, int]
    """Rows of ``errors.jsonl`` by reason."""
    edits: dict[Reason, int]
    refused: dict[Reason, int]
    """Unused proposals by reason."""
    removed: dict[Reason, int]
    flags: dict[Reason, int]
    files: tuple[str, ...]
    """All files except the pages."""


class ResultWriter:
    """Writes the result files of one job into a folder, creating it if necessary.

    Use it as a context manager. Every file is written under a temporary name and moved into place
    once it is complete and on disk, so neither an interruption nor a full disk leaves half a file.
    Pages appear as they are written, rows and manifest at ``finish``. Without ``finish``, the rows
    and manifest of an earlier run stay.

    Raises:
        OutputError: from every method, if a file or the folder cannot be written.
    """

    def __init__(self, out: Path, *, job: str, profile: str) -> None:
        self._out = out
        self._job = job
        self._profile = profile
        self._names: set[bytes] = set()
        self._rows = self._pages = self._cached = self._refused_inputs = 0
        self._counts: dict[str, Counter[Reason]] = {
            name: Counter() for name in ("errors", "edits", "refused", "removed", "flags")
        }
        self._results: _AtomicFile
        self._errors: _AtomicFile

    def __enter__(self) -> Self:
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._out = self._out.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise _output_error(self._out, error) from error
        with contextlib.ExitStack() as files:
            self._results = files.enter_context(_AtomicFile(self._out, RESULTS_NAME))
            self._errors = files.enter_context(_AtomicFile(self._out, ERRORS_NAME))
            self._files = files.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def write(self, collected: CollectedArticle) -> None:
        """Add an article that is done, failed or cancelled."""
        article, outcome, result = collected.article, collected.outcome, collected.result
        name = None
        if result is not None:
            name = self._page_name(collected)
            with _AtomicFile(self._out, name) as page:
                page.write(render_article(collected))
                page.keep()
            self._pages += 1
            for field in REASON_FIELDS:
                self._counts[field].update(entry.reason for entry in getattr(result, field))
        row = _row(collected, name)
        self._results.write(_json_line(row))
        self._rows += 1
        self._cached += outcome.cached
        if outcome.state is ArticleState.FAILED:
            self._add_error(
                article.id, article.source, outcome.reason, outcome.message, outcome.hint
            )

    def refuse(self, refusal: InputRefusal) -> None:
        """Add an input that was not accepted."""
        self._refused_inputs += 1
        self._add_error(None, refusal.source, refusal.reason, refusal.message, refusal.hint)

    def finish(self, progress: JobProgress) -> Manifest:
        """Move the rows and, last, the manifest into place.

        Args:
            progress: the job's counters, read before or after the articles; ``complete`` is true
                only if they agree with the rows.
        """
        manifest = Manifest(
            job=self._job,
            profile=self._profile,
            restraint=progress.restraint,
            version=__version__,
            created=datetime.fromtimestamp(progress.created, UTC),
            collected=datetime.now(UTC),
            complete=progress.finished and self._rows == progress.total,
            total=progress.total,
            states={state: getattr(progress, state.value) for state in ArticleState},
            rows=self._rows,
            pages=self._pages,
            cached=self._cached,
            refused_inputs=max(progress.refused, self._refused_inputs),
            **{name: dict(counts.most_common()) for name, counts in self._counts.items()},
            files=(RESULTS_NAME, ERRORS_NAME, MANIFEST_NAME),
        )
        with _AtomicFile(self._out, MANIFEST_NAME) as file:
            file.write(_escape_unsafe(manifest.model_dump_json(indent=2)) + "\n")
            self._results.keep()
            self._errors.keep()
            file.keep()
        return manifest

    def _add_error(
        self, article_id: str | None, source: str, reason: Reason | None, message: str, hint: str
    ) -> None:
        row = ErrorRow(id=article_id, source=source, reason=reason, message=message, hint=hint)
        self._errors.write(_json_line(row))
        if reason is not None:
            self._counts["errors"][reason] += 1

    def _page_name(self, collected: CollectedArticle) -> str:
        """Return a file name that no other page has, even if the file system ignores case."""
        stem = collected.article.file_stem
        for name in (stem, f"{stem}-{_digest(collected.article.id).hex()[:8]}"):
            # Only digests are kept, since a million names would take a hundred megabytes.
            digest = _digest(name.casefold())
            if digest not in self._names:
                self._names.add(digest)
                return f"{name}.md"
        raise OutputError(f"article {collected.article.id!r} was written twice")


def result_row(collected: CollectedArticle) -> dict[str, Any]:
    """Return the article's row of ``results.jsonl`` as JSON types, without a page."""
    return _row(collected, None).model_dump(mode="json")


def _row(collected: CollectedArticle, page: str | None) -> ResultRow:
    article, outcome, result = collected.article, collected.outcome, collected.result
    fields = type(result).model_fields if result is not None else {}
    return ResultRow(
        id=article.id,
        state=outcome.state,
        file=page,
        **{field: getattr(result, field) for field in fields},
        cached=outcome.cached,
        source=article.source,
        reason=outcome.reason,
        message=outcome.message,
        hint=outcome.hint,
    )


class _AtomicFile:
    """A text file that stays hidden under a temporary name until it is kept.

    As a context manager, it discards the file unless ``keep`` was called.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        if not self._path.parent.resolve().is_relative_to(folder) or Path(name).name != name:
            raise OutputError(f"{self._path} is outside of {folder}", code="output_outside")
        self._temporary = folder / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self._temporary, flags, 0o666)
        except OSError as error:
            raise _output_error(self._path, error) from error
        self._file = open(descriptor, "w", encoding="utf-8", newline="\n")  # noqa: SIM115, PTH123
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, text: str) -> None:
        """Append ``text``."""
        try:
            self._file.write(text)
        except OSError as error:
            self.discard()
            raise _output_error(self._path, error) from error

    def keep(self) -> None:
        """Flush the file to disk, then move it into place."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
        except OSError as error:
            self.discard()
            raise _output_error(self._path, error) from error
        self._closed = True

    def discard(self) -> None:
        """Delete the file, unless it was already kept or discarded."""
        if self._closed:
            return
        self._closed = True
        # Closing flushes the buffer, which fails again if writing has failed.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()


def _json_line(row: Record) -> str:
    return _escape_unsafe(row.model_dump_json()) + "\n"


def _escape_unsafe(text: str) -> str:
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _output_error(path: Path, error: Exception) -> OutputError:
    cause = (isinstance(error, OSError) and error.strerror) or str(error)
    hint = _HINTS.get(error.errno or 0, _RERUN) if isinstance(error, OSError) else _RERUN
    return OutputError(f"{path} cannot be written: {cause}", hint=hint)
