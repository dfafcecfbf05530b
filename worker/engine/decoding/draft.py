"""Where in the source an answer stands: which tokens are likely to come next.

An answer that is mostly a copy need not be written token by token: the source is its draft,
a forward pass verifies many draft tokens at once, and where the answer leaves the source it is
found again there. Input-guided ("aggressive") decoding, Sun et al., ACL 2021 (2106.04970), with
the lookup of prompt lookup decoding (Saxena, 2023) to find the way back.

Pure Python, one answer at a time: what is drafted depends on the answer alone, never on its
neighbours in a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Draft"]

#: A single token is looked for so far ahead. Dropped pieces of a sentence are short, and a common
#: word farther on is another one more often than not.
_REACH = 8

#: Tokens drafted where the way back is only guessed, since most of them are for nothing. None for
#: an answer that does not copy: with these, the steps of 16 summaries took half as long again.
_GUESSED_TOKENS = 4


class Draft:
    """A source, read along with an answer.

    Args:
        source: the tokens that the answer may copy.
        copying: whether it is expected to copy from the first one on.
    """

    __slots__ = ("_at", "_guessed", "_last", "_left", "_pairs", "_places", "_source", "anchored")

    def __init__(self, source: Sequence[int], *, copying: bool) -> None:
        self._source = source
        self._at = 0 if copying else len(source)
        self._guessed = _GUESSED_TOKENS if copying else 0
        self._left: int | None = None if copying else 0
        """Where the answer left the source, while it has not been found there again."""
        self._last: int | None = None
        self._pairs: dict[tuple[int, int], list[int]] = {}
        self._places: dict[int, list[int]] = {}
        self.anchored = copying
        """Whether the answer is known to copy: it does so from its start, or its last two tokens
        stand in the source, right before the next drafted one. Elsewhere the draft is a guess."""

    def next_tokens(self, most: int) -> Sequence[int]:
        """Up to ``most`` tokens that are likely to come next; few where that is a guess."""
        many = most if self.anchored else min(most, self._guessed)
        return self._source[self._at : self._at + many]

    def follow(self, token: int) -> None:
        """Take in what was written."""
        last, self._last = self._last, token
        if self._at < len(self._source) and self._source[self._at] == token:
            self._at += 1
            self._left = None
            self.anchored = self.anchored or self._stands(last, token)
            return
        self.anchored = False
        if self._left is None:
            self._left = self._at
        found = self._find(last, token, self._left)
        if found is None:
            # Taken for one token in another's place; was it put in between, then the next one
            # that is written is found.
            self._at = min(self._left + 1, len(self._source))
        else:
            self._at, self._left = found, None
            self.anchored = self._stands(last, token)

    def _stands(self, last: int | None, token: int) -> bool:
        """Whether the last two tokens written are the two before the next drafted one."""
        at, source = self._at, self._source
        return at > 1 and source[at - 1] == token and source[at - 2] == last

    def _find(self, last: int | None, token: int, left: int) -> int | None:
        """The place after ``token``: behind the nearest such pair, else near where it left."""
        if not self._places:
            self._index()
        pairs = self._pairs.get((last, token), ()) if last is not None else ()
        if pairs:
            return next((place for place in pairs if place > left), pairs[-1])
        places = self._places.get(token, ())
        return next((place for place in places if left < place <= left + _REACH), None)

    def _index(self) -> None:
        """Find tokens and pairs by hash: the source of a summary has a thousand tokens."""
        for at, token in enumerate(self._source):
            self._places.setdefault(token, []).append(at + 1)
            if at:
                self._pairs.setdefault((self._source[at - 1], token), []).append(at + 1)
