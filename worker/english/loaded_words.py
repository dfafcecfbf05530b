"""Finds loaded words in an article's own voice.

A word list catches few of the ways in which a text can take sides. A hit is a hint to an editor;
the absence of hits proves nothing.
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

__all__ = ["find_loaded_words"]

#: Words that may stand between an attribution and the loaded word it reports: "called it an
#: utterly vile act".
_SKIPPED = AUXILIARIES | DETERMINERS | PRONOUNS | {"as", "that", ","}
#: Number of tokens searched backwards for an attribution.
_REACH = 6


def find_loaded_words(text: str) -> tuple[str, ...]:
    """Return the evaluative words and intensifiers in the text's own voice, in lower case.

    Words inside a quotation (`worker.english.quotation`) or right after an attribution ("he called
    it outrageous") are in somebody else's voice and are left out.
    """
    spans = quotation_spans(text)
    text_tokens = tokens(text)
    loaded: list[str] = []
    span = 0
    for index, token in enumerate(text_tokens):
        while span < len(spans) and spans[span][1] <= token.start:
            span += 1
        quoted = span < len(spans) and spans[span][0] <= token.start
        lower = token.text.lower()
        if lower in LOADED_WORDS and not quoted and not _is_attributed(text_tokens, index):
            loaded.append(lower)
    return tuple(loaded)


def _is_attributed(text_tokens: tuple[Token, ...], index: int) -> bool:
    """Return whether only filler separates the token at ``index`` from an earlier attribution."""
    for token in reversed(text_tokens[max(0, index - _REACH) : index]):
        lower = token.text.lower()
        if lower in ATTRIBUTION_VERBS:
            return True
        if lower not in _SKIPPED and lower not in LOADED_WORDS and not token.capital:
            return False
    return False
