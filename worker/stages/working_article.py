"""An article between its stages, with the edits, refusals and doubtful sentences so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.records.reason import Reason
from worker.records.result import Edit, Refusal, Removal, WordChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.stages.repair.repair import RepairedSentence
    from worker.stages.split.run_ons import SettledParagraph

__all__ = ["WorkingArticle"]


@dataclass(slots=True)
class WorkingArticle:
    """An article between two stages."""

    title: str
    paragraphs: list[list[str]]
    edits: list[Edit]
    removed: tuple[Removal, ...]
    damaged_by_link: set[str] = field(default_factory=set)
    """Sentences in which a page link may have replaced words."""
    refused: list[Refusal] = field(default_factory=list)
    awkward: list[int] = field(default_factory=list)
    """Indexes of sentences that read badly and were not repaired."""
    needs_source: list[int] = field(default_factory=list)
    """Indexes of sentences that cannot be repaired without the source text."""

    @property
    def text(self) -> str:
        """The article as plain text, with a blank line between paragraphs."""
        return "\n\n".join(" ".join(paragraph) for paragraph in self.paragraphs)

    @property
    def sentences(self) -> list[str]:
        """The sentences of all paragraphs, in order."""
        return [sentence for paragraph in self.paragraphs for sentence in paragraph]

    def apply_boundaries(self, settled: Sequence[SettledParagraph]) -> None:
        """Replace each paragraph with its settled form, and renumber the edits."""
        for edit in self.edits:
            settled[edit.paragraph].add_edit(edit)
        self.paragraphs, self.edits = [], []
        for paragraph in settled:
            start = len(self.paragraphs)
            self.edits += [
                edit.model_copy(update={"paragraph": edit.paragraph + start})
                for edit in paragraph.edits
            ]
            self.paragraphs += paragraph.paragraphs
            self.damaged_by_link |= paragraph.damaged_by_link

    def apply_repairs(self, repaired: Sequence[RepairedSentence]) -> None:
        """Replace each sentence with its repair; record edits, refusals and doubtful sentences.

        Args:
            repaired: one entry per sentence of the article, in order.
        """
        position = 0
        for number, paragraph in enumerate(self.paragraphs):
            for index, before in enumerate(paragraph):
                sentence = repaired[position]
                paragraph[index] = sentence.text
                self._note_repair(number, position, before, sentence)
                position += 1

    def _note_repair(
        self, paragraph: int, position: int, before: str, sentence: RepairedSentence
    ) -> None:
        needs_source = sentence.needs_source or before in self.damaged_by_link
        if sentence.accepted:
            self.edits.append(
                Edit(
                    paragraph=paragraph,
                    before=before,
                    after=sentence.text,
                    reason=Reason.MODEL_REWRITE,
                    changes=tuple(_word_changes(sentence)),
                )
            )
        elif sentence.awkward and not needs_source:
            self.awkward.append(position)
        if needs_source:
            self.needs_source.append(position)
        self.refused.extend(_refusals(before, sentence))


def _word_changes(sentence: RepairedSentence) -> Iterator[WordChange]:
    """Yield the accepted changes."""
    for decision in sentence.decisions:
        if decision.accepted:
            edits = decision.change.edits
            yield WordChange(
                kind=decision.change.kind,
                before=" ".join(word for edit in edits for word in edit.removed),
                after=" ".join(word for edit in edits for word in edit.added),
                scores=decision.scores,
            )


def _refusals(source: str, sentence: RepairedSentence) -> Iterator[Refusal]:
    """Yield a refusal of the whole proposal, if it was refused, and one for each refused change."""
    if sentence.reason is not None:
        yield Refusal(
            stage="repair",
            before=source,
            proposal=sentence.proposal,
            reason=sentence.reason,
            detail=sentence.detail,
        )
    for decision in sentence.decisions:
        if not decision.accepted:
            yield Refusal(
                stage="repair",
                before=source,
                proposal=decision.text,
                reason=decision.reason,
                detail=decision.detail,
                kind=decision.change.kind,
                scores=decision.scores,
            )
