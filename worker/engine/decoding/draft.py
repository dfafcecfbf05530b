"""Predicts an answer's next tokens from its source.

An answer that is mostly a copy need not be generated token by token. The source is its draft, and
one forward pass verifies many draft tokens. When the answer leaves the source, its latest tokens
are looked up in the source to find where it continues. This is input-guided ("aggressive") decoding
(Sun et al., ACL 2021, 2106.04970) with the lookup of prompt lookup decoding (Saxena, 2023).

Pure Python. Drafts are made for one answer at a time and never depend on its neighbours in a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Draft"]

#: How far ahead a single token is looked up. Omitted parts of a sentence are short, and a match
#: further on is usually another occurrence of a common word.
_LOOKAHEAD_TOKENS = 8

#: Tokens drafted when the position is a guess; few, because most fail. An answer that is not a copy
#: gets none: with guesses, the steps of 16 summaries took half as long again.
_GUESSED_TOKENS = 4


class Draft:
    """A position in the source that follows the answer.

    Args:
        source: the tokens that the answer may copy.
        copying: whether the answer is expected to copy the source from its first token on.
    """

    __slots__ = (
        "_guessed",
        "_last",
        "_left_at",
        "_pairs",
        "_position",
        "_singles",
        "_source",
        "anchored",
    )

    def __init__(self, source: Sequence[int], *, copying: bool) -> None:
        self._source = source
        self._position = 0 if copying else len(source)
        self._guessed = _GUESSED_TOKENS if copying else 0
        self._left_at: int | None = None if copying else 0
        """Position where the answer left the source, or None while the answer follows it."""
        self._last: int | None = None
        self._pairs: dict[tuple[int, int], list[int]] = {}
        self._singles: dict[int, list[int]] = {}
        self.anchored = copying
        """Whether the answer is known to copy here: it has copied from its start, or its last two
        tokens precede the next drafted token in the source. Otherwise the draft is a guess."""

    def next_tokens(self, limit: int) -> Sequence[int]:
        """Return up to ``limit`` tokens that are likely to come next; fewer if they are a guess."""
        size = limit if self.anchored else min(limit, self._guessed)
        return self._source[self._position : self._position + size]

    def follow(self, token: int) -> None:
        """Move the position past ``token``, the answer's next token."""
        last, self._last = self._last, token
        if self._position < len(self._source) and self._source[self._position] == token:
            self._position += 1
            self._left_at = None
            self.anchored = self.anchored or self._follows_pair(last, token)
            return
        self.anchored = False
        if self._left_at is None:
            self._left_at = self._position
        position = self._find(last, token, self._left_at)
        if position is None:
            # Assume a substitution. If it was an insertion, the next token will be looked up.
            self._position = min(self._left_at + 1, len(self._source))
        else:
            self._position, self._left_at = position, None
            self.anchored = self._follows_pair(last, token)

    def _follows_pair(self, last: int | None, token: int) -> bool:
        """Return whether ``last`` and ``token`` precede the position in the source."""
        position, source = self._position, self._source
        return position > 1 and source[position - 1] == token and source[position - 2] == last

    def _find(self, last: int | None, token: int, left_at: int) -> int | None:
        """Return the position after the pair, or after ``token`` shortly ahead, or None.

        If the pair occurs several times, its first occurrence after ``left_at`` counts, or else its
        last.
        """
        if not self._singles:
            self._index()
        pairs = self._pairs.get((last, token), ()) if last is not None else ()
        if pairs:
            return next((position for position in pairs if position > left_at), pairs[-1])
        end = left_at + _LOOKAHEAD_TOKENS
        return next(
            (position for position in self._singles.get(token, ()) if left_at < position <= end),
            None,
        )

    def _index(self) -> None:
        """Index the source's tokens and pairs by hash; a summary's source has a thousand tokens."""
        for index, token in enumerate(self._source):
            self._singles.setdefault(token, []).append(index + 1)
            if index:
                self._pairs.setdefault((self._source[index - 1], token), []).append(index + 1)
