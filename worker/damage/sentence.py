"""Sentence noise: what translation engines get wrong in English, made in good sentences.

Each kind is a function from a sentence and a random generator to a damaged sentence, or to
``None`` where it finds no place. The good sentence is the answer, so the damage must be plain:
a wrong preposition or a lost article that could be meant teaches a model to over-correct, and
they are drawn seldom.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from worker.lexicon import FUNCTION_WORDS, IRREGULAR_FORMS

__all__ = ["KINDS", "damage"]

Damage = Callable[[str, Random], str | None]

_SWAPPED_FORMS = {
    "is": "are",
    "are": "is",
    "was": "were",
    "were": "was",
    "has": "have",
    "have": "has",
    "does": "do",
    "doesn't": "don't",
    "isn't": "aren't",
    "wasn't": "weren't",
}
#: Wrong in most places where the right one stands.
_SWAPPED_PREPOSITIONS = {
    "in": ("at", "on"),
    "on": ("in", "at"),
    "at": ("in", "on"),
    "of": ("from",),
    "for": ("to", "of"),
    "to": ("at", "for"),
    "with": ("by", "from"),
    "from": ("of", "since"),
    "by": ("from", "with"),
    "into": ("on",),
}
_ADVERBS = "also still already never always often only now not".split()  # noqa: SIM905
_PAST_OF = {
    base: form
    for form, base in IRREGULAR_FORMS.items()
    if form != base and not form.endswith(("s", "ing", "n", "t"))
}
_NOUN_ENDINGS = "tion ment ity ness ism ship ence ance ers ors ists".split()  # noqa: SIM905
_DROPPED_PREPOSITIONS = ("of", "to", "for", "with")


def _replace(
    sentence: str, pattern: str, rng: Random, change: Callable[[re.Match[str]], str]
) -> str | None:
    """The sentence with one of the pattern's places changed, drawn by lot."""
    places = list(re.finditer(pattern, sentence))
    if not places:
        return None
    place = rng.choice(places)
    return sentence[: place.start()] + change(place) + sentence[place.end() :]


def drop_article(sentence: str, rng: Random) -> str | None:
    """Turn "in the north" into "in north"."""
    return _replace(sentence, r"(?<=[a-z] )(?:the|an?) (?=[a-z])", rng, lambda _: "")


def swap_article(sentence: str, rng: Random) -> str | None:
    """Turn "a report" into "an report", "an old house" into "a old house"."""
    return _replace(
        sentence, r"(?<= )(an?)(?= [a-z]{3})", rng, lambda m: "an" if m[1] == "a" else "a"
    )


def add_article(sentence: str, rng: Random) -> str | None:
    """Put a needless "the" in front of a month, a weekday, a year, "his" or "their"."""
    places = (
        r"(?<=[a-z] )(?=(?:January|February|April|June|July|August|September|October|November"
        r"|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
        r"|(?:19|20)\d\d\b|(?:his|her|its|their)\s[a-z])"
    )
    return _replace(sentence, places, rng, lambda _: "the ")


def swap_preposition(sentence: str, rng: Random) -> str | None:
    """Turn "on Friday" into "in Friday"."""
    # In front of a verb, "to" is none.
    pattern = (
        rf"(?<=[a-z] )({'|'.join(_SWAPPED_PREPOSITIONS)})"
        r"(?= (?:the|an?|his|her|its|their|[A-Z]\w+) )"
    )
    return _replace(sentence, pattern, rng, lambda m: rng.choice(_SWAPPED_PREPOSITIONS[m[1]]))


def drop_preposition(sentence: str, rng: Random) -> str | None:
    """Turn "access to the port" into "access the port"."""
    pattern = rf"(?<=[a-z] )(?:{'|'.join(_DROPPED_PREPOSITIONS)}) (?=(?:the|an?|his|their) )"
    return _replace(sentence, pattern, rng, lambda _: "")


def break_agreement(sentence: str, rng: Random) -> str | None:
    """Turn "prices have risen" into "prices has risen"."""
    pattern = rf"(?<= )({'|'.join(_SWAPPED_FORMS)})(?= )"
    return _replace(sentence, pattern, rng, lambda m: _SWAPPED_FORMS[m[1]])


def break_number(sentence: str, rng: Random) -> str | None:
    """Turn "three ships" into "three ship"."""
    pattern = (
        r"(?<= )((?:two|three|four|five|six|many|several|these|those|few|\d+) [a-z]+?)"
        r"(ies|(?<![isu])s)\b"
    )
    return _replace(sentence, pattern, rng, lambda m: m[1] + ("y" if m[2] == "ies" else ""))


def drop_verb_ending(sentence: str, rng: Random) -> str | None:
    """Turn "has announced" into "has announce", "he says" into "he say"."""
    pattern = (
        r"(?<= )((?:has|have|had|been|was|were) [a-z]{2,}?)"
        r"((?<=[cgsvuz])e|(?<=[aiu][tkrnd])e|(?<=[bcdgpt]l)e)?(?:ed|d)\b"
        r"|\b((?:[Hh]e|[Ss]he|[Ii]t) [a-z]{3,}[^isu\W])s\b"
    )
    return _replace(sentence, pattern, rng, lambda m: m[3] or m[1] + (m[2] or ""))


