"""Compares two versions of a sentence, edit by edit.

Considers words, their positions and their classes, but does not judge whether an edit is good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from worker.english.facts import fold_typography
from worker.english.lexicon import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
    are_related,
)
from worker.english.spelling import is_misspelling

__all__ = [
    "Change",
    "ChangeKind",
    "WordEdit",
    "apply_edits",
    "edit_rate",
    "find_changes",
    "find_edits",
    "with_case_of",
]

#: "don't" becomes "do" and "n't", as in tokenised text.
_NOT = r"n['\u2019]t\b"
_WORD = re.compile(
    rf"[^\W_]+?(?={_NOT})|{_NOT}|[^\W_]+(?:['\u2019&.,:/-][^\W_]+)*|\S", re.IGNORECASE
)

_FIRST_WORD = re.compile(r"[^\W\d_]+")

#: Quotation marks after ``fold_typography``. An edit never adds or removes only quotation marks.
_QUOTES = frozenset("\"'")

_ARTICLES = frozenset({"a", "an", "the"})


class ChangeKind(StrEnum):
    """What a change does, following the usual taxonomy of grammatical error correction."""

    ARTICLE_MISSING = "article_missing"
    """An article is added."""
    ARTICLE_NEEDLESS = "article_needless"
    """An article is removed."""
    ARTICLE_OTHER = "article_other"
    """An article or determiner is replaced by another."""
    PREPOSITION_MISSING = "preposition_missing"
    PREPOSITION_NEEDLESS = "preposition_needless"
    PREPOSITION_OTHER = "preposition_other"
    AUXILIARY = "auxiliary"
    """A form of be, have or do, or a modal, is added, removed or replaced."""
    NOUN_NUMBER = "noun_number"
    """A final s of a noun or a verb is added or removed."""
    FORM = "form"
    """A word takes another form or derivation."""
    SPELLING = "spelling"
    """A misspelt word is corrected."""
    DOUBLED = "doubled"
    """A word that is repeated nearby is removed."""
    ORDER = "order"
    """The same words change their order."""
    CONNECTIVE = "connective"
    """Conjunctions and pronouns are added, removed or replaced."""
    FUNCTION = "function"
    """Function words of several classes, or of another class, change."""
    COMMA_MISSING = "comma_missing"
    COMMA_NEEDLESS = "comma_needless"
    MARK = "mark"
    """Other punctuation changes."""
    WORDING = "wording"
    """Content words are added, removed or replaced."""


class WordEdit(NamedTuple):
    """A span of a text, and the text that replaces it."""

    start: int
    end: int
    text: str
    """The new text with the space around it, so that an edit only replaces characters."""
    key: tuple[int, int, tuple[str, ...]]
    """A comparison key, equal for two edits that differ only in case and typography."""
    removed: tuple[str, ...] = ()
    """The removed words, in folded typography and lower case."""

    @property
    def added(self) -> tuple[str, ...]:
        """The added words, in folded typography and lower case."""
        return self.key[2]


class Change(NamedTuple):
    """Edits that must be made together: a single edit, or the two halves of a move."""

    edits: tuple[WordEdit, ...]
    kind: ChangeKind


class _TokenisedText:
    """A text with the comparison key and the position of each word."""

    def __init__(self, text: str) -> None:
        matches = list(_WORD.finditer(text))
        self.text = text
        keys = (fold_typography(match[0]).lower() for match in matches)
        self.keys = ["not" if key == "n't" else key for key in keys]
        self.starts = [match.start() for match in matches]
        self.ends = [match.end() for match in matches]

    def character_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the character span of the words ``start:end`` and of the space around them."""
        after = self.starts[end] if end < len(self.starts) else len(self.text)
        return (self.ends[start - 1] if start else 0), after


def find_edits(source: str, version: str) -> list[WordEdit]:
    """Return the edits that turn ``source`` into ``version``.

    Differences in case, typography, quotation marks and contractions are not edits: "don't" and "do
    not" are the same words.
    """
    before, after = _TokenisedText(source), _TokenisedText(version)
    matcher = SequenceMatcher(None, before.keys, after.keys, autojunk=False)
    edits: list[WordEdit] = []
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        removed, added = tuple(before.keys[start:end]), tuple(after.keys[new_start:new_end])
        if _QUOTES.issuperset((*removed, *added)):
            continue
        first, last = after.character_span(new_start, new_end)
        text = _with_apostrophes_of(source, version[first:last])
        span = before.character_span(start, end)
        edits.append(WordEdit(*span, text, (start, end, added), removed))
    return edits


def find_changes(source: str, version: str) -> list[Change]:
    """Return the edits from ``source`` to ``version`` as changes that can be made one by one.

    A full stop that moves into or out of a quotation is house style, not a change.
    """
    groups: list[list[WordEdit]] = []
    for edit in find_edits(source, version):
        partner = next((group for group in groups if _is_move(group, edit)), None)
        if partner is None:
            groups.append([edit])
        else:
            partner.append(edit)
    keys = _TokenisedText(source).keys
    return [
        Change(tuple(group), _kind(group, keys)) for group in groups if not _is_house_style(group)
    ]


