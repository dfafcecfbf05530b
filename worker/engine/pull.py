"""Downloads a catalogue model, checks its hash and prepares it.

The file grows in a scratch folder that survives a kill, so the next pull resumes where the last one
stopped, from any source. One rename puts the prepared folder in place.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from worker.config.kept_model import KeptModel, sha256_of_range
from worker.engine.supply.opening import open_folder, open_sources
from worker.engine.supply.source import SourceError
from worker.errors import CopydeskError, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

    from worker.config.catalogue import CatalogueModel, Piece
    from worker.config.kept_model import Bar
    from worker.config.settings import Settings
    from worker.engine.supply.source import Source

__all__ = ["pull"]

_GB, _MB = 10**9, 10**6


class _WrongBytesError(SourceError):
    """A source delivers bytes that do not match the catalogue."""


def pull(
    model: CatalogueModel,
    settings: Settings,
    report: Callable[[str], None],
    bar: Bar,
    folder: Path | None = None,
) -> Path:
    """Return the model's folder, after fetching and preparing it if it is missing.

    Args:
        model: what to fetch.
        settings: ``home`` is where the folder belongs, ``model_mirror`` the first source.
        report: called with one sentence per step.
        bar: shows the bytes of a step.
        folder: the only source, for machines without a network.

    Raises:
        UsageError: ``model_not_in_folder``.
        EngineError: ``model_download_failed``, ``model_checksum`` or ``model_load_failed``.
        CopydeskError: ``disk_low``, ``disk_full`` or ``model_folder_failed``.
    """
    kept = KeptModel(model, settings.home)
    if kept.pulled and not kept.scratch.exists():
        report(f"{model.name} is already in {kept.folder}")
        return kept.folder
    source = None if folder is None else open_folder(model, folder)
    try:
        with kept.locked(
            lambda: report(f"another pull of {model.name} is running; waiting for it")
        ):
            if kept.pulled:
                report(f"{model.name} is already in {kept.folder}")
            else:
                _clear(kept)
                _check_room(kept)
                sources = open_sources(model, settings, kept.scratch)
                _fetch(kept, [source] if source else sources, report, bar)
                _prepare(kept, report, bar)
            shutil.rmtree(kept.scratch, ignore_errors=True)
    except OSError as error:
        raise _disk_error(kept, error) from error
    return kept.folder


def _clear(kept: KeptModel) -> None:
    """Empty the scratch folder, except for the file of an interrupted pull."""
    kept.scratch.mkdir(exist_ok=True)
    for path in kept.scratch.iterdir():
        if path != kept.file:
            # A pip that outlived its pull may still be writing there.
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
    kept.file.touch()


def _check_room(kept: KeptModel) -> None:
    model = kept.model
    # One downloaded part exists beside the file at a time.
    part = max(piece.end - piece.start for piece in model.pieces)
    missing = max(0, model.bytes - kept.begun_bytes)
    fetched = missing + min(missing, part)
    free = shutil.disk_usage(kept.scratch).free
    if free < fetched + model.prepared_bytes:
        raise CopydeskError(
            f"{model.name} needs {_size(fetched)} for its file and {_size(model.prepared_bytes)}"
            f" for the prepared model; {_size(free)} are free in {kept.folder.parent}",
            code="disk_low",
            hint="make room, or set COPYDESK_HOME to a folder on a larger disk",
        )


def _fetch(
    kept: KeptModel, sources: Iterable[Source], report: Callable[[str], None], bar: Bar
) -> None:
    """Complete ``kept.file``; when this returns, its hash is the catalogue's.

    Raises:
        EngineError: no source could deliver; what has arrived stays.
    """
    name, failures, wrong_bytes = kept.model.name, [], False
    for source in sources:
        begun = kept.begun_bytes
        already = f", {_size(begun)} of it are here already" if begun else ""
        report(f"fetching {name}, {_size(kept.model.bytes)}, from {source.label}{already}")
        try:
            with closing(source):
                _Arrival(kept, source, report, bar).complete()
        except SourceError as error:
            report(f"{source.label} failed: {error}")
            failures.append(f"{source.label}: {error}")
            wrong_bytes = wrong_bytes or isinstance(error, _WrongBytesError)
        else:
            return
    listed = "".join(f"\n  {failure}" for failure in failures) or "\n  it has no source"
    raise EngineError(
        f"{name} could not be fetched:{listed}",
        code="model_checksum" if wrong_bytes else "model_download_failed",
        hint="check the network, or set COPYDESK_MODEL_MIRROR, or give a folder with --from;"
        " what has arrived is kept, and the next pull goes on from there",
    )


class _Arrival:
    """Downloads a model's file from one source."""

    def __init__(
        self, kept: KeptModel, source: Source, report: Callable[[str], None], bar: Bar
    ) -> None:
        self._model, self._file = kept.model, kept.file
        self._source, self._report, self._bar = source, report, bar

    def complete(self) -> None:
        """Fetch what is missing, check the whole, and fetch anew what is wrong.

        Raises:
            SourceError: the source failed.
        """
        with self._file.open("r+b") as stream:
            with self._bar(f"fetching {self._model.name}") as progress:
                self._append(stream, progress)
            if self._is_right(stream):
                return
            # What has just come in was checked piece by piece: older bytes are wrong.
            wrong = [piece for piece in self._model.pieces if not _is_right(stream, piece)]
            with self._bar(f"mending {self._model.name}") as progress:
                for piece in wrong:
                    self._refuse(piece)
                    self._take(stream, piece, piece.start, progress)
            if not self._is_right(stream):
                raise _WrongBytesError("each part is right and the file is not: see the catalogue")

    def _append(self, stream: BinaryIO, progress: Callable[[int, int], None]) -> None:
        size = stream.seek(0, os.SEEK_END)
        if size > self._model.bytes:
            stream.truncate(0)
            size = 0
        for piece in self._model.pieces:
            if size < piece.end:
                start = piece.start if self._source.whole_pieces else max(size, piece.start)
                self._take(stream, piece, start, progress)

    def _take(
        self, stream: BinaryIO, piece: Piece, start: int, progress: Callable[[int, int], None]
    ) -> None:
        """Fetch ``piece`` from ``start`` on; if its hash is wrong, once more in full."""
        for position in (start, piece.start):
            stream.seek(position)
            self._source.deliver(
                piece, position, stream, lambda done: progress(done, self._model.bytes)
            )
            stream.flush()
            if _is_right(stream, piece):
                return
            self._refuse(piece)
        raise _WrongBytesError(f"{piece.name} has wrong bytes, also when it is fetched anew")

    def _refuse(self, piece: Piece) -> None:
        self._report(f"refused {piece.name}: its SHA-256 is not the catalogue's")

    def _is_right(self, stream: BinaryIO) -> bool:
        whole = self._model
        with self._bar(f"checking {whole.name}") as progress:
            return sha256_of_range(stream, 0, whole.bytes, progress) == whole.sha256


