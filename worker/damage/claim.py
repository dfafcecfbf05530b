"""What small models get wrong when they sum up, made in claims that an article carries.

Each kind is a function from a claim, the article's sentences and a random generator to a claim
that the article does not carry, or to ``None`` where it finds no place. The kinds are those that
people found in summaries of news (Kryscinski et al. 2020, FactCC; Pagnoni et al. 2021, FRANK):
wrong entities, numbers, times, negations, predicates, roles and speakers, and two sentences run
into one or one that lost its middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from worker.english.facts import names
from worker.english.lexicon import FUNCTION_WORDS, MONTHS, WEEKDAYS

__all__ = ["KINDS", "spoil"]

Damage = Callable[[str, Sequence[str], Random], str | None]

_NAME = re.compile(r"(?<![.!?] )(?<!^)(?<!^[\"'])\b[A-Z][\w'-]*(?: (?:of |the )?[A-Z][\w'-]*)*")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_NUMBER_WORD = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twelve|dozen)\b")
_TIMES = tuple(
    re.compile(rf"\b({'|'.join(word.capitalize() for word in sorted(times) if word != 'may')})\b")
    for times in (WEEKDAYS, MONTHS)
)
#: Words that turn a claim round, each way.
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
_OPPOSITES |= {other: one for one, other in _OPPOSITES.items()}
_OPPOSITE = re.compile(rf"\b({'|'.join(sorted(_OPPOSITES))})\b")
#: Without one of these, what was planned, likely or past is told as a fact of today.
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

#: How many words a fault of cutting takes out, and how many must stay at each end.
_CUT_WORDS, _ENDS = (2, 9), 2
#: A claim of fewer words than this is too short to be run into another.
_LEAST_WORDS = 8


def _swap(claim: str, place: re.Match[str], others: Sequence[str], rng: Random) -> str | None:
    """The claim with what stands at the place exchanged for one of the others."""
    options = sorted({other for other in others if other.lower() != place[0].lower()})
    if not options:
        return None
    return claim[: place.start()] + rng.choice(options) + claim[place.end() :]


def _any(pattern: re.Pattern[str], claim: str, rng: Random) -> re.Match[str] | None:
    places = list(pattern.finditer(claim))
    return rng.choice(places) if places else None


def swap_name(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Put another name of the article in a name's place."""
    place = _any(_NAME, claim, rng)
    if place is None:
        return None
    known = set(names(claim))
    others = [
        found[0]
        for sentence in article
        for found in _NAME.finditer(sentence)
        if known.isdisjoint(names(found[0]))
        and not _is_time(found[0]) == _is_time(place[0]) is True
    ]
    return None if _is_time(place[0]) else _swap(claim, place, others, rng)


def _is_time(name: str) -> bool:
    return name.lower() in WEEKDAYS | MONTHS


