"""Damages good English sentences with the errors that translation engines make.

Each kind is a function that takes a sentence and a random generator, and returns a damaged
sentence, or ``None`` if the kind does not apply. The good sentence is the training target, so the
damage must be a clear error: a dropped article that could be intended teaches a model to
over-correct. Training therefore leaves out damage that the base model does not find worse.
"""

from __future__ import annotations

import re
from random import Random

from worker.damage.word import (
    Damage,
    change_ending,
    change_number,
    confuse_alike,
    misspell,
    replace_match,
)
from worker.english.lexicon import FUNCTION_WORDS, IRREGULAR_FORMS

__all__ = ["KINDS", "damage_sentence"]

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
#: Prepositions that are confused with each other.
_PREPOSITIONS = ("in", "on", "at", "of", "for", "to", "with", "from", "by", "into", "about")
_ADVERBS = "also still already never always often only now not".split()  # noqa: SIM905
_PAST_OF = {
    base: form
    for form, base in IRREGULAR_FORMS.items()
    if form != base and not form.endswith(("s", "ing", "n", "t"))
}
_NOUN_ENDINGS = "tion ment ity ness ism ship ence ance ers ors ists".split()  # noqa: SIM905


def drop_article(sentence: str, rng: Random) -> str | None:
    """Turn "in the north" into "in north"."""
    return replace_match(sentence, r"(?<=[a-z] )(?:the|an?) (?=[a-z])", rng, lambda _: "")


def swap_article(sentence: str, rng: Random) -> str | None:
    """Turn "a report" into "an report", or "an old house" into "a old house"."""
    return replace_match(
        sentence, r"(?<= )(an?)(?= [a-z]{3})", rng, lambda match: "an" if match[1] == "a" else "a"
    )


def add_article(sentence: str, rng: Random) -> str | None:
    """Add a needless "the" before a month, a weekday, a year, "his" or "their"."""
    pattern = (
        r"(?<=[a-z] )(?=(?:January|February|April|June|July|August|September|October|November"
        r"|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
        r"|(?:19|20)\d\d\b|(?:his|her|its|their)\s[a-z])"
    )
    return replace_match(sentence, pattern, rng, lambda _: "the ")


def break_agreement(sentence: str, rng: Random) -> str | None:
    """Turn "prices have risen" into "prices has risen"."""
    pattern = rf"(?<= )({'|'.join(_SWAPPED_FORMS)})(?= )"
    return replace_match(sentence, pattern, rng, lambda match: _SWAPPED_FORMS[match[1]])


def break_number(sentence: str, rng: Random) -> str | None:
    """Turn "three ships" into "three ship"."""
    pattern = (
        r"(?<= )((?:two|three|four|five|six|many|several|these|those|few|\d+) [a-z]+?)"
        r"(ies|(?<![isu])s)\b"
    )
    return replace_match(
        sentence, pattern, rng, lambda match: match[1] + ("y" if match[2] == "ies" else "")
    )


def drop_verb_ending(sentence: str, rng: Random) -> str | None:
    """Turn "has announced" into "has announce", or "he says" into "he say"."""
    pattern = (
        r"(?<= )((?:has|have|had|been|was|were) [a-z]{2,}?)"
        r"((?<=[cgsvuz])e|(?<=[aiu][tkrnd])e|(?<=[bcdgpt]l)e)?(?:ed|d)\b"
        r"|\b((?:[Hh]e|[Ss]he|[Ii]t) [a-z]{3,}[^isu\W])s\b"
    )
    return replace_match(
        sentence, pattern, rng, lambda match: match[3] or match[1] + (match[2] or "")
    )


def add_verb_ending(sentence: str, rng: Random) -> str | None:
    """Turn "will rise" into "will rises", or "to build the" into "to building the"."""
    # A word between a modal or "to" and one of the words in the lookahead is usually a verb.
    pattern = (
        r"(?<= )(will|would|could|should|may|must|can|did not|to) ([a-z]{2,}[^s\W])"
        r"(?= (?:the|an?|it|his|in|on|to|up|more)\b)"
    )

    def change(match: re.Match[str]) -> str:
        verb = match[2]
        if verb in FUNCTION_WORDS:
            return match[0]
        ending = rng.choice(("s", "ing"))
        stem = verb[:-1] if ending == "ing" and verb.endswith("e") else verb
        return f"{match[1]} {stem}{ending}"

    return replace_match(sentence, pattern, rng, change)


