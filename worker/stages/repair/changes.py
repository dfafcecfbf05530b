"""What one version of a sentence words differently from another, edit by edit.

Knows words, their places and their classes; what an edit is worth is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from worker.english.facts import fold
from worker.english.lexicon import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
    related,
)
from worker.english.spelling import respells

__all__ = ["Change", "Kind", "WordEdit", "apply_edits", "edit_rate", "find_changes", "find_edits"]

#: "don't" is "do" and "n't", as in text that was tokenised.
_NOT = r"n['\u2019]t\b"
_WORD = re.compile(
    rf"[^\W_]+?(?={_NOT})|{_NOT}|[^\W_]+(?:['\u2019&.,:/-][^\W_]+)*|\S", re.IGNORECASE
)

#: As ``fold`` has them; what stands inside or outside of a quotation is not for an edit to say.
_QUOTES = frozenset("\"'")

_ARTICLES = frozenset({"a", "an", "the"})


class Kind(StrEnum):
    """What a change does, after the word classes of grammar-correction's usual taxonomy."""

    ARTICLE_MISSING = "article_missing"
    """An article is put in."""
    ARTICLE_NEEDLESS = "article_needless"
    """An article is taken out."""
    ARTICLE_OTHER = "article_other"
    """One article or determiner for another."""
    PREPOSITION_MISSING = "preposition_missing"
    PREPOSITION_NEEDLESS = "preposition_needless"
    PREPOSITION_OTHER = "preposition_other"
    AUXILIARY = "auxiliary"
    """A form of be, have or do comes, goes or changes."""
    NOUN_NUMBER = "noun_number"
    """A final s put in or taken out, of a noun or a verb."""
    FORM = "form"
    """Another form or derivation of the same word."""
    SPELLING = "spelling"
    """A misspelt word becomes the word that it was to be."""
    DOUBLED = "doubled"
    """A word that stands near once more is taken out."""
    ORDER = "order"
    """The same words in another order."""
    CONNECTIVE = "connective"
    """Conjunctions and pronouns come, go or change."""
    FUNCTION = "function"
    """Several function words at once, or others."""
    COMMA_MISSING = "comma_missing"
    COMMA_NEEDLESS = "comma_needless"
    MARK = "mark"
    """Other punctuation."""
    WORDING = "wording"
    """Content words come, go or change."""


class WordEdit(NamedTuple):
    """A place in a text and what stands there instead."""

    start: int
    end: int
    text: str
    """With the space around it, so that any edit is a plain replacement of characters."""
    key: tuple[int, int, tuple[str, ...]]
    """Equal for the edits of two versions that differ in case and typography alone."""
    lost: tuple[str, ...] = ()
    """The words taken out, folded, in lower case."""

    @property
    def won(self) -> tuple[str, ...]:
        """The words put in, folded, in lower case."""
        return self.key[2]


class Change(NamedTuple):
    """The edits that can only be made together: one, or the two halves of a move."""

    edits: tuple[WordEdit, ...]
    kind: Kind


class _Words:
    def __init__(self, text: str) -> None:
        found = list(_WORD.finditer(text))
        self.text = text
        keys = (fold(match[0]).lower() for match in found)
        self.keys = ["not" if key == "n't" else key for key in keys]
        self.starts = [match.start() for match in found]
        self.ends = [match.end() for match in found]

    def gap(self, start: int, end: int) -> tuple[int, int]:
        """Characters from behind the word before ``start`` to the word at ``end``."""
        after = self.starts[end] if end < len(self.starts) else len(self.text)
        return (self.ends[start - 1] if start else 0), after


def find_edits(source: str, version: str) -> list[WordEdit]:
    """The edits that turn ``source`` into ``version``.

    But for case, typography, quotes and contractions: "don't" and "do not" are the same words.
    """
    before, after = _Words(source), _Words(version)
    matcher = SequenceMatcher(None, before.keys, after.keys, autojunk=False)
    edits: list[WordEdit] = []
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        if kind == "equal":
            continue
        keys = tuple(after.keys[new_low:new_high])
        if _QUOTES.issuperset((*before.keys[low:high], *keys)):
            continue
        start, end = before.gap(low, high)
        first, last = after.gap(new_low, new_high)
        text = _styled(version[first:last], source)
        edits.append(WordEdit(start, end, text, (low, high, keys), tuple(before.keys[low:high])))
    return edits


def find_changes(source: str, version: str) -> list[Change]:
    """The edits from ``source`` to ``version`` as changes that can be made one by one.

    Whether a full stop stands inside or outside of a quotation is a house's style, and no change.
    """
    groups: list[list[WordEdit]] = []
    for edit in find_edits(source, version):
        partner = next((group for group in groups if _is_move(group, edit)), None)
        if partner is None:
            groups.append([edit])
        else:
            partner.append(edit)
    keys = _Words(source).keys
    return [Change(tuple(group), _kind(group, keys)) for group in groups if not _is_style(group)]


