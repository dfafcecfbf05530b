"""The summary adapter: shortens sentences, writes titles, says what evidence carries.

One adapter for three prompts, because each adapter in the worker's memory is another model.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random

from worker.english.facts import words
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.ranking import rank_sentences, select
from worker.stages.summarise.support import check_title
from worker.training.claim import Article, claim_pairs, reworded_claims
from worker.training.lora import BASE_NAME, Recipe, encode, end_token, load_base, surprisals, train
from worker.training.pair import Pair, is_fit, read_rows
from worker.training.shortening import shorten

__all__ = ["make_adapter"]

#: Pairs of each task. Claims decide most and are the hardest.
_SHORTENED, _CLAIMS, _TITLES = 800, 2100, 450

_SHORTEN, _SUPPORT, _TITLE = "shorten.v1.toml", "support.v1.toml", "title.v1.toml"

#: Weight of an answer's tokens in the loss: "yes" is one token, a sentence thirty, so that without
#: it what is carried would hardly be learned.
_WEIGHTS = {_SHORTEN: 1.0, _SUPPORT: 12.0, _TITLE: 2.0}

#: Of the claims, those that are other wordings by translators, and titles; and the share of
#: articles that give a sentence of theirs as it stands.
_REWORDED, _TITLED, _COPIED = 0.35, 0.2, 0.3

#: Articles that claims are made from: each gives one or two.
_CLAIM_ARTICLES = 1200

#: Of the shortening pairs, those that are short as they are.
_SHORT_SHARE = 0.35

#: Words of chosen sentences that a title is written from, and of a title.
_TITLE_SOURCE_WORDS = 90
_TITLE_WORDS = (4, 12)
#: A headline that asks or explains is none of a news report.
_NO_NEWS = frozenset(
    {"who", "what", "why", "how", "when", "where", "here", "opinion", "watch", "analysis", "live"}
)
_TALK = frozenset({"we", "our", "i", "my", "you", "your"})

_HELD_OUT = 150

Task = tuple[str, Sequence[Pair]]
"""Name of a prompt file, and its pairs."""


def make_adapter(*, data: Path, model: Path, prompts: Path, out: Path, work: Path) -> None:
    """Draw the pairs of the three tasks, train, and write the adapter to ``out``.

    ``work`` takes the pairs, the checkpoint and ``report.json``; none of it belongs to the
    project, for it holds sentences of the data.
    """
    recipe = Recipe()
    rng = Random(recipe.seed)  # noqa: S311 - a shuffle, no secret
    base, tokenizer = load_base(model)
    tasks = _stored(work / "pairs.json")
    if not tasks:
        tasks = _draw(data, partial(surprisals, base, tokenizer), rng)
        _store(work / "pairs.json", tasks)
    end = end_token(base)
    examples = []
    for name, pairs in tasks:
        sys.stderr.write(f"{name}: {dict(Counter(pair.kind for pair in pairs))}\n")
        instruction = tomllib.loads((prompts / name).read_text(encoding="utf-8"))["instruction"]
        examples += encode(
            tokenizer,
            end,
            instruction,
            pairs,
            edit_weight=recipe.edit_weight if name == _SHORTEN else 1.0,
            weight=_WEIGHTS[name],
        )
    rng.shuffle(examples)
    report = train(
        base,
        examples[_HELD_OUT:],
        examples[:_HELD_OUT],
        recipe,
        out=out,
        work=work,
        base_name=BASE_NAME,
    )
    counts = {name: dict(Counter(pair.kind for pair in pairs)) for name, pairs in tasks}
    told = {"pairs": counts, "recipe": asdict(recipe), **asdict(report)}
    (work / "report.json").write_text(json.dumps(told, indent=2), encoding="utf-8")


def _draw(data: Path, nats: partial[list[float]], rng: Random) -> list[Task]:
    articles = list(_articles(data))
    rng.shuffle(articles)
    half = len(articles) // 2
    sentences = [one for _, lines in articles[:half] for one in lines if is_fit(one)]
    rng.shuffle(sentences)
    shortened = list(shorten(sentences[: 5 * _SHORTENED], nats))
    pairs = _share(shortened, "shortened", round(_SHORTENED * (1 - _SHORT_SHARE)))
    pairs += _share(shortened, "short", round(_SHORTENED * _SHORT_SHARE))
    titled = list(_titles(articles))
    rows = list(read_rows(data / "repair" / "train_wmt21_news.jsonl.gz"))
    claims = [
        *_lot(claim_pairs(reworded_claims(rows, rng), rng), _REWORDED, rng),
        *_lot(
            claim_pairs(((text, [("title", title)]) for title, text in titled), rng), _TITLED, rng
        ),
    ]
    made = claim_pairs(_claimed(articles[half : half + _CLAIM_ARTICLES], nats, rng), rng)
    claims += _lot(made, 1 - len(claims) / _CLAIMS, rng)
    titles = [Pair(" ".join(text), title, "title") for title, text in titled]
    return [(_SHORTEN, pairs), (_SUPPORT, claims), (_TITLE, titles[:_TITLES])]


def _lot(pairs: Iterable[Pair], share: float, rng: Random) -> list[Pair]:
    """A share of all claims, drawn from the pairs."""
    drawn = list(pairs)
    rng.shuffle(drawn)
    return drawn[: round(share * _CLAIMS)]


def _share(pairs: Sequence[Pair], kind: str, count: int) -> list[Pair]:
    return [pair for pair in pairs if pair.kind == kind][:count]


def _articles(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Clean articles: headline and sentences."""
    for row in read_rows(data / "clean" / "bbc.jsonl.gz"):
        title, *lines = (line for line in row["text"].splitlines() if line.strip())
        yield title, _sentences(lines)
    for row in read_rows(data / "summary" / "train_neus.jsonl.gz"):
        for lead in row["leads"]:
            yield lead["title"], _sentences(lead["text"].splitlines())


