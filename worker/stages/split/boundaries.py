"""Stage 2 behind the split: what the engine is asked about where sentences begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.stages.split.doubled_words import drop_doubles
from worker.stages.split.false_breaks import join_sentences
from worker.stages.split.run_ons import Parted, part_sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["settle_paragraphs"]


def settle_paragraphs(
    paragraphs: Sequence[Sequence[str]],
    links: Sequence[Collection[str]],
    engine: Engine,
    profile: Profile,
) -> list[Parted]:
    """Each paragraph with cut sentences joined, doubled words taken once, run-in ones parted.

    What it is given, and raises, is as of ``part_sentences``.
    """
    joined, breaks = join_sentences(paragraphs, engine, profile)
    once, doubles = drop_doubles(joined, engine, profile)
    parted = part_sentences(once, links, engine, profile)
    for edit in (*breaks, *doubles):
        parted[edit.paragraph].take(edit)
    return parted
