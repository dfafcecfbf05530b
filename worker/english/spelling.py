"""Looks words up in a dictionary and corrects misspellings.

The dictionary is SymSpell's frequency dictionary: Google Books counts of the words in the SCOWL
lists, with British and American spellings.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files

from rapidfuzz.distance import OSA

from worker.english.lexicon import is_plain

__all__ = ["correct_spelling", "is_misspelling", "is_word"]

_DICTIONARY = "frequency_dictionary_en_82_765.txt"

#: A misspelling is one edit away from its word, or up to two in words of at least `_LONG_LETTERS`
#: letters. Words with fewer than `_LEAST_LETTERS` letters are all close to other words.
_LEAST_LETTERS, _LONG_LETTERS = 4, 7

_WORD = re.compile(r"(?<![\w-])[^\W\d_]+(?:'\w+)?(?![\w-])")


@cache
def _words() -> frozenset[str]:
    text = (files("symspellpy") / _DICTIONARY).read_text(encoding="utf-8-sig")
    return frozenset(line.partition(" ")[0] for line in text.splitlines())


def is_word(word: str) -> bool:
    """Return whether a lower-case word is in the dictionary."""
    return word in _words()


def is_misspelling(wrong: str, right: str) -> bool:
    """Return whether ``wrong`` is a misspelling of ``right``; both must be in lower case.

    A British or American variant that the dictionary lacks ("hospitalise") is not a misspelling. A
    new word ("lockdown") is too far from any dictionary word to count as a misspelling.
    """
    if right.endswith("n't") and wrong == right.replace("'", ""):
        return True
    longest = max(len(wrong), len(right))
    if min(len(wrong), len(right)) < _LEAST_LETTERS or not (wrong.isalpha() and right.isalpha()):
        return False
    most_edits = 2 if longest >= _LONG_LETTERS else 1
    if OSA.distance(wrong, right, score_cutoff=most_edits) > most_edits:
        return False
    is_variant = wrong.replace("z", "s") == right.replace("z", "s")
    return not is_variant and not is_word(wrong) and is_word(right)


def correct_spelling(source: str, version: str) -> str:
    """Return ``source`` with its misspelt words spelt as in ``version``.

    A capitalised word may be a name, so it is corrected only if the right word is plain ("Afther").
    """
    source_words, version_words = _count_words(source), _count_words(version)
    removed, added = source_words - version_words, version_words - source_words
    for wrong in removed if added else ():
        right = next((word for word in added if is_misspelling(wrong.lower(), word.lower())), None)
        if right is None or (wrong != wrong.lower() and not is_plain(right)):
            continue
        source = re.sub(rf"(?<![\w-]){re.escape(wrong)}(?![\w-])", right, source)
    return source


def _count_words(text: str) -> Counter[str]:
    """Count the words as written, except that curly apostrophes become straight."""
    return Counter(_WORD.findall(text.replace("\u2019", "'")))
