"""Stage 2, step 3: removes a word that was repeated by mistake.

A translation engine repeats a word if two source words share one English translation ("membrane
membrane"). Words that are doubled on purpose stay. Any other word is removed if the base model,
given only the text of the sentence, finds the sentence more likely with the word once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.engine.fluency import text_nats
from worker.english.lexicon import DOUBLED_ON_PURPOSE, NEGATIONS, NUMBER_WORDS
from worker.records.reason import Reason
from worker.records.result import Edit
from worker.stages.split.sentences import unquoted_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["remove_doubled_words"]

#: Nats by which a sentence must be more likely with the word once. Removes 97 % of words doubled at
#: random in clean news; a lower value also removes intended repetitions (docs/decisions/021).
_MIN_GAIN_NATS = 5.0

#: Words that stay doubled: words doubled on purpose or for stress, and negations and number words,
#: whose repetition may change the meaning. `repair.spotting` makes fewer exceptions, because a
#: needless flag on "really really" costs nothing, while a needless removal costs a word.
_KEPT_DOUBLED = (
    DOUBLED_ON_PURPOSE | NEGATIONS | NUMBER_WORDS.keys() | {"really", "so", "much", "many", "far"}
)

#: Lower case only: "New York, New York" and "Duran Duran" are names.
_DOUBLE = re.compile(r"(?<![\w'\u2019-])([a-z]+)((?:\s+\1)+)(?![\w'\u2019-])")


def remove_doubled_words(
    paragraphs: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> tuple[list[list[str]], list[Edit]]:
    """Return each paragraph's sentences without doubled words, and the edits made.

    Quotations stay unchanged. If the engine returns no likelihoods, all text stays unchanged.

    Raises:
        EngineError: the engine failed.
    """
    result = [list(paragraph) for paragraph in paragraphs]
    candidates = [
        (number, index, shortened)
        for number, sentences in enumerate(result)
        for index, sentence in unquoted_sentences(sentences)
        if (shortened := _without_double(sentence)) != sentence
    ]
    texts = [
        text
        for number, index, shortened in candidates
        for text in (result[number][index], shortened)
    ]
    nats = text_nats(texts, engine, profile)
    edits: list[Edit] = []
    for number, index, shortened in candidates if nats else ():
        sentence = result[number][index]
        gain = nats[sentence] - nats[shortened]
        if gain < _MIN_GAIN_NATS:
            continue
        result[number][index] = shortened
        edits.append(
            Edit(
                paragraph=number,
                before=sentence,
                after=shortened,
                reason=Reason.DOUBLED_WORD,
                scores={"fluency_nats": round(gain, 3)},
            )
        )
    return result, edits


def _without_double(sentence: str) -> str:
    """Return the sentence with only one copy of its first doubled word."""
    for double in _DOUBLE.finditer(sentence):
        if double[1] not in _KEPT_DOUBLED:
            return sentence[: double.start(2)] + sentence[double.end(2) :]
    return sentence
