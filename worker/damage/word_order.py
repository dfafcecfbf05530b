"""Gives good English the word order of other languages, as rough translations do.

Each kind is a function that takes a sentence and a random generator, and returns a damaged
sentence, or ``None`` if the kind does not apply. Quotations are left alone, because a desk does not
edit what somebody said.
"""

from __future__ import annotations

import re
from random import Random

from worker.damage.clause import (
    AUX,
    BE,
    CLAUSE,
    COUNT,
    END,
    PARTICIPLE,
    PAST,
    REST,
    SUBJECT,
    TIME,
    change_unquoted,
    move_inside,
    upper_first,
)
from worker.damage.word import Damage

__all__ = ["KINDS"]


def put_verb_second(sentence: str, rng: Random) -> str | None:
    """Turn "In May, the firm has won" into "In May has the firm won"."""
    pattern = (
        rf"^(?P<front>(?:In|On|At|During|After|Since|From|For|By|Under|With|Last|This|Meanwhile"
        rf"|Earlier|Yesterday|Later)\b[^,\"]{{0,60}}), {SUBJECT} "
        rf"(?P<verb>{AUX}|(?!said\b){PAST})\b(?! by\b)"
    )
    return change_unquoted(
        sentence, pattern, rng, lambda match: f"{match['front']} {match['verb']} {match['subject']}"
    )


def bring_time_forward(sentence: str, rng: Random) -> str | None:
    """Turn "The firm won the order on Monday." into "On Monday won the firm the order."."""
    pattern = (
        rf"^(?P<whole>{SUBJECT.replace('(?:the|an?|this', '(?:[Tt]he|[Aa]n?|[Tt]his')}) "
        rf"(?P<verb>{AUX}|{PAST})\b{REST} (?P<time>{TIME})(?=[.,]|$| (?:and|but|after|when)\b)"
    )

    def change(match: re.Match[str]) -> str | None:
        subject = move_inside(match["whole"])
        return subject and f"{upper_first(match['time'])} {match['verb']} {subject}{match['rest']}"

    return change_unquoted(sentence, pattern, rng, change)


def bring_place_forward(sentence: str, rng: Random) -> str | None:
    """Turn "Two people were killed in the fire." into "In the fire were killed two people."."""
    pattern = (
        rf"^(?P<whole>[A-Z\d](?:(?!\b(?:{AUX}|{CLAUSE})\b)[^,.;:\"]){{2,50}}) "
        rf"(?P<verb>(?:was|were|has been|have been|is|are) {PARTICIPLE}) "
        r"(?P<place>(?:in|at|on|during|near|from) (?:the |an? |[A-Z])[^,.;:\"]{2,50})(?=[.])"
    )

    def change(match: re.Match[str]) -> str | None:
        subject = move_inside(match["whole"])
        return subject and f"{upper_first(match['place'])} {match['verb']} {subject}"

    return change_unquoted(sentence, pattern, rng, change)


def put_participle_last(sentence: str, rng: Random) -> str | None:
    """Turn "has won the contract in Spain" into "has the contract in Spain won"."""
    pattern = (
        rf"(?<= )(?P<aux>has|have|had|{BE}|(?:has|have|had) been|been|being)(?P<not> not)? "
        rf"(?P<verb>{PARTICIPLE}){REST}{END}"
    )
    return change_unquoted(
        sentence,
        pattern,
        rng,
        lambda match: f"{match['aux']}{match['rest']}{match['not'] or ''} {match['verb']}",
    )


def put_infinitive_last(sentence: str, rng: Random) -> str | None:
    """Turn "to build a bridge" into "in order a bridge to build"."""
    pattern = (
        r"(?<= )(?P<aux>will|would|can|could|must|should|to)(?P<not> not)? "
        rf"(?P<verb>(?!(?:the|a|an|his|its|their|be|have)\b)[a-z]{{3,}})"
        rf"(?P<rest> (?:the|an?|his|her|its|their|more|{COUNT})\b"
        rf"(?: (?!(?:{CLAUSE}|to)\b)[\w'%$\u00a3-]+){{1,7}}?){END}"
    )

    def change(match: re.Match[str]) -> str:
        rest, verb, negation = match["rest"], match["verb"], match["not"] or ""
        if match["aux"] == "to":
            return f"{rng.choice(('', 'in order'))}{rest} to {verb}".strip()
        return f"{match['aux']}{rest}{negation} {verb}"

    return change_unquoted(sentence, pattern, rng, change)


