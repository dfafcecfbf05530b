"""The engine protocol: prompts in, answers and likelihoods out.

Stages depend on this protocol, never on an implementation.
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
    """The expected answer, give or take a few words. An engine that can verify a draft reads it in
    one pass, generates only what differs, and returns the draft's likelihood."""
    keep_bias_nats: float = 0.0
    """How much more likely than the drafted token another token must be to replace it: log P(best)
    - log P(draft), per token. At 0 the answer is the plain greedy one."""
    state_layer: int | None = None
    """The layer after which to take the draft's mean hidden state, or None for no state."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer."""

    text: str
    finished: bool
    """Whether the model ended the answer; False if the token budget cut the answer off."""
    tokens: int = 0
    """Number of tokens in the answer."""
    tokens_read: int = 0
    """Number of tokens in the prompt and the draft."""
    nats: tuple[float, ...] = ()
    """Negative log-likelihood of each answer token, including the end token; empty if unknown."""
    draft_nats: tuple[float, ...] = ()
    """Negative log-likelihood of each draft token; empty if there is no draft or it is unknown."""
    draft_state: tuple[float, ...] = ()
    """Mean hidden state of the draft tokens after the requested layer, one value per hidden unit;
    empty if not requested or not available from the engine."""


def no_checkpoint() -> None:
    """Do nothing; the default checkpoint, for work that nobody can stop."""


class Engine(Protocol):
    """A model that answers prompts greedily, so that the same input gives the same output."""

    @property
    def window(self) -> int:
        """Maximum number of tokens in a prompt and its answer together."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """Return one answer per prompt, in the order of the prompts.

        Args:
            prompts: in any mix of templates.
            checkpoint: called before each batch; an exception that it raises ends the work.

        Raises:
            EngineError: the model fails.
        """

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load what prompts of these templates need, so that the first prompt does not wait."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Return the number of tokens that the template adds around a text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens in each text, without a prompt around it."""