def confuse_past(sentence: str, rng: Random) -> str | None:
    """Turn "has taken" into "has took", or "will go" into "will went"."""

    def change(match: re.Match[str]) -> str:
        base = IRREGULAR_FORMS.get(match[2], "")
        return f"{match[1]} {_PAST_OF.get(base, match[2])}"

    pattern = r"\b(has|have|had|been|did not|didn't|will|to) ([a-z]+)"
    return replace_match(sentence, pattern, rng, change)


def move_adverb(sentence: str, rng: Random) -> str | None:
    """Turn "will not take" into "not will take", or "he also said" into "he said also"."""
    pattern = rf"(?<= )([a-z]+) ({'|'.join(_ADVERBS)}) ([a-z]+)(?= )"

    def change(match: re.Match[str]) -> str:
        if rng.random() < 0.5:  # noqa: PLR2004 - either side
            return f"{match[2]} {match[1]} {match[3]}"
        return f"{match[1]} {match[3]} {match[2]}"

    return replace_match(sentence, pattern, rng, change)


def turn_pair(sentence: str, rng: Random) -> str | None:
    """Turn "the new agreement" into "the agreement new"."""
    pattern = (
        rf"(?<=\b(?:the|its|his|our|for|new) )([a-z]{{3,}}) ([a-z]+(?:{'|'.join(_NOUN_ENDINGS)}))\b"
    )

    def change(match: re.Match[str]) -> str:
        return match[0] if match[1] in FUNCTION_WORDS else f"{match[2]} {match[1]}"

    return replace_match(sentence, pattern, rng, change)


def double_word(sentence: str, rng: Random) -> str | None:
    """Repeat a word."""
    return replace_match(
        sentence, r"(?<= )[a-z]+(?= )", rng, lambda match: f"{match[0]} {match[0]}"
    )


def drop_copula(sentence: str, rng: Random) -> str | None:
    """Turn "the talks are over" into "the talks over"."""
    return replace_match(
        sentence, r"(?<=[a-z] )(?:is|are|was|were|be|been) (?=[a-z])", rng, lambda _: ""
    )


def drop_apostrophe(sentence: str, rng: Random) -> str | None:
    """Turn "the city's mayor" into "the citys mayor"."""
    return replace_match(sentence, r"(?<=[a-z])['\u2019](s|t|re|ve)\b", rng, lambda match: match[1])


def put_article(sentence: str, rng: Random) -> str | None:
    """Turn "in custody" into "in the custody"."""
    pattern = r"(?<=[a-z] )(?<!the )(?<!a )(?<!an )(?=[a-z]{3,}[ ,.])"
    return replace_match(sentence, pattern, rng, lambda _: rng.choice(("the ", "the ", "a ")))


def change_article(sentence: str, rng: Random) -> str | None:
    """Turn "a letter" into "the letter", "one letter" or "some letter"."""

    def change(match: re.Match[str]) -> str:
        return rng.choice(("one", "the", "some") if match[0] != "the" else ("a", "that", "one"))

    return replace_match(sentence, r"(?<=[a-z] )(?:the|an?)(?= [a-z])", rng, change)


def put_preposition(sentence: str, rng: Random) -> str | None:
    """Turn "discussed the plan" into "discussed about the plan"."""
    pattern = r"(?<=[a-z]{3} )(?=(?:the|an?|his|her|their|its) )"
    return replace_match(
        sentence, pattern, rng, lambda _: rng.choice(("about ", "to ", "of ", "on ", "with "))
    )


def change_preposition(sentence: str, rng: Random) -> str | None:
    """Turn "interested in" into "interested on", for any preposition."""
    pattern = rf"(?<= )(?:{'|'.join(_PREPOSITIONS)})(?= )"
    return replace_match(sentence, pattern, rng, lambda _: rng.choice(_PREPOSITIONS))


def drop_small_word(sentence: str, rng: Random) -> str | None:
    """Drop a preposition, "to", a conjunction or a relative pronoun."""
    pattern = r"(?<=[a-z] )(?:of|to|in|on|for|with|at|by|from|as|and|but|that|who|which) (?=[a-z])"
    return replace_match(sentence, pattern, rng, lambda _: "")


def put_to(sentence: str, rng: Random) -> str | None:
    """Turn "must build" into "must to build"."""
    pattern = r"(?<= )(will|must|should) (?=[a-z]{3,})"
    return replace_match(sentence, pattern, rng, lambda match: f"{match[1]} to ")


def drop_comma(sentence: str, rng: Random) -> str | None:
    """Drop a comma."""
    return replace_match(sentence, r",(?= [a-zA-Z])", rng, lambda _: "")


