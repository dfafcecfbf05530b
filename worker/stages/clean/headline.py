"""Finds an article's headline and removes its label and its outlet's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from worker.english.sentence_end import ends_statement
from worker.records.reason import Reason
from worker.records.result import Removal
from worker.stages.clean.boilerplate import bare_line
from worker.stages.clean.line import TIME_STAMP, Line, alphanumerics

__all__ = [
    "MAX_HEADLINE_WORDS",
    "clean_headline",
    "headline_above",
    "is_headline",
    "repeats_headline",
    "take_markdown_headline",
]

#: Maximum number of words in a headline. The longest of 348 translated news headlines has 40 words
#: and 239 characters, including outlet and section names.
MAX_HEADLINE_WORDS = 45
#: Longer lines do not repeat the headline.
_MOST_CHARS = 800
#: Number of lines above a page's story that may hold its headline; the author and buttons may come
#: between the headline and the story.
_ABOVE_LINES = 10
#: Shorter lines above a story are menu entries.
_ABOVE_LEAST_WORDS = 4
#: Minimum number of words before an outlet's name, so that a headline remains.
_LEAST_WORDS = 3
#: Maximum number of words in an outlet's name; longer tails belong to the headline.
_OUTLET_WORDS = 4

_HEADING = re.compile(r"#\s+(.*?)\s*#*")
_UNDERLINE = re.compile(r"={3,}\s*")
_ALERT_LABEL = re.compile(r"(?:breaking(?: news)?|just in)\s?[:|\u2013—-]\s?", re.IGNORECASE)
_DASH_OR_BAR = re.compile(r"\s+[-\u2013—]\s+|\s*\|\s*")
_WORD = re.compile(r"\w+")
_OUTLET_WORD = re.compile(
    r"times|news|post|herald|daily|journal|tribune|guardian|telegraph|mail|globe|gazette|today|"
    r"chronicle|press|tv|radio|online|media|magazine|observer|reuters|bbc|cnn|mirror|courier|"
    r"dispatch|inquirer|bulletin|network|digital|broadcasting|agency|wire|weekly|newspaper",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"[\w-]+\.(?:com|net|org|info|tv|news|co(?:\.\w\w)?|[a-z]{2})", re.IGNORECASE)
_SMALL_WORDS = frozenset({"of", "the", "and", "in", "for", "on", "&"})


def is_headline(lines: Sequence[Line]) -> bool:
    """Return whether the first line is the headline of the lines after it."""
    first = lines[0].text
    return (
        len(lines) > 1
        and len(first.split()) <= MAX_HEADLINE_WORDS
        and not ends_statement(first)
        and not TIME_STAMP.match(first)
        and not first.endswith((",", ":", ";"))
    )


def headline_above(lines: Sequence[Line], story_start: int) -> Line | None:
    """Return the headline of a page whose story begins at index ``story_start``, or None."""
    above = lines[max(0, story_start - _ABOVE_LINES) : story_start]
    return max(
        filter(_may_be_headline, above), key=lambda line: len(line.text.split()), default=None
    )


def _may_be_headline(line: Line) -> bool:
    words = len(line.text.split())
    return _ABOVE_LEAST_WORDS <= words <= MAX_HEADLINE_WORDS and not ends_statement(line.text)


def take_markdown_headline(lines: Sequence[Line]) -> tuple[Line | None, list[Line]]:
    """Return the first top-level heading, ``# Text`` or underlined, and the lines without it."""
    for index, line in enumerate(lines):
        following = lines[index + 1 : index + 2]
        if match := _HEADING.fullmatch(line.text):
            return replace(line, text=match[1]), [*lines[:index], *lines[index + 1 :]]
        if following and _UNDERLINE.fullmatch(following[0].text):
            return line, [*lines[:index], *lines[index + 2 :]]
    return None, list(lines)


def clean_headline(
    headline: Line, lines: Sequence[Line], removals: list[Removal]
) -> tuple[Line, frozenset[str]]:
    """Return the headline without its label and outlet, and the keys of all its versions."""
    keys = {_spelling_key(headline.text)}
    if label := _ALERT_LABEL.match(headline.text):
        removals.append(headline.removed(Reason.PROMO_LINE, label[0].strip()))
        headline = replace(headline, text=headline.text[label.end() :])
        keys.add(_spelling_key(headline.text))
    body = [line.text for line in lines if not repeats_headline(line.text, frozenset(keys))]
    end = len(headline.text)
    while (outlet_start := _outlet_start(headline.text[:end], body)) is not None:
        end = outlet_start
        keys.add(_spelling_key(headline.text[:end]))
    if end < len(headline.text):
        removals.append(headline.removed(Reason.OUTLET_SUFFIX, headline.text[end:].strip()))
        headline = replace(headline, text=headline.text[:end].rstrip())
    return headline, frozenset(keys - {""})


def repeats_headline(text: str, keys: frozenset[str]) -> Reason | None:
    """Return a reason if ``text`` repeats the headline, with or without an outlet's name."""
    if ends_statement(text) or len(text) > _MOST_CHARS:
        return None
    candidates = [text]
    if marks := list(_DASH_OR_BAR.finditer(text)):
        tail = text[marks[-1].end() :].split()
        if len(tail) <= _OUTLET_WORDS:
            candidates.append(text[: marks[-1].start()])
    same = any(_spelling_key(bare_line(candidate)) in keys for candidate in candidates)
    return Reason.REPEATED_TITLE if same else None


def _spelling_key(text: str) -> str:
    return alphanumerics(text).casefold()


def _outlet_start(headline: str, body: Sequence[str]) -> int | None:
    """Return the index of the dash or bar before the outlet's name, or None.

    A dash may also introduce a speaker ("Talks are possible - Smith"), whose name then occurs in
    the body too. A name that contains a typical newspaper word is always an outlet.
    """
    marks = list(_DASH_OR_BAR.finditer(headline))
    if not marks:
        return None
    head, name = headline[: marks[-1].start()], headline[marks[-1].end() :]
    words = name.split()
    if len(head.split()) < _LEAST_WORDS or not 1 <= len(words) <= _OUTLET_WORDS:
        return None
    is_domain = _DOMAIN.fullmatch(name) is not None
    is_name = all(word[0].isupper() or word.isdigit() or word in _SMALL_WORDS for word in words)
    if not is_name and not is_domain:
        return None
    is_outlet = any(_OUTLET_WORD.fullmatch(word.strip("!")) for word in words)
    if not ("|" in marks[-1][0] or is_outlet or is_domain):
        body_words = {word.casefold() for text in body for word in _WORD.findall(text)}
        name_words = {word.casefold() for word in _WORD.findall(name)}
        if any(char.isdigit() for char in name) or body_words & name_words:
            return None
    return marks[-1].start()
