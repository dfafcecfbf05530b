"""Gives good English the idiom of other languages, as rough translations do.

Each kind is a function as in ``worker.damage.word_order``. Content words stay, so that the sentence
still says the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from worker.damage import word_order
from worker.damage.clause import BE, COUNT, PARTICIPLE, change_unquoted, upper_first
from worker.damage.phrase import ABSTRACT, NEEDLESS_ARTICLE, PREPOSITIONS, SET_PHRASES
from worker.damage.word import Damage
from worker.english.quotation import quotation_spans

__all__ = ["KINDS", "damage_by_calques"]


#: What follows a noun that ends its phrase.
_AFTER_NOUN = r"(?=[.,;]| (?:in|on|at|for|to|was|is|had|has|will|and)\b)"
#: Share of articles that are dropped from a sentence that loses them.
_DROPPED = 0.7


def turn_genitive(sentence: str, rng: Random) -> str | None:
    """Turn "the club's new chairman" into "the new chairman of the club his" or the like."""
    pattern = (
        r"(?P<article>(?:the|this|his|her|their) )(?P<owner>[a-z-]{3,})'s "
        r"(?P<owned>[a-z-]{3,}(?: [a-z-]{3,})?)(?=[.,;]| (?:in|on|at|for|to|was|is|had|has|will)\b)"
    )

    def change(match: re.Match[str]) -> str:
        article, owner, owned = match["article"], match["owner"], match["owned"]
        return rng.choice(
            (
                f"the {owned} of {article}{owner} its",
                f"{article}{owner} its {owned}",
                f"of {article}{owner} the {owned}",
                f"{owned} of {owner}",
            )
        )

    return change_unquoted(sentence, pattern, rng, change)


def put_owner_last(sentence: str, rng: Random) -> str | None:
    """Turn "its new chairman" into "the new chairman its" or "the its new chairman"."""
    pattern = rf"(?<= )(?P<owner>his|her|its|their) (?P<owned>[a-z-]{{4,}}){_AFTER_NOUN}"
    return change_unquoted(
        sentence,
        pattern,
        rng,
        lambda match: rng.choice((f"the {match['owned']} {match['owner']}",
                                  f"the {match['owner']} {match['owned']}")),
    )  # fmt: skip


def turn_since(sentence: str, rng: Random) -> str | None:
    """Turn "has been shut for three days" into "has been shut since three days"."""
    pattern = (
        rf"(?<= )for (?=(?:more than |almost |nearly |the (?:past|last) )?(?:{COUNT}|a few) "
        r"(?:days|weeks|months|years|hours)\b)"
    )
    present = re.search(r"\b(?:has|have|had)\b", sentence)
    return change_unquoted(sentence, pattern, rng, lambda _: "since ") if present else None


def drop_articles(sentence: str, rng: Random) -> str | None:
    """Drop most articles, as engines for Slavic languages do."""
    quoted = quotation_spans(sentence)

    def drop(match: re.Match[str]) -> str:
        is_quoted = any(start <= match.start() < end for start, end in quoted)
        return match[0] if is_quoted or rng.random() >= _DROPPED else ""

    # Before a plural, English may do without an article too.
    noun = r"(?=[a-z])(?![a-z-]+s\b)"
    dropped = re.sub(rf"(?:(?<=[a-z] )(?:the|an?)|^(?:The|An?)) {noun}", drop, sentence)
    return upper_first(dropped) if dropped != sentence else None


def put_needless_article(sentence: str, rng: Random) -> str | None:
    """Turn "the fight against corruption" into "the fight against the corruption"."""
    pattern = rng.choice((NEEDLESS_ARTICLE, ABSTRACT))
    return change_unquoted(sentence, pattern, rng, lambda match: f"{match['before']} the ")


def change_prepositions(sentence: str, rng: Random) -> str | None:
    """Exchange a preposition that a verb, noun or date asks for."""
    return _replace(sentence, PREPOSITIONS, rng)


def change_phrase(sentence: str, rng: Random) -> str | None:
    """Exchange a set phrase for a word-for-word translation."""
    return _replace(sentence, SET_PHRASES, rng)


def _replace(sentence: str, table: Mapping[str, tuple[str, ...]], rng: Random) -> str | None:
    """Replace a random pattern of the table that matches by one of its wrong versions."""
    patterns = [pattern for pattern in table if re.search(pattern, sentence)]
    if not patterns:
        return None
    pattern = rng.choice(patterns)
    return change_unquoted(
        sentence, pattern, rng, lambda match: match.expand(rng.choice(table[pattern]))
    )


def drop_dummy(sentence: str, rng: Random) -> str | None:
    """Turn "it is expected that" into "is expected that", "there are" into "are"."""
    be = rf"(?=(?:{BE}|has been|have been|had been|will be)\b)"
    pattern = rf"(?<=[a-z,] )(?:it|there) {be}"
    return change_unquoted(sentence, pattern, rng, lambda _: "")


def put_become(sentence: str, rng: Random) -> str | None:
    """Turn "is being built" into "becomes built"."""

    def change(match: re.Match[str]) -> str:
        verb = {"is": "becomes", "are": "become", "was": "became", "were": "became"}[match["be"]]
        return f"{verb} {match['verb']}"

    pattern = (
        rf"(?<= )(?P<be>{BE}) (?:being )?(?P<verb>(?!based|called|expected|designed|supposed)"
        rf"{PARTICIPLE})(?= (?:by|in|on|at|from)\b)"
    )
    return change_unquoted(sentence, pattern, rng, change)


def put_purpose(sentence: str, rng: Random) -> str | None:
    """Turn "met to discuss" into "met for to discuss" or "met for discuss"."""
    pattern = (
        r"(?<=[a-z]{3} )to (?=(?!(?:the|his|her|its|their)\b)[a-z]{3,}"
        r" (?:the|an?|its|his|their|more|up)\b)"
    )
    return change_unquoted(sentence, pattern, rng, lambda _: rng.choice(("for ", "for to ")))


def put_comma_before_that(sentence: str, rng: Random) -> str | None:
    """Turn "said that" into "said, that"."""
    pattern = r"(?<=[a-z])(?= (?:that|whether|because) (?:the|he|she|it|they|there|this|an?)\b)"
    return change_unquoted(sentence, pattern, rng, lambda _: ",")


def double_attribution(sentence: str, rng: Random) -> str | None:
    """Turn "He said that they left." into "He said that they left, he said."."""
    match = _STATEMENT.match(sentence)
    if match is None or quotation_spans(sentence):
        return None
    verb = "says" if match["verb"] == "says" else rng.choice(("said", "said", "added"))
    return f"{sentence[:-1]}, {_pronoun_of(match['who'])} {verb}."


#: A statement in indirect speech with its speaker first.
_STATEMENT = re.compile(
    r"(?P<who>He|She|They|It|The [a-z]+|[A-Z][a-z]+ [A-Z][a-z]+|(?:Mr|Mrs|Ms) [A-Z][a-z]+) "
    r"(?:also )?(?P<verb>said|added|told|says)\b.*\.$"
)
_PRONOUNS = {"Mr": "he", "Mrs": "she", "Ms": "she"}


def _pronoun_of(who: str) -> str:
    """Return the speaker's pronoun, or the name again if it does not tell which."""
    first, _, rest = who.partition(" ")
    if first == "The":
        return "they" if rest.endswith("s") else f"the {rest}"
    return _PRONOUNS.get(first, who) if rest else who.lower()


