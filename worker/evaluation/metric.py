"""Metrics on sentences and lines: edit distance, GLEU, facts and shingles.

The metrics share no rules with the stages that they measure: typography, numbers, names and
sentence ends have their own rules here, independent of ``worker.english``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

__all__ = [
    "Distances",
    "Facts",
    "GleuScorer",
    "ShingleOverlap",
    "area_under_curve",
    "count_covered",
    "find_facts",
    "line_words",
    "lower_case_words",
    "measure_distances",
    "normalised_words",
    "shingle_overlap",
]

#: Number of a sentence's versions that a change is measured against. A single version penalises
#: every synonym; all versions together drown out the wording that source and output share.
NEAREST_VERSIONS = 5

#: Longest n-gram of GLEU, as published.
GLEU_ORDER = 4

#: Tokens of one shingle, as in the article-extraction benchmark.
SHINGLE_TOKENS = 4

#: Minimum number of tokens in a line that may be found inside another. Shorter lines must be equal:
#: a sentence with the word "Advertisement" does not make that line part of the story.
MIN_CONTAINED_TOKENS = 4

#: Minimum share of a line's tokens that lines on the other side must make up. Joined paragraphs
#: count as found; a paragraph joined to a promotion of the same length does not.
MIN_COVER = 0.8

#: Minimum share of capitalised words in a title-case headline, where capitals mean nothing.
#: Measured: 99.6 % of 2,255 title-case headlines reach it, and 0.7 % of 12,064 news sentences.
TITLE_CASE_SHARE = 0.6

# Words -------------------------------------------------------------------------------------

_FOLDED = str.maketrans(
    {
        # Typographic single quotes, prime, grave and acute accent, modifier apostrophe.
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        # Hyphens, dashes, the minus sign.
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        # Invisible: zero-width characters, the soft hyphen, the byte order mark.
        **dict.fromkeys("\u200b\u200c\u200d\u2060\u00ad\ufeff", None),
    }
)
_PAIRED_SINGLES = re.compile(r"''")
_WORD = re.compile(r"\w+(?:(?:(?<=\d)[.,](?=\d)|')\w+)*|([^\w\s])\1*")


def _folded(text: str) -> str:
    """Return ``text`` in NFKC, with quotes and dashes folded and invisible characters removed."""
    # Fold before NFKC too: it would turn a lone acute accent into a space and a mark.
    text = unicodedata.normalize("NFKC", text.translate(_FOLDED)).translate(_FOLDED)
    return _PAIRED_SINGLES.sub('"', text)


def normalised_words(text: str) -> tuple[str, ...]:
    """Return the words and marks of ``text`` without its typography.

    Applies NFKC, folds quotes and dashes, removes invisible characters, and treats a run of the
    same mark as one word. Keeps case. Two texts with the same words differ only in typography.
    """
    return tuple(match.group() for match in _WORD.finditer(_folded(text)))


class Distances(NamedTuple):
    """Mean word edit distance (Levenshtein) to the nearest versions of a sentence."""

    before: float
    after: float

    @property
    def saved(self) -> float:
        """Word edits that the change saves, on average; negative if it adds some."""
        return self.before - self.after


def measure_distances(source: str, output: str, versions: Iterable[str]) -> Distances:
    """Measure how far ``source`` and ``output`` are from the versions nearest to either.

    Distances are between ``normalised_words``; versions that are equal in them count once. The
    ``NEAREST_VERSIONS`` with the smallest min(d(source, v), d(output, v)) are used, so that the
    choice favours neither side; ties keep the order given.

    Raises:
        ValueError: there are no versions.
    """
    before, after = normalised_words(source), normalised_words(output)
    pairs = [
        (Levenshtein.distance(before, version), Levenshtein.distance(after, version))
        for version in dict.fromkeys(normalised_words(version) for version in versions)
    ]
    if not pairs:
        raise ValueError("a sentence without a version cannot be measured")
    nearest = sorted(pairs, key=min)[:NEAREST_VERSIONS]
    return Distances(fmean(pair[0] for pair in nearest), fmean(pair[1] for pair in nearest))


# GLEU --------------------------------------------------------------------------------------


def _ngrams(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Count all n-grams up to length ``GLEU_ORDER``."""
    counts: Counter[tuple[str, ...]] = Counter()
    for order in range(1, GLEU_ORDER + 1):
        counts.update(zip(*(words[start:] for start in range(order)), strict=False))
    return counts