def apply_edits(source: str, edits: Sequence[WordEdit]) -> str:
    """Return ``source`` with the edits made; all other text stays byte for byte.

    If two edits overlap, only the first in the sequence is made. If the first word goes, the next
    one takes over its capital.
    """
    had_capital = source[:1].isupper()
    applied: list[WordEdit] = []
    for edit in edits:
        if all(edit.end <= prior.start or edit.start >= prior.end for prior in applied):
            applied.append(edit)
    for edit in sorted(applied, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source[:1].upper() + source[1:] if had_capital else source


def with_case_of(proposal: str, source: str, text: str) -> str:
    """Return ``text``, made from ``source`` by edits of ``proposal``, with its first word's case.

    A word that is no longer the first one keeps its capital through the edits, which ignore case.
    """
    first = _FIRST_WORD.match(source)
    if first is None or text.startswith(first[0]):
        return text
    written = proposal.split()
    if first[0] in written or first[0].lower() not in written:
        return text
    return re.sub(rf"\b{re.escape(first[0])}\b", first[0].lower(), text, count=1)


def edit_rate(source: str, version: str) -> float:
    """Return the share of the source's words that the version changes or moves."""
    before, after = _TokenisedText(source).keys, _TokenisedText(version).keys
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return (max(len(before), len(after)) - same) / max(1, len(before))


def _with_apostrophes_of(model: str, text: str) -> str:
    """Return ``text`` with curly or straight apostrophes, as in ``model``."""
    if "\u2019" in model:
        return text.replace("'", "\u2019")
    return text.replace("\u2019", "'")


def _is_move(group: Sequence[WordEdit], edit: WordEdit) -> bool:
    """Return whether the edit adds a word that the group removes, or the reverse."""
    removed, added = set(edit.removed) - set(edit.added), set(edit.added) - set(edit.removed)
    return any(
        removed & (set(member.added) - set(member.removed))
        or added & (set(member.removed) - set(member.added))
        for member in group
    )


def _is_house_style(group: Sequence[WordEdit]) -> bool:
    removed = sorted(mark for edit in group for mark in edit.removed)
    added = sorted(mark for edit in group for mark in edit.added)
    return removed == added and not any(mark[0].isalnum() for mark in removed)


def _kind(edits: Sequence[WordEdit], keys: Sequence[str]) -> ChangeKind:
    """Return the kind of a change, given the keys of all words in the source."""
    removed = [word for edit in edits for word in edit.removed if word[:1].isalnum()]
    added = [word for edit in edits for word in edit.added if word[:1].isalnum()]
    if not removed and not added:
        return _kind_of_marks(edits)
    if sorted(removed) == sorted(added):
        return ChangeKind.ORDER
    for word in list(removed):
        if word in added:
            removed.remove(word)
            added.remove(word)
    if not added and all(_is_doubled(edits[0], word, keys) for word in removed):
        return ChangeKind.DOUBLED
    changed = {*removed, *added}
    if changed <= _ARTICLES or (removed and added and changed <= DETERMINERS):
        return _kind_by_direction(
            removed,
            added,
            ChangeKind.ARTICLE_MISSING,
            ChangeKind.ARTICLE_NEEDLESS,
            ChangeKind.ARTICLE_OTHER,
        )
    if changed <= PREPOSITIONS:
        return _kind_by_direction(
            removed,
            added,
            ChangeKind.PREPOSITION_MISSING,
            ChangeKind.PREPOSITION_NEEDLESS,
            ChangeKind.PREPOSITION_OTHER,
        )
    return _kind_of_words(removed, added)


def _kind_of_marks(edits: Sequence[WordEdit]) -> ChangeKind:
    removed = [mark for edit in edits for mark in edit.removed]
    added = [mark for edit in edits for mark in edit.added]
    if {*removed, *added} != {","}:
        return ChangeKind.MARK
    return _kind_by_direction(
        removed, added, ChangeKind.COMMA_MISSING, ChangeKind.COMMA_NEEDLESS, ChangeKind.MARK
    )


def _kind_by_direction(
    removed: list[str],
    added: list[str],
    missing: ChangeKind,
    needless: ChangeKind,
    replaced: ChangeKind,
) -> ChangeKind:
    if not removed:
        return missing
    return replaced if added else needless


def _kind_of_words(removed: list[str], added: list[str]) -> ChangeKind:
    single = _kind_of_word(removed[0], added[0]) if len(removed) == len(added) == 1 else None
    if single is not None:
        return single
    content = [word for word in (*removed, *added) if word not in FUNCTION_WORDS]
    if any(
        not any(are_related(word, partner) for partner in content if partner != word)
        for word in content
    ):
        return ChangeKind.WORDING
    changed = {*removed, *added} - set(content)
    if changed & (AUXILIARIES | MODALS) and changed <= AUXILIARIES | MODALS | {"to"}:
        return ChangeKind.AUXILIARY
    if content:
        return ChangeKind.FORM
    return ChangeKind.CONNECTIVE if changed <= CONJUNCTIONS | PRONOUNS else ChangeKind.FUNCTION


def _kind_of_word(removed: str, added: str) -> ChangeKind | None:
    """Return the kind if both are forms of one word, or a word and its misspelling; else None."""
    if is_misspelling(removed, added):
        return ChangeKind.SPELLING
    if removed in FUNCTION_WORDS or added in FUNCTION_WORDS:
        return None
    short, long = sorted((removed, added), key=len)
    if long in {short + "s", short + "es", short[:-1] + "ies"}:
        return ChangeKind.NOUN_NUMBER
    return ChangeKind.FORM if are_related(short, long) else None


#: Distance in words within which a repeated word is a slip rather than style.
_DOUBLE_REACH = 3


def _is_doubled(edit: WordEdit, word: str, keys: Sequence[str]) -> bool:
    start, end, _ = edit.key
    return (
        word in keys[max(0, start - _DOUBLE_REACH) : start]
        or word in keys[end : end + _DOUBLE_REACH]
    )
