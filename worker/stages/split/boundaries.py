"""Stage 2 behind the split: what the engine is asked about where sentences begin and end."""

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
    """Each paragraph with cut sentences joined, doubled words taken once, run-in ones parted.

    What it is given, and raises, is as of ``split_run_ons``.
    """
    joined, breaks = join_false_breaks(paragraphs, engine, profile)
    once, doubles = remove_doubled_words(joined, engine, profile)
    parted = split_run_ons(once, links, engine, profile)
    for edit in (*breaks, *doubles):
        parted[edit.paragraph].take(edit)
    return parted
