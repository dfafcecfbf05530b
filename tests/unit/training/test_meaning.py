"""Fitting the judge of meaning: steps that add up to the stumps they come from."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.tiny_model import WORDS
from worker.training import meaning
from worker.training.meaning import fit_meaning_judge


def read_rewrites(count: int) -> list[dict[str, str]]:
    """Rewrites that lose up to three words and are the same if they lose none, with some noise."""
    rng = Random(4)  # noqa: S311 - no secret
    rows = []
    for _ in range(count):
        words = rng.sample(WORDS, 9)
        lost = rng.randint(0, 3)
        is_same = (lost == 0) == (rng.random() < 0.9)
        rows.append(
            {
                "source": " ".join(words),
                "proposal": " ".join(words[lost:]),
                "meaning": "same" if is_same else "differs",
            }
        )
    return rows


def test_the_judge_gives_the_probabilities_of_its_stumps() -> None:
    rows = read_rewrites(300)
    judge = fit_meaning_judge(rows)
    model = meaning._fit_stumps(meaning._table(rows), meaning._are_same(rows))
    expected = model.predict_proba(meaning._table(rows))[:, 1]
    found = [judge.probability(row["source"], row["proposal"]) for row in rows]
    assert found == pytest.approx(list(expected), abs=0.002)
    assert max(found) - min(found) > 0.4
