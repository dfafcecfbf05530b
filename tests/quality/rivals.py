"""Repair beside other ways to mend a sentence, on the same rows.

    python -m tests.quality.rivals ROWS.jsonl[.gz] [--limit N]

    nothing   the sentences as they are
    harper    a checker by rules (harper-py): of each finding the first suggestion
    base      the embedded model, asked to repair, with no adapter and no check
    adapter   the shipped adapter's greedy answer, with no check
    careful   the default profile
    bold      the profile of that name

Prints one JSON line each, the keys of ``copydesk evaluate repair``.
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

Mend = Callable[[Sequence[str]], Sequence[str]]

#: Tokens of a free answer for each token of its sentence, and beyond.
_GROWTH, _SPARE_TOKENS = 1.5, 16


def main() -> None:
    """Measure each, and print its line."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.rivals", allow_abbrev=False)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--limit", type=int)
    said = parser.parse_args()
    rows = read_repair_rows(said.rows, said.limit)
    for name, mend in _rivals():
        found = evaluate_repair(rows, mend).model_dump()
        sys.stdout.write(json.dumps({"way": name, **found}) + "\n")
        sys.stdout.flush()


def _rivals() -> Iterator[tuple[str, Mend]]:
    yield "nothing", lambda texts: texts
    yield "harper", _harper()
    careful = load_profile(settings := load_settings())
    engine = open_engine(careful.model, settings)
    hub = load_profile(load_settings(profile="hub"))
    yield "base", partial(_free, engine, hub.prompts[hub.repair.prompt])
    yield "adapter", partial(_free, engine, careful.prompts[careful.repair.prompt])
    yield "careful", partial(repair_texts, engine=engine, profile=careful)
    bold = load_profile(load_settings(profile="bold"))
    yield "bold", partial(repair_texts, engine=engine, profile=bold)


def _harper() -> Mend:
    from harper import Linter  # noqa: PLC0415 - only this needs it

    linter = Linter()

    def mend(text: str) -> str:
        # From the end, so that what stands before stays where it is.
        for lint in sorted(linter.lint(text), key=lambda lint: -lint.span.start):
            if lint.suggestions:
                text = linter.apply_suggestion(text, lint, lint.suggestions[0])
        return text

    return lambda texts: [mend(text) for text in texts]


def _free(engine: Engine, template: PromptTemplate, texts: Sequence[str]) -> list[str]:
    """The model's own words, whatever they are; an empty answer leaves the sentence."""
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
