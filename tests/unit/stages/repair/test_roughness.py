"""How much a rewrite must gain: more in an article with little to mend."""

from __future__ import annotations

import pytest

from worker.stages.repair.roughness import least_gains


def test_a_rough_article_asks_for_no_more_than_the_least() -> None:
    assert least_gains([3.0, 0.0, 2.0, 1.5], 1.0) == [1.0, 1.0, 1.0, 1.0]


def test_a_lone_sentence_is_taken_for_rough() -> None:
    assert least_gains([3.0], 1.0) == [1.0]
    assert least_gains([], 1.0) == []


def test_a_good_article_asks_for_more_the_longer_it_is() -> None:
    # Given articles with one likely rewrite each, whose own gain does not count for itself
    short = least_gains([3.0, *[0.0] * 4], 1.0)
    long = least_gains([3.0, *[0.0] * 39], 1.0)
    # 1.5 of 9 and 1.5 of 44 sentences are expected to be rough, instead of .3
    assert short[0] == pytest.approx(1.0 + 4 * 0.588, abs=0.002)
    assert long[0] == pytest.approx(1.0 + 4 * 2.175, abs=0.002)
    # Then the others, which have the rewrite beside them, ask for less
    assert short[1] == pytest.approx(1.0 + 4 * 0.0770, abs=0.001)
