"""Tells which words make two versions of a sentence say different things.

Stricter than ``worker.stages.repair.fidelity`` about content and time, and looser about order: in
training one side is known to be good English, so any move towards it is a repair.
"""

from __future__ import annotations

import re
from collections import Counter

from worker.english.facts import Token, modal_key, names, negation_key, number_list
from worker.english.lexicon import (
    AUXILIARIES,
    BE_FORMS,
    GUARDED_WORDS,
    IRREGULAR_FORMS,
    MODALS,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    PERSONS,
    SCALE_WORDS,
    are_related,
    is_plain,
)
from worker.english.quotation import quotations
from worker.english.sentence_view import SentenceView, pair_related_words
from worker.stages.repair.word_order import voice_difference

__all__ = ["changes_time", "foreign_words", "says_the_same"]

#: Guarded words that are often only a wrong preposition or particle: "increased per 5 percent".
_LOOSE = frozenset("by per up down off out over since where when once just even from".split())  # noqa: SIM905
#: Pairs of guarded words that say the same, each word with its pair as a common key.
_ALIKE = {
    word: pair
    for pair in ("till until", "toward towards", "although though", "also too", "if whether")
    for word in pair.split()
}

#: Conjunctions that tell how two statements belong together.
_JOINTS = frozenset({"but", "or"})
#: Auxiliaries that give a verb its time, each with its key. The English alone does not tell which
#: of "has failed" and "failed" the author meant.
_PERFECT = {"has": "has", "have": "has", "'ve": "has", "had": "had"}
#: Forms of one verb that differ in time alone.
_TIMES = tuple(
    frozenset(pair.split())
    for pair in ("is was", "are were", "has had", "have had", "does did", "do did")
)
_BE = frozenset({"is", "are", "was", "were"})


def says_the_same(source: str, target: str) -> bool:
    """Return whether two versions agree in content, names, numbers, negations and quotations."""
    before, after = SentenceView(source), SentenceView(target)
    return (
        not any(_unpaired(before, after))
        and _meaning(before) == _meaning(after)
        and _figures(source) == _figures(target)
        and _names(before, after) == _names(after, before)
        and not _verbs_of_other_times(before, after)
        and voice_difference(before, after) is None
        and quotations(source.lower()) == quotations(target.lower())
        and source.count('"') == target.count('"')
    )


def foreign_words(good: str, rough: str) -> set[str]:
    """Return the words, in lower case, that make the two versions say different things."""
    before, after = SentenceView(good), SentenceView(rough)
    lost, added = _unpaired(before, after)
    foreign = {*lost, *added, *_verbs_of_other_times(before, after)}
    meant, said = _meaning(before), _meaning(after)
    differing = {*(meant - said), *(said - meant)}
    both = (*before.tokens, *after.tokens)
    foreign |= {token.text.lower() for token in both if differing.intersection(_keys(token))}
    if _figures(good) != _figures(rough):
        foreign |= {token.text.lower() for token in both if _is_number(token.text.lower())}
    return foreign


def changes_time(word: str, other: str, previous: str) -> bool:
    """Return whether two forms of a verb differ in time: "says" and "said".

    Args:
        word: a form, in lower case.
        other: the other form.
        previous: the word before them. After "to", a modal or an auxiliary, one form is only wrong.
    """
    if {word, other} in _TIMES:
        return True
    if not are_related(word, other) or _is_past(word) == _is_past(other):
        return False
    present = word if _is_past(other) else other
    return not present.endswith("ing") and not _is_helper(previous)


def _unpaired(before: SentenceView, after: SentenceView) -> tuple[list[str], list[str]]:
    """Return the content words of each version that have no relative in the other."""
    pairs = pair_related_words(before, after)
    left, right = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    return (
        [word for index, (word, _) in enumerate(before.content) if index not in left],
        [word for index, (word, _) in enumerate(after.content) if index not in right],
    )


def _meaning(side: SentenceView) -> Counter[str]:
    """Count the function words that carry meaning: negations, modals, persons and the like."""
    keys = Counter(key for token in side.tokens for key in _keys(token))
    keys["?"] = side.folded.count("?")
    return +keys


def _keys(token: Token) -> set[str]:
    """Return the keys under which the token's meaning is counted; most tokens have none."""
    word = token.text.lower()
    keys = {negation_key(token), modal_key(token), PERSONS.get(word, ""), _PERFECT.get(word, "")}
    if word in _JOINTS or (word in GUARDED_WORDS and word not in _LOOSE):
        keys.add(_ALIKE.get(word, word))
    return keys - {""}


def _figures(text: str) -> tuple[list[str], list[str]]:
    """Return the numbers, and their digits and signs as they are written, without their order."""
    return sorted(number_list(text)), sorted(re.findall(r"\d+|%", text))


def _is_number(word: str) -> bool:
    tables = (NUMBER_WORDS, ORDINAL_WORDS, SCALE_WORDS)
    return word[0].isdigit() or word in {"percent", "%"} or any(word in table for table in tables)


def _names(side: SentenceView, other: SentenceView) -> set[str]:
    """Return the names; a word that the other version has in lower case only began a sentence."""
    return {
        name
        for name in names(side.text)
        if not is_plain(name) and not other.lower_case[name.lower()]
    }


def _verbs_of_other_times(before: SentenceView, after: SentenceView) -> set[str]:
    """Return the verbs that the versions put into different times."""
    verbs: set[str] = set()
    for left, right in pair_related_words(before, after):
        (word, index), (other, other_index) = before.content[left], after.content[right]
        previous, helper = _previous(before, index), _previous(after, other_index)
        if word == other:
            continue
        if changes_time(word, other, previous) and not _is_helper(helper):
            verbs |= {word, other}
        if _is_continuous(word, previous) != _is_continuous(other, helper) and not (
            previous in BE_FORMS and helper in BE_FORMS
        ):
            verbs |= {word, other, *BE_FORMS}
    forms = [Counter(word for word in side.words if word in _BE) for side in (before, after)]
    for present, past in (("is", "was"), ("are", "were")):
        lost, added = forms[0] - forms[1], forms[1] - forms[0]
        if (lost[present] and added[past]) or (lost[past] and added[present]):
            verbs |= {present, past}
    return verbs


def _previous(side: SentenceView, index: int) -> str:
    return side.tokens[index - 1].text.lower() if index else ""


def _is_continuous(word: str, previous: str) -> bool:
    """Return whether the word is the participle of a continuous form: "are *dealing*"."""
    return word.endswith("ing") and previous in BE_FORMS


def _is_helper(word: str) -> bool:
    """Return whether the word asks for a certain form of the verb after it."""
    return word in AUXILIARIES or word in MODALS or word in {"to", "not", "n't", "didn't"}


def _is_past(word: str) -> bool:
    base = IRREGULAR_FORMS.get(word, word)
    return word.endswith("ed") or (base != word and not word.endswith(("s", "ing")))
