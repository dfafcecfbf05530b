"""Reads the training sets of a folder, with some documents held out."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from zlib import crc32

from worker.errors import UsageError
from worker.training.pair import Row, read_rows

__all__ = ["Sets"]

#: Documents fall into this many parts. The first is held out. Every third is set aside for what
#: decides about proposals (``worker.training.pair.is_set_aside``), except of the few of Wikinews.
_PARTS, _ASIDE = 12, 3
#: Number of articles of Wikinews to train on; with the others the writer is measured. And number of
#: the BBC's articles for each of them: more would teach the BBC's spelling.
_WIKINEWS_ARTICLES, _BBC_RATIO = 200, 3.5


class Sets:
    """The training sets of a folder: the documents held out, or those to train on.

    Args:
        data: folder of the sets.
        is_held: whether to read the held-out documents, instead of those to train on.
        seed: decides about the order of rows.
    """

    def __init__(self, data: Path, *, is_held: bool, seed: int) -> None:
        self.data = data
        self.is_held = is_held
        self.rng = Random(seed)  # noqa: S311 - not a secret

    def rows(self, *names: str) -> list[Row]:
        """Return the rows of the sets in random order."""
        rows = [row for name in names for row in self._read(name)]
        self.rng.shuffle(rows)
        return rows

    def articles(self) -> list[Row]:
        """Return clean articles in random order."""
        wikinews = self._read("clean/wikinews", _WIKINEWS_ARTICLES)
        bbc = self.rows("clean/bbc")[: round(_BBC_RATIO * len(wikinews))]
        articles = [*wikinews, *bbc]
        self.rng.shuffle(articles)
        return articles

    def _read(self, name: str, most: int | None = None) -> list[Row]:
        path = self.data / f"{name}.jsonl.gz"
        if not path.is_file():
            raise UsageError(
                f"There is no training set at {path}.",
                code="set_missing",
                hint="name the folder of the training sets with --data",
            )
        return [row for row in islice(read_rows(path), most) if self._has(row)]

    def _has(self, row: Row) -> bool:
        part = crc32(_document(row).encode()) % _PARTS
        if self.is_held or not part:
            return self.is_held and not part
        return "url" in row or part % _ASIDE != 0


def _document(row: Row) -> str:
    """Return what names the row's document, or its segment if the set names no documents."""
    if row.get("doc") is None and "pair" in row:
        return f"{row['pair']}/{row['seg']}"
    keys = ("doc", "url", "text", "source", "good", "bad")
    return str(next(row[key] for key in keys if row.get(key)))
