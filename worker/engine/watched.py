"""An engine wrapper that counts tokens and seconds, and can stop work between batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.engine.protocol import Generation, Prompt, no_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.config.profile import PromptTemplate
    from worker.engine.protocol import Engine

__all__ = ["WatchedEngine"]


class WatchedEngine:
    """Counts an engine's tokens and seconds, and calls its own checkpoint before each batch."""

    def __init__(self, engine: Engine, checkpoint: Callable[[], None]) -> None:
        self._engine, self._checkpoint = engine, checkpoint
        self.tokens_read = 0
        self.tokens_written = 0
        self.seconds = 0.0

    @property
    def window(self) -> int:
        """Maximum number of tokens in a prompt and its answer together."""
        return self._engine.window

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """Return the answers and count; the wrapper's checkpoint replaces the caller's."""
        del checkpoint
        start = time.perf_counter()
        try:
            answers = self._engine.generate(prompts, self._checkpoint)
        finally:
            self.seconds += time.perf_counter() - start
        self.tokens_read += sum(answer.tokens_read for answer in answers)
        self.tokens_written += sum(answer.tokens for answer in answers)
        return answers

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load what prompts of these templates need."""
        self._engine.prepare(templates)

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Return the number of tokens that the template adds around a text."""
        return self._engine.prompt_tokens(template)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens in each text, without a prompt around it."""
        return self._engine.count_tokens(texts)
