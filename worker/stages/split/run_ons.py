"""Stage 2, step 4: splits sentences that ran together because a full stop or line end was lost.

A capitalised function word in the middle of a sentence is suspect: another sentence may begin
there. The base model, given only the text of the sentence, scores two sentences, or a heading and
a sentence, against one sentence. If the words before the capital are a link on the page, they are
split off without asking the model. No word is added or removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from worker.engine.fluency import text_nats
from worker.english.lexicon import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
)
from worker.english.sentence_end import END_MARKS
from worker.records.reason import Reason
from worker.records.result import Edit
from worker.stages.split.sentences import unquoted_sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["SettledParagraph", "find_link_texts", "split_run_ons"]

#: Nats by which two sentences must be more likely than one, with the capital or without it. Splits
#: 74 % of sentences that lost the stop between them; at 2 nats, also splits doubtful cases
#: (docs/decisions/021).
_MIN_GAIN_NATS = 3.0

#: The left side is a heading if it is short, has no finite auxiliary, and costs at most this many
#: nats more on its own line than with a full stop. Finds 62 of 119 headlines, and mistakes none of
#: 186 sentences for a heading.
_HEADING_NATS = 4.0
_MAX_HEADING_WORDS = 20
_FINITE = (AUXILIARIES | MODALS) - {"be", "been", "being", "having", "doing", "done"}

#: A right side with fewer words is taken for the rest of a name, not a sentence.
_MIN_SENTENCE_WORDS = 5

#: Words that often begin a sentence and seldom a name. Words that cannot begin a statement are left
#: out, and so are "I" and "A", whose capital proves nothing.
_OPENERS = (
    DETERMINERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | {"according", "however", "meanwhile"}
) - {"i", "a", "of", "than", "which", "whose", "whom", "who"}

#: A capitalised opener between a word that is not an initial and a lower-case word.
_BREAK = re.compile(
    r"(?<=[\w%)'\u2019])(?<!\b[A-Z]) (?=(?:"
    + "|".join(sorted(word.capitalize() for word in _OPENERS if word.isalpha()))
    + r"),? [a-z])"
)

#: "New Delhi: ", "LONDON, May 5 (Wire) - ".
_DATELINE = re.compile(
    r"[A-Z][\w.'\u2019-]*(?:,? [A-Z][\w.'\u2019-]*){0,4}(?:,? \d{1,2})?(?: ?\([\w /]+\))?"
    r"(?::| ?[\u2013\u2014-]) "
)

_LINK_SEPARATOR = re.compile(r"[,;|#\n\u00b7\u2022]")
#: A one-word link is too often also the beginning of a sentence.
_MIN_LINK_WORDS = 2
#: Openers that may continue a name ("Sword And the Crown") and never begin a lead.
_NAME_JOINERS = ("And ", "Or ")


@dataclass(frozen=True, slots=True)
class SettledParagraph:
    """A paragraph with repaired sentence boundaries."""

    paragraphs: list[list[str]]
    """The sentences, in more than one paragraph if a heading was set off."""
    edits: list[Edit] = field(default_factory=list)
    """The edits made; their paragraph numbers are indexes into ``paragraphs``."""
    damaged_by_link: frozenset[str] = frozenset()
    """Sentences that had a link after their dateline. A heading never follows a dateline, so the
    link may have replaced words that only the source has."""

    def add_edit(self, edit: Edit) -> None:
        """Add an earlier edit, numbered by the paragraph that holds its text, else by the first."""
        matches = (
            index
            for index, sentences in enumerate(self.paragraphs)
            if edit.after in " ".join(sentences)
        )
        self.edits.append(edit.model_copy(update={"paragraph": next(matches, 0)}))


class _Break(NamedTuple):
    """A place in a sentence where a second sentence may begin."""

    left: str
    right: str

    @property
    def as_one(self) -> tuple[str, str]:
        """A single sentence, with the capital and without it."""
        lower_first = f"{self.right[0].lower()}{self.right[1:]}"
        return f"{self.left} {self.right}", f"{self.left} {lower_first}"

    @property
    def as_two(self) -> str:
        """Two sentences."""
        return f"{self.left}. {self.right}"

    @property
    def as_heading(self) -> str:
        """A heading and a sentence."""
        return f"{self.left}\n\n{self.right}"

    @property
    def may_be_heading(self) -> bool:
        """Whether the left side is short and has no finite auxiliary."""
        words = self.left.lower().split()
        return len(words) <= _MAX_HEADING_WORDS and _FINITE.isdisjoint(words)


class _Division(NamedTuple):
    """The two texts that a sentence is split into."""

    first: str
    second: str
    reason: Reason
    scores: dict[str, float]
    moves_dateline: bool = False
    """Whether the dateline before the first text has moved to the second."""

    @property
    def text(self) -> str:
        """Both texts, with the space or the blank line between them."""
        separator = " " if self.reason is Reason.LOST_STOP else "\n\n"
        return f"{self.first}{separator}{self.second}"


def find_link_texts(lines: Iterable[str]) -> frozenset[str]:
    """Return the links and keywords of two or more words in a page's lines, in lower case."""
    links = (link.strip().lower() for line in lines for link in _LINK_SEPARATOR.split(line))
    return frozenset(link for link in links if len(link.split()) >= _MIN_LINK_WORDS)


