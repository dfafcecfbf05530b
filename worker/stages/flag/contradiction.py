"""Contradictions within an article: two numbers, or two days, for the same thing.

A contradiction is a rare hint to an editor. Two sentences contradict each other if they count the
same thing with the same verb, or date the same event, but give different values. They must not name
different places or people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from worker.english.facts import number_list
from worker.english.lexicon import MONTHS, WEEKDAYS, base_forms
from worker.english.sentence_view import SentenceView

__all__ = ["Contradiction", "find_contradictions"]

#: Content words within twice this many tokens of a number or day name its subject: "12 people were
#: killed".
_REACH = 3
#: Words with which a sentence compares, adds to an earlier count, or rounds; it is skipped.
_RELATIVE_WORDS = frozenset(
    """another other others more further additional least most about some around nearly almost over
    up than first last previous previously earlier later initially compared respectively rose
    increased from of each per every approximately roughly total now""".split()  # noqa: SIM905
)

#: The subject of a claim: the kind of claim and two base words.
_Subject = tuple[str, ...]


class Contradiction(NamedTuple):
    """Two sentences that cannot both be right."""

    first: int
    """Index of the earlier sentence."""
    second: int
    values: tuple[str, str]
    """The number or day in each sentence."""


def find_contradictions(sentences: Sequence[str]) -> list[Contradiction]:
    """Return the contradictions of each subject's first mention, in article order."""
    first_mentions: dict[_Subject, tuple[int, str]] = {}
    contradictions: list[Contradiction] = []
    views = list(map(SentenceView, sentences))
    for index, view in enumerate(views):
        for subject, value in (*_counts(view), *_days(view)):
            first, first_value = first_mentions.setdefault(subject, (index, value))
            if value != first_value and _may_share_scene(views[first], view):
                contradictions.append(Contradiction(first, index, (first_value, value)))
    return contradictions


def _counts(view: SentenceView) -> Iterator[tuple[_Subject, str]]:
    """Yield what the sentence counts, as the two content words after its number, and the number."""
    if len(number_list(view.text)) != 1 or not _RELATIVE_WORDS.isdisjoint(view.words):
        return
    for index, token in enumerate(view.tokens):
        number = next(iter(number_list(token.text)), "")
        if not number or "%" in number:
            continue
        after = [word for word, place in view.content if index < place <= index + 2 * _REACH]
        if len(after) > 1 and after[0].endswith(("s", "people", "men", "women", "children")):
            yield ("count", *map(_base_form, after[:2])), number


def _days(view: SentenceView) -> Iterator[tuple[_Subject, str]]:
    """Yield what the sentence dates, as the two content words before the day, and the day."""
    days = [index for index, token in enumerate(view.tokens) if _is_day(token.text)]
    if len(days) != 1 or not _RELATIVE_WORDS.isdisjoint(view.words):
        return
    (day,) = days
    if day == 0 or view.tokens[day - 1].text.lower() not in {"on", "in"}:
        return
    before = [word for word, place in view.content if day - 2 * _REACH <= place < day]
    if len(before) > 1:
        yield ("day", *map(_base_form, before[-2:])), view.tokens[day].text


def _is_day(word: str) -> bool:
    return word[:1].isupper() and word.lower() in WEEKDAYS | MONTHS


def _base_form(word: str) -> str:
    return min(base_forms(word))


def _may_share_scene(first: SentenceView, second: SentenceView) -> bool:
    """Return whether the sentences share the name of a place or person, or one has no name."""
    first_names, second_names = _scene_names(first), _scene_names(second)
    return not first_names or not second_names or bool(first_names & second_names)


def _scene_names(view: SentenceView) -> set[str]:
    return {
        token.text
        for token in view.tokens
        if token.capital and not token.initial and not _is_day(token.text)
    }
