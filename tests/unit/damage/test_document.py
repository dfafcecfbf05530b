"""Damage to articles: what is done, what the repair is, and how repairs are counted."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from worker.damage.document import (
    DamagedArticle,
    FaultKind,
    cut_sentence,
    damage_article,
)
from worker.evaluation.damage import evaluate_damage
from worker.evaluation.rows import TextRow
from worker.records.article import Article

SENTENCE = "The council of the town has agreed to repair the old bridge before the winter comes."
HEADLINES = ["Ferry strike called off after talks"]
PARAGRAPHS = [[SENTENCE.replace("town", f"town of {place}")] * 3 for place in "ABCDEFGHIJKLMNOP"]


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311


def damaged(seed: int) -> DamagedArticle:
    return damage_article(PARAGRAPHS, HEADLINES, seeded(seed))


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_puts_a_full_stop_and_nothing_else(seed: int) -> None:
    cut = cut_sentence(SENTENCE, seeded(seed))

    assert cut is not None
    assert cut.count(". ") == 1
    left, right = cut.split(". ")
    assert f"{left} {right}" == SENTENCE
    assert right[0].islower()


@pytest.mark.parametrize("sentence", ["Too short.", 'He said: "It has been a long winter here."'])
def test_short_sentences_and_quotations_are_not_cut(sentence: str) -> None:
    assert cut_sentence(sentence, seeded(1)) is None


def test_the_same_seed_makes_the_same_damage() -> None:
    assert damaged(3) == damaged(3)
    assert damaged(3) != damaged(4)


def test_every_kind_is_made_and_every_fault_stands_in_the_text() -> None:
    articles = [damaged(seed) for seed in range(6)]

    assert {fault.kind for article in articles for fault in article.faults} == set(FaultKind)
    for article in articles:
        assert all(fault.damaged in article.text for fault in article.faults)
        assert all(sentence in article.text for sentence in article.kept)


@pytest.mark.parametrize("seed", range(6))
def test_every_sentence_is_damaged_once_or_kept(seed: int) -> None:
    article = damaged(seed)
    sentences_taken = {FaultKind.LOST_STOP: 2, FaultKind.FURNITURE_LINE: 0}
    assert sum(map(len, PARAGRAPHS)) == len(article.kept) + sum(
        sentences_taken.get(fault.kind, 1) for fault in article.faults
    )


def rows() -> list[TextRow]:
    return [
        TextRow(lines=(f"Bridge number {number}", *(" ".join(part) for part in PARAGRAPHS)))
        for number in range(3)
    ]


def test_doing_nothing_repairs_nothing_and_loses_nothing() -> None:
    def leave(articles: Sequence[Article]) -> list[str]:
        return [article.text for article in articles]

    report = evaluate_damage(rows(), leave)
    assert report.n == 3
    assert report.cut_sentences_mended == report.stray_pieces_mended == 0
    assert report.lost_stops_mended == report.run_in_headings_parted == 0
    assert report.glued_promos_removed == report.furniture_lines_removed == 0
    assert report.sentences_lost == 0


def test_removing_everything_loses_everything() -> None:
    report = evaluate_damage(rows(), lambda articles: [""] * len(articles))
    assert report.furniture_lines_removed == 1
    assert report.cut_sentences_mended == 0
    assert report.sentences_lost == 1


def test_a_heading_counts_as_parted_only_on_a_line_of_its_own() -> None:
    def part(articles: Sequence[Article]) -> list[str]:
        return [article.text.replace("talks The", "talks\n\nThe") for article in articles]

    headed = [TextRow(lines=("Ferry strike called off after talks", *row.lines)) for row in rows()]
    report = evaluate_damage(headed, part)
    assert (report.run_in_headings > 0, report.run_in_headings_parted) == (True, 1)
    assert (report.lost_stops > 0, report.lost_stops_mended) == (True, 0)


def test_a_restored_full_stop_counts_as_repaired() -> None:
    def stop(articles: Sequence[Article]) -> list[str]:
        return [article.text.replace("comes The", "comes. The") for article in articles]

    assert evaluate_damage(rows(), stop).lost_stops_mended == 1


def test_articles_that_are_too_short_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="has 5 sentences"):
        evaluate_damage([TextRow(lines=("A headline", "One sentence."))], lambda _: [])