class GleuScorer:
    """Computes the corpus GLEU of grammar correction, 0-100, for several outputs side by side.

    Implements Napoles et al. 2015 in the form of 2016 (without tuning): n-gram precision against a
    reference, less the n-grams that the output shares with the source but not with the reference,
    times BLEU's brevity penalty. The published script averages 500 draws of one reference per
    sentence; here all references count equally, which is what the draws converge to (on JFLEG dev
    the results differ by less than 0.01; its sources score 38.3). Words are split at white space,
    as published, with their typography folded.

    Args:
        outputs: number of outputs per sentence.
    """

    def __init__(self, outputs: int = 1) -> None:
        self._sums = [[0.0] * (2 + 2 * GLEU_ORDER) for _ in range(outputs)]

    def add(self, source: str, outputs: Sequence[str], references: Sequence[str]) -> None:
        """Add one sentence.

        Raises:
            ValueError: there are no references.
        """
        if not references:
            raise ValueError("GLEU needs a reference")
        source_ngrams = _ngrams(_folded(source).split())
        reference_words = [_folded(reference).split() for reference in references]
        reference_ngrams = [_ngrams(words) for words in reference_words]
        reference_length = fmean(len(words) for words in reference_words)
        terms: dict[str, list[float]] = {}
        for sums, output in zip(self._sums, outputs, strict=True):
            if output not in terms:
                words = _folded(output).split()
                ngrams = _ngrams(words)
                matches = [
                    _gleu_matches(ngrams, source_ngrams, reference)
                    for reference in reference_ngrams
                ]
                terms[output] = [
                    len(words),
                    reference_length,
                    *(fmean(column) for column in zip(*matches, strict=True)),
                    *(max(0, len(words) - order) for order in range(GLEU_ORDER)),
                ]
            for index, value in enumerate(terms[output]):
                sums[index] += value

    def scores(self) -> list[float]:
        """Return each output's GLEU over all sentences; 0 if any n-gram length has no match."""
        return [_gleu(sums) for sums in self._sums]


def _gleu(sums: Sequence[float]) -> float:
    length, reference_length, *rest = sums
    matches, totals = rest[:GLEU_ORDER], rest[GLEU_ORDER:]
    if min(matches) <= 0:
        return 0.0
    precision = fmean(math.log(match / total) for match, total in zip(matches, totals, strict=True))
    return 100 * math.exp(min(0.0, 1 - reference_length / length) + precision)


def _gleu_matches(
    hypothesis: Counter[tuple[str, ...]],
    source: Counter[tuple[str, ...]],
    reference: Counter[tuple[str, ...]],
) -> list[int]:
    """Count matches by n-gram length, less n-grams wrongly kept from the source; at least 0."""
    matches = [0] * GLEU_ORDER
    for ngram, count in hypothesis.items():
        if ngram in reference:
            matches[len(ngram) - 1] += min(count, reference[ngram])
        elif ngram in source:
            matches[len(ngram) - 1] -= min(count, source[ngram])
    return [max(0, match) for match in matches]


# Facts -------------------------------------------------------------------------------------

_UNITS = "two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_SCALES = "hundred thousand million billion trillion dozen"

#: Excludes "one", "first" and "second": they are more often a pronoun, an adverb and a time.
_NUMBER_WORDS: dict[str, str] = {
    **{word: str(value) for value, word in enumerate(_UNITS.split(), 2)},
    **{word: str(value) for value, word in enumerate(_TEENS.split(), 10)},
    **{word: str(value) for value, word in zip(range(20, 100, 10), _TENS.split(), strict=True)},
    **{word: str(value) for value, word in enumerate(_ORDINALS.split(), 3)},
    **{word: word for word in _SCALES.split()},
    **{word + "s": word for word in _SCALES.split()},
    "half": "half",
}

#: Words that open sentences but are not names; small files may not have them in lower case.
_FUNCTION_TEXT = (
    "a about above across after again against all along already also although always am among an "
    "and another any are around as at be because been before behind being below between both but "
    "by can cannot could despite did do does down due during each either even ever every few "
    "first for from had has have having he hence her here his how however i if in including "
    "inside into is it its just last later many may meanwhile might more moreover most much must "
    "my neither never nevertheless next no none nor not now of off on once one only onto or other "
    "others otherwise our out over own same second several shall she should since so some still "
    "such than that the their them then there therefore these they this those though through "
    "throughout thus to too toward towards under unless until up upon us very was we were what "
    "when where whether which while who whom whose why will with within without would yet you "
    "your"
)
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())
_TENS_WORDS = frozenset(_TENS.split())
_UNITS_AFTER_TENS = {"one": 1, **{word: value for value, word in enumerate(_UNITS.split(), 2)}}

_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DOTTED_LETTERS = re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b")
_FACT = re.compile(r"(?P<number>\d+(?:[.,]\d+)*)|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)")
_CONTRACTION = re.compile(r"'(?:s|m|d|t|re|ve|ll)$", re.IGNORECASE)

#: Marks after which any word may have a capital: sentence ends, colons and opening marks.
_OPENERS = frozenset(".!?:;\n\"'([<*")


class Facts(NamedTuple):
    """The facts in a text that can be compared word by word."""

    numbers: frozenset[str]
    """Values: ``1,000`` equals ``1000``, ``two`` equals ``2``; scales are kept as words."""
    names: frozenset[str]
    """Capitalised words, case folded, except words capitalised only because of their position."""
    words: frozenset[str]
    """All words, case folded."""

    def missing_in(self, other: Facts) -> frozenset[str]:
        """Return the numbers and names that ``other`` lacks; names match lower-case words too."""
        return (self.numbers - other.numbers) | (self.names - other.words)


