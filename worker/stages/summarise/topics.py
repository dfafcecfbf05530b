"""Stage 8, check: what the article keeps talking about may not be cut out of a sentence."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.english.facts import content_words

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["lost_recurring_words", "recurring_words"]

#: A word is a theme that more sentences say than so many, and than this share of the article's.
#: ROUGE-1 of summaries over four dev sets, with own sentences where a cut loses a theme: 39.5 at 2
#: sentences and wholly extractive in up to 63 of 100, 39.6 at 3 and 49, 39.5 at 4, 39.4 whatever
#: is cut; 39.7 where nothing is.
_THEME_SENTENCES, _THEME_SHARE = 3, 0.1


def recurring_words(sentences: Sequence[str]) -> frozenset[str]:
    """The content words that many of the article's sentences have."""
    spread = Counter(word for one in sentences for word in set(content_words(one)))
    least = max(_THEME_SENTENCES, _THEME_SHARE * len(sentences))
    return frozenset(word for word, seen in spread.items() if seen > least)


def lost_recurring_words(source: str, shortened: str, known: frozenset[str]) -> str:
    """Return the recurring words of ``source`` that ``shortened`` lacks, sorted and joined."""
    lost = {*content_words(source)} - {*content_words(shortened)}
    return " ".join(sorted(lost & known))
