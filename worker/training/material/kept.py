"""Finds good sentences and lines, which the writer must leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from worker.english.lexicon import DOUBLED_ON_PURPOSE
from worker.english.quotation import is_balanced
from worker.english.spelling import is_word
from worker.stages.split.sentences import split_sentences
from worker.training.material.fault import level_typography
from worker.training.pair import Row

__all__ = ["clean_sentences", "is_clean", "kept_lines", "machine_sentences"]

#: What a sentence of edited news begins and ends with.
_START = re.compile(r"[\"']?[A-Z\d\u00a3$]")
_END = re.compile(r"[.!?][\"']?$")
_DOUBLED = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)
#: Traces of readers' comments, web pages and broken characters, and slips of the clean sets' own
#: editors ("has also has agreed", "BBC at's", "had also been will be").
_SLOPPY = re.compile(
    r"&#|\bi\b|!!|\?\?|\b(?:dont|cant|wont|didnt|im|ive|lol|thats)\b|[a-z]\.[A-Z]|http|www\."
    r"|[<>{}|\\]|\bat's\b|\b(?:had|has)(?: also)? has\b|\bbeen will\b|\bthe at the\b|\bin to\b"
)
#: Traces of tokenised output.
_TOKENISED = re.compile(r" - |\d: \d|\( | \)")
#: Number of words of a good sentence that the dictionary may lack.
_MAX_UNKNOWN = 1
#: Maximum number of words of a short line, and minimum number of digits of a line of figures.
_SHORT_WORDS, _FIGURE_DIGITS = 7, 8


def is_clean(sentence: str) -> bool:
    """Return whether the sentence looks like edited news, from its first capital to its end."""
    doubled = _DOUBLED.search(sentence)
    words = re.findall(r"(?<![\w'-])[a-z]{4,}(?![\w'-])", sentence)
    return bool(
        _is_printable(sentence)
        and _END.search(sentence)
        and not (doubled and doubled[1].lower() not in DOUBLED_ON_PURPOSE)
        and sum(not is_word(word) for word in words) <= _MAX_UNKNOWN
    )


def _is_printable(line: str) -> bool:
    return bool(_START.match(line) and is_balanced(line) and not _SLOPPY.search(line))


def clean_sentences(article: Row) -> Iterator[str]:
    """Yield the well-edited sentences of a clean article."""
    for sentence in _sentences(article):
        if is_clean(sentence):
            yield sentence


def kept_lines(article: Row) -> Iterator[str]:
    """Yield a clean article's headline, dateline, short lines, quotations and lines of figures."""
    headline = article["title"] if "body" in article else article["text"].partition("\n")[0]
    yield from (level_typography(line) for line in (headline, article.get("lead", "")) if line)
    for sentence in _sentences(article):
        is_short = len(sentence.split()) <= _SHORT_WORDS
        has_figures = len(re.findall(r"\d", sentence)) >= _FIGURE_DIGITS
        is_quotation = sentence.startswith('"') and sentence.endswith('"')
        has_no_end = not _END.search(sentence)
        if (is_short or has_figures or is_quotation or has_no_end) and _is_printable(sentence):
            yield sentence


def machine_sentences(rows: Iterable[Row]) -> Iterator[str]:
    """Yield engines' sentences in which no rater marked anything."""
    for row in rows:
        sentence = level_typography(row["source"])
        is_good = not row["human"] and row["clean_votes"] == row["raters"]
        if is_good and _START.match(sentence) and not _TOKENISED.search(sentence):
            yield sentence


def _sentences(article: Row) -> Iterator[str]:
    """Yield the sentences below the headline, with their typography levelled."""
    for line in article.get("body") or article["text"].splitlines()[1:]:
        for piece in split_sentences(line) if line.strip() else ():
            yield level_typography(piece)
