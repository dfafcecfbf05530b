"""The shipped repair training: which edits are clear enough to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from worker.training import repair
from worker.training.pair import Pair

KEPT = Pair("They met.", "They met.", "clean_kept")
CLEAR = Pair("They has met.", "They have met.", "damage")
FAINT = Pair("They met in Rome.", "They met in the Rome.", "damage")
SHARED = Pair("They met in town.", "They met in the town.", "consensus")
WORSE = Pair("They met at noon.", "They met at the noon.", "consensus")


def test_a_repair_must_be_likelier_than_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given damage and consensus edits, each with one that gains too little
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

    def surprisals(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
        del model, tokenizer
        return [nats[text] for text in texts]

    monkeypatch.setattr(repair, "surprisals", surprisals)
    assert repair._drop_doubtful(None, None, [KEPT, CLEAR, FAINT, SHARED, WORSE]) == [
        KEPT,
        CLEAR,
        SHARED,
    ]