def split_run_ons(
    paragraphs: Sequence[Sequence[str]],
    links: Sequence[Collection[str]],
    engine: Engine,
    profile: Profile,
) -> list[SettledParagraph]:
    """Split run-on sentences; return each paragraph with the edits made.

    Quotations stay unchanged. If the engine returns no likelihoods, only page links are set off.

    Args:
        paragraphs: the sentences of each paragraph.
        links: for each paragraph, the links of its page, as returned by ``find_link_texts``.
        engine: scores how likely a text is.
        profile: names the prompt for these scores.

    Raises:
        EngineError: the engine failed.
    """
    breaks = [
        {
            index: sentence_breaks
            for index, sentence in unquoted_sentences(sentences)
            if (sentence_breaks := list(_find_breaks(sentence)))
        }
        for sentences in paragraphs
    ]
    texts = [
        text
        for breaks_by_index in breaks
        for sentence_breaks in breaks_by_index.values()
        for break_ in sentence_breaks
        for text in (*break_.as_one, break_.as_two, break_.as_heading)
    ]
    nats = text_nats(texts, engine, profile)
    return [
        _divide_paragraph(
            sentences,
            {
                index: _best_division(sentence_breaks, page_links, nats)
                for index, sentence_breaks in breaks_by_index.items()
            },
        )
        for sentences, breaks_by_index, page_links in zip(paragraphs, breaks, links, strict=True)
    ]


def _find_breaks(sentence: str) -> Iterator[_Break]:
    # A sentence that ends with a closing quotation mark or bracket is not split.
    if not sentence.endswith(END_MARKS):
        return
    for match in _BREAK.finditer(sentence):
        right = sentence[match.end() :]
        if len(right.split()) >= _MIN_SENTENCE_WORDS:
            yield _Break(sentence[: match.start()], right)


def _best_division(
    breaks: Sequence[_Break], links: Collection[str], nats: dict[str, float]
) -> _Division | None:
    """Return the division at a page link, else the most likely division, or None."""
    for break_ in breaks:
        if division := _divide_at_link(break_, links):
            return division
    likely = [
        division for break_ in breaks if nats and (division := _divide_if_likelier(break_, nats))
    ]
    return max(likely, key=lambda division: division.scores["fluency_nats"], default=None)


def _divide_at_link(break_: _Break, links: Collection[str]) -> _Division | None:
    """Return the link, and the rest of the sentence with its dateline; None without a link."""
    match = _DATELINE.match(break_.left)
    dateline = match[0] if match else ""
    link = break_.left.removeprefix(dateline)
    if link.lower() not in links or break_.right.startswith(_NAME_JOINERS):
        return None
    lead = f"{dateline}{break_.right}"
    return _Division(link, lead, Reason.RUN_IN_HEADING, {}, moves_dateline=match is not None)


def _divide_if_likelier(break_: _Break, nats: dict[str, float]) -> _Division | None:
    """Return two sentences, or a heading and a sentence, if more likely than one sentence."""
    as_one = min(nats[text] for text in break_.as_one)
    as_two, as_heading = nats[break_.as_two], nats[break_.as_heading]
    is_heading = break_.may_be_heading and as_heading - as_two <= _HEADING_NATS
    gain = as_one - (min(as_two, as_heading) if is_heading else as_two)
    if gain < _MIN_GAIN_NATS:
        return None
    scores = {"fluency_nats": round(gain, 3)}
    if is_heading:
        return _Division(break_.left, break_.right, Reason.RUN_IN_HEADING, scores)
    return _Division(f"{break_.left}.", break_.right, Reason.LOST_STOP, scores)


def _divide_paragraph(
    sentences: Sequence[str], divisions: dict[int, _Division | None]
) -> SettledParagraph:
    """Divide the sentences at the given indexes; a heading gets its own paragraph."""
    paragraphs: list[list[str]] = [[]]
    edits: list[Edit] = []
    for index, sentence in enumerate(sentences):
        division = divisions.get(index)
        if division is None:
            paragraphs[-1].append(sentence)
            continue
        if division.reason is Reason.LOST_STOP:
            paragraphs[-1] += [division.first, division.second]
        else:
            before = paragraphs if paragraphs[-1] else paragraphs[:-1]
            paragraphs = [*before, [division.first], [division.second]]
        edits.append(
            Edit(
                paragraph=len(paragraphs) - 1,
                before=sentence,
                after=division.text,
                reason=division.reason,
                scores=division.scores,
            )
        )
    damaged = frozenset(
        division.second for division in divisions.values() if division and division.moves_dateline
    )
    return SettledParagraph(paragraphs, edits, damaged)
