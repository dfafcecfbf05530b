"""Countable facts in a text: numbers, names, negations, modal verbs and content words.

The functions are pure and linear in the length of the text. They only count:
`worker.stages.repair.fidelity` compares the counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from worker.english.lexicon import (
    CONJUNCTIONS,
    DETERMINERS,
    FRONT_ADVERBS,
    FUNCTION_WORDS,
    MODALS,
    NEGATIONS,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    PREPOSITIONS,
    PRONOUNS,
    SCALE_WORDS,
    is_plain,
)

__all__ = [
    "Token",
    "content_words",
    "fold_typography",
    "modal_key",
    "names",
    "negation_key",
    "negations",
    "number_list",
    "numbers",
    "starts_name",
    "token_content",
    "tokens",
    "words",
]


class Token(NamedTuple):
    """A word, number or punctuation mark in text returned by `fold_typography`."""

    text: str
    initial: bool
    """Whether the token begins a sentence or quotation, where any word takes a capital."""
    spaced: bool
    """Whether the token follows white space or begins the text."""
    start: int
    """Position in the folded text; a clitic has the position of its word."""

    @property
    def capital(self) -> bool:
        """Whether the token has a capital letter."""
        return self.text != self.text.lower()

    @property
    def soft(self) -> bool:
        """Whether the token's position alone may explain its capital."""
        return self.initial and self.text[1:] == self.text[1:].lower()


_FOLDS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4\u02bc\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2014\u2015", " - "),
        # Invisible: soft hyphen, zero-width marks, byte order mark.
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    }
)
_PER_CENT = re.compile(r"\bper cent\b", re.IGNORECASE)
_NO_ONE = re.compile(r"\b(no) one\b", re.IGNORECASE)

_TOKEN = re.compile(
    r"""
    [^\W\d_](?:\.[^\W\d_](?!\w))++\.?                            # U.S., p.m.
    | \d++(?:[.,:/]\d++)*+[^\W\d_]*+(?:-[^\W\d_][^\W_]*+)*+      # 1,000  10:30  5km  22-year-old
    | [^\W_]++(?:['&][^\W_]++)*+(?:-[^\W_]++(?:'[^\W_]++)*+)*+   # don't  AT&T  Jean-Pierre  F-16
    | \.\.++
    | \S
    """,
    re.VERBOSE,
)

_CLITIC = re.compile(r"(n't|'(?:s|re|ve|ll|d|m))$", re.IGNORECASE)
_CONTRACTED = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}
_SENTENCE_BREAKS = frozenset({".", "!", "?", ":", "..", "..."})
_DASH = "-"
_OPENING_MARKS = frozenset({'"', "'", "(", "["})


def fold_typography(text: str) -> str:
    """Return the text with uniform quotes, apostrophes and dashes, ``percent`` and ``no-one``.

    The result is NFKC-normalised and has no invisible characters.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_FOLDS))
    text = text.replace("`", "'").replace("''", '"').replace("--", " - ")
    return _NO_ONE.sub(r"\1-one", _PER_CENT.sub("percent", text))


def _split_clitic(token: str) -> Iterator[str]:
    """Yield a token cut before its clitic: ``don't`` as ``do n't``, ``Putin's`` as ``Putin 's``."""
    if token.lower() == "cannot":
        yield from (token[:3], token[3:])
        return
    match = _CLITIC.search(token[-4:]) if "'" in token else None
    if match is None or len(token) == len(match[0]):
        yield token
        return
    stem, clitic = token[: -len(match[0])], match[0]
    if clitic.lower() == "n't":
        full = _CONTRACTED.get(stem.lower(), stem.lower())
        yield full.capitalize() if stem[:1].isupper() else full
    else:
        yield stem
    yield clitic.lower()


#: Tokens are cached because every check reads the same sentences. Longer texts are not cached:
#: they would take too much memory.
_MAX_CACHED_CHARS = 1_000


def tokens(text: str) -> tuple[Token, ...]:
    """Return all words, numbers and punctuation marks in the text, in order."""
    return _cached_tokens(text) if len(text) <= _MAX_CACHED_CHARS else _tokens(text)


def _tokens(text: str) -> tuple[Token, ...]:
    result: list[Token] = []
    folded = fold_typography(text)
    initial = True
    for match in _TOKEN.finditer(folded):
        start, token = match.start(), match[0]
        spaced = start == 0 or folded[start - 1].isspace()
        if token[0].isalnum():
            for piece in _split_clitic(token):
                result.append(Token(piece, initial, spaced, start))
                initial = spaced = False
        else:
            result.append(Token(token, False, spaced, start))
            begins = token in _SENTENCE_BREAKS or (spaced and token in _OPENING_MARKS)
            initial = (initial or begins) and token != _DASH
    return tuple(result)


_cached_tokens = lru_cache(maxsize=2_000)(_tokens)


def words(text: str) -> list[str]:
    """Return each token's text: typography folded, case kept, clitics and marks split off."""
    return [token.text for token in tokens(text)]


# Numbers -------------------------------------------------------------------------------------

_DIGITS = re.compile(r"(\d++(?:[.,:/]\d++)*+)([^\W\d_]*+)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})++(?:\.\d++)?+")
_ORDINAL = frozenset({"st", "nd", "rd", "th"})


def _digit_keys(piece: str) -> Iterator[str]:
    for match in _DIGITS.finditer(piece):
        digits, tail = match[1], match[2].lower()
        if _GROUPED.fullmatch(digits):
            digits = digits.replace(",", "")
        yield digits + tail if tail in _ORDINAL or tail == "s" else digits


