"""Flags that point an editor to the faults left in a repaired article."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.english.loaded_words import find_loaded_words
from worker.english.model_talk import find_instruction
from worker.records.reason import Reason
from worker.records.result import Flag
from worker.stages.flag.contradiction import find_contradictions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["flag_article"]


def flag_article(
    sentences: Sequence[str],
    *,
    awkward: Sequence[int],
    needs_source: Sequence[int],
    min_words: int,
) -> list[Flag]:
    """Return the flags of a repaired article.

    Args:
        sentences: the article's sentences, in order.
        awkward: indexes of sentences that read badly and were not repaired.
        needs_source: indexes of sentences that only the source text could repair.
        min_words: articles with fewer words are flagged as short.
    """
    flags = [Flag(reason=Reason.AWKWARD, text=sentences[index]) for index in awkward]
    flags += [Flag(reason=Reason.NEEDS_SOURCE, text=sentences[index]) for index in needs_source]
    for sentence in sentences:
        flags += _flag_words(sentence)
    flags += [
        Flag(
            reason=Reason.CONTRADICTION,
            text=f"{sentences[contradiction.first]} / {sentences[contradiction.second]}",
            words=contradiction.values,
        )
        for contradiction in find_contradictions(sentences)
    ]
    if sum(len(sentence.split()) for sentence in sentences) < min_words:
        flags.append(Flag(reason=Reason.SHORT_ARTICLE))
    return flags


def _flag_words(sentence: str) -> Iterator[Flag]:
    loaded = find_loaded_words(sentence)
    if loaded:
        yield Flag(reason=Reason.LOADED_LANGUAGE, text=sentence, words=loaded)
    instruction = find_instruction(sentence)
    if instruction is not None:
        yield Flag(reason=Reason.ORDER, text=sentence, words=(instruction,))