def swap_number(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Put another number of the article, or one near by, in a number's place."""
    place = _any(_NUMBER, claim, rng) or _any(_NUMBER_WORD, claim, rng)
    if place is None:
        return None
    if not place[0][0].isdigit():
        return _swap(claim, place, ["two", "three", "four", "five", "seven", "nine"], rng)
    found = [other[0] for sentence in article for other in _NUMBER.finditer(sentence)]
    alike = [other for other in found if len(other) == len(place[0])]
    digit = rng.randrange(len(place[0]))
    near = "".join(
        str((int(sign) + rng.randint(1, 8)) % 10) if at == digit and sign.isdigit() else sign
        for at, sign in enumerate(place[0])
    )
    return _swap(claim, place, alike if alike and rng.random() < 0.5 else [near], rng)  # noqa: PLR2004


def swap_time(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Put another weekday or month in the place of one."""
    del article
    for pattern, times in zip(_TIMES, (WEEKDAYS, MONTHS), strict=True):
        place = _any(pattern, claim, rng)
        if place is not None:
            return _swap(claim, place, [time.capitalize() for time in sorted(times)], rng)
    return None


def turn_negation(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Take a negation out, or put one in behind an auxiliary."""
    del article
    place = _any(_NEGATION, claim, rng)
    if place is not None:
        return claim[: place.start()] + claim[place.end() :]
    place = _any(_AUXILIARY, claim, rng)
    return None if place is None else f"{claim[: place.end()]} not{claim[place.end() :]}"


def turn_predicate(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Put a word's opposite in its place: "rose" for "fell"."""
    del article
    place = _any(_OPPOSITE, claim, rng)
    return None if place is None else _swap(claim, place, [_OPPOSITES[place[0]]], rng)


def drop_hedge(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Tell what is planned, likely, former or partial without saying so."""
    del article
    place = _any(_PLANNED, claim, rng)
    if place is not None:
        return f"{claim[: place.start()]}{place[0].split()[0]}{claim[place.end() :]}"
    place = _any(_HEDGE, claim, rng)
    return None if place is None else claim[: place.start()] + claim[place.end() :]


def turn_roles(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Let two names of the claim change places."""
    del article
    places = [place for place in _NAME.finditer(claim) if not _is_time(place[0])]
    if len(places) < 2:  # noqa: PLR2004 - a pair
        return None
    one, other = sorted(rng.sample(places, 2), key=lambda place: place.start())
    if one[0] == other[0]:
        return None
    between = claim[one.end() : other.start()]
    return f"{claim[: one.start()]}{other[0]}{between}{one[0]}{claim[other.end() :]}"


def swap_speaker(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Let somebody say what another sentence says."""
    place = _SPEAKER.search(claim)
    others = [
        sentence for sentence in article if sentence not in claim and _SPEAKER.search(sentence)
    ]
    if place is None or not others:
        return None
    rest = rng.choice(others)
    told = _SPEAKER.search(rest)
    if told is None or len(rest[told.end() :].split()) < _LEAST_WORDS // 2:
        return None
    return claim[: place.end()] + rest[told.end() :]


def swap_noun(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Put another word of the article, of the same ending, in a word's place."""
    places = [place for place in re.finditer(r"(?<= )[a-z]{5,}(?=[ .,])", claim)
              if place[0] not in FUNCTION_WORDS]  # fmt: skip
    rng.shuffle(places)
    own = set(re.findall(r"[a-z]+", claim.lower()))
    found = {word for one in article for word in re.findall(r"(?<= )[a-z]{5,}", one)}
    known = sorted(found - own - FUNCTION_WORDS)
    for place in places:
        alike = [word for word in known if word[-2:] == place[0][-2:]]
        if alike:
            return _swap(claim, place, alike, rng)
    return None


def cut_middle(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Leave out some words in a row, wherever they stand."""
    del article
    found = claim.split()
    size = rng.randint(*_CUT_WORDS)
    if len(found) < size + 2 * _ENDS + 2:
        return None
    at = rng.randint(_ENDS, len(found) - size - _ENDS)
    return " ".join(found[:at] + found[at + size :])


def run_together(claim: str, article: Sequence[str], rng: Random) -> str | None:
    """Let the claim go on, from a word that both have, as another sentence does."""
    found = claim.split()
    others = [sentence.split() for sentence in article if sentence != claim]
    rng.shuffle(others)
    for other in others:
        joints = [
            (at, place)
            for at in range(_ENDS + 1, len(found) - 1)
            for place in range(1, len(other) - _ENDS)
            if found[at] == other[place] and found[at + 1] != other[place + 1]
        ]
        if joints:
            at, place = rng.choice(joints)
            return " ".join(found[:at] + other[place:])
    return None


#: How often each kind is tried, relative to the others: in summaries of news by neural models
#: wrong entities are the most frequent fault, and where they compress, wrong cuts.
KINDS: dict[str, tuple[Damage, float]] = {
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


def spoil(claim: str, article: Sequence[str], rng: Random) -> tuple[str, str] | None:
    """A claim that the article does not carry, and the kind of fault; ``None`` without a place."""
    for name in _lots(rng):
        spoilt = KINDS[name][0](claim, article, rng)
        if spoilt is not None and _plain(spoilt) not in {_plain(claim), *map(_plain, article)}:
            return spoilt, name
    return None


def _lots(rng: Random) -> Iterator[str]:
    names_ = list(KINDS)
    yield from rng.choices(names_, [weight for _, weight in KINDS.values()], k=len(names_))


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
