"""Whether a model talks about its task instead of doing it, or a text gives a model orders."""

from __future__ import annotations

import re
from collections import Counter

from worker.english.sentence_view import SentenceView

__all__ = ["instruction_in", "model_talk_in"]

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
#: How texts speak to whatever reads them: orders at the start, talk of the task, marks of a chat.
_ORDER = re.compile(
    r"""
    ^\W*(?:please\s+)?(?:ignore|disregard|forget|write|say|print|repeat|translate|answer|reply
      |respond|shorten|summari[sz]e|replace|list|pretend|do\snot\s(?:summari[sz]e|write))\b(?!-)
    | ^\W*(?:system|assistant|user|summary|title|headline|claim|instruction|answer|important
      |attention(?:\s\w+)?|note\sto\s[\w\s]+)\s*:
    | \b(?:ignore|disregard|forget)\s(?:the|all|any|what|every\w*|previous|prior)\b
    | \b(?:this|the)\s(?:text|prompt|summary)\b(?=.*\b(?:is|must|has\sto|should|say)\b)
    | \b(?:your|a|the)\s(?:answer|summary|system\sprompt)\s(?:has\sto|must|should|without)\b
    | \b(?:you\sare\snow|you\snow\sanswer|if\syou\sare\san?\s(?:ai|language|bot)
      |language\smodels?|new\stask|bots\smust|system\sprompt|summari[sz](?:er|ing)
      |sums?\sup\sthis|end\sof\sarticle|answer\s(?:yes|no|with)\b)
    | <\||\[/?INST\]|<!--
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKUP = frozenset("*_#<>{}[]|^~\\")


def model_talk_in(source: SentenceView, proposal: SentenceView) -> str | None:
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


def instruction_in(text: str) -> str | None:
    """The words by which a sentence orders its reader, a model most likely, to write something."""
    found = _ORDER.search(text)
    return None if found is None else found[0].strip()
