"""Who did what, as the order of the words tells it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

from worker.english.facts import modal_key, negation_key
from worker.english.lexicon import ATTRIBUTION_VERBS, BE_FORMS, bases, related

if TYPE_CHECKING:
    from worker.english.sentence_view import SentenceView

__all__ = ["SAYING", "reversed_roles"]

#: Finite forms only: "report", "claim" and "call" are nouns as often.
SAYING = frozenset(word for word in ATTRIBUTION_VERBS if word.endswith("ed")) | {
    "said",
    "says",
    "told",
    "tells",
    "wrote",
    "thought",
}
_HAVE = frozenset({"have", "has", "had", "having", "'ve", "do", "does", "did", "to", "also"})


class _WordPlaces:
    """Where the words of an evidence sentence stand, by the words they belong to."""

    def __init__(self, reading: SentenceView) -> None:
        self.places: dict[str, list[int]] = {}
        self.subjects: dict[str, set[str]] = {}
        """Names right before a word."""
        self.unled: set[str] = set()
        """Words right behind a mark: '"...", says the minister'."""
        self.owners: set[str] = set()
        """Words with "of" behind them: "the president of Russia" is "Russia's president"."""
        self.said: list[int] = [0]
        """How many verbs of saying stand before each token."""
        tokens_ = reading.tokens
        for token in tokens_:
            self.said.append(self.said[-1] + (token.text.lower() in SAYING))
        last: tuple[str, int] | None = None
        for word, at in reading.content:
            named = last is not None and tokens_[last[1]].capital and _adjoin(reading, last[1], at)
            for base in bases(word):
                self.places.setdefault(base, []).append(at)
                if last is not None and named:
                    self.subjects.setdefault(base, set()).add(last[0])
                if at and not tokens_[at - 1].text[-1].isalnum():
                    self.unled.add(base)
                if any(token.text.lower() == "of" for token in tokens_[at + 1 : at + 3]):
                    self.owners.add(base)
            last = (word, at)

    def find(self, word: str) -> list[int]:
        """The places of a word's relatives, in order."""
        return sorted({at for base in bases(word) for at in self.places.get(base, ())})


def reversed_roles(sentence: SentenceView, evidence: list[SentenceView]) -> str | None:
    """Who did what, for each two content words in a row, as the order of words tells it.

    Refused: words side by side that the evidence has only the other way round; words that the
    evidence has only with a verb of saying between them ("the council said homes lost power");
    a name before a verb that in the evidence another name stands before.
    """
    orders = list(map(_WordPlaces, evidence))
    checked: set[tuple[str, str]] = set()
    for (one, at), (other, place) in pairwise(sentence.content):
        if (one, other) in checked:
            continue
        checked.add((one, other))
        adjoin = _adjoin(sentence, at, place)
        quiet = not any(token.text.lower() in SAYING for token in sentence.tokens[at : place + 1])
        verdicts = [_in_order(order, one, other, adjoin, quiet) for order in orders]
        seen = [verdict for verdict in verdicts if verdict is not None]
        named = sentence.tokens[at].capital and not sentence.tokens[place].capital
        if (seen and not any(seen)) or (
            not seen and adjoin and named and any(_led(order, one, other) for order in orders)
        ):
            return f"{one} {other}"
    return None


def _adjoin(reading: SentenceView, at: int, place: int) -> bool:
    """Whether only auxiliaries, modals and negations stand between two tokens."""
    between = reading.tokens[at + 1 : place]
    return at < place and all(
        negation_key(token) or modal_key(token) or token.text.lower() in BE_FORMS | _HAVE
        for token in between
    )


def _in_order(order: _WordPlaces, one: str, other: str, adjoin: bool, quiet: bool) -> bool | None:
    """Whether ``one`` may lead to ``other``; ``None`` where they are not together."""
    first, last = order.find(one), order.find(other)
    if not first or not last:
        return None
    if not quiet or one == other:
        return not adjoin or first[0] < last[-1] or _inverted(order, one, other)
    ahead = [(first[bisect_left(first, at) - 1], at) for at in last if first[0] < at]
    if any(order.said[at + 1] == order.said[start] for start, at in ahead):
        return True
    return not ahead and (not adjoin or _inverted(order, one, other))


def _inverted(order: _WordPlaces, one: str, other: str) -> bool:
    """Whether turning the two round is mere grammar: "says Lund", "the mayor of Porto"."""
    unled = other in ATTRIBUTION_VERBS and not order.unled.isdisjoint(bases(other))
    return one in ATTRIBUTION_VERBS or unled or not order.owners.isdisjoint(bases(other))


def _led(order: _WordPlaces, subject: str, verb: str) -> bool:
    """Whether ``verb`` stands right behind another name than ``subject``."""
    found = set().union(*(order.subjects.get(base, set()) for base in bases(verb)))
    return any(not related(name, subject) for name in found)
