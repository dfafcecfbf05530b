"""Keeps those faults of a rough sentence that can be mended from the English alone.

A rough sentence and a good one differ in their words too: "train" and "tram", "sum" and "amount".
Pairs with such differences teach a model to guess. Here the good sentence is damaged instead: it
takes over the rough sentence's word order, articles, prepositions and verb forms, but no content.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from worker.english.facts import fold_typography, starts_name, tokens, words
from worker.english.lexicon import DETERMINERS, NUMBER_WORDS, PRONOUNS, SCALE_WORDS, is_plain
from worker.english.quotation import quotation_spans
from worker.stages.repair.changes import WordEdit, apply_edits, find_edits
from worker.training.material.meaning import changes_time, foreign_words, says_the_same

__all__ = ["faulty_version", "level_typography"]

#: Rounds in which faults that leave the meaning changed are taken back. A word that has moved and
#: changed needs a second round; what needs more is another sentence.
_ROUNDS = 3

#: Number of other versions that make good English of a supposed fault: engines rarely make the same
#: fault, and translators never.
_SHARED_BY = 2

#: Words that point to something; only the text around the sentence tells which is right.
_POINTERS = frozenset("the a an its their his her our my your this that these those it".split())  # noqa: SIM905
#: Words before a noun or verb that tell its number.
_COUNTING = (
    PRONOUNS
    | NUMBER_WORDS.keys()
    | SCALE_WORDS.keys()
    | {*"many several few these those this every each both all other of that".split()}  # noqa: SIM905
)
_CONTRACTED = {"'s": "is", "'re": "are", "'m": "am", "'ve": "have", "'ll": "will", "n't": "not"}

_DASH = re.compile(r"\s*\u2014\s*|\s+[\u2013-]+\s+|(?<=[^\W\d])\u2013(?=[^\W\d])")
_SPACE_BEFORE = re.compile(r"\s+(?=[,;:!?](?:\s|$)|\.$|'s\b)")
_CLOSING = " .!?\"'"


def level_typography(text: str) -> str:
    """Return the text with straight quotation marks, spaced hyphens for dashes, single spaces."""
    folded = fold_typography(_DASH.sub(" - ", text))
    # Folding also chooses between spellings, and those must stay as they are.
    for kept, folded_to in (("per cent", "percent"), ("no one", "no-one"), ("No one", "No-one")):
        if kept in text:
            folded = folded.replace(folded_to, kept)
    return " ".join(_SPACE_BEFORE.sub("", folded).split())


def faulty_version(good: str, rough: str, others: Sequence[str] = ()) -> str | None:
    """Return ``good`` with the faults of ``rough`` that can be mended, or None if none is left.

    Args:
        good: a good sentence.
        rough: a rough version of the same sentence.
        others: further versions. What several of them have in common with the rough one is no
            fault.
    """
    good = level_typography(good)
    # Translators by rules lose the closing marks.
    rough = level_typography(rough).rstrip(_CLOSING) + good[len(good.rstrip(_CLOSING)) :]
    lower = set(words(rough))
    shared = [f" {' '.join(words(other.lower()))} " for other in others]
    for _ in range(_ROUNDS):
        rough = _move_capital(good, apply_edits(good, _faults(good, rough, shared)), lower)
        if rough != good and says_the_same(rough, good):
            return rough
    return None


def _faults(good: str, rough: str, shared: Sequence[str]) -> list[WordEdit]:
    """Return the edits from ``good`` to ``rough`` that are faults and keep the meaning."""
    foreign = foreign_words(good, rough)
    quoted = quotation_spans(good)
    return [
        edit
        for edit in find_edits(good, rough)
        if foreign.isdisjoint(_parts(edit))
        and not any(edit.start < end and edit.end > start for start, end in quoted)
        and not _is_taste(good, edit)
        and sum(_phrase(good, edit) in version for version in shared) < _SHARED_BY
    ]


def _parts(edit: WordEdit) -> list[str]:
    """Return the words of an edit as `worker.english.facts` splits them."""
    changed = words(" ".join((*edit.removed, *edit.added)))
    return [part for word in changed for part in (word, *word.split("-"))]


def _is_taste(good: str, edit: WordEdit) -> bool:
    """Return whether either side of the edit may be right, as far as the sentence tells."""
    if not any(word[0].isalnum() for word in (*edit.removed, *edit.added)):
        # A comma before "that" is a fault; most other marks are a matter of taste.
        is_added_comma = edit.added == (",",) and not edit.removed
        return not (is_added_comma and good[edit.end :].startswith("that "))
    if _spell_out(edit.removed) == _spell_out(edit.added) or _joined(edit.removed) == _joined(
        edit.added
    ):
        return True
    if len(edit.removed) != 1 or len(edit.added) != 1:
        return {*edit.removed, *edit.added} <= {"that", "also", ","}
    (right,), (wrong,) = edit.removed, edit.added
    if {right, wrong} <= _POINTERS:
        return {right, wrong} != {"a", "an"}
    if right in DETERMINERS and wrong in DETERMINERS:
        return {right, wrong} != {"much", "many"}
    previous = (good[: edit.start].lower().split() or [""])[-1]
    return changes_time(right, wrong, previous) or _changes_number(right, wrong, previous)


def _spell_out(keys: Sequence[str]) -> list[str]:
    """Return the words with contractions written in full."""
    return [_CONTRACTED.get(word, word) for word in words(" ".join(keys))]


def _joined(keys: Sequence[str]) -> str:
    """Return the words as one, without hyphens: "kilowatt-hour" and "kilowatt hour" are alike."""
    return "".join(keys).replace("-", "")


def _changes_number(right: str, wrong: str, previous: str) -> bool:
    """Return whether only the number of a word changes, with nothing before it to tell which."""
    short, long = sorted((right, wrong), key=len)
    is_plural = long in {short + "s", short + "es", short[:-1] + "ies"}
    return is_plural and previous not in _COUNTING and not previous[:1].isdigit()


def _phrase(good: str, edit: WordEdit) -> str:
    """Return the edit's new words with the word on either side, in lower case between spaces."""
    before, after = words(good[: edit.start].lower())[-1:], words(good[edit.end :].lower())[:1]
    return f" {' '.join((*before, *words(edit.text.lower()), *after))} "


def _move_capital(good: str, damaged: str, lower: Collection[str]) -> str:
    """Return ``damaged`` with the capital of ``good``'s first word on its own first word.

    Args:
        good: the good sentence.
        damaged: the same with faults.
        lower: words of the rough version. If the first word is among them in lower case, it is no
            name.
    """
    damaged = damaged.strip()
    first, second = (*tokens(good)[:2], None, None)[:2]
    if first is None or not first.soft or not first.capital or starts_name(first, second):
        return damaged
    is_common = is_plain(first.text) or first.text.lower() in lower
    if not damaged.startswith(first.text) and is_common:
        damaged = re.sub(rf"\b{re.escape(first.text)}\b", first.text.lower(), damaged, count=1)
    return damaged[:1].upper() + damaged[1:]
