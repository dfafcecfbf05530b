"""How well a text reads, by a model that was never trained on repairs and sees nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engine.protocol import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["text_nats"]


def text_nats(texts: Iterable[str], engine: Engine, profile: Profile) -> dict[str, float]:
    """Minus the log of each text's probability, as a text of news; lower reads better.

    Empty where the profile names no prompt for it, or its engine cannot say. Only the difference
    between two wordings of the same text means anything.
    """
    name = profile.repair.fluency_prompt
    wanted = list(dict.fromkeys(texts))
    if not name or not wanted:
        return {}
    template = profile.prompts[name]
    read = engine.generate([Prompt(template, "", 1, draft=text) for text in wanted])
    return {
        text: sum(found.draft_nats)
        for text, found in zip(wanted, read, strict=True)
        if found.draft_nats
    }
