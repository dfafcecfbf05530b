"""Where an article contradicts itself: two numbers, or two days, for one and the same thing.

A hint to an editor, and a rare one: two sentences must count the same thing with the same verb, or
set the same event on different days, and neither may speak of another place, time or source of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from worker.english.facts import number_list
from worker.english.lexicon import MONTHS, WEEKDAYS, bases
from worker.english.sentence_view import SentenceView

__all__ = ["Contradiction", "find_contradictions"]

#: Content words from the number that are looked at: "12 people were killed".
_REACH = 3
#: A sentence with one of these compares, counts on or rounds.
_RELATIVE = frozenset(
    """another other others more further additional least most about some around nearly almost over
    up than first last previous previously earlier later initially compared respectively rose
    increased from of each per every approximately roughly total now""".split()  # noqa: SIM905
)


class Contradiction(NamedTuple):
    """Two sentences that cannot both be right."""

    one: int
    """Index of the first sentence."""
    other: int
    said: tuple[str, str]
    """What they say differently."""


def find_contradictions(sentences: Sequence[str]) -> list[Contradiction]:
    """The clashes of each thing's first mention with later ones, in the article's order."""
    known: dict[tuple[str, ...], tuple[int, str]] = {}
    found: list[Contradiction] = []
    readings = list(map(SentenceView, sentences))
    for at, reading in enumerate(readings):
        for key, said in (*_counts(reading), *_days(reading)):
            other, before = known.setdefault(key, (at, said))
            if said != before and _same_scene(readings[other], reading):
                found.append(Contradiction(other, at, (before, said)))
    return found


def _counts(reading: SentenceView) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a sentence counts: the two content words behind its number, and the number."""
    if len(number_list(reading.text)) != 1 or not _RELATIVE.isdisjoint(reading.words):
        return
    for at, token in enumerate(reading.tokens):
        number = next(iter(number_list(token.text)), "")
        if not number or "%" in number:
            continue
        behind = [word for word, place in reading.content if at < place <= at + 2 * _REACH]
        if len(behind) > 1 and behind[0].endswith(("s", "people", "men", "women", "children")):
            yield ("count", *map(_base, behind[:2])), number


def _days(reading: SentenceView) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a sentence sets on a day: the two content words before it, and the day."""
    days = [at for at, token in enumerate(reading.tokens) if _is_day(token.text)]
    if len(days) != 1 or not _RELATIVE.isdisjoint(reading.words):
        return
    (at,) = days
    if at == 0 or reading.tokens[at - 1].text.lower() not in {"on", "in"}:
        return
    before = [word for word, place in reading.content if at - 2 * _REACH <= place < at]
    if len(before) > 1:
        yield ("day", *map(_base, before[-2:])), reading.tokens[at].text


def _is_day(word: str) -> bool:
    return word[:1].isupper() and word.lower() in WEEKDAYS | MONTHS


def _base(word: str) -> str:
    return min(bases(word))


def _same_scene(one: SentenceView, other: SentenceView) -> bool:
    """Whether neither sentence names a place, a day or a person that the other does not share."""
    names, others = (
        {
            token.text
            for token in reading.tokens
            if token.capital and not token.initial and not _is_day(token.text)
        }
        for reading in (one, other)
    )
    return not names or not others or bool(names & others)