def put_comma(sentence: str, rng: Random) -> str | None:
    """Turn "said that he" into "said, that he"."""
    return replace_match(
        sentence, r"(?<=[a-z])(?= (?:that|which|to|because|who|and) [a-z])", rng, lambda _: ","
    )


def move_verb(sentence: str, rng: Random) -> str | None:
    """Turn "was arrested in Berlin." into "was in Berlin arrested.", as in German."""
    pattern = (
        r"(?<= )(has|have|had|was|were|been|be|will|would|can|must|to) ([a-z]{3,})"
        r"((?: [\w'\u2019-]+){2,6})(?=[,.;]| and | but | because )"
    )
    return replace_match(sentence, pattern, rng, lambda match: f"{match[1]}{match[3]} {match[2]}")


def turn_verb(sentence: str, rng: Random) -> str | None:
    """Turn "in May, he has" into "in May, has he"."""
    pattern = (
        r"(?<=, )(the [a-z]+|he|she|it|they) (has|have|had|was|were|is|are|will|would|said)(?= )"
    )
    return replace_match(sentence, pattern, rng, lambda match: f"{match[2]} {match[1]}")


def swap_words(sentence: str, rng: Random) -> str | None:
    """Exchange two neighbouring words."""
    return replace_match(
        sentence,
        r"(?<= )([a-z]{2,}) ([a-z]{3,})(?=[ ,.])",
        rng,
        lambda match: f"{match[2]} {match[1]}",
    )


#: Relative frequency with which each kind is tried. Wrong verb forms and dropped articles are the
#: most frequent errors in translations and learners' texts. Kinds that may be matters of taste
#: (another preposition, a comma) are drawn too: `worker.training.repair` drops damage that the base
#: model does not find worse.
KINDS: dict[str, tuple[Damage, float]] = {
    "drop_article": (drop_article, 4),
    "put_article": (put_article, 2),
    "change_article": (change_article, 1),
    "swap_article": (swap_article, 1),
    "add_article": (add_article, 1),
    "change_preposition": (change_preposition, 3),
    "put_preposition": (put_preposition, 1),
    "drop_small_word": (drop_small_word, 3),
    "break_agreement": (break_agreement, 3),
    "break_number": (break_number, 1.5),
    "change_number": (change_number, 4),
    "drop_verb_ending": (drop_verb_ending, 2.5),
    "add_verb_ending": (add_verb_ending, 2),
    "put_to": (put_to, 0.5),
    "change_ending": (change_ending, 4),
    "confuse_past": (confuse_past, 1.5),
    "confuse_alike": (confuse_alike, 1.5),
    "misspell": (misspell, 4),
    "drop_apostrophe": (drop_apostrophe, 1),
    "move_adverb": (move_adverb, 2),
    "move_verb": (move_verb, 1.5),
    "turn_verb": (turn_verb, 0.5),
    "turn_pair": (turn_pair, 0.5),
    "swap_words": (swap_words, 1),
    "double_word": (double_word, 1),
    "drop_copula": (drop_copula, 2),
    "drop_comma": (drop_comma, 2),
    "put_comma": (put_comma, 0.5),
}

#: Weights of one to five errors per sentence: learners make three or four, engines one. A model
#: trained on single errors stops after its first repair.
_ERROR_COUNT_WEIGHTS = (0.2, 0.2, 0.2, 0.2, 0.2)
#: Minimum number of words in the sentence for each error.
_WORDS_PER_ERROR = 4

#: Kinds drawn for each wanted error; several, because not every kind applies to every sentence.
_TRIES = 5


def damage_sentence(sentence: str, rng: Random) -> tuple[str, list[str]] | None:
    """Return the sentence with one to five errors and their kinds, or None if no kind applies."""
    kinds = list(KINDS)
    weights = [weight for _, weight in KINDS.values()]
    counts = range(1, len(_ERROR_COUNT_WEIGHTS) + 1)
    drawn = rng.choices(counts, _ERROR_COUNT_WEIGHTS)[0]
    wanted = max(1, min(drawn, len(sentence.split()) // _WORDS_PER_ERROR))
    damaged, applied = sentence, list[str]()
    for kind in rng.choices(kinds, weights, k=_TRIES * wanted):
        changed = KINDS[kind][0](damaged, rng)
        if changed is not None and changed not in {damaged, sentence}:
            damaged = changed
            applied.append(kind)
        if len(applied) == wanted:
            break
    return (damaged, applied) if applied else None
