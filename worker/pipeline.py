"""The way of a chunk's articles through the stages. Knows no Celery and no Redis.

    1 strip      worker.furniture    page furniture out                skipped: never
    2 split      worker.sentences    sentences, stray pieces out       skipped: never
      join       worker.joining      what a full stop has cut          skipped: nothing is doubted
      once       worker.doubling     a word twice in a row             skipped: there is none
      part       worker.parting      what ran together                 skipped: nothing is doubted
    3 spot       worker.spotting     which sentences read badly        skipped: never
    4 repair     worker.repair       the engine proposes               skipped: nothing spotted
    5 check      worker.checks       accept, or a reason               skipped: no proposal
    6 choose     worker.choice       sentences that carry the story    skipped: never
    7 summarise  worker.summary      the engine writes from those      skipped: never
    8 check      worker.checks       supported, or extractive          skipped: never
    9 record     the caller          worker.tasks, worker.jobs

Results are a pure function of article and profile, but for timings, and for one known gap:
in bfloat16 the neighbours in a batch can tip a tie between two tokens of the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from worker.english.loaded_words import loaded_words
from worker.english.model_talk import order_in
from worker.errors import CopydeskError, EngineError
from worker.records.article import Article, ArticleState, Outcome, Processed
from worker.records.reason import Reason
from worker.records.result import (
    Edit,
    Flag,
    Refusal,
    Removal,
    Result,
    WordChange,
)
from worker.stages.clean.furniture import strip_furniture
from worker.stages.clean.language import is_english
from worker.stages.flag.contradiction import find_contradictions
from worker.stages.repair.repair import Mended, mend_articles
from worker.stages.split.boundaries import settle_paragraphs
from worker.stages.split.run_ons import Parted, link_texts
from worker.stages.split.sentences import split
from worker.stages.summarise.assembly import Story, Summary, summarise

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["mend_texts", "process", "settle_texts"]

#: What a fault in a stage raises. Not ``Exception``: a time limit or a signal that arrives as
#: one must go through.
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class _Draft:
    """An article on its way."""

    title: str
    paragraphs: list[list[str]]
    edits: list[Edit]
    removed: tuple[Removal, ...]
    torn: set[str] = field(default_factory=set)
    """Sentences that a link ran into."""
    refused: list[Refusal] = field(default_factory=list)
    awkward: list[int] = field(default_factory=list)
    needs_source: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n\n".join(" ".join(paragraph) for paragraph in self.paragraphs)

    @property
    def sentences(self) -> list[str]:
        return [sentence for paragraph in self.paragraphs for sentence in paragraph]

    def settle(self, parted: Sequence[Parted]) -> None:
        """Put what became of each paragraph in its place, and number the edits anew."""
        for edit in self.edits:
            parted[edit.paragraph].take(edit)
        self.paragraphs, self.edits = [], []
        for part in parted:
            start = len(self.paragraphs)
            self.edits += [
                edit.model_copy(update={"paragraph": edit.paragraph + start}) for edit in part.edits
            ]
            self.paragraphs += part.paragraphs
            self.torn |= part.torn


def process(
    articles: Sequence[Article],
    engine: Callable[[], Engine],
    profile: Profile,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> list[Processed]:
    """What became of each article, in their order.

    All go through the engine together. When that fails, each is tried alone, so that one bad
    article never costs another; what fails alone ends as failed with its reason.

    Args:
        articles: the articles of a chunk.
        engine: is called when the first article needs it.
        profile: what they are worked on with.
        on_stage: is told the stage that begins; what it raises ends the work, but for the faults
            that a stage may raise itself.
    """
    if not articles:
        return []
    try:
        return _process_together(articles, engine, profile, on_stage)
    except (CopydeskError, *_FAULTS) as error:
        if len(articles) == 1 or _is_the_servers(error):
            return [Processed(outcome=_failure(error)) for _ in articles]
    return [
        processed
        for article in articles
        for processed in process([article], engine, profile, on_stage)
    ]


def mend_texts(texts: Sequence[str], engine: Engine, profile: Profile) -> list[str]:
    """Stages 2 to 5 on bare texts, one paragraph each: what repair alone makes of them.

    Raises:
        EngineError: the engine failed.
    """
    pieces = [
        [sentence for paragraph in split([text]).paragraphs for sentence in paragraph]
        for text in texts
    ]
    settled = settle_paragraphs(pieces, [frozenset[str]()] * len(pieces), engine, profile)
    rows = [[one for part in text.paragraphs for one in part] for text in settled]
    mended = mend_articles(rows, engine, profile)
    return [" ".join(one.text for one in paragraph) for paragraph in mended]


def settle_texts(articles: Sequence[Article], engine: Engine, profile: Profile) -> list[str]:
    """Stages 1 and 2: each article's text without its page, its cut sentences joined.

    What is not for us is empty.

    Raises:
        EngineError: the engine failed.
    """
    drafts = [_draft(article) for article in articles]
    _settle([draft for draft in drafts if isinstance(draft, _Draft)], engine, profile)
    return [draft.text if isinstance(draft, _Draft) else "" for draft in drafts]


def _process_together(
    articles: Sequence[Article],
    engine: Callable[[], Engine],
    profile: Profile,
    on_stage: Callable[[str], None],
) -> list[Processed]:
    clock = _Clock()
    on_stage("strip")
    drafts = [_draft(article) for article in articles]
    good = [draft for draft in drafts if isinstance(draft, _Draft)]
    clock.lap("strip_and_split")
    results: list[Result] = []
    if good:
        on_stage("repair")
        _repair(good, engine(), profile)
        clock.lap("repair")
        on_stage("summarise")
        stories = [
            Story(
                tuple(draft.sentences),
                awkward=frozenset(draft.awkward),
                needs_source=frozenset(draft.needs_source),
                headline=draft.title,
            )
            for draft in good
        ]
        summaries = summarise(stories, engine(), profile)
        clock.lap("summary")
        total = sum(len(story.sentences) for story in stories)
        results = [
            _result(draft, summary, clock.shares(len(story.sentences) / total), profile)
            for draft, story, summary in zip(good, stories, summaries, strict=True)
        ]
    done = iter(results)
    return [
        Processed(outcome=Outcome(state=ArticleState.DONE), result=next(done))
        if isinstance(draft, _Draft)
        else Processed(outcome=draft)
        for draft in drafts
    ]


def _draft(article: Article) -> _Draft | Outcome:
    """The article stripped and split; or how it ends, where it is not for us."""
    stripped = strip_furniture(article)
    parts = split(stripped.paragraphs)
    paragraphs = [list(paragraph) for paragraph in parts.paragraphs if paragraph]
    if not paragraphs:
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.NO_STORY,
            message="there is no text beside headline and page furniture",
            hint="copydesk show prints what was removed; is the file a menu or an index page?",
        )
    if not is_english(" ".join(sentence for paragraph in paragraphs for sentence in paragraph)):
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.NOT_ENGLISH,
            message="the text is in another language",
            hint="Copydesk reads English only; translate it first",
        )
    return _Draft(stripped.title, paragraphs, list(parts.edits), stripped.removals)


def _repair(drafts: Sequence[_Draft], engine: Engine, profile: Profile) -> None:
    """Stages 2 (join) to 5 over all drafts at once, in place."""
    _settle(drafts, engine, profile)
    articles = [draft.sentences for draft in drafts]
    for draft, mended in zip(drafts, mend_articles(articles, engine, profile), strict=True):
        _use(draft, mended)


def _settle(drafts: Sequence[_Draft], engine: Engine, profile: Profile) -> None:
    rows = [paragraph for draft in drafts for paragraph in draft.paragraphs]
    links = [
        known
        for draft in drafts
        for known in [link_texts(removal.text for removal in draft.removed)] * len(draft.paragraphs)
    ]
    settled = iter(settle_paragraphs(rows, links, engine, profile))
    for draft in drafts:
        draft.settle(list(islice(settled, len(draft.paragraphs))))


def _use(draft: _Draft, mended: Sequence[Mended]) -> None:
    position = 0
    for number, paragraph in enumerate(draft.paragraphs):
        for at, before in enumerate(paragraph):
            item = mended[position]
            needs_source = item.needs_source or before in draft.torn
            paragraph[at] = item.text
            if item.accepted:
                draft.edits.append(
                    Edit(
                        paragraph=number,
                        before=before,
                        after=item.text,
                        reason=Reason.MODEL_REWRITE,
                        changes=tuple(_word_changes(item)),
                    )
                )
            elif item.spotted and not needs_source:
                draft.awkward.append(position)
            if needs_source:
                draft.needs_source.append(position)
            draft.refused.extend(_refusals(before, item))
            position += 1


def _word_changes(item: Mended) -> Iterator[WordChange]:
    for judged in item.changes:
        if judged.accepted:
            yield WordChange(
                kind=judged.change.kind,
                before=" ".join(word for edit in judged.change.edits for word in edit.lost),
                after=" ".join(word for edit in judged.change.edits for word in edit.won),
                scores=judged.scores,
            )


def _refusals(source: str, item: Mended) -> Iterator[Refusal]:
    """The proposal that was refused as a whole, or those of its changes that were."""
    if item.reason is not None:
        yield Refusal(
            stage="repair",
            before=source,
            proposal=item.proposal,
            reason=item.reason,
            detail=item.detail,
        )
    for judged in item.changes:
        if not judged.accepted:
            yield Refusal(
                stage="repair",
                before=source,
                proposal=judged.text,
                reason=judged.reason,
                detail=judged.detail,
                kind=judged.change.kind,
                scores=judged.scores,
            )


def _result(draft: _Draft, summary: Summary, timings: dict[str, float], profile: Profile) -> Result:
    return Result(
        title=draft.title,
        repaired=draft.text,
        summary_title=summary.title.text,
        summary=summary.text,
        method=summary.method,
        evidence=summary.evidence,
        edits=tuple(draft.edits),
        refused=(*draft.refused, *summary.refused),
        removed=draft.removed,
        flags=tuple(_flags(draft, profile)),
        timings=timings,
    )


def _flags(draft: _Draft, profile: Profile) -> list[Flag]:
    sentences = draft.sentences
    flags = [Flag(reason=Reason.AWKWARD, text=sentences[index]) for index in draft.awkward]
    flags += [Flag(reason=Reason.NEEDS_SOURCE, text=sentences[at]) for at in draft.needs_source]
    for sentence in sentences:
        loaded = loaded_words(sentence)
        if loaded:
            flags.append(Flag(reason=Reason.LOADED_LANGUAGE, text=sentence, words=loaded))
        order = order_in(sentence)
        if order is not None:
            flags.append(Flag(reason=Reason.ORDER, text=sentence, words=(order,)))
    flags += [
        Flag(
            reason=Reason.CONTRADICTION,
            text=f"{sentences[clash.one]} / {sentences[clash.other]}",
            words=clash.said,
        )
        for clash in find_contradictions(sentences)
    ]
    if sum(len(sentence.split()) for sentence in sentences) < profile.summary.min_words:
        flags.append(Flag(reason=Reason.SHORT_ARTICLE))
    return flags


def _is_the_servers(error: Exception) -> bool:
    """Whether no article can be to blame: nobody was answered for as long as there is patience.

    To try each alone would wait that long for each, past the time limit of the chunk.
    """
    return isinstance(error, EngineError) and error.code == "server_unreachable"


def _failure(error: Exception) -> Outcome:
    if isinstance(error, CopydeskError):
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.ENGINE_ERROR,
            message=error.message,
            hint=error.hint or "",
        )
    return Outcome(
        state=ArticleState.FAILED,
        reason=Reason.INTERNAL_ERROR,
        message=f"{type(error).__name__}: {error}",
        hint="this is a fault in Copydesk; please report it with the article",
    )


class _Clock:
    """Seconds of each stage of a batch."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage] = now - self._last
        self._last = now

    def shares(self, share: float) -> dict[str, float]:
        """An article's part of each stage, by its share of the sentences."""
        return {stage: round(seconds * share, 4) for stage, seconds in self._seconds.items()}
