"""Scores how well texts read, using the base model, which was never trained on repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engine.protocol import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["text_nats"]


def text_nats(texts: Iterable[str], engine: Engine, profile: Profile) -> dict[str, float]:
    """Return each text's negative log-likelihood as news; the lower, the better the text reads.

    Only differences between two wordings of the same text are meaningful. The result is empty if
    the profile names no fluency prompt or the engine returns no likelihoods.
    """
    name = profile.repair.fluency_prompt
    unique = list(dict.fromkeys(texts))
    if not name or not unique:
        return {}
    template = profile.prompts[name]
    readings = engine.generate([Prompt(template, "", 1, draft=text) for text in unique])
    return {
        text: sum(reading.draft_nats)
        for text, reading in zip(unique, readings, strict=True)
        if reading.draft_nats
    }
