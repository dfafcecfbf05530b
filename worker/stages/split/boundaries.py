"""Stage 2, steps 2 to 4: repairs sentence boundaries with the help of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.stages.split.doubled_words import remove_doubled_words
from worker.stages.split.false_breaks import join_false_breaks
from worker.stages.split.run_ons import SettledParagraph, split_run_ons

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["settle_boundaries"]


def settle_boundaries(
    paragraphs: Sequence[Sequence[str]],
    links: Sequence[Collection[str]],
    engine: Engine,
    profile: Profile,
) -> list[SettledParagraph]:
    """Join cut sentences, remove doubled words and split run-ons in each paragraph.

    Takes the same arguments and raises the same errors as ``split_run_ons``.
    """
    joined, join_edits = join_false_breaks(paragraphs, engine, profile)
    without_doubles, double_edits = remove_doubled_words(joined, engine, profile)
    settled = split_run_ons(without_doubles, links, engine, profile)
    for edit in (*join_edits, *double_edits):
        settled[edit.paragraph].add_edit(edit)
    return settled
