"""Compare the engine with other ways to run the same model, in one run on one machine.

    python -m tests.bench.engine --sentences FILE [--profile NAME] [--gguf FILE] [--count N]
        [--batch-count N] [--plain-count N] [--sides NAME …]

The task is repair: sentences of FILE (rows with ``source``), sampled by a fixed seed, with the
profile's model, prompt and budgets, and no keep-bias. Each side gets the same tokens, runs in its
own process, which gives it its own peak of memory, and reads the prefix that all prompts share
once. That and loading are not timed. Ours answer all ``--count`` sentences; batches of other
engines ``--batch-count`` of them, in whole blocks of neighbours in length; what goes one by one
``--plain-count`` of those. ``tests.bench.generate`` and
``tests.bench.llama`` say how the sides work.

    ours_DTYPE      the project's engine, in each kind of numbers of ``NUMERICS``
    plain           one ``generate`` of transformers a sentence, in the CPU's own numbers
    prompt_lookup   the same with ``prompt_lookup_num_tokens``
    static_N        sorted batches of transformers of N sentences
    llama…          llama.cpp on ``--gguf``, the file that the weights come from
    ctranslate2_N   CTranslate2 in int8, sorted batches; only where ``--sides`` names it
    limit           one forward pass over prompt, source and answer: the bound for any decoding
                    that reads whole prompts and writes nothing token by token
    limit_cached    the same, with the shared prefix read once

    tokens_per_s    tokens of all answers, including end tokens, over the time for all of them
    equal_to_plain  share of answers equal to those of ``plain``, of the sentences it answers

Only the ratios carry over to other machines. A table goes to stderr, one JSON line to stdout.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.bench.work import (
    Chat,
    Outcome,
    Request,
    Work,
    repair_requests,
    sample_blocks,
    sample_sentences,
    shared_prefix,
    spread,
)
from worker.config.catalogue import catalogue_model, in_catalogue
from worker.config.numerics import Numerics, concrete_numerics
from worker.config.profile import ModelSettings, Profile
from worker.config.settings import Settings, load_profile, load_settings
from worker.config.weights import sha256_of
from worker.errors import CopydeskError, UsageError

__all__ = ["NUMERICS", "Measured", "choose_requests", "choose_sides", "compare"]

#: The numbers that our engine is measured in. Other engines compute in the first of them, which is
#: what torch is fastest in on this machine without the engine's own products in int8.
NUMERICS: Final[tuple[Numerics, ...]] = (concrete_numerics("auto", int8=False), "int8")

_OURS: Final = tuple(f"ours_{numerics}" for numerics in NUMERICS)

_STATIC: Final = ("static_8", "static_16", "static_32")

#: 10 tokens are the package's default, and 2 what it advises for machines without a GPU.
_LLAMA: Final = ("llama", "llama_lookup_10", "llama_lookup_2", "llama_batch_16")

#: They read the answers of ours.
_LIMITS: Final = ("limit", "limit_cached")

#: Sides that run only where ``--sides`` names them, since they are slow to load.
_EXTRA: Final = ("ctranslate2_16", "ctranslate2_32")

#: Sides that answer ``--batch-count`` sentences.
_BATCHED: Final = (*_STATIC, *_EXTRA, "llama_batch_16", "limit_cached")


class Measured(NamedTuple):
    """What came of a side."""

    requests: Sequence[Request]
    outcome: Outcome | None
    why: str = ""
    """Why there is no outcome."""


def main() -> None:
    """Measure the sides, each in a child process, and print their figures."""
    arguments = _parse()
    try:
        settings = load_settings()
        profile = load_profile(settings, arguments.profile)
        sides = choose_sides(profile, arguments.gguf, arguments.sides)
        figures = _measure(sides, arguments, profile, settings)
    except CopydeskError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
    sys.stdout.write(json.dumps(figures) + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", allow_abbrev=False)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--profile", help="default: the settings' own")
    parser.add_argument("--gguf", type=Path, help="the file that the model was prepared from")
    parser.add_argument("--count", type=int, default=192, help="sentences that ours answer")
    parser.add_argument("--batch-count", type=int, default=64, help="those of other batches")
    parser.add_argument("--plain-count", type=int, default=16, help="those of sides one by one")
    parser.add_argument("--sides", nargs="+", metavar="NAME", help="only these")
    return parser.parse_args()


def choose_sides(profile: Profile, gguf: Path | None, names: Sequence[str] | None) -> list[str]:
    """Return the sides to measure, in order, and say on stderr which are left out.

    Raises:
        UsageError: a name is unknown, or ``gguf`` is another file than the model's.
    """
    sides = [*_OURS, "plain", "prompt_lookup", *_STATIC, *_LLAMA, *_LIMITS]
    if unknown := set(names or ()) - {*sides, *_EXTRA}:
        known = ", ".join([*sides, *_EXTRA])
        raise UsageError(f"there is no side {min(unknown)}", hint=f"sides: {known}")
    chosen = [side for side in [*sides, *_EXTRA] if side in (names or sides)]
    if why := _why_without_llama(profile, gguf):
        left_out = [side for side in chosen if side in _LLAMA]
        sys.stderr.writelines(f"{side:16} left out: {why}\n" for side in left_out)
        chosen = [side for side in chosen if side not in left_out]
    return chosen


def _why_without_llama(profile: Profile, gguf: Path | None) -> str:
    """Return why llama.cpp cannot run the profile's model, or an empty string."""
    if gguf is None:
        return "there is no --gguf"
    if profile.prompts[profile.repair.prompt].adapter:
        return "the profile's prompt has an adapter, and the GGUF file has none"
    if not gguf.is_file():
        raise UsageError(f"there is no file {gguf}", hint="name the model's GGUF file")
    model = profile.model.name
    if in_catalogue(model) and sha256_of(gguf) != catalogue_model(model).sha256:
        raise UsageError(
            f"{gguf} is not the file that {model} was prepared from",
            hint=f"name a copy of {catalogue_model(model).file}, as configs/models.toml has it",
        )
    return ""


