"""Damages single words: spelling, number, form, and words that are easily confused.

The dictionary decides whether a result is a word. The base model decides in training whether the
result makes the sentence worse: it must find the sentence less likely.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from worker.english.lexicon import FUNCTION_WORDS, IRREGULAR_FORMS, are_related
from worker.english.spelling import is_word

__all__ = [
    "Damage",
    "change_ending",
    "change_number",
    "confuse_alike",
    "misspell",
    "replace_match",
]

Damage = Callable[[str, Random], str | None]

#: Matches any longer lower-case word except the first word of the sentence.
_WORD = r"(?<= )[a-z]{4,}(?=[ ,.;:])"

_ALIKE = (
    *("their there", "than then", "its it's", "who which", "much many", "this these"),
    *("that those", "too to", "less fewer", "quite quiet", "lose loose", "whose who's"),
    *("as like", "since for", "of off", "where were", "advice advise", "affect effect"),
    *("every all", "another other", "during while", "because because of", "until by"),
)
_ALIKE_OF: dict[str, list[str]] = {}
for _pair in _ALIKE:
    _left, _right = _pair.split(" ", 1)
    _ALIKE_OF.setdefault(_left, []).append(_right)
    _ALIKE_OF.setdefault(_right, []).append(_left)

_ENDINGS = ("", "e", "s", "ed", "ing", "ly", "al", "ion", "ment", "ness", "ity")
_FORMS_OF: dict[str, list[str]] = {}
for _form, _base in IRREGULAR_FORMS.items():
    _FORMS_OF.setdefault(_base, []).append(_form)

#: Spellings that are confused because they sound alike: the right one and a wrong one.
_SOUNDS = (
    *(("ie", "ei"), ("ei", "ie"), ("ance", "ence"), ("ence", "ance"), ("ent", "ant")),
    *(("able", "ible"), ("ible", "able"), ("tion", "sion"), ("ph", "f"), ("ck", "k")),
    *(("c", "s"), ("s", "c"), ("y", "i"), ("gh", "g"), ("ea", "ee"), ("ou", "u")),
)
_VOWELS = "aeiou"


def replace_match(
    sentence: str, pattern: str, rng: Random, change: Callable[[re.Match[str]], str]
) -> str | None:
    """Change one random match of the pattern; return None if there is no match."""
    matches = list(re.finditer(pattern, sentence))
    if not matches:
        return None
    match = rng.choice(matches)
    return sentence[: match.start()] + change(match) + sentence[match.end() :]


def misspell(sentence: str, rng: Random) -> str | None:
    """Turn "receive" into "recieve", or "often" into "oftn"; the result is never a word."""

    def change(match: re.Match[str]) -> str:
        misspelt = _misspelt(match[0], rng)
        return match[0] if is_word(misspelt) else misspelt

    return replace_match(sentence, _WORD, rng, change)


def _misspelt(word: str, rng: Random) -> str:
    index = rng.randrange(1, len(word) - 1)
    sounds = [(right, wrong) for right, wrong in _SOUNDS if right in word[1:]]
    kind = rng.choice(("drop", "double", "turn", "vowel", "sound", "sound"))
    if kind == "sound" and sounds:
        right, wrong = rng.choice(sounds)
        return word[0] + word[1:].replace(right, wrong, 1)
    if kind == "double":
        return word[:index] + word[index] + word[index:]
    if kind == "turn":
        return word[:index] + word[index + 1] + word[index] + word[index + 2 :]
    if kind == "vowel" and word[index] in _VOWELS:
        return word[:index] + rng.choice(_VOWELS) + word[index + 1 :]
    return word[:index] + word[index + 1 :]


def change_number(sentence: str, rng: Random) -> str | None:
    """Turn "ships" into "ship", or "the next year" into "the next years"."""

    def change(match: re.Match[str]) -> str:
        word = match[0]
        changed = word[:-1] if word.endswith("s") else word + "s"
        return changed if is_word(changed) and word not in FUNCTION_WORDS else word

    return replace_match(sentence, _WORD, rng, change)


def change_ending(sentence: str, rng: Random) -> str | None:
    """Turn "developing" into "development", "quickly" into "quick", or "went" into "go"."""

    def change(match: re.Match[str]) -> str:
        relatives = _relatives(match[0])
        return rng.choice(relatives) if relatives else match[0]

    return replace_match(sentence, _WORD, rng, change)


def _relatives(word: str) -> list[str]:
    """Return other forms and derivations of the word that are in the dictionary."""
    if word in FUNCTION_WORDS:
        return []
    stems = {word, word[:-1], word[:-2], word[:-3], *_FORMS_OF.get(word, ())}
    base = IRREGULAR_FORMS.get(word)
    if base:
        stems |= {base, *_FORMS_OF.get(base, ())}
    forms = {stem + ending for stem in stems for ending in _ENDINGS}
    return sorted(
        form for form in forms if form != word and is_word(form) and are_related(word, form)
    )


def confuse_alike(sentence: str, rng: Random) -> str | None:
    """Turn "than" into "then", or "these" into "this"."""
    pattern = rf"(?<= )(?:{'|'.join(map(re.escape, _ALIKE_OF))})(?= )"
    return replace_match(sentence, pattern, rng, lambda match: rng.choice(_ALIKE_OF[match[0]]))
