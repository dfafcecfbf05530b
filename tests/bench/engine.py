"""The engine against other ways to run the same model, in one run on one machine.

    python -m tests.bench.engine --sentences FILE --articles FILE [--count N] [--plain-count N]

Repair: the sentences of FILE (rows with ``source``), sampled by a fixed seed, with the profile's
prompt, adapter and budgets. Each side is a process of its own, so that each has its own peak of
memory; loading is not timed. The one-by-one sides answer only the first of the sentences.

    tokens_per_s    tokens of the answers, their ends included, over the time for all of them
    equal_to_plain  answers equal to those of one ``generate`` a sentence
    limit           one forward pass over prompt, source and answer, padded to the longest of its
                    batch: what any way of decoding comes down to that writes nothing token by token
    paragraphs      one prompt a paragraph of FILE's articles (rows with ``text``), one by one

Only ratios mean something elsewhere. A table goes to stderr, one JSON line to stdout.
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

#: Sides that answer one prompt at a time, and only the first of them, for they take so long.
_ONE_BY_ONE = ("plain", "prompt_lookup", "paragraphs")

#: Prompts of one forward pass where its limit is measured; the best of these counts.
_LIMIT_BATCHES = (8, 16, 32)

#: As the pipeline reckons an answer's budget (worker/stages/repair/repair.py).
_SPARE_TOKENS = 8


def main() -> None:
    """Measure all sides, or, as a child, one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", allow_abbrev=False)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--plain-count", type=int, default=64)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.only:
        sys.stdout.write(json.dumps(_measure(said.only, said)) + "\n")
        return
    found = {name: _in_a_child(name) for name in (*SIDES, "paragraphs", "limit")}
    sys.stdout.write(json.dumps(_figures(found)) + "\n")


def _in_a_child(name: str) -> dict[str, Any]:
    call = [sys.executable, "-W", "ignore", "-m", "tests.bench.engine", *sys.argv[1:]]
    child = subprocess.run(
        [*call, "--only", name],
        check=False,
        capture_output=True,
        text=True,
    )
    if child.returncode:
        # A side that this machine cannot run is said so, and is no figure.
        why = (child.stderr.strip().splitlines() or [""])[-1]
        sys.stderr.write(f"{name:16} failed: {why}\n")
        return {"failed": why}
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    sys.stderr.write(
        f"{name:16} {found['tokens_per_s']:8.1f} tokens/s  {found['peak_rss_mb']:6.0f} MB\n"
    )
    return found


def _measure(name: str, said: argparse.Namespace) -> dict[str, Any]:
    settings = load_settings()
    profile = load_profile(settings)
    count = said.plain_count if name in _ONE_BY_ONE else said.count
    if name == "paragraphs":
        texts = _paragraphs(said.articles, count)
    else:
        texts = sample_sentences(said.sentences, said.count)[:count]
    plain = PlainEngine(profile.model, settings) if name == "limit" else None
    engine = plain or _open(name, profile, settings)
    prompts = repair_prompts(texts, engine, profile, biased=name == "ours_careful")
    if plain:
        return _limit(plain, prompts, settings, profile)
    if not name.startswith("ours"):
        # They cannot use a draft, and would only spend time to say how likely it was.
        prompts = [replace(prompt, draft="") for prompt in prompts]
    engine.generate(prompts[:2])
    start = time.perf_counter()
    answers = engine.generate(prompts)
    seconds = time.perf_counter() - start
    return {
        "tokens_per_s": sum(one.tokens for one in answers) / seconds,
        "tokens": sum(one.tokens for one in answers),
        "seconds": seconds,
        "peak_rss_mb": _peak_rss_mb(),
        "answers": [one.text for one in answers],
    }


def _open(name: str, profile: Profile, settings: Settings) -> Engine:
    adapter = profile.prompts[profile.repair.prompt].adapter
    return open_side("plain" if name == "paragraphs" else name, profile.model, settings, adapter)


def _limit(
    plain: PlainEngine, prompts: list[Prompt], settings: Settings, profile: Profile
) -> dict[str, Any]:
    answers = LocalEngine(profile.model, settings).generate(prompts)
    tokens = sum(one.tokens for one in answers)
    best = float("inf")
    for batch in _LIMIT_BATCHES:
        forward_only(plain, prompts[:batch], answers[:batch], batch)
        start = time.perf_counter()
        forward_only(plain, prompts, answers, batch)
        best = min(best, time.perf_counter() - start)
    read = sum(len(plain.encode(prompt)[0]) for prompt in prompts)
    return {
        "tokens_per_s": tokens / best,
        "tokens": tokens,
        "tokens_passed": read + tokens,
        "seconds": best,
        "peak_rss_mb": _peak_rss_mb(),
    }


def repair_prompts(
    texts: list[str], engine: Engine, profile: Profile, *, biased: bool
) -> list[Prompt]:
    """What the pipeline would ask for each text, with the profile's keep-bias or with none."""
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
    """Sources of ``file``, the same at each call."""
    sources = [row.source for row in read_repair_rows(file, None)]
    return random.Random(1).sample(sources, min(count, len(sources)))  # noqa: S311


def _paragraphs(file: Path, count: int) -> list[str]:
    found = read_documents([str(file)], max_chars=load_settings().max_article_chars)
    lines = (
        line
        for article in found
        if isinstance(article, Article)
        for line in article.text.splitlines()
    )
    return [line for line, _ in zip(lines, range(count), strict=False)]


def _figures(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One row a side, with its ratios to what the engine has to beat."""
    best_static = max(found[name].get("tokens_per_s", 0.0) for name in found if "static" in name)
    plain, limit = found["plain"]["tokens_per_s"], found["limit"]["tokens_per_s"]
    wanted = found["plain"]["answers"]
    rows = {}
    for name, one in found.items():
        if "failed" in one:
            rows[name] = one
            continue
        speed = one["tokens_per_s"]
        rows[name] = {
            "tokens_per_s": round(speed, 1),
            "to_best_static": round(speed / best_static, 2),
            "to_plain": round(speed / plain, 2),
            "share_of_limit": round(speed / limit, 3),
            "peak_rss_mb": round(one["peak_rss_mb"]),
        }
        if "answers" in one and name != "paragraphs":
            pairs = zip(one["answers"], wanted, strict=False)
            rows[name]["equal_to_plain"] = round(sum(a == b for a, b in pairs) / len(wanted), 4)
    return rows


def _peak_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