def _add_word_key(lower: str, keys: list[str], after_number: bool) -> bool:
    """Add the key of ``lower`` to ``keys`` and return True if ``lower`` is a number word."""
    if lower in NUMBER_WORDS or lower in ORDINAL_WORDS:
        key = NUMBER_WORDS.get(lower) or ORDINAL_WORDS[lower]
        if after_number and keys[-1] in _TENS and len(key.rstrip("sthndr")) == 1:
            keys[-1] = keys[-1][0] + key
        else:
            keys.append(key)
        return True
    if lower in SCALE_WORDS:
        # "two millions" means "two million", but "millions of" gives no exact number.
        keys.append(SCALE_WORDS[lower] if after_number else lower)
        return True
    return False


_TENS = frozenset({"20", "30", "40", "50", "60", "70", "80", "90"})


def number_list(text: str) -> list[str]:
    """Return the keys that `numbers` counts, in text order."""
    keys: list[str] = []
    text_tokens = tokens(text)
    adjacent = False  # Whether the previous word, or part of a hyphenated word, was a number.
    for index, token in enumerate(text_tokens):
        lower = token.text.lower()
        if lower in {"%", "percent"}:
            if adjacent:
                keys[-1] += "%"
            adjacent = False
            continue
        if lower == "no-one":
            continue
        for piece in lower.split("-") if "-" in lower[1:] else (lower,):
            digit_keys = list(_digit_keys(piece))
            if digit_keys and _is_negative(text_tokens, index):
                digit_keys[0] = "-" + digit_keys[0]
            keys.extend(digit_keys)
            adjacent = bool(digit_keys) or _add_word_key(piece, keys, adjacent)
    return keys


def _is_negative(text_tokens: Sequence[Token], index: int) -> bool:
    """Return whether a minus sign (a hyphen after a space) touches the number at ``index``."""
    return (
        index > 0
        and text_tokens[index - 1].text == "-"
        and text_tokens[index - 1].spaced
        and not text_tokens[index].spaced
    )


def numbers(text: str) -> Counter[str]:
    """Count the numbers in the text, with one key for all spellings of a number.

    ``1,000`` is ``1000``, ``twenty-two`` is ``22``, ``third`` is ``3rd``, ``5 per cent`` is ``5%``.
    Scale words (``2 million`` is ``2`` and ``million``), both ends of a range and digits inside a
    word count separately.
    """
    return Counter(number_list(text))


# Names ---------------------------------------------------------------------------------------

#: Words that are not names even if a headline capitalises them.
_NEVER_NAMES = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS


def starts_name(token: Token, follower: Token | None) -> bool:
    """Return whether a sentence's first word begins a name: "Vladimir Putin", not "The Kremlin"."""
    return (
        follower is not None
        and follower.capital
        and token.text.lower() not in FUNCTION_WORDS | FRONT_ADVERBS
        and not token.text.endswith("ly")
    )


def names(text: str) -> Counter[str]:
    """Count each name: capitalised words, acronyms (without dots), months and weekdays.

    A hyphenated name counts as one (``Jean-Pierre``); in ``Moscow-based`` only ``Moscow`` counts.
    A sentence's first word counts unless it is a plain word or occurs in lower case elsewhere.
    """
    text_tokens = tokens(text)
    lower_case = {token.text for token in text_tokens if not token.capital}
    counts: Counter[str] = Counter()
    for index, token in enumerate(text_tokens):
        if not token.capital:
            continue
        lower = token.text.lower()
        if token.soft:
            follower = text_tokens[index + 1] if index + 1 < len(text_tokens) else None
            plain = is_plain(token.text) and not starts_name(token, follower)
            if lower in lower_case or plain:
                continue
        elif lower in _NEVER_NAMES and (len(lower) == 1 or not token.text.isupper()):
            continue
        counts.update(_name_keys(token.text))
    return counts


def _name_keys(token: str) -> Iterator[str]:
    parts = token.replace(".", "").split("-")
    if all(part != part.lower() or part.isdigit() for part in parts):
        yield "-".join(parts)
    else:
        yield from (part for part in parts if part != part.lower())


# Negations, modals, content ------------------------------------------------------------------


def negations(text: str) -> Counter[str]:
    """Count each negation; ``n't`` and ``cannot`` count as ``not``."""
    return Counter(filter(None, map(negation_key, tokens(text))))


_NEGATION_KEYS = {"n't": "not", "no-one": "nobody"}
_MODAL_KEYS = {"'ll": "will", "'d": "would"}


def negation_key(token: Token) -> str:
    """Return the token's key in `negations`; empty if the token is not a negation."""
    lower = token.text.lower()
    return _NEGATION_KEYS.get(lower, lower if lower in NEGATIONS else "")


def modal_key(token: Token) -> str:
    """Return the key of a modal verb; empty for any other token.

    ``'ll`` has the key ``will`` and ``'d`` the key ``would``. A capital distinguishes the month May
    and the name Will from the verbs.
    """
    lower = token.text.lower()
    if lower not in MODALS or (token.capital and not token.soft):
        return ""
    return _MODAL_KEYS.get(lower, lower)


def content_words(text: str) -> list[str]:
    """Return the content words in lower case, with hyphenated words split into parts."""
    return [word for token in tokens(text) for word in token_content(token)]


def token_content(token: Token) -> list[str]:
    """Return the content words in a token: none for function words, numbers and marks."""
    lower = token.text.lower()
    if lower == "no-one" or (lower in FUNCTION_WORDS and not (token.capital and not token.soft)):
        return []
    parts = lower.replace(".", "").split("-") if token.text[0].isalnum() else ()
    return [
        word
        for word in (part.lstrip("0123456789,:/") for part in parts)
        if word
        and word not in _ORDINAL
        and word not in NUMBER_WORDS
        and word not in ORDINAL_WORDS
        and word not in SCALE_WORDS
        and word not in {"percent", "s"}
    ]
