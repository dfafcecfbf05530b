"""Stage 3, spot: choose the sentences for the engine to read, and find the awkward ones."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from worker.english.facts import words
from worker.english.lexicon import DOUBLED_ON_PURPOSE

if TYPE_CHECKING:
    from worker.config.profile import SpottingSettings
    from worker.engine.protocol import Generation

__all__ = ["is_awkward", "is_long_enough"]

#: Shorter pieces are headings, datelines and exclamations: surprising, but not awkward.
_MIN_WORDS = 5

#: Words whose doubling is not awkward: those doubled on purpose, and two that may meet where one
#: phrase ends and the next begins ("what it is is", "told her her name").
_RIGHTLY_DOUBLED = DOUBLED_ON_PURPOSE | {"is", "her"}


def is_long_enough(sentence: str) -> bool:
    """Return whether the text has enough words for a sentence; shorter text is never changed."""
    return len(sentence.split()) >= _MIN_WORDS


def is_awkward(sentence: str, answer: Generation, settings: SpottingSettings) -> bool:
    """Return whether the sentence reads badly, whatever is proposed for it.

    It does if the model, asked to repair it, is surprised that it should stay as it is (mean nats
    per token of the sentence as its own answer), or if a word is doubled. An engine that returns
    no nats for a draft finds doubled words only.
    """
    draft_nats = answer.draft_nats
    if draft_nats and sum(draft_nats) / len(draft_nats) > settings.surprisal_nats:
        return True
    # Punctuation counts as a word here: "late, late" is meant.
    lower = [word.lower() for word in words(sentence)]
    return any(
        first == second and first.isalpha() and first not in _RIGHTLY_DOUBLED
        for first, second in pairwise(lower)
    )
