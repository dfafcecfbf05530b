"""Words of judgement in an article's own voice.

A word list finds few of the ways in which a text takes sides: treat a hit as a hint to an editor,
and no hit as nothing at all.
"""

from __future__ import annotations

from worker.english.facts import Token, tokens
from worker.english.lexicon import (
    ATTRIBUTION_VERBS,
    AUXILIARIES,
    DETERMINERS,
    LOADED_WORDS,
    PRONOUNS,
)
from worker.english.quotation import quotation_spans

__all__ = ["loaded_words"]

#: Words between an attribution and the judgement it reports: "called it an utterly vile act".
_TRANSPARENT = AUXILIARIES | DETERMINERS | PRONOUNS | {"as", "that", ","}
#: How far back an attribution is looked for, in words.
_REACH = 6


def loaded_words(text: str) -> tuple[str, ...]:
    """The words of judgement and intensifiers in the text's own voice, in order, lower-cased.

    Words inside quotations, and words that directly follow an attribution ("he called it an
    outrageous"), belong to somebody else. A quotation spans as `worker.english.facts.quotations`
    says.
    """
    spans = quotation_spans(text)
    found = tokens(text)
    loaded: list[str] = []
    span = 0
    for index, token in enumerate(found):
        while span < len(spans) and spans[span][1] <= token.start:
            span += 1
        quoted = span < len(spans) and spans[span][0] <= token.start
        lower = token.text.lower()
        if lower in LOADED_WORDS and not quoted and not _attributed(found, index):
            loaded.append(lower)
    return tuple(loaded)


def _attributed(found: tuple[Token, ...], index: int) -> bool:
    for token in reversed(found[max(0, index - _REACH) : index]):
        lower = token.text.lower()
        if lower in ATTRIBUTION_VERBS:
            return True
        if lower not in _TRANSPARENT and lower not in LOADED_WORDS and not token.capital:
            return False
    return False
