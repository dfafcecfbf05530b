"""Stage 2, last: what ran together, a full stop or the end of a line being lost between, parted.

A capital on a function word in the middle of a sentence is doubted: another sentence may begin
there. How much likelier two sentences are than one, or a heading and a sentence, to a model that
reads nothing else, then decides; or the page does, which has the words before the capital for a
link of its own. No word comes or goes.
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
from worker.records.reason import Reason
from worker.records.result import Edit
from worker.stages.split.sentences import unquoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["SettledParagraph", "link_texts", "split_run_ons"]

#: Nats by which two must be likelier than one, its capital kept or not. Of 250 pairs of sentences
#: of clean news that lost the stop between them 74 % gain more (of 366 headlines that were run into
#: a sentence, 33 %). In 43,882 sentences of clean news 7 do, and in 6,782 machine-translated ones
#: as many: all lost a stop or the end of a line. At 2 nats two come in that cannot be told.
_LEAST_NATS = 3.0

#: The left one is a heading where a line of its own is at most so much worse than a full stop, it
#: has no more words, and no finite auxiliary: 62 of 119 headlines are, none of 186 sentences.
_HEADING_NATS = 4.0
_HEADING_WORDS = 20
_FINITE = (AUXILIARIES | MODALS) - {"be", "been", "being", "having", "doing", "done"}

#: A shorter right side is no sentence but the rest of a name.
_LEAST_WORDS = 5

#: Words that sentences begin with and names seldom do. Out are those that no statement begins with.
_OPENERS = (
    DETERMINERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | {"according", "however", "meanwhile"}
) - {"i", "a", "of", "than", "which", "whose", "whom", "who"}

#: Behind a plain word, and not behind an initial.
_BREAK = re.compile(
    r"(?<=[\w%)'\u2019])(?<!\b[A-Z]) (?=(?:"
    + "|".join(sorted(word.capitalize() for word in _OPENERS if word.isalpha()))
    + r"),? [a-z])"
)
_END = re.compile(r"[.!?]\Z")

#: "New Delhi: ", "LONDON, May 5 (Wire) - ".
_DATELINE = re.compile(
    r"[A-Z][\w.'\u2019-]*(?:,? [A-Z][\w.'\u2019-]*){0,4}(?:,? \d{1,2})?(?: ?\([\w /]+\))?"
    r"(?::| ?[\u2013\u2014-]) "
)

#: What stands between the links of a line.
_BETWEEN_LINKS = re.compile(r"[,;|#\n\u00b7\u2022]")
#: A single word is a link too often that is also the beginning of a sentence.
_LINK_WORDS = 2
#: A name goes on with these ("Sword And the Crown"), a lead does not begin with them.
_IN_NAMES = ("And ", "Or ")


@dataclass(frozen=True, slots=True)
class SettledParagraph:
    """What became of a paragraph."""

    paragraphs: list[list[str]]
    """Its sentences; more than one paragraph where a heading was set off."""
    edits: list[Edit] = field(default_factory=list)
    """Numbered as the paragraphs here."""
    torn: frozenset[str] = frozenset()
    """Sentences that a link ran into behind their dateline, where no heading stands: the link may
    have taken the place of words that only the source has."""

    def take(self, edit: Edit) -> None:
        """Add an edit of the paragraph from before: where its text is now, or at the first."""
        places = (at for at, one in enumerate(self.paragraphs) if edit.after in " ".join(one))
        self.edits.append(edit.model_copy(update={"paragraph": next(places, 0)}))


class _Break(NamedTuple):
    """A place where a sentence may be two."""

    left: str
    right: str

    @property
    def whole(self) -> tuple[str, str]:
        """A single sentence, its capital kept or not."""
        small = f"{self.right[0].lower()}{self.right[1:]}"
        return f"{self.left} {self.right}", f"{self.left} {small}"

    @property
    def stopped(self) -> str:
        """Two sentences."""
        return f"{self.left}. {self.right}"

    @property
    def headed(self) -> str:
        """A heading and a sentence."""
        return f"{self.left}\n\n{self.right}"

    @property
    def may_be_heading(self) -> bool:
        """Whether the left side is short and has no finite auxiliary."""
        said = self.left.lower().split()
        return len(said) <= _HEADING_WORDS and _FINITE.isdisjoint(said)


class _Choice(NamedTuple):
    """What a sentence was taken for."""

    first: str
    second: str
    reason: Reason
    scores: dict[str, float]
    torn: bool = False
    """Whether the first stood behind a dateline, which the second has now."""

    @property
    def text(self) -> str:
        """Both."""
        between = " " if self.reason is Reason.LOST_STOP else "\n\n"
        return f"{self.first}{between}{self.second}"


def link_texts(lines: Iterable[str]) -> frozenset[str]:
    """The links and key words of lines of a page, in small letters, of two words and more."""
    links = (link.strip().lower() for line in lines for link in _BETWEEN_LINKS.split(line))
    return frozenset(link for link in links if len(link.split()) >= _LINK_WORDS)


def split_run_ons(
    paragraphs: Sequence[Sequence[str]],
    links: Sequence[Collection[str]],
    engine: Engine,
    profile: Profile,
) -> list[SettledParagraph]:
    """Each paragraph with what ran together in its sentences parted, and what was mended.

    Quotations stay as they are. Where the engine cannot say how likely a text is, only links of
    the page are set off.

    Args:
        paragraphs: the sentences of each.
        links: for each, the links of its page as of ``link_texts``.
        engine: says how likely a text is.
        profile: with the prompt for it.

    Raises:
        EngineError: the engine failed.
    """
    breaks = [
        {at: found for at, one in unquoted(row) if (found := list(_breaks(one)))}
        for row in paragraphs
    ]
    doubted = [one for row in breaks for found in row.values() for one in found]
    texts = [text for one in doubted for text in (*one.whole, one.stopped, one.headed)]
    nats = text_nats(texts, engine, profile)
    return [
        _parted(row, {at: _choice(found, known, nats) for at, found in places.items()})
        for row, places, known in zip(paragraphs, breaks, links, strict=True)
    ]


def _breaks(sentence: str) -> Iterator[_Break]:
    if not _END.search(sentence):
        return
    for place in _BREAK.finditer(sentence):
        right = sentence[place.end() :]
        if len(right.split()) >= _LEAST_WORDS:
            yield _Break(sentence[: place.start()], right)


def _choice(
    breaks: Sequence[_Break], links: Collection[str], nats: dict[str, float]
) -> _Choice | None:
    """What parts a sentence: a link of the page, or the likeliest of its breaks; if any does."""
    for one in breaks:
        if linked := _linked(one, links):
            return linked
    likely = [choice for one in breaks if nats and (choice := _likely(one, nats))]
    return max(likely, key=lambda choice: choice.scores["fluency_nats"], default=None)


def _linked(one: _Break, links: Collection[str]) -> _Choice | None:
    found = _DATELINE.match(one.left)
    dateline = found[0] if found else ""
    link = one.left.removeprefix(dateline)
    if link.lower() not in links or one.right.startswith(_IN_NAMES):
        return None
    return _Choice(
        link, f"{dateline}{one.right}", Reason.RUN_IN_HEADING, {}, torn=found is not None
    )


def _likely(one: _Break, nats: dict[str, float]) -> _Choice | None:
    whole = min(nats[text] for text in one.whole)
    stopped, headed = nats[one.stopped], nats[one.headed]
    heading = one.may_be_heading and headed - stopped <= _HEADING_NATS
    gain = whole - (min(stopped, headed) if heading else stopped)
    if gain < _LEAST_NATS:
        return None
    scores = {"fluency_nats": round(gain, 3)}
    if heading:
        return _Choice(one.left, one.right, Reason.RUN_IN_HEADING, scores)
    return _Choice(f"{one.left}.", one.right, Reason.LOST_STOP, scores)


def _parted(sentences: Sequence[str], choices: dict[int, _Choice | None]) -> SettledParagraph:
    paragraphs: list[list[str]] = [[]]
    edits: list[Edit] = []
    for at, sentence in enumerate(sentences):
        choice = choices.get(at)
        if choice is None:
            paragraphs[-1].append(sentence)
            continue
        if choice.reason is Reason.LOST_STOP:
            paragraphs[-1] += [choice.first, choice.second]
        else:
            before = paragraphs if paragraphs[-1] else paragraphs[:-1]
            paragraphs = [*before, [choice.first], [choice.second]]
        edits.append(
            Edit(
                paragraph=len(paragraphs) - 1,
                before=sentence,
                after=choice.text,
                reason=choice.reason,
                scores=choice.scores,
            )
        )
    torn = frozenset(choice.second for choice in choices.values() if choice and choice.torn)
    return SettledParagraph(paragraphs, edits, torn)
