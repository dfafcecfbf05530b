"""Stage 2, step 1: splits paragraphs into sentences and removes stray pieces.

A stray piece is one or two function words with a full stop; it stays if it may be intended.
``worker.stages.split.false_breaks`` joins sentences that were cut in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import syntok.segmenter

from worker.english.lexicon import FUNCTION_WORDS
from worker.records.reason import Reason
from worker.records.result import Edit

__all__ = [
    "SplitResult",
    "ends_in_abbreviation",
    "is_quotation_open_after",
    "split_paragraphs",
    "split_sentences",
    "unquoted_sentences",
]

#: Maximum number of words in a stray piece; three words are more often a short answer.
_MAX_STRAY_WORDS = 2

#: Titles and other abbreviations that never end a sentence. syntok knows most abbreviations but
#: splits after these if a capital follows.
_NAME_PREFIXES = frozenset(
    """adm brig capt cmdr col cpl det dr ft gen gov hon insp lt maj messrs mr mrs ms mt pres prof
    pvt rep rev sen sgt sr st supt v vs""".split()  # noqa: SIM905 - a word list reads better
)
#: Abbreviations, whose full stop is never removed. The last line holds company forms.
_ABBREVIATIONS = _NAME_PREFIXES | frozenset(
    """al approx apr aug ave avg bn bros ca cf co corp dec dept dist div ed eds esp est etc excl
    feb fig figs fri govt inc incl intl jan jr jul jun kg km lb ltd mar max min mln mn mon no nos
    nov oct op oz pct pp ref res sat sec sep sept ser sq sun tel thu tue univ vol vols wed yr yrs
    bhd doo ehf gmbh jsc kft llc llp oao ojsc ooo oyj pao plc pty spa sro zao zrt""".split()  # noqa: SIM905
)

#: Function words that mean nothing alone. The list leaves out possible answers or claims
#: (negations, pronouns, quantities, question words), particles that serve as predicates ("off",
#: "over"), and words that are also names or months ("May", "Will", "A").
_EMPTY_WORDS = FUNCTION_WORDS & frozenset(
    """an the of at to for from with by into onto upon among between during in as than and or but
    because is are was were be been being has have had""".split()  # noqa: SIM905
)

_LAST_WORD = re.compile(r"[\w.'\u2019-]{1,40}\Z")
_QUOTATION_MARK = re.compile(r"[\"\u201c\u201d]")
_CLOSING_MARKS = ('"', "'", "\u201d", "\u2019", ")", "]")
#: Number of digits in a year; a full stop after any other number may mark an ordinal or list item.
_YEAR_DIGITS = 4
#: A shorter word before a full stop is more often an abbreviation than the end of a sentence.
_MIN_WORD_CHARS = 3
#: Longer text is not a sentence and may not fit in the model's window.
_MAX_SENTENCE_CHARS = 1_200
#: Number of characters inspected on each side of a break.
_CONTEXT_CHARS = 60


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The sentences of each paragraph, and the edits made."""

    paragraphs: tuple[tuple[str, ...], ...]
    edits: tuple[Edit, ...]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of ``text`` in order; joined, they equal it except for white space.

    syntok finds the sentence ends. Cuts after ``;`` or a title (``Gen.``), and cuts before a piece
    without letters or digits, such as a lone quotation mark, are undone.
    """
    starts = [
        sentence[0].offset
        for paragraph in syntok.segmenter.analyze(text)
        for sentence in map(list, paragraph)
        if sentence
    ]
    spans: list[tuple[int, int]] = []
    for start, end in pairwise([0, *starts[1:], len(text)]):
        first = spans[-1][0] if spans else 0
        before = text[max(first, start - _CONTEXT_CHARS) : start].rstrip()
        after = text[start : min(end, start + _CONTEXT_CHARS)].strip()
        if not spans or _continues_sentence(before, after):
            spans[-1:] = [(first, end)]
        else:
            spans.append((start, end))
    return [piece for start, end in spans if (piece := text[start:end].strip())]


def split_paragraphs(paragraphs: Sequence[str]) -> SplitResult:
    """Return the sentences of every paragraph without stray pieces.

    Quotations, numbers, names and content words stay unchanged.
    """
    result: list[tuple[str, ...]] = []
    edits: list[Edit] = []
    for paragraph in paragraphs:
        if pieces := split_sentences(paragraph):
            result.append(tuple(_remove_strays(pieces, len(result), edits)))
    return SplitResult(paragraphs=tuple(result), edits=tuple(edits))


def _continues_sentence(before: str, after: str) -> bool:
    """Return whether ``after`` continues the sentence that ``before`` belongs to."""
    if before.endswith(";") or not any(map(str.isalnum, after)):
        return True
    match = _LAST_WORD.search(before.removesuffix("."))
    abbreviation = match[0] if match and before.endswith(".") else ""
    return abbreviation.lower() in _NAME_PREFIXES and not abbreviation[1:].isupper()


def _remove_strays(pieces: Sequence[str], paragraph: int, edits: list[Edit]) -> list[str]:
    """Return the pieces that are sentences; append an edit for each run of stray pieces."""
    sentences: list[str] = []
    strays: list[str] = []
    quoted = False

    def note_removal() -> None:
        if strays:
            before = " ".join([sentences[-1], *strays])
            edits.append(
                Edit(
                    paragraph=paragraph,
                    before=before,
                    after=sentences[-1],
                    reason=Reason.STRAY_PIECE,
                )
            )
            strays.clear()

    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if not quoted and sentences and _is_stray(piece, sentences[-1], following):
            strays.append(piece)
            continue
        note_removal()
        quoted = is_quotation_open_after(piece, was_open=quoted)
        sentences.append(piece)
    note_removal()
    return sentences


def is_quotation_open_after(text: str, *, was_open: bool) -> bool:
    """Return whether a quotation is open after ``text``, given whether one was open before."""
    is_open = was_open
    for mark in _QUOTATION_MARK.findall(text):
        is_open = mark != "\u201d" and (mark == "\u201c" or not is_open)
    return is_open


def unquoted_sentences(sentences: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index and text of each sentence that contains no part of a quotation.

    Text too long to be a sentence is skipped.
    """
    quoted = False
    for index, sentence in enumerate(sentences):
        is_short = len(sentence) <= _MAX_SENTENCE_CHARS
        if not quoted and is_short and not _QUOTATION_MARK.search(sentence):
            yield index, sentence
        quoted = is_quotation_open_after(sentence, was_open=quoted)


def ends_in_abbreviation(text: str) -> bool:
    """Return whether a full stop after ``text`` may belong to its last word or number."""
    match = _LAST_WORD.search(text)
    if match is None:
        return False
    word = match[0]
    if word.isdigit():
        return len(word) != _YEAR_DIGITS
    looks_short = word.isupper() or "." in word or len(word) < _MIN_WORD_CHARS
    return looks_short or word.lower() in _ABBREVIATIONS


def _is_stray(piece: str, before: str, following: str) -> bool:
    """Return whether ``piece`` is one or two empty words between two sentence ends."""
    words = piece[:-1].split()
    if not piece.endswith(".") or not 1 <= len(words) <= _MAX_STRAY_WORDS:
        return False
    if not all(word.lower() in _EMPTY_WORDS and not word[1:].isupper() for word in words):
        return False
    ends_quotation = following[:1] in _CLOSING_MARKS and not following[1:2].isalnum()
    return before.endswith((".", "!", "?")) and not ends_quotation
