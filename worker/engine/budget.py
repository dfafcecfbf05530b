"""Checks which prompts, with their answers, fit the engine's context window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import PromptTemplate
    from worker.engine.protocol import Engine, Generation, Prompt

__all__ = ["answer_if_fitting", "token_room"]


def token_room(engine: Engine, template: PromptTemplate) -> int:
    """Return how many tokens ``template`` leaves in the window for a text and its answer."""
    return engine.window - engine.prompt_tokens(template)


def answer_if_fitting(prompts: Sequence[Prompt], engine: Engine) -> list[Generation | None]:
    """Return an answer for each prompt that fits the window, and None for each that does not.

    A prompt fits if its template, text and answer budget together do; the budget also covers the
    draft. No text is truncated. If no prompt fits, the engine is not called.

    Raises:
        EngineError: the engine failed on the batch.
    """
    rooms = {template: token_room(engine, template) for template in {p.template for p in prompts}}
    sizes = engine.count_tokens([prompt.text for prompt in prompts])
    fitting = [
        size + prompt.max_tokens <= rooms[prompt.template]
        for prompt, size in zip(prompts, sizes, strict=True)
    ]
    sent = [prompt for prompt, fits in zip(prompts, fitting, strict=True) if fits]
    answers = iter(engine.generate(sent) if sent else ())
    return [next(answers) if fits else None for fits in fitting]