def put_verb_last(sentence: str, rng: Random) -> str | None:
    """Turn "that he will not take part" into "that he not take part will"."""
    pattern = (
        r"(?<= )(?P<link>that|because|if|when|while|although|whether|after|before|until) "
        rf"{SUBJECT} (?P<verb>{AUX})\b(?P<rest>(?: (?!(?:{CLAUSE})\b)[\w'%$\u00a3-]+){{1,8}}?)"
        rf"{END}"
    )
    return change_unquoted(
        sentence,
        pattern,
        rng,
        lambda match: f"{match['link']} {match['subject']}{match['rest']} {match['verb']}",
    )


def put_relative_verb_last(sentence: str, rng: Random) -> str | None:
    """Turn "who leads the inquiry" into "who the inquiry leads"."""
    pattern = (
        rf"(?<= )(?P<link>who|which) (?P<verb>{AUX}|{PAST}|[a-z]{{3,}}[^s\W]s)\b"
        rf"(?P<rest> (?:the|an?|his|her|its|their|in|at|not|more|{COUNT})\b"
        rf"(?: (?!(?:{CLAUSE})\b)[\w'%$\u00a3-]+){{0,7}}?){END}"
    )
    return change_unquoted(
        sentence, pattern, rng, lambda match: f"{match['link']}{match['rest']} {match['verb']}"
    )


def put_subject_last(sentence: str, rng: Random) -> str | None:
    """Turn "where 240 people live" into "where live 240 people"."""
    pattern = (
        rf"(?<= )(?P<link>where|which|that|when|as) (?P<subject>(?:the|an?|{COUNT})"
        rf"(?: (?!(?:{CLAUSE}|{AUX})\b)[\w'-]+){{1,4}}?) "
        rf"(?P<verb>(?:(?:{AUX}) )?(?:been )?{PAST}|{AUX}|live|work|stand){END}"
    )
    return change_unquoted(
        sentence, pattern, rng, lambda match: f"{match['link']} {match['verb']} {match['subject']}"
    )


def put_not_first(sentence: str, rng: Random) -> str | None:
    """Turn "will not take" into "not will take"."""
    pattern = rf"(?<= )(?P<verb>{AUX}|did) not (?=[a-z])"
    return change_unquoted(sentence, pattern, rng, lambda match: f"not {match['verb']} ")


def put_object_first(sentence: str, rng: Random) -> str | None:
    """Turn "closed the gate on Friday." into "on Friday the gate closed."."""
    pattern = (
        rf"(?<=[a-z] )(?P<verb>(?!(?:based|called|named|used|born)\b){PAST}) "
        r"(?P<object>(?:the|an?|his|her|its|their) [a-z-]+(?: [a-z-]+)?) "
        r"(?P<place>(?:in|at|on|from|to|for|with) (?:the |an? )?[\w-]+)(?=[.,])"
    )
    return change_unquoted(
        sentence,
        pattern,
        rng,
        lambda match: rng.choice((f"{match['verb']} {match['place']} {match['object']}",
                                  f"{match['place']} {match['object']} {match['verb']}")),
    )  # fmt: skip


def put_time_in_verb(sentence: str, rng: Random) -> str | None:
    """Turn "said on Monday" into "has on Monday said"."""
    pattern = (
        rf"(?<= )(?P<subject>he|she|it|they"
        rf"|(?!(?:{AUX}|also|been|being|not)\b)[a-z]{{3,}}|[A-Z][a-z]+) (?P<verb>said|announced"
        rf"|confirmed|decided|rejected|reported|published|opened|ordered|refused|agreed)"
        rf"(?P<rest>[^,.;\"]{{0,40}}?) (?P<time>{TIME})\b"
    )

    def change(match: re.Match[str]) -> str:
        has = "have" if match["subject"].endswith("s") or match["subject"] == "they" else "has"
        order = rng.sample((match["time"], match["verb"]), 2)
        return f"{match['subject']} {has} {' '.join(order)}{match['rest']}"

    return change_unquoted(sentence, pattern, rng, change)


#: Relative frequency with which each kind is tried: the higher, the fewer the sentences to which it
#: applies. Of 3,000 sentences of news, 6 let a subject move last, and 419 a participle.
KINDS: dict[str, tuple[Damage, float]] = {
    "put_verb_second": (put_verb_second, 10),
    "bring_time_forward": (bring_time_forward, 10),
    "bring_place_forward": (bring_place_forward, 12),
    "put_participle_last": (put_participle_last, 4),
    "put_infinitive_last": (put_infinitive_last, 3),
    "put_verb_last": (put_verb_last, 5),
    "put_relative_verb_last": (put_relative_verb_last, 6),
    "put_subject_last": (put_subject_last, 12),
    "put_not_first": (put_not_first, 1.5),
    "put_object_first": (put_object_first, 8),
    "put_time_in_verb": (put_time_in_verb, 10),
}