def _is_right(stream: BinaryIO, piece: Piece) -> bool:
    return sha256_of_range(stream, piece.start, piece.end) == piece.sha256


def _prepare(kept: KeptModel, report: Callable[[str], None], bar: Bar) -> None:
    # torch takes seconds to import, and a pull can fail before it is needed.
    from worker.engine.local import convert_gguf  # noqa: PLC0415

    report(f"checked its SHA-256; preparing {_size(kept.model.prepared_bytes)} in bfloat16, once")
    prepared = kept.scratch / "prepared"
    convert_gguf(kept.file, prepared)
    kept.write_manifest(prepared, bar)
    prepared.rename(kept.folder)
    report(f"ready in {kept.folder}")


def _disk_error(kept: KeptModel, error: OSError) -> CopydeskError:
    place = kept.folder.parent
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CopydeskError(
            f"the disk is full: {place} could not take all of {kept.model.name}",
            code="disk_full",
            hint=f"about {_size(kept.model.prepared_bytes)} are needed beside the file; what has"
            " arrived is kept, and the next pull goes on from there",
        )
    return CopydeskError(
        f"{place} cannot be written: {error.strerror or error}",
        code="model_folder_failed",
        hint="set COPYDESK_HOME to a folder of your own",
    )


def _size(count: int) -> str:
    return f"{count / _GB:.2f} GB" if count >= _GB else f"{count / _MB:.0f} MB"
