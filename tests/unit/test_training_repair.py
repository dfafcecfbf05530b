"""The run as a whole: which mends are clear enough to train on, and what a second start finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from worker.training import repair
from worker.training.pair import Pair

KEPT = Pair("They met.", "They met.", "clean_kept")
CLEAR = Pair("They has met.", "They have met.", "damage")
TASTE = Pair("They met in town.", "They met in the town.", "consensus")


def test_a_mend_must_be_likelier_than_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    nats = {CLEAR.source: 9.0, CLEAR.target: 6.0, TASTE.source: 7.0, TASTE.target: 6.0}

    def told(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
        del model, tokenizer
        return [nats[text] for text in texts]

    monkeypatch.setattr(repair, "surprisals", told)
    assert repair._clear(None, None, [KEPT, CLEAR, TASTE]) == [KEPT, CLEAR]


def test_a_second_start_finds_the_pairs_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "work" / "pairs.jsonl"
    assert repair._stored(path) == []
    # A line separator inside a sentence is no end of a line.
    pairs = [KEPT, CLEAR, Pair("One\u2028two.", "One\u2028two.", "clean_kept")]
    repair._store(path, pairs)
    assert repair._stored(path) == pairs
