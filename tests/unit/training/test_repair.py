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
FAINT = Pair("They met in Rome.", "They met in the Rome.", "damage")
SHARED = Pair("They met in town.", "They met in the town.", "consensus")
WORSE = Pair("They met at noon.", "They met at the noon.", "consensus")


def test_a_mend_must_be_likelier_than_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given made damage and shared edits, each with one that gains too little
    nats = {
        CLEAR.source: 9.0,
        CLEAR.target: 6.0,
        FAINT.source: 7.0,
        FAINT.target: 5.5,
        SHARED.source: 7.0,
        SHARED.target: 6.5,
        WORSE.source: 7.0,
        WORSE.target: 7.5,
    }

    def told(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
        del model, tokenizer
        return [nats[text] for text in texts]

    monkeypatch.setattr(repair, "surprisals", told)
    assert repair._clear(None, None, [KEPT, CLEAR, FAINT, SHARED, WORSE]) == [KEPT, CLEAR, SHARED]


def test_a_second_start_finds_the_pairs_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "work" / "pairs.jsonl"
    assert repair._stored(path) == []
    # A line separator inside a sentence is no end of a line.
    pairs = [KEPT, CLEAR, Pair("One\u2028two.", "One\u2028two.", "clean_kept")]
    repair._store(path, pairs)
    assert repair._stored(path) == pairs
