"""Patterns for the parts of a clause, and changes outside quotations."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from worker.english.lexicon import FUNCTION_WORDS, IRREGULAR_FORMS, is_plain
from worker.english.quotation import quotation_spans
from worker.english.spelling import is_word

__all__ = [
    "AUX",
    "BE",
    "CLAUSE",
    "COUNT",
    "DAY",
    "END",
    "MONTH",
    "PARTICIPLE",
    "PAST",
    "REST",
    "SUBJECT",
    "TIME",
    "change_unquoted",
    "move_inside",
    "upper_first",
]

#: Alternatives for a regular expression.
BE = "is|are|was|were"
AUX = f"has|have|had|{BE}|will|would|can|could|may|might|must|should"
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
DAY = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
COUNT = r"\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|twelve|several|many"

#: An adverbial of time.
TIME = (
    rf"(?:on|since) (?:{DAY})(?: (?:morning|evening|night|afternoon))?|in (?:{MONTH})(?: \d{{4}})?"
    rf"|in (?:19|20)\d\d|yesterday|(?:last|this|next) (?:week|month|year|summer|autumn|spring)"
    rf"|(?:earlier|later) this (?:week|month|year)|on (?:\d{{1,2}} (?:{MONTH})|(?:{MONTH}) \d+)"
)
#: Words that begin another clause.
CLAUSE = "that|and|but|or|because|who|which|when|while|after|before|if|as|where|than|whose|so"
#: One to nine words of one clause, and what may follow them.
REST = rf"(?P<rest>(?: (?!(?:{CLAUSE}|{AUX})\b)[\w'%$\u00a3-]+){{1,9}}?)"
END = rf"(?=[,.;](?:\s|$)| (?:{CLAUSE})\b)"

#: A short noun phrase or pronoun.
_NOUNS = (
    rf"(?:(?:the|an?|this|these|its|his|her|their|{COUNT})(?: (?!(?:{AUX}|{CLAUSE}|of|not)\b)"
    r"[\w'-]+){1,3}?|he|she|it|they|we|you|I|there|[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})"
)
SUBJECT = rf"(?P<subject>{_NOUNS}(?: of {_NOUNS})?)"

_IRREGULAR_PASTS = frozenset(
    form
    for form, base in IRREGULAR_FORMS.items()
    if form != base and not form.endswith(("s", "ing", "ion", "al", "th", "ure", "en", "wn"))
) - {"children", "men", "women", "feet", "mice", "media", "people", "left", "service", "choice"}
PAST = rf"(?:{'|'.join(sorted(_IRREGULAR_PASTS - FUNCTION_WORDS))}|[a-z]{{3,}}ed)"
_PARTICIPLE_ENDINGS = tuple(
    "en wn ne ght ilt old aid eld und ood ept elt ung ent eat eard ead ost uck".split()  # noqa: SIM905
)
_PARTICIPLES = frozenset(
    form
    for form, base in IRREGULAR_FORMS.items()
    if form != base and form.endswith(_PARTICIPLE_ENDINGS)
) - {"children", "men", "women"}
PARTICIPLE = (
    rf"(?:{'|'.join(sorted(_PARTICIPLES))}|made|won|lost|met|sent|left|led|hit|cut|put|set|become"
    r"|come|paid|[a-z]{3,}ed)"
)


def change_unquoted(
    sentence: str, pattern: str, rng: Random, change: Callable[[re.Match[str]], str | None]
) -> str | None:
    """Change one random match outside quotations; return None if none is, or the change is None."""
    quoted = quotation_spans(sentence)
    matches = [
        match
        for match in re.finditer(pattern, sentence)
        if not any(match.start() < end and match.end() > start for start, end in quoted)
    ]
    if not matches:
        return None
    match = rng.choice(matches)
    changed = change(match)
    return (
        None if changed is None else sentence[: match.start()] + changed + sentence[match.end() :]
    )


def move_inside(text: str) -> str | None:
    """Return a sentence's start as it reads inside one; None if its first word may be a name."""
    first, _, rest = text.partition(" ")
    if first == "I" or rest[:1].isupper() or not is_word(first.lower()):
        return text
    return text[:1].lower() + text[1:] if is_plain(first) else None


def upper_first(text: str) -> str:
    """Return the text with a first capital."""
    return text[:1].upper() + text[1:]
