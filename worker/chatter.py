"""Whether a model talks about its task instead of doing it."""

from __future__ import annotations

import re
from collections import Counter

from worker.reading import Reading

__all__ = ["chatter_in"]

#: How models begin to talk about the task, or name a part of the prompt.
_OPENING_TALK = re.compile(
    r"""\W*(?:
    here(?:'s|\s(?:is|are))\b | (?:sure|certainly|okay|absolutely|of\scourse)\s*[,.!:]
    | i(?:'m|\sam)\s(?:sorry|unable|happy) | i\s(?:apologi[sz]e|cannot|can't)
    | i\s(?:have|'ve)\s(?:corrected|made)
    | as\san\sai\b
    | the\s(?:corrected|revised|rewritten|improved|edited)\b
    | (?:\w+\s){0,2}(?:sentence|version|text|answer|output|summary|note|assistant|user|system|
      correction|explanation|grammar|rewrite)\s*:
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_TALK = re.compile(
    r"<\||```|\blanguage model\b|\b(?:correct|fix|check)\w* the grammar\b|\bgrammar of the\b"
    r"|\banswer with\b|\bgrammatical(?:ly)? (?:correct|errors?|mistakes?)\b|\bthe sentence only\b",
    re.IGNORECASE,
)
_MARKUP = frozenset("*_#<>{}[]|^~\\")


def chatter_in(source: Reading, proposal: Reading) -> str | None:
    """The talk or markup that ``proposal`` has and ``source`` has not; ``None`` without any."""
    if len(proposal.text.strip().splitlines()) > max(1, len(source.text.strip().splitlines())):
        return "new line"
    opening = _OPENING_TALK.match(proposal.folded)
    for talk in (opening, _TALK.search(proposal.folded)):
        if talk is not None and talk[0].strip().lower() not in source.folded.lower():
            return talk[0].strip()
    added = Counter(c for c in proposal.folded if c in _MARKUP)
    added.subtract(c for c in source.folded if c in _MARKUP)
    return next((mark for mark, more in added.items() if more > 0), None)
