"""Stage 2 behind the split: what the engine is asked about where sentences begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.doubling import drop_doubles
from worker.joining import join_sentences
from worker.parting import Parted, part_sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.engine import Engine
    from worker.profile import Profile

__all__ = ["settle_paragraphs"]


def settle_paragraphs(
    paragraphs: Sequence[Sequence[str]],
    links: Sequence[Collection[str]],
    engine: Engine,
    profile: Profile,
) -> list[Parted]:
    """Each paragraph with cut sentences joined, doubled words taken once, run-in ones parted.

    Args:
        paragraphs: the sentences of each.
        links: for each, the links of its page as of ``link_texts``.
        engine: says how likely a text is.
        profile: with the prompt for it.

    Raises:
        EngineError: the engine failed.
    """
    joined, breaks = join_sentences(paragraphs, engine, profile)
    once, doubles = drop_doubles(joined, engine, profile)
    parted = part_sentences(once, links, engine, profile)
    for edit in (*breaks, *doubles):
        parted[edit.paragraph].take(edit)
    return parted
