"""Stage 3, spot: chooses the sentences that the engine reads, and finds the awkward sentences."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from worker.engine.protocol import Prompt
from worker.english.facts import words
from worker.english.lexicon import DOUBLED_ON_PURPOSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile, SpottingSettings
    from worker.engine.protocol import Engine, Generation

__all__ = ["Spotted", "is_awkward", "is_long_enough", "spot_sentences"]

#: Shorter pieces are headings, datelines and exclamations, which surprise a model but are not
#: awkward.
_MIN_WORDS = 5

#: Words that are not awkward when doubled: words doubled on purpose, and "is" and "her", which may
#: both end a phrase and begin the next phrase ("what it is is", "told her her name").
_RIGHTLY_DOUBLED = DOUBLED_ON_PURPOSE | {"is", "her"}


def is_long_enough(sentence: str) -> bool:
    """Return whether the text has enough words for a sentence; shorter text is never changed."""
    return len(sentence.split()) >= _MIN_WORDS


class Spotted(NamedTuple):
    """How badly a sentence reads."""

    surprisal: float | None
    """Mean nats per token of the sentence as its own repair; ``None`` if the engine has none."""
    awkward: bool
    """See ``is_awkward``."""


def spot_sentences(sentences: Sequence[str], engine: Engine, profile: Profile) -> list[Spotted]:
    """Read each sentence as its own repair, as stage 3 does, and write none.

    Raises:
        EngineError: the engine failed on the batch.
    """
    template = profile.prompts[profile.repair.prompt]
    answers = engine.generate([Prompt(template, text, 1, draft=text) for text in sentences])
    return [
        Spotted(_surprisal(answer), is_awkward(sentence, answer, profile.spotting))
        for sentence, answer in zip(sentences, answers, strict=True)
    ]


def is_awkward(sentence: str, answer: Generation, settings: SpottingSettings) -> bool:
    """Return whether the sentence reads badly, regardless of any proposal.

    A sentence reads badly if the model, asked to repair the sentence, is surprised to find it
    unchanged as the answer (mean nats per token), or if a word is doubled. An engine that returns
    no nats for a draft finds only doubled words.
    """
    surprisal = _surprisal(answer)
    if surprisal is not None and surprisal > settings.surprisal_nats:
        return True
    # Punctuation counts as a word here, because "late, late" is intended.
    lower = [word.lower() for word in words(sentence)]
    return any(
        first == second and first.isalpha() and first not in _RIGHTLY_DOUBLED
        for first, second in pairwise(lower)
    )


def _surprisal(answer: Generation) -> float | None:
    nats = answer.draft_nats
    return sum(nats) / len(nats) if nats else None