def add_verb_ending(sentence: str, rng: Random) -> str | None:
    """Turn "will rise" into "will rises", "to build the" into "to building the"."""
    # Before one of these words, what follows a modal or "to" is most often a verb.
    pattern = (
        r"(?<= )(will|would|could|should|may|must|can|did not|to) ([a-z]{2,}[^s\W])"
        r"(?= (?:the|an?|it|his|in|on|to|up|more)\b)"
    )

    def change(place: re.Match[str]) -> str:
        verb = place[2]
        if verb in FUNCTION_WORDS:
            return place[0]
        ending = rng.choice(("s", "ing"))
        stem = verb[:-1] if ending == "ing" and verb.endswith("e") else verb
        return f"{place[1]} {stem}{ending}"

    return _replace(sentence, pattern, rng, change)


def confuse_past(sentence: str, rng: Random) -> str | None:
    """Turn "has taken" into "has took", "will go" into "will went"."""

    def change(place: re.Match[str]) -> str:
        base = IRREGULAR_FORMS.get(place[2], "")
        return f"{place[1]} {_PAST_OF.get(base, place[2])}"

    return _replace(sentence, r"\b(has|have|had|been|did not|didn't|will|to) ([a-z]+)", rng, change)


def move_adverb(sentence: str, rng: Random) -> str | None:
    """Turn "will not take part" into "not will take part", "he also said" into "he said also"."""
    pattern = rf"(?<= )([a-z]+) ({'|'.join(_ADVERBS)}) ([a-z]+)(?= )"

    def change(place: re.Match[str]) -> str:
        if rng.random() < 0.5:  # noqa: PLR2004 - either side
            return f"{place[2]} {place[1]} {place[3]}"
        return f"{place[1]} {place[3]} {place[2]}"

    return _replace(sentence, pattern, rng, change)


def turn_pair(sentence: str, rng: Random) -> str | None:
    """Turn "the new agreement" into "the agreement new"."""
    pattern = (
        rf"(?<=\b(?:the|its|his|our|for|new) )([a-z]{{3,}}) ([a-z]+(?:{'|'.join(_NOUN_ENDINGS)}))\b"
    )

    def change(place: re.Match[str]) -> str:
        return place[0] if place[1] in FUNCTION_WORDS else f"{place[2]} {place[1]}"

    return _replace(sentence, pattern, rng, change)


def double_word(sentence: str, rng: Random) -> str | None:
    """Say a word twice in a row."""
    return _replace(sentence, r"(?<= )[a-z]+(?= )", rng, lambda m: f"{m[0]} {m[0]}")


def drop_copula(sentence: str, rng: Random) -> str | None:
    """Turn "the talks are over" into "the talks over"."""
    return _replace(
        sentence, r"(?<=[a-z] )(?:is|are|was|were|be|been) (?=[a-z])", rng, lambda _: ""
    )


def drop_apostrophe(sentence: str, rng: Random) -> str | None:
    """Turn "the city's mayor" into "the citys mayor"."""
    return _replace(sentence, r"(?<=[a-z])['\u2019](s|t|re|ve)\b", rng, lambda m: m[1])


#: How often each kind is tried, relative to the others. Set by eye, by how sure a reader can be
#: of the mend: a wrong verb form is always wrong, a lost article or another preposition often
#: is not, and a model trained on those in equal shares over-corrected them.
KINDS: dict[str, tuple[Damage, float]] = {
    "drop_article": (drop_article, 3),
    "swap_article": (swap_article, 1),
    "add_article": (add_article, 1),
    "swap_preposition": (swap_preposition, 1.5),
    "drop_preposition": (drop_preposition, 1),
    "break_agreement": (break_agreement, 3),
    "break_number": (break_number, 1.5),
    "drop_verb_ending": (drop_verb_ending, 2.5),
    "add_verb_ending": (add_verb_ending, 2),
    "confuse_past": (confuse_past, 1.5),
    "move_adverb": (move_adverb, 2),
    "turn_pair": (turn_pair, 1),
    "double_word": (double_word, 1),
    "drop_copula": (drop_copula, 2),
    "drop_apostrophe": (drop_apostrophe, 1),
}

#: Kinds drawn before the sentence is given up as one without a place for them.
_MOST_TRIES = 6

#: Two faults in one sentence: a model that knows only one stops after the first mend.
_SECOND_FAULT = 0.4


def damage(sentence: str, rng: Random) -> tuple[str, list[str]] | None:
    """The sentence with one or two kinds of noise, and their names; ``None`` without a place."""
    names = list(KINDS)
    weights = [weight for _, weight in KINDS.values()]
    wanted = 2 if rng.random() < _SECOND_FAULT else 1
    damaged, made = sentence, list[str]()
    for name in rng.choices(names, weights, k=_MOST_TRIES):
        changed = KINDS[name][0](damaged, rng)
        if changed is not None and changed not in {damaged, sentence}:
            damaged = changed
            made.append(name)
        if len(made) == wanted:
            break
    return (damaged, made) if made else None
