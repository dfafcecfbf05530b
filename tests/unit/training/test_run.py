"""The frame of the trainings: lessons are drawn once and stay in their order."""

from __future__ import annotations

from pathlib import Path

from worker.training.pair import Pair
from worker.training.run import Lesson, draw_once


def test_a_second_start_finds_the_lessons_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "work" / "pairs.jsonl"
    # A line separator inside a sentence does not end a line.
    lessons = [
        Lesson("shorten", Pair("They met.", "They met.", "clean_kept")),
        Lesson("title", Pair("They has met.", "They have met.", "damage")),
        Lesson("shorten", Pair("One\u2028two.", "One\u2028two.", "clean_kept")),
    ]

    assert draw_once(path, lambda: lessons) == lessons
    assert draw_once(path, list) == lessons
