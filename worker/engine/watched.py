"""An engine that is timed, counted and stopped between batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.engine.protocol import Generation, Prompt, no_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.config.profile import PromptTemplate
    from worker.engine.protocol import Engine

__all__ = [
    "WatchedEngine",
]


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
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
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
