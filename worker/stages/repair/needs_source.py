"""Stage 3, estimate: finds sentences that cannot be repaired without the source text.

This is quality estimation without a reference or a source. A linear regression maps the model's
hidden state, read while the sentence is its own repair, to the share of words that people with the
source changed (HTER, the human edit rate in WMT's quality estimation tasks). The estimate needs no
extra pass. Two patterns supplement it: page text that ran into the sentence, and the same word on
both sides of *and* or *or*.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from worker.config.weights import estimator_file
from worker.engine.protocol import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["Estimator", "estimate_edit_rates", "load_estimator", "needs_source"]

#: A clause that begins with a capital in mid-sentence, after a heading, link or keyword. Found in 9
#: of 41,415 sentences of clean news (six are titles of works) and in 16 of 23,377 sentences of
#: machine-translated news (each is a heading that ran in).
_RUN_IN = (
    re.compile(
        r"(?<=[\w%\u2019'])(?<!\b[A-Z]) (?:According|Although|As|Because|Despite|During|Following"
        r"|However|If|Meanwhile|Moreover|Since|When|While)(?= [a-z])"
    ),
    re.compile(
        r"\b[A-Z][\w\u2019'-]*[a-z] [A-Z][a-z]+ing"
        r"(?= (?:a|an|the|its|his|her|their|towards?|into)\b)"
    ),
)

#: Two source words translated by the same word ("weakness and weakness"), except in set phrases and
#: comparatives. Found in 12 of 41,415 sentences of clean news and in 92 of 21,576 sentences of
#: machine-translated news.
_SAME_TWICE = re.compile(
    r"(?<![\w'\u2019-])"
    r"(?!(?:again|around|by|days|dozens|down|half|hours|hundreds|less|little|miles|millions|months"
    r"|more|neck|on|one|out|over|pages|round|side|so|such|thousands|through|time|two|up|weeks"
    r"|years) )"
    r"([a-z]{3,})(?<!er) (?:and|or) \1(?![\w'\u2019-])"
)


class Estimator(BaseModel):
    """A regression from a hidden state to an edit rate."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    layer: int
    """The layer whose output is the hidden state."""
    intercept: float
    weights: tuple[float, ...]
    """One weight per dimension of the hidden state."""
    needs_source_from: float
    """Minimum estimated edit rate of a flagged sentence."""

    def edit_rate(self, state: Sequence[float]) -> float | None:
        """Return the share of words that a person with the source would change (about 0-1).

        Return ``None`` without a state.
        """
        if not state:
            return None
        terms = zip(self.weights, state, strict=True)
        return self.intercept + sum(weight * value for weight, value in terms)


@lru_cache(maxsize=4)
def load_estimator(adapter: str) -> Estimator | None:
    """Return the estimator fitted on the states of ``adapter``, or ``None`` if it has none."""
    path = estimator_file(adapter) if adapter else None
    if path is None or not path.is_file():
        return None
    return Estimator(**json.loads(path.read_text(encoding="utf-8")))


def needs_source(sentence: str, edit_rate: float | None, estimator: Estimator | None) -> bool:
    """Return whether the sentence cannot be understood without the source text."""
    if any(pattern.search(sentence) for pattern in (*_RUN_IN, _SAME_TWICE)):
        return True
    return (
        estimator is not None and edit_rate is not None and edit_rate >= estimator.needs_source_from
    )


def estimate_edit_rates(
    sentences: Sequence[str], engine: Engine, profile: Profile
) -> list[float] | None:
    """Return each sentence's estimated edit rate; ``None`` without an estimator or states.

    Raises:
        EngineError: the engine failed on the batch.
    """
    template = profile.prompts[profile.repair.prompt]
    estimator = load_estimator(template.adapter)
    if estimator is None:
        return None
    prompts = [
        Prompt(template, sentence, 1, draft=sentence, state_layer=estimator.layer)
        for sentence in sentences
    ]
    rates = [estimator.edit_rate(answer.draft_state) for answer in engine.generate(prompts)]
    return None if None in rates else [rate or 0.0 for rate in rates]
