"""What a source of a model's file is: it delivers bytes from any of the file's pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.config.catalogue import Piece

__all__ = ["Source", "SourceError", "Unavailable"]


class SourceError(Exception):
    """A source cannot deliver; the next one may."""


class Source(Protocol):
    """A place that delivers a model's file. All of them deliver the same bytes."""

    @property
    def label(self) -> str:
        """Its name in messages."""

    @property
    def whole_pieces(self) -> bool:
        """Whether a piece can only be had from its start."""

    def deliver(
        self, piece: Piece, start: int, sink: BinaryIO, arrived: Callable[[int], None]
    ) -> None:
        """Write the file's bytes from ``start`` to the end of ``piece`` into ``sink``.

        Args:
            piece: the piece that is asked for.
            start: position in the file to begin at; inside the piece.
            sink: takes the bytes.
            arrived: called with the position in the file that has been reached.

        Raises:
            SourceError: the bytes cannot be had from here.
            OSError: ``sink`` cannot take them.
        """

    def close(self) -> None:
        """Release connections."""


class Unavailable:
    """A source that is known to be out of reach."""

    whole_pieces = False

    def __init__(self, label: str, why: str) -> None:
        self.label, self._why = label, why

    def deliver(
        self, piece: Piece, start: int, sink: BinaryIO, arrived: Callable[[int], None]
    ) -> None:
        """Say why nothing comes from here."""
        del piece, start, sink, arrived
        raise SourceError(self._why)

    def close(self) -> None:
        """Hold nothing open."""
