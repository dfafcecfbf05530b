"""The engine protocol: what turns prompts into text and says how likely a text is.

Stages know this protocol and nothing behind it; ``open_engine`` is the one place that
picks an implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.settings import ModelSettings, PromptTemplate, Settings

__all__ = ["Engine", "Generation", "Prompt", "Surprisal", "WatchedEngine", "go_on", "open_engine"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request: what to do, the text it is about, and the answer's budget."""

    template: PromptTemplate
    text: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer."""

    text: str
    finished: bool
    """Whether the model ended by itself; ``False`` where the token budget cut it off."""
    tokens: int = 0
    """Tokens that were written."""


@dataclass(frozen=True, slots=True)
class Surprisal:
    """How unexpected a text is to the model."""

    total_nats: float
    """Minus the natural log of the text's probability."""
    tokens: int

    @property
    def mean_nats(self) -> float:
        """Per token; 0 for an empty text."""
        return self.total_nats / self.tokens if self.tokens else 0.0


def go_on() -> None:
    """What is called between two batches where nobody may stop the work."""


class Engine(Protocol):
    """Batches in, answers in the same order out; greedy, so the same input gives the same output.

    Every method raises ``EngineError`` when the model fails. ``checkpoint`` is called before each
    batch of the model; what it raises ends the work.
    """

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        """One answer per prompt."""

    def surprisal(
        self, texts: Sequence[str], checkpoint: Callable[[], None] = go_on
    ) -> list[Surprisal]:
        """One figure per text."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any prompt around it."""


class WatchedEngine:
    """An engine whose batches pass a checkpoint, and whose tokens are counted."""

    def __init__(self, engine: Engine, checkpoint: Callable[[], None]) -> None:
        self._engine, self._checkpoint = engine, checkpoint
        self.tokens_read = 0
        self.tokens_written = 0

    @property
    def window(self) -> int:
        """As the engine's own."""
        return self._engine.window

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        """As the engine's own; the watch's checkpoint takes the place of any other."""
        del checkpoint
        written = self._engine.generate(prompts, self._checkpoint)
        self.tokens_written += sum(answer.tokens for answer in written)
        return written

    def surprisal(
        self, texts: Sequence[str], checkpoint: Callable[[], None] = go_on
    ) -> list[Surprisal]:
        """As the engine's own; the watch's checkpoint takes the place of any other."""
        del checkpoint
        read = self._engine.surprisal(texts, self._checkpoint)
        self.tokens_read += sum(one.tokens for one in read)
        return read

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """As the engine's own."""
        return self._engine.prompt_tokens(template)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the engine's own."""
        return self._engine.count_tokens(texts)


def open_engine(model: ModelSettings, settings: Settings) -> Engine:
    """The engine that ``model`` names, loaded and ready.

    Raises:
        ModelMissingError: the weights are not on this machine.
        EngineError: they are, and cannot be loaded.
    """
    # Imported here: torch takes seconds, and only a worker's child or an evaluation needs it.
    from worker.engine.local import LocalEngine  # noqa: PLC0415

    return LocalEngine(model, settings)
