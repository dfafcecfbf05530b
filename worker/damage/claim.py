"""Falsifies claims that an article supports, in the ways small models err when they summarise.

Each kind is a function that takes a claim, the article's sentences and a random generator, and
returns a claim that the article does not support, or ``None`` if the kind does not apply. The kinds
follow the errors found in news summaries (Kryscinski et al. 2020, FactCC; Pagnoni et al. 2021,
FRANK): wrong entities, numbers, times, negations, predicates, roles and speakers, and merged and
truncated sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from worker.english.facts import names
from worker.english.lexicon import FUNCTION_WORDS, MONTHS, WEEKDAYS

__all__ = ["KINDS", "falsify"]

Falsifier = Callable[[str, Sequence[str], Random], str | None]

_NAME = re.compile(r"(?<![.!?] )(?<!^)(?<!^[\"'])\b[A-Z][\w'-]*(?: (?:of |the )?[A-Z][\w'-]*)*")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_NUMBER_WORD = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twelve|dozen)\b")
_TIMES = tuple(
    re.compile(rf"\b({'|'.join(word.capitalize() for word in sorted(times) if word != 'may')})\b")
    for times in (WEEKDAYS, MONTHS)
)
#: Words whose exchange reverses a claim; each pair works both ways.
_OPPOSITES = dict(
    pair.split("/")
    for pair in """
    rose/fell increased/decreased gained/lost won/lost more/less before/after accepted/rejected
    supported/opposed higher/lower up/down first/last best/worst start/end began/ended
    agreed/refused approved/blocked backed/criticised praised/condemned arrived/left bought/sold
    opened/closed increase/decrease rise/fall growth/decline success/failure strong/weak most/few
    allowed/banned confirmed/denied released/arrested raised/cut improved/worsened against/for
    without/with under/over into/from young/old men/women buy/sell help/harm
    """.split()  # noqa: SIM905
)
_OPPOSITES |= {right: left for left, right in _OPPOSITES.items()}
_OPPOSITE = re.compile(rf"\b({'|'.join(sorted(_OPPOSITES))})\b")
#: Hedges. Without one, something planned, likely, former or partial is stated as a plain fact.
_HEDGE = re.compile(
    r"\b(?:former|formerly|alleged|allegedly|reportedly|suspected|possible|possibly|probably"
    r"|almost|nearly|only|at least|up to|more than|less than|about|around|some|most|partly) (?=\w)"
)
_PLANNED = re.compile(
    r"\b(?:is|are|was|were) (?:expected|scheduled|planned|due|likely|set|hoping) to be\b"
)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|could|may|might|must|shall|should|will|would)\b(?! not)"
)
_NEGATION = re.compile(r" (?:not|never)\b|n't\b")
_SPEAKER = re.compile(r"\b(?:said|says|told|added|warned|claimed|announced|according to)\b")

#: Minimum and maximum number of words that a cut removes, and the minimum left at each end.
_CUT_WORDS, _MIN_END_WORDS = (2, 9), 2
#: Minimum number of words in a statement that is attributed to another speaker.
_MIN_STATEMENT_WORDS = 4


def _swap(claim: str, match: re.Match[str], options: Sequence[str], rng: Random) -> str | None:
    """Replace the match with a random option that differs from it; return None if none does."""
    different = sorted({option for option in options if option.lower() != match[0].lower()})
    if not different:
        return None
    return claim[: match.start()] + rng.choice(different) + claim[match.end() :]


def _draw_match(pattern: re.Pattern[str], claim: str, rng: Random) -> re.Match[str] | None:
    matches = list(pattern.finditer(claim))
    return rng.choice(matches) if matches else None


def swap_name(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Replace a name with another name from the article; weekdays and months are not names."""
    match = _draw_match(_NAME, claim, rng)
    if match is None or _is_time(match[0]):
        return None
    own_names = set(names(claim))
    candidates = [
        candidate[0]
        for sentence in article
        for candidate in _NAME.finditer(sentence)
        if own_names.isdisjoint(names(candidate[0])) and not _is_time(candidate[0])
    ]
    return _swap(claim, match, candidates, rng)


def _is_time(name: str) -> bool:
    return name.lower() in WEEKDAYS | MONTHS


