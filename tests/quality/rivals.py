"""Compare repair with other ways to correct a sentence, on the same rows.

    python -m tests.quality.rivals ROWS.jsonl[.gz] [--limit N]

    nothing   the sentences as they are
    harper    a rule-based checker (harper-py): the first suggestion of each finding
    base      the default model, asked to repair, with no adapter and no check
    adapter   the shipped adapter's greedy answer, with no check
    careful   the default profile
    bold      the profile of that name

Prints one JSON line for each, with the keys of ``copydesk evaluate repair``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from worker.config.profile import PromptTemplate
from worker.config.settings import load_profile, load_settings
from worker.engine.opening import open_engine
from worker.engine.protocol import Engine, Prompt
from worker.evaluation.repair import evaluate_repair
from worker.evaluation.rows import read_repair_rows
from worker.pipeline import repair_texts

__all__: list[str] = []

Repair = Callable[[Sequence[str]], Sequence[str]]

#: Limit of a free answer: tokens for each token of its sentence, and spare ones.
_GROWTH, _SPARE_TOKENS = 1.5, 16


def main() -> None:
    """Measure each way and print its line."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.rivals", allow_abbrev=False)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    rows = read_repair_rows(arguments.rows, arguments.limit)
    for name, repair in _rivals():
        figures = evaluate_repair(rows, repair).model_dump()
        sys.stdout.write(json.dumps({"way": name, **figures}) + "\n")
        sys.stdout.flush()


def _rivals() -> Iterator[tuple[str, Repair]]:
    yield "nothing", lambda texts: texts
    yield "harper", _harper()
    careful = load_profile(settings := load_settings(profile="small"))
    engine = open_engine(careful.model, settings)
    hub = load_profile(load_settings(profile="hub"))
    yield "base", partial(_answer_freely, engine, hub.prompts[hub.repair.prompt])
    yield "adapter", partial(_answer_freely, engine, careful.prompts[careful.repair.prompt])
    yield "careful", partial(repair_texts, engine=engine, profile=careful)
    bold = load_profile(load_settings(profile="small", restraint="bold"))
    yield "bold", partial(repair_texts, engine=engine, profile=bold)


def _harper() -> Repair:
    from harper import Linter  # noqa: PLC0415 - only this needs it

    linter = Linter()

    def correct(text: str) -> str:
        # From the end, so that the spans of earlier findings stay valid.
        for lint in sorted(linter.lint(text), key=lambda lint: -lint.span.start):
            if lint.suggestions:
                text = linter.apply_suggestion(text, lint, lint.suggestions[0])
        return text

    return lambda texts: [correct(text) for text in texts]


def _answer_freely(engine: Engine, template: PromptTemplate, texts: Sequence[str]) -> list[str]:
    """Return the model's unchecked answers; an empty one leaves the sentence."""
    sizes = engine.count_tokens(texts)
    prompts = [
        Prompt(template, text, int(size * _GROWTH) + _SPARE_TOKENS, draft=text)
        for text, size in zip(texts, sizes, strict=True)
    ]
    answers = engine.generate(prompts)
    return [
        " ".join(answer.text.split()) or text for answer, text in zip(answers, texts, strict=True)
    ]


if __name__ == "__main__":
    main()