_FUNCTION: dict[str, tuple[Damage, float]] = {
    "turn_genitive": (turn_genitive, 3),
    "put_owner_last": (put_owner_last, 0.7),
    "turn_since": (turn_since, 12),
    "drop_articles": (drop_articles, 1),
    "put_needless_article": (put_needless_article, 5),
    "change_prepositions": (change_prepositions, 5),
    "change_phrase": (change_phrase, 6),
    "drop_dummy": (drop_dummy, 4),
    "put_become": (put_become, 2),
    "put_purpose": (put_purpose, 2),
    "put_comma_before_that": (put_comma_before_that, 2),
    "double_attribution": (double_attribution, 6),
}
KINDS = word_order.KINDS | _FUNCTION

#: Weights of one and two faults of word order, and of none to three others. With more, a sentence
#: cannot be read.
_ORDER_WEIGHTS, _FUNCTION_WEIGHTS = (0.7, 0.3), (0.2, 0.35, 0.3, 0.15)
#: Share of sentences without a fault of word order.
_PLAIN_ORDER = 0.25


def damage_by_calques(sentence: str, rng: Random) -> tuple[str, list[str]] | None:
    """Return the sentence with one to five faults and their kinds, or None if no kind applies."""
    order = 0 if rng.random() < _PLAIN_ORDER else rng.choices((1, 2), _ORDER_WEIGHTS)[0]
    function = rng.choices(range(len(_FUNCTION_WEIGHTS)), _FUNCTION_WEIGHTS)[0]
    damaged, applied = sentence, list[str]()
    for kinds, wanted in ((_FUNCTION, function or int(not order)), (word_order.KINDS, order)):
        most = len(applied) + wanted
        for kind in _shuffled(kinds, rng):
            changed = kinds[kind][0](damaged, rng) if len(applied) < most else None
            if changed is not None and changed != damaged:
                damaged = changed
                applied.append(kind)
    return (damaged, applied) if applied else None


def _shuffled(kinds: Mapping[str, tuple[Damage, float]], rng: Random) -> list[str]:
    """Return the kinds in random order, those of higher weight more often first."""
    return sorted(kinds, key=lambda kind: rng.random() ** (1 / kinds[kind][1]), reverse=True)
