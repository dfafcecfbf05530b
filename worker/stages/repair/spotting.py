"""Stage 3, spot: chooses the sentences that the engine reads, and finds the awkward sentences."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from worker.english.facts import words
from worker.english.lexicon import DOUBLED_ON_PURPOSE

if TYPE_CHECKING:
    from worker.config.profile import SpottingSettings
    from worker.engine.protocol import Generation

__all__ = ["is_awkward", "is_long_enough"]

#: Shorter pieces are headings, datelines and exclamations, which surprise a model but are not
#: awkward.
_MIN_WORDS = 5

#: Words that are not awkward when doubled: words doubled on purpose, and "is" and "her", which may
#: both end a phrase and begin the next phrase ("what it is is", "told her her name").
_RIGHTLY_DOUBLED = DOUBLED_ON_PURPOSE | {"is", "her"}


def is_long_enough(sentence: str) -> bool:
    """Return whether the text has enough words for a sentence; shorter text is never changed."""
    return len(sentence.split()) >= _MIN_WORDS


def is_awkward(sentence: str, answer: Generation, settings: SpottingSettings) -> bool:
    """Return whether the sentence reads badly, regardless of any proposal.

    A sentence reads badly if the model, asked to repair the sentence, is surprised to find it
    unchanged as the answer (mean nats per token), or if a word is doubled. An engine that returns
    no nats for a draft finds only doubled words.
    """
    draft_nats = answer.draft_nats
    if draft_nats and sum(draft_nats) / len(draft_nats) > settings.surprisal_nats:
        return True
    # Punctuation counts as a word here, because "late, late" is intended.
    lower = [word.lower() for word in words(sentence)]
    return any(
        first == second and first.isalpha() and first not in _RIGHTLY_DOUBLED
        for first, second in pairwise(lower)
    )