def apply_edits(source: str, edits: Sequence[WordEdit]) -> str:
    """The text with the edits made; all else stays byte for byte.

    Of two edits that meet, the one named first is made.
    """
    made: list[WordEdit] = []
    for edit in edits:
        if all(edit.end <= other.start or edit.start >= other.end for other in made):
            made.append(edit)
    for edit in sorted(made, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


def edit_rate(source: str, version: str) -> float:
    """Share of the source's words that the version words otherwise, or in another place."""
    before, after = _Words(source).keys, _Words(version).keys
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return (max(len(before), len(after)) - same) / max(1, len(before))


def _styled(text: str, model: str) -> str:
    """The text with the apostrophes of ``model``, the curly or the straight ones."""
    if "\u2019" in model:
        return text.replace("'", "\u2019")
    return text.replace("\u2019", "'")


def _is_move(group: Sequence[WordEdit], edit: WordEdit) -> bool:
    """Whether a word that one side takes out is one that the other puts in."""
    lost, won = set(edit.lost) - set(edit.won), set(edit.won) - set(edit.lost)
    return any(
        lost & (set(other.won) - set(other.lost)) or won & (set(other.lost) - set(other.won))
        for other in group
    )


def _is_style(group: Sequence[WordEdit]) -> bool:
    lost = sorted(mark for edit in group for mark in edit.lost)
    won = sorted(mark for edit in group for mark in edit.won)
    return lost == won and not any(mark[0].isalnum() for mark in lost)


def _kind(edits: Sequence[WordEdit], keys: Sequence[str]) -> Kind:
    lost = [word for edit in edits for word in edit.lost if word[:1].isalnum()]
    won = [word for edit in edits for word in edit.won if word[:1].isalnum()]
    if not lost and not won:
        return _kind_of_marks(edits)
    if sorted(lost) == sorted(won):
        return Kind.ORDER
    for word in list(lost):
        if word in won:
            lost.remove(word)
            won.remove(word)
    if not won and all(_is_doubled(edits[0], word, keys) for word in lost):
        return Kind.DOUBLED
    changed = {*lost, *won}
    if changed <= _ARTICLES or (lost and won and changed <= DETERMINERS):
        return _by_direction(
            lost, won, Kind.ARTICLE_MISSING, Kind.ARTICLE_NEEDLESS, Kind.ARTICLE_OTHER
        )
    if changed <= PREPOSITIONS:
        return _by_direction(
            lost, won, Kind.PREPOSITION_MISSING, Kind.PREPOSITION_NEEDLESS, Kind.PREPOSITION_OTHER
        )
    return _kind_of_words(lost, won)


def _kind_of_marks(edits: Sequence[WordEdit]) -> Kind:
    lost = [mark for edit in edits for mark in edit.lost]
    won = [mark for edit in edits for mark in edit.won]
    if {*lost, *won} != {","}:
        return Kind.MARK
    return _by_direction(lost, won, Kind.COMMA_MISSING, Kind.COMMA_NEEDLESS, Kind.MARK)


def _by_direction(lost: list[str], won: list[str], put: Kind, taken: Kind, other: Kind) -> Kind:
    if not lost:
        return put
    return other if won else taken


def _kind_of_words(lost: list[str], won: list[str]) -> Kind:
    single = _kind_of_word(lost[0], won[0]) if len(lost) == len(won) == 1 else None
    if single is not None:
        return single
    content = [word for word in (*lost, *won) if word not in FUNCTION_WORDS]
    if any(not any(related(word, other) for other in content if other != word) for word in content):
        return Kind.WORDING
    changed = {*lost, *won} - set(content)
    if changed & (AUXILIARIES | MODALS) and changed <= AUXILIARIES | MODALS | {"to"}:
        return Kind.AUXILIARY
    if content:
        return Kind.FORM
    return Kind.CONNECTIVE if changed <= CONJUNCTIONS | PRONOUNS else Kind.FUNCTION


def _kind_of_word(lost: str, won: str) -> Kind | None:
    if respells(lost, won):
        return Kind.SPELLING
    if lost in FUNCTION_WORDS or won in FUNCTION_WORDS:
        return None
    short, long = sorted((lost, won), key=len)
    if long in {short + "s", short + "es", short[:-1] + "ies"}:
        return Kind.NOUN_NUMBER
    return Kind.FORM if related(short, long) else None


#: Words within which one that stands twice is a slip, not a style.
_DOUBLE_REACH = 3


def _is_doubled(edit: WordEdit, word: str, keys: Sequence[str]) -> bool:
    low, high, _ = edit.key
    return (
        word in keys[max(0, low - _DOUBLE_REACH) : low] or word in keys[high : high + _DOUBLE_REACH]
    )
