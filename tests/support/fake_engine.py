"""An engine without a model: deterministic, instant, and able to fail when it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from worker.config.profile import PromptTemplate
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.errors import EngineError

__all__ = ["AWKWARD_WORDS", "BREAKS", "FAILS", "FakeEngine", "FixedAnswerEngine"]

#: A text with this word makes the engine raise ``EngineError``, as a model out of memory does.
FAILS = "ENGINEFAILS"

#: A text with this word makes the engine raise ``RuntimeError``, as a fault of ours does.
BREAKS = "ENGINEBREAKS"

#: A sentence with one of these reads badly to the engine.
AWKWARD_WORDS = frozenset({"gargle", "comed"})

#: A sentence of up to 125 words with one awkward word is over 1 nat a token.
_PLAIN_NATS = 0.2
_AWKWARD_NATS = 100.0

#: What the engine makes of a summary prompt: so many sentences of its text.
_SUMMARY_SENTENCES = 2


@dataclass(slots=True)
class FakeEngine:
    """``worker.engine.Engine`` by rule: a token is a word between blanks.

    An answer that is longer than its prompt's budget is cut off there, as a model's is.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    """Source text → proposal. Default: the text itself."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Any piece of a summary prompt's text → summary. Default: the text's first two sentences."""
    surprisals: Mapping[str, float] = field(default_factory=dict)
    """Text → nats a token. Default: 0.2, and 100 more for each word of ``AWKWARD_WORDS``."""
    window: int = 2048
    calls: Counter[str] = field(default_factory=Counter)
    """How often the model was run, by method."""
    prompts: list[Prompt] = field(default_factory=list)
    """Every prompt that was answered, in order."""
    prepared: list[str] = field(default_factory=list)
    """Adapters of the templates that it was told of last."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        checkpoint()
        self.calls["generate"] += 1
        _fail_if_told(prompt.text for prompt in prompts)
        self.prompts += prompts
        return [self._generation(prompt) for prompt in prompts]

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        self.prepared = [template.adapter for template in templates]

    def prompt_tokens(self, template: PromptTemplate) -> int:
        parts = [template.instruction, *(part for pair in template.examples for part in pair)]
        return sum(self.count_tokens(parts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def _generation(self, prompt: Prompt) -> Generation:
        answer = _cut_off(self._answer(prompt), prompt.max_tokens)
        return replace(
            answer,
            tokens_read=len(prompt.text.split()),
            nats=self._nats(answer.text),
            draft_nats=self._nats(prompt.draft),
        )

    def _answer(self, prompt: Prompt) -> str:
        if "summar" not in prompt.template.instruction.lower():
            return self.answers.get(prompt.text, prompt.text)
        for piece, summary in self.summaries.items():
            if piece in prompt.text:
                return summary
        return ". ".join(prompt.text.split(". ")[:_SUMMARY_SENTENCES]).removesuffix(".") + "."

    def _nats(self, text: str) -> tuple[float, ...]:
        tokens = text.split()
        if text in self.surprisals:
            return (self.surprisals[text],) * len(tokens)
        awkward = sum(token.strip(".,") in AWKWARD_WORDS for token in tokens)
        share = _AWKWARD_NATS * awkward / len(tokens) if tokens else 0.0
        return (_PLAIN_NATS + share,) * len(tokens)


class FixedAnswerEngine(FakeEngine):
    """Answers every prompt alike."""

    def __init__(self, said: Generation) -> None:
        super().__init__()
        self.said = said

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        checkpoint()
        self.prompts += prompts
        return [self.said for _ in prompts]


def _fail_if_told(texts: Iterable[str]) -> None:
    for text in texts:
        if FAILS in text:
            raise EngineError("the fake engine was told to fail", hint="a hint")
        if BREAKS in text:
            raise RuntimeError("the fake engine was told to break")


def _cut_off(answer: str, max_tokens: int) -> Generation:
    tokens = answer.split()
    if len(tokens) <= max_tokens:
        return Generation(answer, finished=True, tokens=len(tokens))
    return Generation(" ".join(tokens[:max_tokens]), finished=False, tokens=max_tokens)