def swap_number(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Replace a number with another number from the article, or with a similar number."""
    match = _draw_match(_NUMBER, claim, rng) or _draw_match(_NUMBER_WORD, claim, rng)
    if match is None:
        return None
    if not match[0][0].isdigit():
        return _swap(claim, match, ["two", "three", "four", "five", "seven", "nine"], rng)
    numbers = [number[0] for sentence in article for number in _NUMBER.finditer(sentence)]
    same_length = [number for number in numbers if len(number) == len(match[0])]
    changed = rng.randrange(len(match[0]))
    similar = "".join(
        str((int(sign) + rng.randint(1, 8)) % 10) if index == changed and sign.isdigit() else sign
        for index, sign in enumerate(match[0])
    )
    use_article = same_length and rng.random() < 0.5  # noqa: PLR2004 - even odds
    return _swap(claim, match, same_length if use_article else [similar], rng)


def swap_time(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Replace a weekday with another weekday, or a month with another month."""
    del article
    for pattern, times in zip(_TIMES, (WEEKDAYS, MONTHS), strict=True):
        match = _draw_match(pattern, claim, rng)
        if match is not None:
            return _swap(claim, match, [time.capitalize() for time in sorted(times)], rng)
    return None


def turn_negation(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Remove a negation, or add one after an auxiliary."""
    del article
    match = _draw_match(_NEGATION, claim, rng)
    if match is not None:
        return claim[: match.start()] + claim[match.end() :]
    match = _draw_match(_AUXILIARY, claim, rng)
    return None if match is None else f"{claim[: match.end()]} not{claim[match.end() :]}"


def turn_predicate(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Replace a word with its opposite: "fell" becomes "rose"."""
    del article
    match = _draw_match(_OPPOSITE, claim, rng)
    return None if match is None else _swap(claim, match, [_OPPOSITES[match[0]]], rng)


def drop_hedge(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """State something planned, likely, former or partial as a plain fact."""
    del article
    match = _draw_match(_PLANNED, claim, rng)
    if match is not None:
        return f"{claim[: match.start()]}{match[0].split()[0]}{claim[match.end() :]}"
    match = _draw_match(_HEDGE, claim, rng)
    return None if match is None else claim[: match.start()] + claim[match.end() :]


def turn_roles(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Exchange two names in the claim."""
    del article
    matches = [match for match in _NAME.finditer(claim) if not _is_time(match[0])]
    if len(matches) < 2:  # noqa: PLR2004 - a pair
        return None
    first, second = sorted(rng.sample(matches, 2), key=lambda match: match.start())
    if first[0] == second[0]:
        return None
    between = claim[first.end() : second.start()]
    return f"{claim[: first.start()]}{second[0]}{between}{first[0]}{claim[second.end() :]}"


def swap_speaker(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Attribute a statement from another sentence to the claim's speaker."""
    speaker = _SPEAKER.search(claim)
    reports = [
        sentence for sentence in article if sentence not in claim and _SPEAKER.search(sentence)
    ]
    if speaker is None or not reports:
        return None
    report = rng.choice(reports)
    verb = _SPEAKER.search(report)
    if verb is None or len(report[verb.end() :].split()) < _MIN_STATEMENT_WORDS:
        return None
    return claim[: speaker.end()] + report[verb.end() :]


def swap_noun(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Replace a word with a word from the article that has the same ending."""
    matches = [match for match in re.finditer(r"(?<= )[a-z]{5,}(?=[ .,])", claim)
               if match[0] not in FUNCTION_WORDS]  # fmt: skip
    rng.shuffle(matches)
    own_words = set(re.findall(r"[a-z]+", claim.lower()))
    article_words = {
        word for sentence in article for word in re.findall(r"(?<= )[a-z]{5,}", sentence)
    }
    candidates = sorted(article_words - own_words - FUNCTION_WORDS)
    for match in matches:
        same_ending = [word for word in candidates if word[-2:] == match[0][-2:]]
        if same_ending:
            return _swap(claim, match, same_ending, rng)
    return None


def cut_middle(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Remove a run of words from the middle of the claim."""
    del article
    words = claim.split()
    size = rng.randint(*_CUT_WORDS)
    if len(words) < size + 2 * _MIN_END_WORDS + 2:
        return None
    start = rng.randint(_MIN_END_WORDS, len(words) - size - _MIN_END_WORDS)
    return " ".join(words[:start] + words[start + size :])


def run_together(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Continue the claim with the rest of another sentence, from a word that both share."""
    words = claim.split()
    continuations = [sentence.split() for sentence in article if sentence != claim]
    rng.shuffle(continuations)
    for continuation in continuations:
        joints = [
            (left, right)
            for left in range(_MIN_END_WORDS + 1, len(words) - 1)
            for right in range(1, len(continuation) - _MIN_END_WORDS)
            if words[left] == continuation[right] and words[left + 1] != continuation[right + 1]
        ]
        if joints:
            left, right = rng.choice(joints)
            return " ".join(words[:left] + continuation[right:])
    return None


#: Relative frequency with which each kind is tried. Wrong entities are the most frequent error in
#: news summaries by neural models, and wrong cuts in those by models that compress sentences.
KINDS: dict[str, tuple[Falsifier, float]] = {
    "swap_name": (swap_name, 3),
    "swap_number": (swap_number, 1.5),
    "swap_time": (swap_time, 0.7),
    "turn_negation": (turn_negation, 1.5),
    "turn_predicate": (turn_predicate, 1.5),
    "drop_hedge": (drop_hedge, 1.5),
    "turn_roles": (turn_roles, 1.5),
    "swap_speaker": (swap_speaker, 1),
    "swap_noun": (swap_noun, 2.5),
    "cut_middle": (cut_middle, 4),
    "run_together": (run_together, 4),
}


def falsify(claim: str, article: Sequence[str], rng: Random) -> tuple[str, str] | None:
    """Return an unsupported version of the claim and its kind, or None if no kind applies."""
    for kind in _draw_kinds(rng):
        false = KINDS[kind][0](claim, article, rng)
        if false is not None and _plain(false) not in {_plain(claim), *map(_plain, article)}:
            return false, kind
    return None


def _draw_kinds(rng: Random) -> Iterator[str]:
    kinds = list(KINDS)
    yield from rng.choices(kinds, [weight for _, weight in KINDS.values()], k=len(kinds))


def _plain(text: str) -> str:
    """Return the text in lower case, without punctuation."""
    return re.sub(r"\W+", " ", text.lower()).strip()
