"""Which strings of letters are English words, and which are a word misspelt.

The words are those of SymSpell's frequency dictionary: Google's book counts of the words that the
SCOWL lists have, British and American spellings alike.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files

from rapidfuzz.distance import OSA

from worker.english.lexicon import is_plain

__all__ = ["is_word", "respell", "respells"]

_DICTIONARY = "frequency_dictionary_en_82_765.txt"

#: A slip of the pen is one letter lost, doubled or turned; in a long word it may be two. Shorter
#: words are all near to others.
_LEAST_LETTERS, _LONG_LETTERS = 4, 7

_WORD = re.compile(r"(?<![\w-])[^\W\d_]+(?:'\w+)?(?![\w-])")


@cache
def _words() -> frozenset[str]:
    text = (files("symspellpy") / _DICTIONARY).read_text(encoding="utf-8-sig")
    return frozenset(line.partition(" ")[0] for line in text.splitlines())


def is_word(word: str) -> bool:
    """Whether a lower-case word is in the dictionary, in British or American spelling."""
    return word in _words()


def respells(wrong: str, right: str) -> bool:
    """Whether ``right`` is the word that the misspelt ``wrong`` was to be, by its letters.

    Both in lower case. What is no word by the dictionary but by its spelling could be one of the
    other side of the ocean ("hospitalise") is not misspelt, and a new word ("lockdown") has no
    neighbour among the old ones.
    """
    if right.endswith("n't") and wrong == right.replace("'", ""):
        return True
    longest = max(len(wrong), len(right))
    if min(len(wrong), len(right)) < _LEAST_LETTERS or not (wrong.isalpha() and right.isalpha()):
        return False
    reach = 2 if longest >= _LONG_LETTERS else 1
    if OSA.distance(wrong, right, score_cutoff=reach) > reach:
        return False
    varied = wrong.replace("z", "s") == right.replace("z", "s")
    return not varied and not is_word(wrong) and is_word(right)


def respell(source: str, version: str) -> str:
    """``source`` with the misspelt words that ``version`` has right as they stand there.

    A word with a capital may be a name: it is none only where what it was to be is a plain word
    ("Afther").
    """
    here, there = _counted(source), _counted(version)
    lost, won = here - there, there - here
    for wrong in lost if won else ():
        right = next((one for one in won if respells(wrong.lower(), one.lower())), None)
        if right is None or (wrong != wrong.lower() and not is_plain(right)):
            continue
        source = re.sub(rf"(?<![\w-]){re.escape(wrong)}(?![\w-])", right, source)
    return source


def _counted(text: str) -> Counter[str]:
    """The words as they are written, but for curly apostrophes."""
    return Counter(_WORD.findall(text.replace("\u2019", "'")))
