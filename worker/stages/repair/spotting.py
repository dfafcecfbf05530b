"""Stage 3, spot: which sentences the engine reads, and which of them read badly."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from worker.english.facts import words

if TYPE_CHECKING:
    from worker.config.profile import SpottingSettings
    from worker.engine.protocol import Generation

__all__ = ["reads_badly", "worth_reading"]

#: Shorter pieces are headings, datelines and exclamations: surprising, and not awkward.
_LEAST_WORDS = 5

#: Words that good English says twice in a row ("had had", "that that").
_RIGHTLY_DOUBLED = frozenset({"had", "that", "is", "her", "very"})


def worth_reading(sentence: str) -> bool:
    """Whether it is long enough to be a sentence; what is shorter is left as it is."""
    return len(sentence.split()) >= _LEAST_WORDS


def reads_badly(sentence: str, answer: Generation, settings: SpottingSettings) -> bool:
    """Whether the sentence is awkward, whatever is proposed for it.

    It is when the model, asked to repair it, is surprised that it should stay as it is (mean nats
    of its tokens as the answer), or when a word stands twice in a row. An engine that cannot say
    what it thinks of a draft leaves the doubled words.
    """
    drafted = answer.draft_nats
    if drafted and sum(drafted) / len(drafted) > settings.surprisal_nats:
        return True
    # With its marks: "late, late" is meant.
    found = [word.lower() for word in words(sentence)]
    return any(
        first == second and first.isalpha() and first not in _RIGHTLY_DOUBLED
        for first, second in pairwise(found)
    )
