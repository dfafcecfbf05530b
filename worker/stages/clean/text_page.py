"""Finds the story among the menus, teasers and forms of a page that lost its markup.

Uses maximum subsequence segmentation (Pasternack and Roth 2009): a line of prose scores its number
of words, any other line scores a penalty, and the runs of lines with the highest sums are the
story. The algorithm of Ruzzo and Tompa (1999) finds the runs in linear time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from worker.english.lexicon import FUNCTION_WORDS
from worker.english.sentence_end import END_MARKS, strip_closing_marks

__all__ = ["is_page", "story_lines"]

#: A text of at least this many lines is a page if less than this share of them is prose. Matches 0
#: of 4,065 translated articles, 2 of 2,225 clean articles (tables of results) and 88 of 95 news
#: pages.
_PAGE_LINES, _PROSE_SHARE = 30, 0.4

#: A line is prose if it has at least `_SENTENCE_WORDS` words and ends like a sentence, or has at
#: least `_LONG_WORDS` words. It also needs at least this share of function words, which are rare in
#: teasers and names.
_SENTENCE_WORDS, _LONG_WORDS, _FUNCTION_SHARE = 12, 30, 0.2

#: Penalty for any other line, in words. From 8 to 20, F1 on the 95 pages is .88 to .89; a lower
#: penalty keeps more story lines (85 down to 82 %).
_PENALTY_WORDS = 10

#: Runs with at least this share of the best run's sum also belong to the story, because a block of
#: links may divide a story. Smaller runs are more often comments.
_RUN_SHARE = 0.5


class _Run(NamedTuple):
    """A run of lines with a positive sum of scores."""

    before: int
    """Sum of all scores before the run."""
    after: int
    """Sum of all scores up to the end of the run."""
    start: int
    end: int


def is_page(lines: Sequence[str]) -> bool:
    """Return whether the lines are a whole page rather than an article."""
    prose = sum(_score(line) > 0 for line in lines)
    return len(lines) >= _PAGE_LINES and prose < _PROSE_SHARE * len(lines)


def story_lines(lines: Sequence[str]) -> list[bool]:
    """Return for each line whether it belongs to the story; without prose, all lines do."""
    runs = _maximal_runs([_score(line) for line in lines])
    best = max((run.after - run.before for run in runs), default=0)
    is_story = [not runs] * len(lines)
    for run in runs:
        if run.after - run.before >= _RUN_SHARE * best:
            is_story[run.start : run.end] = [True] * (run.end - run.start)
    return is_story


def _score(line: str) -> int:
    words = line.split()
    # A colon may also end a line of prose, because it introduces a quotation.
    is_sentence = strip_closing_marks(line).endswith((*END_MARKS, ":"))
    least_words = _SENTENCE_WORDS if is_sentence else _LONG_WORDS
    function = sum(word.strip("\"'.,\u201c\u201d").lower() in FUNCTION_WORDS for word in words)
    is_prose = len(words) >= least_words and function >= _FUNCTION_SHARE * len(words)
    return len(words) if is_prose else -_PENALTY_WORDS


def _maximal_runs(scores: Sequence[int]) -> list[_Run]:
    """Return the disjoint runs that are not part of a longer run with a higher sum."""
    runs: list[_Run] = []
    total = 0
    for index, score in enumerate(scores):
        if score > 0:
            run = _Run(total, total + score, index, index + 1)
            while (first := _first_to_merge(runs, run)) is not None:
                run = run._replace(before=runs[first].before, start=runs[first].start)
                del runs[first:]
            runs.append(run)
        total += score
    return runs


def _first_to_merge(runs: Sequence[_Run], run: _Run) -> int | None:
    """Return the index of the last run with a lower start sum if its end sum is lower, or None."""
    for index in range(len(runs) - 1, -1, -1):
        if runs[index].before < run.before:
            return index if runs[index].after < run.after else None
    return None
