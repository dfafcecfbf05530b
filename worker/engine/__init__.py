"""The engine protocol: what turns prompts into text and says how likely a text is.

Stages know this protocol and nothing behind it; ``open_engine`` is the one place that
picks an implementation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings

__all__ = ["Engine", "Generation", "Prompt", "WatchedEngine", "go_on", "open_engine"]


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


def go_on() -> None:
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
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        """One answer per prompt."""

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load now what prompts of these templates will need; the first of them waits no more."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any prompt around it."""


class WatchedEngine:
    """An engine whose batches pass a checkpoint, and whose tokens and seconds are counted."""

    def __init__(self, engine: Engine, checkpoint: Callable[[], None]) -> None:
        self._engine, self._checkpoint = engine, checkpoint
        self.tokens_read = 0
        self.tokens_written = 0
        self.seconds = 0.0

    @property
    def window(self) -> int:
        """As the engine's own."""
        return self._engine.window

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        """As the engine's own; the watch's checkpoint takes the place of any other."""
        del checkpoint
        start = time.perf_counter()
        try:
            written = self._engine.generate(prompts, self._checkpoint)
        finally:
            self.seconds += time.perf_counter() - start
        self.tokens_read += sum(answer.tokens_read for answer in written)
        self.tokens_written += sum(answer.tokens for answer in written)
        return written

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """As the engine's own."""
        self._engine.prepare(templates)

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
    if model.kind == "server":
        from worker.engine.server import ServerEngine  # noqa: PLC0415

        return ServerEngine(model, settings)
    from worker.engine.local import LocalEngine  # noqa: PLC0415

    return LocalEngine(model, settings)
