"""Compare the engine with other ways to run the same model, in one run on one machine.

    python -m tests.bench.engine --sentences FILE --articles FILE [--count N] [--plain-count N]

The task is repair: sentences of FILE (rows with ``source``), sampled by a fixed seed, with the
profile's prompt, adapter and budgets. Each side runs in its own process, which gives it its own
peak of memory; loading is not timed. The sides without batches answer only the first sentences.

    tokens_per_s    tokens of all answers, including end tokens, over the time for all of them
    equal_to_plain  share of answers equal to those of one ``generate`` per sentence
    limit           one forward pass over prompt, source and answer, padded to the longest of the
                    batch: the bound for any decoding that writes nothing token by token
    paragraphs      one prompt per paragraph of FILE's articles (rows with ``text``), one by one

Only the ratios carry over to other machines. A table goes to stderr, one JSON line to stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.documents.reader import read_documents
from tests.bench.side import SIDES, forward_only, open_side
from tests.support.plain_engine import PlainEngine
from worker.config.profile import Profile
from worker.config.settings import Settings, load_profile, load_settings
from worker.engine.local import LocalEngine
from worker.engine.protocol import Engine, Prompt
from worker.evaluation.rows import read_repair_rows
from worker.records.article import Article

__all__ = ["repair_prompts", "sample_sentences"]

#: Sides without batches, which are so slow that they answer only the first prompts.
_ONE_BY_ONE = ("plain", "prompt_lookup", "paragraphs")

#: Batch sizes of the forward pass; the fastest one gives the limit.
_LIMIT_BATCHES = (8, 16, 32)

#: Tokens added to an answer's budget, as in worker/stages/repair/repair.py.
_SPARE_TOKENS = 8


def main() -> None:
    """Measure all sides, each in a child process, or one side as that child."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", allow_abbrev=False)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--plain-count", type=int, default=64)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        sys.stdout.write(json.dumps(_measure(arguments.only, arguments)) + "\n")
        return
    measurements = {name: _measure_in_child(name) for name in (*SIDES, "paragraphs", "limit")}
    sys.stdout.write(json.dumps(_figures(measurements)) + "\n")


def _measure_in_child(name: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.engine", *sys.argv[1:]]
    child = subprocess.run(
        [*command, "--only", name],
        check=False,
        capture_output=True,
        text=True,
    )
    if child.returncode:
        # Report a side that this machine cannot run, and go on without it.
        why = (child.stderr.strip().splitlines() or [""])[-1]
        sys.stderr.write(f"{name:16} failed: {why}\n")
        return {"failed": why}
    figures: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    sys.stderr.write(
        f"{name:16} {figures['tokens_per_s']:8.1f} tokens/s  {figures['peak_rss_mb']:6.0f} MB\n"
    )
    return figures


def _measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    settings = load_settings()
    profile = load_profile(settings)
    count = arguments.plain_count if name in _ONE_BY_ONE else arguments.count
    if name == "paragraphs":
        texts = _paragraphs(arguments.articles, count)
    else:
        texts = sample_sentences(arguments.sentences, arguments.count)[:count]
    plain = PlainEngine(profile.model, settings) if name == "limit" else None
    engine = plain or _open(name, profile, settings)
    prompts = repair_prompts(texts, engine, profile, biased=name == "ours_careful")
    if plain:
        return _limit(plain, prompts, settings, profile)
    if not name.startswith("ours"):
        # The other sides cannot use a draft, and would spend time on its likelihood.
        prompts = [replace(prompt, draft="") for prompt in prompts]
    engine.generate(prompts[:2])
    start = time.perf_counter()
    answers = engine.generate(prompts)
    seconds = time.perf_counter() - start
    return {
        "tokens_per_s": sum(answer.tokens for answer in answers) / seconds,
        "tokens": sum(answer.tokens for answer in answers),
        "seconds": seconds,
        "peak_rss_mb": _peak_rss_mb(),
        "answers": [answer.text for answer in answers],
    }


def _open(name: str, profile: Profile, settings: Settings) -> Engine:
    adapter = profile.prompts[profile.repair.prompt].adapter
    return open_side("plain" if name == "paragraphs" else name, profile.model, settings, adapter)


def _limit(
    plain: PlainEngine, prompts: list[Prompt], settings: Settings, profile: Profile
) -> dict[str, Any]:
    answers = LocalEngine(profile.model, settings).generate(prompts)
    tokens = sum(answer.tokens for answer in answers)
    best = float("inf")
    for batch in _LIMIT_BATCHES:
        forward_only(plain, prompts[:batch], answers[:batch], batch)
        start = time.perf_counter()
        forward_only(plain, prompts, answers, batch)
        best = min(best, time.perf_counter() - start)
    prompt_tokens = sum(len(plain.encode(prompt)[0]) for prompt in prompts)
    return {
        "tokens_per_s": tokens / best,
        "tokens": tokens,
        "tokens_passed": prompt_tokens + tokens,
        "seconds": best,
        "peak_rss_mb": _peak_rss_mb(),
    }


def repair_prompts(
    texts: list[str], engine: Engine, profile: Profile, *, biased: bool
) -> list[Prompt]:
    """Build the pipeline's repair prompt for each text, with or without the keep-bias."""
    template, settings = profile.prompts[profile.repair.prompt], profile.repair
    sizes = engine.count_tokens(texts)
    return [
        Prompt(
            template,
            text,
            int(size * settings.max_growth) + _SPARE_TOKENS,
            draft=text,
            keep_bias_nats=settings.keep_bias_nats if biased else 0.0,
        )
        for text, size in zip(texts, sizes, strict=True)
    ]


def sample_sentences(file: Path, count: int) -> list[str]:
    """Sample sources of ``file``, the same on each call."""
    sources = [row.source for row in read_repair_rows(file, None)]
    return random.Random(1).sample(sources, min(count, len(sources)))  # noqa: S311


def _paragraphs(file: Path, count: int) -> list[str]:
    documents = read_documents([str(file)], max_chars=load_settings().max_article_chars)
    lines = (
        line
        for article in documents
        if isinstance(article, Article)
        for line in article.text.splitlines()
    )
    return [line for line, _ in zip(lines, range(count), strict=False)]


def _figures(measurements: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Compute each side's ratios to the sides that the engine has to beat."""
    best_static = max(
        measured.get("tokens_per_s", 0.0)
        for name, measured in measurements.items()
        if "static" in name
    )
    plain = measurements["plain"]["tokens_per_s"]
    limit = measurements["limit"]["tokens_per_s"]
    references = measurements["plain"]["answers"]
    rows = {}
    for name, measured in measurements.items():
        if "failed" in measured:
            rows[name] = measured
            continue
        speed = measured["tokens_per_s"]
        rows[name] = {
            "tokens_per_s": round(speed, 1),
            "to_best_static": round(speed / best_static, 2),
            "to_plain": round(speed / plain, 2),
            "share_of_limit": round(speed / limit, 3),
            "peak_rss_mb": round(measured["peak_rss_mb"]),
        }
        if "answers" in measured and name != "paragraphs":
            pairs = zip(measured["answers"], references, strict=False)
            rows[name]["equal_to_plain"] = round(sum(a == b for a, b in pairs) / len(references), 4)
    return rows


def _peak_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
