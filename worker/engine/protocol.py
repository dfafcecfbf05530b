"""The engine protocol: prompts in, answers and likelihoods out.

Stages know only this protocol, never an implementation.
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
    """One request: an instruction, the text it applies to, and the answer's token budget."""

    template: PromptTemplate
    text: str
    max_tokens: int
    draft: str = ""
    """The expected answer, give or take a few words. An engine that can verify it reads it in one
    pass, writes only what differs, and returns its likelihood."""
    keep_bias_nats: float = 0.0
    """How much likelier than the drafted token another one must be to replace it: tau, per token,
    log P(best) - log P(draft). At 0 the answer is the plain greedy one."""
    state_layer: int | None = None
    """The layer after which to take the draft's mean hidden state; None for no state."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer."""

    text: str
    finished: bool
    """Whether the model ended the answer; False if the token budget cut it off."""
    tokens: int = 0
    """Tokens of the answer."""
    tokens_read: int = 0
    """Tokens of prompt and draft."""
    nats: tuple[float, ...] = ()
    """Negative log-likelihood of each token, including the end token; empty if unknown."""
    draft_nats: tuple[float, ...] = ()
    """The same for the draft, had it been the answer; empty without a draft or if unknown."""
    draft_state: tuple[float, ...] = ()
    """Mean hidden state of the draft's tokens after the requested layer, as wide as the model;
    empty if not requested, or if the engine has none."""


def no_checkpoint() -> None:
    """Do nothing: the checkpoint of work that nobody can stop."""


class Engine(Protocol):
    """A model that answers prompts greedily, so that the same input gives the same output."""

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """Return one answer per prompt, in the order of the prompts.

        Args:
            prompts: in any mix of templates.
            checkpoint: called before each batch of the model; what it raises ends the work.

        Raises:
            EngineError: the model fails.
        """

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load what prompts of these templates need, so that the first one does not wait."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Count the tokens that the template adds around a text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without a prompt around it."""
