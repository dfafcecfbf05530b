"""Noise within single words: spelling, number, form, and words that sound alike.

Where a kind needs to know whether what it made is a word, the dictionary says so. Whether it makes
the sentence worse is for others to say: the base model has to find it less likely.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from worker.english.lexicon import FUNCTION_WORDS, IRREGULAR_FORMS, related
from worker.english.spelling import is_word

__all__ = [
    "Damage",
    "change_ending",
    "change_number",
    "confuse_alike",
    "misspell",
    "replace_place",
]

Damage = Callable[[str, Random], str | None]

#: A word of the text, not the first one.
_WORD = r"(?<= )[a-z]{4,}(?=[ ,.;:])"

_ALIKE = (
    *("their there", "than then", "its it's", "who which", "much many", "this these"),
    *("that those", "too to", "less fewer", "quite quiet", "lose loose", "whose who's"),
    *("as like", "since for", "of off", "where were", "advice advise", "affect effect"),
    *("every all", "another other", "during while", "because because of", "until by"),
)
_ALIKE_OF: dict[str, list[str]] = {}
for _pair in _ALIKE:
    _one, _other = _pair.split(" ", 1)
    _ALIKE_OF.setdefault(_one, []).append(_other)
    _ALIKE_OF.setdefault(_other, []).append(_one)

_ENDINGS = ("", "e", "s", "ed", "ing", "ly", "al", "ion", "ment", "ness", "ity")
_FORMS_OF: dict[str, list[str]] = {}
for _form, _base in IRREGULAR_FORMS.items():
    _FORMS_OF.setdefault(_base, []).append(_form)

#: Letters that are taken for one another, by sound.
_SOUNDS = (
    *(("ie", "ei"), ("ei", "ie"), ("ance", "ence"), ("ence", "ance"), ("ent", "ant")),
    *(("able", "ible"), ("ible", "able"), ("tion", "sion"), ("ph", "f"), ("ck", "k")),
    *(("c", "s"), ("s", "c"), ("y", "i"), ("gh", "g"), ("ea", "ee"), ("ou", "u")),
)
_VOWELS = "aeiou"


def replace_place(
    sentence: str, pattern: str, rng: Random, change: Callable[[re.Match[str]], str]
) -> str | None:
    """The sentence with one of the pattern's places changed, drawn by lot."""
    places = list(re.finditer(pattern, sentence))
    if not places:
        return None
    place = rng.choice(places)
    return sentence[: place.start()] + change(place) + sentence[place.end() :]


def misspell(sentence: str, rng: Random) -> str | None:
    """Turn "receive" into "recieve", "often" into "oftn"; what comes out is no word."""

    def change(place: re.Match[str]) -> str:
        spoilt = _misspelt(place[0], rng)
        return place[0] if is_word(spoilt) else spoilt

    return replace_place(sentence, _WORD, rng, change)


def _misspelt(word: str, rng: Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    sounds = [(right, wrong) for right, wrong in _SOUNDS if right in word[1:]]
    kind = rng.choice(("drop", "double", "turn", "vowel", "sound", "sound"))
    if kind == "sound" and sounds:
        right, wrong = rng.choice(sounds)
        return word[0] + word[1:].replace(right, wrong, 1)
    if kind == "double":
        return word[:at] + word[at] + word[at:]
    if kind == "turn":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "vowel" and word[at] in _VOWELS:
        return word[:at] + rng.choice(_VOWELS) + word[at + 1 :]
    return word[:at] + word[at + 1 :]


def change_number(sentence: str, rng: Random) -> str | None:
    """Turn "ships" into "ship", "the next year" into "the next years"."""

    def change(place: re.Match[str]) -> str:
        word = place[0]
        other = word[:-1] if word.endswith("s") else word + "s"
        return other if is_word(other) and word not in FUNCTION_WORDS else word

    return replace_place(sentence, _WORD, rng, change)


def change_ending(sentence: str, rng: Random) -> str | None:
    """Turn "developing" into "development", "quickly" into "quick", "went" into "go"."""

    def change(place: re.Match[str]) -> str:
        others = _relatives(place[0])
        return rng.choice(others) if others else place[0]

    return replace_place(sentence, _WORD, rng, change)


def _relatives(word: str) -> list[str]:
    if word in FUNCTION_WORDS:
        return []
    stems = {word, word[:-1], word[:-2], word[:-3], *_FORMS_OF.get(word, ())}
    base = IRREGULAR_FORMS.get(word)
    if base:
        stems |= {base, *_FORMS_OF.get(base, ())}
    made = {stem + ending for stem in stems for ending in _ENDINGS}
    return sorted(
        other for other in made if other != word and is_word(other) and related(word, other)
    )


def confuse_alike(sentence: str, rng: Random) -> str | None:
    """Turn "than" into "then", "these" into "this"."""
    pattern = rf"(?<= )(?:{'|'.join(map(re.escape, _ALIKE_OF))})(?= )"
    return replace_place(sentence, pattern, rng, lambda m: rng.choice(_ALIKE_OF[m[0]]))