def choose_requests(
    side: str, requests: Sequence[Request], batch_count: int, plain_count: int
) -> list[Request]:
    """Return the requests that ``side`` answers; those of slower sides lie within the others'."""
    if side in _OURS:
        return list(requests)
    blocks = sample_blocks(requests, batch_count)
    return blocks if side in _BATCHED else spread(blocks, plain_count)


def _measure(
    sides: Sequence[str], arguments: argparse.Namespace, profile: Profile, settings: Settings
) -> dict[str, Any]:
    chat = Chat(profile.model, settings)
    sentences = sample_sentences(arguments.sentences, arguments.count)
    requests = repair_requests(sentences, chat, profile)
    prefix = shared_prefix([request.prompt for request in requests])
    measured: dict[str, Measured] = {}
    for side in sides:
        chosen = choose_requests(side, requests, arguments.batch_count, arguments.plain_count)
        answers = _answers_of_ours(chosen, measured, chat) if side in _LIMITS else []
        if side in _LIMITS and not answers:
            measured[side] = Measured(chosen, None, "it reads the answers of ours, and has none")
            continue
        measured[side] = _measure_in_child(
            Work(
                side=side,
                model=_model(side, profile),
                template=profile.prompts[profile.repair.prompt],
                gguf=arguments.gguf,
                requests=chosen,
                prefix=prefix,
                answers=answers,
            )
        )
    return {
        "profile": profile.name,
        "model": profile.model.name,
        "sentences": len(requests),
        "prefix_tokens": len(prefix),
        "prompt_tokens": sum(len(request.prompt) for request in requests),
        "sides": compare(measured),
    }


def _model(side: str, profile: Profile) -> ModelSettings:
    """Return the profile's model in the side's numbers: the CPU's own where it is not ours."""
    dtype = side.removeprefix("ours_") if side in _OURS else NUMERICS[0]
    return ModelSettings.model_validate({**profile.model.model_dump(), "dtype": dtype})


def _answers_of_ours(
    requests: Sequence[Request], measured: Mapping[str, Measured], chat: Chat
) -> list[list[int]]:
    """Return the answers of our engine as tokens, or nothing if it has not answered."""
    texts = next((_texts(measured[side]) for side in _OURS if side in measured), {})
    answers = chat.encode([texts[request.index] for request in requests if texts])
    return [[*tokens, chat.end_tokens[0]] for tokens in answers]


def _measure_in_child(work: Work) -> Measured:
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.side"],
        check=False,
        input=work.model_dump_json(),
        capture_output=True,
        text=True,
    )
    if child.returncode:
        # Report a side that this machine cannot run, and go on without it.
        why = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        sys.stderr.write(f"{work.side:16} failed: {why}\n")
        return Measured(work.requests, None, why)
    outcome = Outcome.model_validate_json(child.stdout.splitlines()[-1])
    sys.stderr.write(
        f"{work.side:16} {_speed(outcome):8.1f} tokens/s  {outcome.peak_rss_mb:6.0f} MB  "
        f"{len(work.requests):4} sentences  {outcome.seconds:6.0f} s\n"
    )
    return Measured(work.requests, outcome)


def compare(measured: Mapping[str, Measured]) -> dict[str, dict[str, Any]]:
    """Return each side's figures, with its ratios to the sides that the engine has to beat.

    A ratio to a side that was not measured is left out.
    """
    speeds = {side: _speed(each.outcome) for side, each in measured.items() if each.outcome}
    rivals = {
        "to_plain": ["plain"],
        "to_best_static": list(_STATIC),
        "to_best_llama": list(_LLAMA),
        "share_of_limit": ["limit"],
        "share_of_limit_cached": ["limit_cached"],
    }
    best = {
        ratio: max((speeds[side] for side in sides if side in speeds), default=0.0)
        for ratio, sides in rivals.items()
    }
    plain = _texts(measured["plain"]) if "plain" in measured else {}
    rows: dict[str, dict[str, Any]] = {}
    for side, (requests, outcome, why) in measured.items():
        if outcome is None:
            rows[side] = {"failed": why}
            continue
        rows[side] = {
            "sentences": len(requests),
            "tokens_per_s": round(speeds[side], 2),
            **{ratio: round(speeds[side] / speed, 3) for ratio, speed in best.items() if speed},
            "peak_rss_mb": round(outcome.peak_rss_mb),
            "seconds": round(outcome.seconds, 1),
        }
        texts = _texts(measured[side])
        if side not in _LIMITS and (both := plain.keys() & texts.keys()):
            equal = sum(plain[index] == texts[index] for index in both)
            rows[side]["equal_to_plain"] = round(equal / len(both), 4)
        if outcome.tokens_evaluated is not None:
            rows[side]["tokens_evaluated"] = outcome.tokens_evaluated
    return rows


def _texts(measured: Measured) -> dict[int, str]:
    """Return a side's answers by the index of the request."""
    answers = measured.outcome.answers if measured.outcome else []
    return {
        request.index: answer.text
        for request, answer in zip(measured.requests, answers, strict=False)
    }


def _speed(outcome: Outcome) -> float:
    return sum(answer.tokens for answer in outcome.answers) / outcome.seconds


if __name__ == "__main__":
    main()
