"""The engine protocol: prompts in, answers and likelihoods out.

Stages know this protocol and nothing behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.config.profile import PromptTemplate

__all__ = [
    "Engine",
    "Generation",
    "Prompt",
    "no_checkpoint",
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request: what to do, the text it is about, and the answer's budget."""

    template: PromptTemplate
    text: str
    max_tokens: int
    draft: str = ""
    """What the answer is expected to be, but for a few words. An engine that can verify it reads
    it in one pass and writes only what differs, and says how likely it was."""
    keep_bias_nats: float = 0.0
    """The answer leaves the draft only where that is so much more likely than to go on with it
    (tau; log P(best) - log P(draft), per token). At 0 it is the plain greedy answer."""
    state_layer: int | None = None
    """Number of the layer behind which the draft's mean hidden state is wanted."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer."""

    text: str
    finished: bool
    """Whether the model ended by itself; ``False`` where the token budget cut it off."""
    tokens: int = 0
    """Tokens of the answer."""
    tokens_read: int = 0
    """Tokens of prompt and draft."""
    nats: tuple[float, ...] = ()
    """Minus the natural log of each token's probability, the one that ends the answer included;
    empty where the engine cannot say."""
    draft_nats: tuple[float, ...] = ()
    """The same of the draft, had it been the answer; empty without a draft, or where the engine
    cannot say."""
    draft_state: tuple[float, ...] = ()
    """The mean hidden state of the draft's tokens behind the layer that was asked for, as wide as
    the model; empty where none was, or the engine has none."""

    @property
    def gain_nats(self) -> float | None:
        """How much more likely the answer is than the draft; ``None`` where that is unknown."""
        if not (self.nats and self.draft_nats and self.finished):
            return None
        return sum(self.draft_nats) - sum(self.nats)


def no_checkpoint() -> None:
    """What is called between two batches where nobody may stop the work."""


class Engine(Protocol):
    """Batches in, answers in the same order out; greedy, so the same input gives the same output.

    ``generate`` raises ``EngineError`` when the model fails. ``checkpoint`` is called before each
    batch of the model; what it raises ends the work.
    """

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """One answer per prompt."""

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load now what prompts of these templates will need; the first of them waits no more."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any prompt around it."""
