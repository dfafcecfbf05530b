"""Trains the shipped summary adapter, which shortens sentences, writes titles and judges support.

One adapter serves all three prompts, because each adapter in a worker's memory is another model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from random import Random

from worker.config.numerics import concrete_numerics
from worker.english.facts import words
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.ranking import rank_sentences, select_sentences
from worker.stages.summarise.support import check_title
from worker.training.lora import BASE_NAME, Recipe, load_base, surprisals
from worker.training.material.claim import Article, claim_pairs, reworded_claims
from worker.training.material.shortening import shortened_pairs
from worker.training.pair import Pair, count_kinds, is_trainable, read_rows
from worker.training.run import (
    Lesson,
    Task,
    draw_once,
    read_instruction,
    train_lessons,
    write_report,
)

__all__ = ["make_summary_adapter"]

#: Number of pairs per task. Judging claims matters most and is hardest to learn.
_SHORTENED, _CLAIMS, _TITLES = 800, 2100, 450

_SHORTEN, _SUPPORT, _TITLE = "shorten.v1.toml", "support.v1.toml", "title.v1.toml"

#: Loss weight of each task's answer tokens. "yes" is one token, a sentence thirty: unweighted,
#: support would hardly be learned.
_WEIGHTS = {_SHORTEN: 1.0, _SUPPORT: 12.0, _TITLE: 2.0}

#: Share of claims that are other translators' versions, share of claims that are titles, and share
#: of articles from which a sentence is copied as a claim.
_REWORDED, _TITLED, _COPIED = 0.35, 0.2, 0.3

#: Number of articles that claims are made from; each yields up to three claims.
_CLAIM_ARTICLES = 1200

#: Share of shortening pairs whose source is short enough already.
_SHORT_SHARE = 0.35

#: Maximum number of words that a title is written from, and the limits of the title in words.
_TITLE_SOURCE_WORDS = 90
_TITLE_WORDS = (4, 12)
#: Words that open the headline of a question, an explainer or an opinion piece, not of a report.
_NOT_NEWS = frozenset(
    {"who", "what", "why", "how", "when", "where", "here", "opinion", "watch", "analysis", "live"}
)
_TALK = frozenset({"we", "our", "i", "my", "you", "your"})

_HELD_OUT = 150

Story = tuple[str, list[str]]
"""A clean article's headline and sentences."""


def make_summary_adapter(*, data: Path, model: Path, prompts: Path, out: Path, work: Path) -> None:
    """Draw the pairs of the three tasks, train, and write the adapter to ``out``.

    ``work`` receives the pairs, the checkpoint and ``report.json``. It contains sentences from the
    data, so it does not belong in the repository.
    """
    recipe = Recipe()
    base = load_base(model, concrete_numerics("auto", int8=False))

    def draw() -> list[Lesson]:
        rng = Random(recipe.seed)  # noqa: S311 - not a secret
        lessons = _draw_lessons(data, partial(surprisals, *base), rng)
        rng.shuffle(lessons)
        return lessons

    lessons = draw_once(work / "pairs.jsonl", draw)
    counts = {
        name: count_kinds(pair for task, pair in lessons if task == name) for name in _WEIGHTS
    }
    sys.stderr.write(f"pairs: {counts}\n")
    report = train_lessons(
        base,
        lessons,
        {
            name: Task(
                read_instruction(prompts / name),
                edit_weight=recipe.edit_weight if name == _SHORTEN else 1.0,
                weight=weight,
            )
            for name, weight in _WEIGHTS.items()
        },
        recipe,
        held_out=_HELD_OUT,
        out=out,
        work=work,
        base_name=BASE_NAME,
    )
    write_report(work, counts, recipe, report)


def _draw_lessons(data: Path, nats: partial[list[float]], rng: Random) -> list[Lesson]:
    """Draw the pairs of the three tasks.

    Half of the articles are used for shortening, the other half for claims, and both for titles.
    """
    stories = list(_stories(data))
    rng.shuffle(stories)
    half = len(stories) // 2
    sentences = [
        sentence for _, story in stories[:half] for sentence in story if is_trainable(sentence)
    ]
    rng.shuffle(sentences)
    shortened = list(shortened_pairs(sentences[: 5 * _SHORTENED], nats))
    pairs = _first_of_kind(shortened, "shortened", round(_SHORTENED * (1 - _SHORT_SHARE)))
    pairs += _first_of_kind(shortened, "short", round(_SHORTENED * _SHORT_SHARE))
    titled = list(_titled(stories))
    claims = _draw_claims(data, titled, stories[half : half + _CLAIM_ARTICLES], nats, rng)
    titles = [Pair(" ".join(source), title, "title") for title, source in titled[:_TITLES]]
    return [
        Lesson(task, pair)
        for task, drawn in ((_SHORTEN, pairs), (_SUPPORT, claims), (_TITLE, titles))
        for pair in drawn
    ]


