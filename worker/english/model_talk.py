"""Finds talk about the task in a model's answer, and instructions to a model in an article."""

from __future__ import annotations

import re
from collections import Counter

from worker.english.sentence_view import SentenceView

__all__ = ["find_instruction", "find_model_talk"]

#: Openings with which a model talks about its task or names a part of the prompt.
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
#: Instructions to the reader of a text: an imperative at its start, talk about a task, or chat
#: markers.
_INSTRUCTION = re.compile(
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


def find_model_talk(source: SentenceView, proposal: SentenceView) -> str | None:
    """Return the first new line, task talk or markup that ``proposal`` adds to ``source``, or None.

    A new line is reported as ``new line``.
    """
    if len(proposal.text.strip().splitlines()) > max(1, len(source.text.strip().splitlines())):
        return "new line"
    for match in (_OPENING_TALK.match(proposal.folded), _TALK.search(proposal.folded)):
        if match is not None and match[0].strip().lower() not in source.folded.lower():
            return match[0].strip()
    added = Counter(mark for mark in proposal.folded if mark in _MARKUP)
    added.subtract(mark for mark in source.folded if mark in _MARKUP)
    return next((mark for mark, count in added.items() if count > 0), None)


def find_instruction(text: str) -> str | None:
    """Return the words that instruct the reader, most likely a model, or None if there are none."""
    match = _INSTRUCTION.search(text)
    return None if match is None else match[0].strip()