def find_facts(text: str, common: frozenset[str] = frozenset()) -> Facts:
    """Return the facts in ``text``, found by simple rules that no stage shares.

    A word that opens a sentence, a quotation or a line, or is in a title-case headline, is a name
    only if it is neither a function word nor in ``common`` (the ``lower_case_words`` of all texts).
    Known gaps: Ukraine and Ukrainian count as two names; a name that is also a common word (Bush,
    March) is missed at the start of a sentence.
    """
    text = _DOTTED_LETTERS.sub(lambda match: match.group().replace(".", ""), _folded(text))
    matches = list(_FACT.finditer(text))
    capitals = [match["word"][0].isupper() for match in matches if match["word"]]
    is_headline = sum(capitals) >= TITLE_CASE_SHARE * len(capitals)
    numbers, names, words = set[str](), set[str](), set[str]()
    end, previous = 0, ""
    for match in matches:
        gap = text[end : match.start()]
        is_opening = not end or not _OPENERS.isdisjoint(gap)
        end = match.end()
        if match["number"]:
            numbers.add(_number(match["number"]))
            previous = ""
            continue
        word = _CONTRACTION.sub("", match["word"])
        key = _word_key(word)
        words.add(key)
        value = _NUMBER_WORDS.get(key)
        if previous in _TENS_WORDS and gap == "-" and key in _UNITS_AFTER_TENS:
            numbers.discard(_NUMBER_WORDS[previous])
            value = str(int(_NUMBER_WORDS[previous]) + _UNITS_AFTER_TENS[key])
        previous = key
        if value is not None:
            numbers.add(value)
        elif len(word) > 1 and word[0].isupper():
            lower = key.casefold()
            is_common = lower in common or lower in _FUNCTION_WORDS
            if not (is_common and (is_opening or is_headline)):
                names.add(key)
    return Facts(frozenset(numbers), frozenset(names), frozenset(words))


def lower_case_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words that occur in lower case in ``texts``, and so need not be names."""
    return frozenset(
        _CONTRACTION.sub("", match["word"])
        for text in texts
        for match in _FACT.finditer(_folded(text))
        if match["word"] and match["word"].islower()
    )


def _word_key(word: str) -> str:
    """Fold the case, unless capitals make a different word: US and us, WHO and who."""
    key = word.casefold()
    return word if len(word) > 1 and word.isupper() and key in _FUNCTION_WORDS else key


def _number(digits: str) -> str:
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    return digits.lstrip("0") or "0"


# Lines and shingles ------------------------------------------------------------------------

_SHINGLE_WORD = re.compile(r"\w+")


class ShingleOverlap(NamedTuple):
    """Counts of shingles (runs of ``SHINGLE_TOKENS`` words) in two texts, repeats included."""

    shared: int
    produced: int
    gold: int


def shingle_overlap(produced: str, gold: str) -> ShingleOverlap:
    r"""Count shingles as the article-extraction benchmark does (words by ``\w+``, case kept)."""
    produced_shingles, gold_shingles = _shingles(produced), _shingles(gold)
    shared = produced_shingles & gold_shingles
    return ShingleOverlap(shared.total(), produced_shingles.total(), gold_shingles.total())


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _SHINGLE_WORD.findall(text)
    if len(words) < SHINGLE_TOKENS:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[start:] for start in range(SHINGLE_TOKENS)), strict=False))


def line_words(lines: Iterable[str]) -> list[tuple[str, ...]]:
    """Return ``lines`` as case-folded words without punctuation, leaving out empty lines."""
    folded = (
        tuple(word.casefold() for word in normalised_words(line) if word[0].isalnum())
        for line in lines
    )
    return [words for words in folded if words]


def count_covered(lines: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]]) -> int:
    """Count the ``lines`` that are found in ``others`` (both from ``line_words``).

    A line is found if it equals another line, or if it has at least ``MIN_CONTAINED_TOKENS`` words
    and either is part of another line, or contains other lines of that length that make up at least
    ``MIN_COVER`` of its words.
    """
    distinct = set(others)
    long = [f" {' '.join(words)} " for words in others if len(words) >= MIN_CONTAINED_TOKENS]
    return sum(1 for words in lines if words in distinct or _is_contained(words, long))


def _is_contained(words: tuple[str, ...], others: Sequence[str]) -> bool:
    if len(words) < MIN_CONTAINED_TOKENS:
        return False
    line = f" {' '.join(words)} "
    if any(line in other for other in others):
        return True
    inside = sum(other.count(" ") - 1 for other in set(others) if other in line)
    return inside >= MIN_COVER * len(words)


def area_under_curve(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a good score exceeds a bad one (0-1).

    This is the Mann-Whitney U as a share of all pairs; a tie counts one half.
    """
    ascending = sorted(bad)
    wins = sum(bisect_left(ascending, score) + bisect_right(ascending, score) for score in good)
    return wins / (2 * len(good) * len(bad))