def _draw_claims(
    data: Path,
    titled: Sequence[Story],
    stories: Sequence[Story],
    nats: partial[list[float]],
    rng: Random,
) -> list[Pair]:
    """Draw rewordings and titles in their shares, and the rest of the claims from the stories."""
    rows = list(read_rows(data / "repair" / "train_wmt21_news.jsonl.gz"))
    reworded = claim_pairs(reworded_claims(rows, rng), rng)
    claims = _draw_share(reworded, _REWORDED, rng)
    titles = claim_pairs(((source, [("title", title)]) for title, source in titled), rng)
    claims += _draw_share(titles, _TITLED, rng)
    own_claims = claim_pairs(_articles_with_claims(stories, nats, rng), rng)
    return [*claims, *_draw_share(own_claims, 1 - len(claims) / _CLAIMS, rng)]


def _draw_share(pairs: Iterable[Pair], share: float, rng: Random) -> list[Pair]:
    """Draw pairs that make up ``share`` of all claims."""
    drawn = list(pairs)
    rng.shuffle(drawn)
    return drawn[: round(share * _CLAIMS)]


def _first_of_kind(pairs: Sequence[Pair], kind: str, count: int) -> list[Pair]:
    return [pair for pair in pairs if pair.kind == kind][:count]


def _stories(data: Path) -> Iterator[Story]:
    for row in read_rows(data / "clean" / "bbc.jsonl.gz"):
        title, *lines = (line for line in row["text"].splitlines() if line.strip())
        yield title, _sentences(lines)
    for row in read_rows(data / "summary" / "train_neus.jsonl.gz"):
        for lead in row["leads"]:
            yield lead["title"], _sentences(lead["text"].splitlines())


def _sentences(lines: Sequence[str]) -> list[str]:
    return [
        sentence.strip() for line in lines if line.strip() for sentence in split_sentences(line)
    ]


def _articles_with_claims(
    stories: Sequence[Story], nats: partial[list[float]], rng: Random
) -> Iterator[Article]:
    """Yield stories with up to two shortened sentences and one copied sentence as claims."""
    candidates = []
    for _, story in stories:
        trainable = [
            sentence for sentence in story if is_trainable(sentence) and sentence.endswith(".")
        ]
        rng.shuffle(trainable)
        candidates.append(trainable[:4])
    shorter = {
        pair.source: pair.target
        for pair in shortened_pairs([*chain.from_iterable(candidates)], nats)
        if not pair.is_unchanged
    }
    for (_, story), drawn in zip(stories, candidates, strict=True):
        claims = [("shortened", shorter[sentence]) for sentence in drawn if sentence in shorter][:2]
        # A copy is easily recognised as supported, so only some stories get one.
        if rng.random() < _COPIED:
            claims += [("copied", sentence) for sentence in drawn if sentence not in shorter][:1]
        if len(story) > 1 and claims:
            yield story, claims


def _titled(stories: Sequence[Story]) -> Iterator[Story]:
    """Yield headlines that pass the checks, with the sentences that they summarise."""
    seen: set[str] = set()
    for headline, story in stories:
        sizes = [len(sentence.split()) for sentence in story]
        chosen = select_sentences(story, rank_sentences(story), sizes, budget=_TITLE_SOURCE_WORDS)
        source = [story[index] for index in chosen]
        title = _sentence_case(headline.strip().rstrip("."), " ".join(story))
        if _is_news(title) and title not in seen and source and check_title(title, source).accepted:
            seen.add(title)
            yield title, source


def _is_news(title: str) -> bool:
    title_words = words(title.lower())
    return (
        _TITLE_WORDS[0] <= len(title.split()) <= _TITLE_WORDS[1]
        and title_words[:1] != []
        and title_words[0] not in _NOT_NEWS
        and _TALK.isdisjoint(title_words)
        and "?" not in title
    )


def _sentence_case(title: str, text: str) -> str:
    """Lower-case the words of the title that the text has only in lower case."""
    return " ".join(
        word.lower() if index and word.lower() in text and word not in text else word
        for index, word in enumerate(title.split())
    )
