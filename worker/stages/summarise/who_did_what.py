"""Checks, by word order alone, that a sentence and its evidence agree on who did what.

``reversed_roles`` returns the first two words whose roles the evidence reverses, or None.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

from worker.english.facts import modal_key, negation_key
from worker.english.lexicon import ATTRIBUTION_VERBS, BE_FORMS, are_related, base_forms

if TYPE_CHECKING:
    from worker.english.sentence_view import SentenceView

__all__ = ["FINITE_ATTRIBUTION_VERBS", "reversed_roles"]

#: Finite verb forms only, because "report", "claim" and "call" are just as often nouns.
FINITE_ATTRIBUTION_VERBS = frozenset(word for word in ATTRIBUTION_VERBS if word.endswith("ed")) | {
    "said",
    "says",
    "told",
    "tells",
    "wrote",
    "thought",
}
_HAVE = frozenset({"have", "has", "had", "having", "'ve", "do", "does", "did", "to", "also"})


class _WordOrder:
    """The token positions of an evidence sentence's content words, by their base forms."""

    def __init__(self, view: SentenceView) -> None:
        self.positions: dict[str, list[int]] = {}
        self.subjects: dict[str, set[str]] = {}
        """Capitalised words directly before a word, apart from auxiliaries between them."""
        self.after_marks: set[str] = set()
        """Words directly after a punctuation mark: '"...", says the minister'."""
        self.before_of: set[str] = set()
        """Words followed by "of": "the president of Russia" is "Russia's president"."""
        self.attributions: list[int] = [0]
        """The number of attribution verbs before each token."""
        for token in view.tokens:
            is_verb = token.text.lower() in FINITE_ATTRIBUTION_VERBS
            self.attributions.append(self.attributions[-1] + is_verb)
        previous: tuple[str, int] | None = None
        for word, position in view.content:
            self._add(view, word, position, previous)
            previous = (word, position)

    def _add(
        self, view: SentenceView, word: str, position: int, previous: tuple[str, int] | None
    ) -> None:
        subject = ""
        if previous and view.tokens[previous[1]].capital:
            subject = previous[0] if _are_adjacent(view, previous[1], position) else ""
        following = view.tokens[position + 1 : position + 3]
        for base in base_forms(word):
            self.positions.setdefault(base, []).append(position)
            if subject:
                self.subjects.setdefault(base, set()).add(subject)
            if position and not view.tokens[position - 1].text[-1].isalnum():
                self.after_marks.add(base)
            if any(token.text.lower() == "of" for token in following):
                self.before_of.add(base)

    def positions_of(self, word: str) -> list[int]:
        """Return the positions of the word and its relatives, in order."""
        positions = (self.positions.get(base, []) for base in base_forms(word))
        return sorted(set[int]().union(*positions))


def reversed_roles(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Return the first two neighbouring content words whose roles the evidence reverses, or None.

    A pair is returned if its words are adjacent and the evidence has them only in reverse order; if
    the evidence has them only with an attribution verb between them ("the council said homes lost
    power"); or if it is a name before a verb and the evidence has another name before that verb.
    """
    orders = list(map(_WordOrder, evidence))
    checked: set[tuple[str, str]] = set()
    for (first, start), (second, end) in pairwise(sentence.content):
        if (first, second) in checked:
            continue
        checked.add((first, second))
        are_adjacent = _are_adjacent(sentence, start, end)
        is_attributed = any(
            token.text.lower() in FINITE_ATTRIBUTION_VERBS
            for token in sentence.tokens[start : end + 1]
        )
        answers = [
            _keeps_order(order, first, second, are_adjacent, is_attributed) for order in orders
        ]
        known = [answer for answer in answers if answer is not None]
        is_name = sentence.tokens[start].capital and not sentence.tokens[end].capital
        if (known and not any(known)) or (
            not known
            and are_adjacent
            and is_name
            and any(_has_other_subject(order, first, second) for order in orders)
        ):
            return f"{first} {second}"
    return None


def _are_adjacent(view: SentenceView, start: int, end: int) -> bool:
    """Return whether only auxiliaries, modals and negations stand between two tokens."""
    between = view.tokens[start + 1 : end]
    return start < end and all(
        negation_key(token) or modal_key(token) or token.text.lower() in BE_FORMS | _HAVE
        for token in between
    )


def _keeps_order(
    order: _WordOrder, first: str, second: str, are_adjacent: bool, is_attributed: bool
) -> bool | None:
    """Return whether the evidence lets ``second`` follow ``first``; ``None`` if it lacks a word."""
    starts, ends = order.positions_of(first), order.positions_of(second)
    if not starts or not ends:
        return None
    if is_attributed or first == second:
        return not are_adjacent or starts[0] < ends[-1] or _may_invert(order, first, second)
    pairs = [(starts[bisect_left(starts, end) - 1], end) for end in ends if starts[0] < end]
    if any(order.attributions[end + 1] == order.attributions[start] for start, end in pairs):
        return True
    return not pairs and (not are_adjacent or _may_invert(order, first, second))


def _may_invert(order: _WordOrder, first: str, second: str) -> bool:
    """Return whether inverting the words keeps their roles: "says Lund", "the mayor of Porto"."""
    forms = base_forms(second)
    follows_mark = second in ATTRIBUTION_VERBS and not order.after_marks.isdisjoint(forms)
    is_attribution = first in ATTRIBUTION_VERBS or follows_mark
    return is_attribution or not order.before_of.isdisjoint(forms)


def _has_other_subject(order: _WordOrder, subject: str, verb: str) -> bool:
    """Return whether ``verb`` directly follows a name other than ``subject``."""
    names = set().union(*(order.subjects.get(base, set()) for base in base_forms(verb)))
    return any(not are_related(name, subject) for name in names)
