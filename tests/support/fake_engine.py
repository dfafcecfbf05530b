"""An engine without a model: deterministic, instant, and able to fail on request."""

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

#: A text with this word makes the engine raise ``RuntimeError``, as a bug does.
BREAKS = "ENGINEBREAKS"

#: Words that make a sentence read badly to the engine.
AWKWARD_WORDS = frozenset({"gargle", "comed"})

#: With these, a sentence of up to 125 words with one awkward word has over 1 nat per token.
_PLAIN_NATS = 0.2
_AWKWARD_NATS = 100.0

#: Sentences of the text that the engine returns for a summary prompt.
_SUMMARY_SENTENCES = 2


@dataclass(slots=True)
class FakeEngine:
    """An engine by rule, whose tokens are words between blanks.

    An answer longer than its prompt's budget is cut off there, as a model's is.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    """Source text → proposal. Default: the text itself."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Part of a summary prompt's text → summary. Default: the text's first two sentences."""
    surprisals: Mapping[str, float] = field(default_factory=dict)
    """Text → nats per token. Default: 0.2, and 100 more per text for each awkward word."""
    window: int = 2048
    calls: Counter[str] = field(default_factory=Counter)
    """Number of calls by method."""
    prompts: list[Prompt] = field(default_factory=list)
    """Every answered prompt, in order."""
    prepared: list[str] = field(default_factory=list)
    """Adapters of the templates of the last ``prepare``."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        checkpoint()
        self.calls["generate"] += 1
        _fail_on_request(prompt.text for prompt in prompts)
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
        for part, summary in self.summaries.items():
            if part in prompt.text:
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
    """Gives every prompt the same answer."""

    def __init__(self, answer: Generation) -> None:
        super().__init__()
        self.answer = answer

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        checkpoint()
        self.prompts += prompts
        return [self.answer for _ in prompts]


def _fail_on_request(texts: Iterable[str]) -> None:
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
