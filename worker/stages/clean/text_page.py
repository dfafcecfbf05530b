"""Which lines of a page that lost its markup are story: menus, teasers and forms around it go.

Maximum subsequence segmentation (Pasternack and Roth 2009): a line that reads like prose counts
for its words, any other line against, and the runs of lines with the highest sums are the story
(found in linear time as Ruzzo and Tompa 1999 do).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from worker.english.lexicon import FUNCTION_WORDS

__all__ = ["is_page", "story_lines"]

#: A text is taken for a page from so many lines on, when fewer than this share of them reads like
#: prose. Of 4,065 translated news articles none is, of 2,225 clean ones 2 (tables of results); of
#: 95 news pages 88 are.
_PAGE_LINES, _PROSE_SHARE = 30, 0.4

#: Prose is a line of at least so many words that ends as a sentence, or of so many that does not,
#: with this share of function words. Names of teasers have few of them.
_SENTENCE_WORDS, _LONG_WORDS, _FUNCTION_SHARE = 12, 30, 0.2

#: What another line counts against a run, in words. With 8 to 20, F1 on the 95 pages is .88 to .89;
#: the less, the more lines of the story are kept (85 to 82 %).
_OTHER_WORDS = 10

#: A run counts as story from this share of the best one's sum on: some stories are cut by a block
#: of links, and what is smaller is more often comments.
_RUN_SHARE = 0.5

_END = re.compile(r"[.!?:][\"'\u201d\u2019\u00bb)\]*_]*\Z")


class _Run(NamedTuple):
    before: int
    """Sum of all scores before it."""
    after: int
    start: int
    end: int


def is_page(lines: Sequence[str]) -> bool:
    """Whether the lines are those of a page and not of an article."""
    prose = sum(_score(line) > 0 for line in lines)
    return len(lines) >= _PAGE_LINES and prose < _PROSE_SHARE * len(lines)


def story_lines(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it belongs to the story; all do where no line reads like prose."""
    runs = _runs([_score(line) for line in lines])
    best = max((run.after - run.before for run in runs), default=0)
    inside = [not runs] * len(lines)
    for run in runs:
        if run.after - run.before >= _RUN_SHARE * best:
            inside[run.start : run.end] = [True] * (run.end - run.start)
    return inside


def _score(line: str) -> int:
    words = line.split()
    least = _SENTENCE_WORDS if _END.search(line) else _LONG_WORDS
    function = sum(word.strip("\"'.,\u201c\u201d").lower() in FUNCTION_WORDS for word in words)
    prose = len(words) >= least and function >= _FUNCTION_SHARE * len(words)
    return len(words) if prose else -_OTHER_WORDS


def _runs(scores: Sequence[int]) -> list[_Run]:
    """All runs that no longer run of a higher sum holds, and none of which holds another."""
    runs: list[_Run] = []
    total = 0
    for at, score in enumerate(scores):
        if score > 0:
            run = _Run(total, total + score, at, at + 1)
            while (joined := _joining(runs, run)) is not None:
                run = run._replace(before=runs[joined].before, start=runs[joined].start)
                del runs[joined:]
            runs.append(run)
        total += score
    return runs


def _joining(runs: Sequence[_Run], run: _Run) -> int | None:
    """The nearest run that begins lower, if ``run`` ends higher than that one."""
    for at in range(len(runs) - 1, -1, -1):
        if runs[at].before < run.before:
            return at if runs[at].after < run.after else None
    return None