def _sentences(lines: Sequence[str]) -> list[str]:
    return [one.strip() for line in lines if line.strip() for one in split_sentences(line)]


def _claimed(
    articles: Sequence[tuple[str, list[str]]], nats: partial[list[float]], rng: Random
) -> Iterator[Article]:
    """Each article with two of its sentences as claims, one of them shortened."""
    drawn = []
    for _, lines in articles:
        fit = [one for one in lines if is_fit(one) and one.endswith(".")]
        rng.shuffle(fit)
        drawn.append(fit[:4])
    shorter = {
        pair.source: pair.target
        for pair in shorten([one for fit in drawn for one in fit], nats)
        if not pair.kept
    }
    for (_, lines), fit in zip(articles, drawn, strict=True):
        claims = [("shortened", shorter[one]) for one in fit if one in shorter][:2]
        # What stands there word for word is easily told.
        if rng.random() < _COPIED:
            claims += [("copied", one) for one in fit if one not in shorter][:1]
        if len(lines) > 1 and claims:
            yield lines, claims


def _titles(articles: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Headlines that their article carries word by word, with the sentences chosen from it."""
    seen: set[str] = set()
    for headline, lines in articles:
        sizes = [len(one.split()) for one in lines]
        chosen = select(lines, rank_sentences(lines), sizes, budget=_TITLE_SOURCE_WORDS)
        source = [lines[at] for at in chosen]
        title = _plain(headline.strip().rstrip("."), " ".join(lines))
        if _is_news(title) and title not in seen and source and check_title(title, source).accepted:
            seen.add(title)
            yield title, source


def _is_news(title: str) -> bool:
    found = words(title.lower())
    return (
        _TITLE_WORDS[0] <= len(title.split()) <= _TITLE_WORDS[1]
        and found[:1] != []
        and found[0] not in _NO_NEWS
        and _TALK.isdisjoint(found)
        and "?" not in title
    )


def _plain(title: str, text: str) -> str:
    """The title without capitals that only titles have."""
    return " ".join(
        word.lower() if at and word.lower() in text and word not in text else word
        for at, word in enumerate(title.split())
    )


def _store(path: Path, tasks: Sequence[Task]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tasks), encoding="utf-8")


def _stored(path: Path) -> list[Task]:
    if not path.exists():
        return []
    tasks = json.loads(path.read_text(encoding="utf-8"))
    return [(name, [Pair(*pair) for pair in pairs]) for name, pairs in tasks]
