"""Renders an article's result as Markdown for an editor, with reason codes in plain English.

Article text is untrusted and is escaped, so that it cannot break the page, add HTML or control a
terminal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.records.reason import Reason
from worker.records.result import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.records.article import CollectedArticle
    from worker.records.result import (
        Edit,
        Flag,
        Refusal,
        Removal,
        Result,
        SummarySentence,
    )

__all__ = ["METHOD_TEXT", "REASON_TEXT", "escape_line", "escape_text", "render_article"]

METHOD_TEXT = {
    Method.WRITTEN: "Written by the model; every sentence passed the checks against the article.",
    Method.MIXED: "Some sentences were written by the model and passed the checks; the others are "
    "the article's own.",
    Method.EXTRACTIVE: "The article's own sentences.",
}

REASON_TEXT = {
    Reason.EMPTY: "It holds no text",
    Reason.BINARY: "It is not text",
    Reason.BAD_ENCODING: "Its character encoding was not recognised",
    Reason.TOO_LARGE: "It is too long",
    Reason.BAD_JSON: "The line is not a JSON object",
    Reason.NO_TEXT_FIELD: "No field of it holds the text",
    Reason.DUPLICATE_ID: "Another article has this id already",
    Reason.FILE_MISSING: "There is no such file or folder",
    Reason.FILE_UNREADABLE: "The file could not be read",
    Reason.UNKNOWN_FORMAT: "Files of this kind are not read",
    Reason.BAD_CSV: "The row does not fit the table",
    Reason.NOT_ENGLISH: "The text is not in English",
    Reason.NO_STORY: "Nothing but page furniture was found",
    Reason.ENGINE_ERROR: "The model failed on this article",
    Reason.INTERNAL_ERROR: "A fault in Copydesk itself",
    Reason.TOO_SLOW: "The article exceeded its time limit",
    Reason.WORKER_LOST: "Workers were lost while they processed it",
    Reason.CANCELLED: "Its job was cancelled before it was processed",
    Reason.DEADLINE: "Its job's deadline passed before it was processed",
    Reason.REPEATED_TITLE: "The headline, repeated",
    Reason.REPEATED_LINE: "A line that occurs more than once in the article",
    Reason.SHARED_LINE: "A line that many articles of the job share",
    Reason.OUTLET_SUFFIX: "The outlet's name after the headline",
    Reason.PROMO_LINE: "A pointer to another story",
    Reason.GLUED_PROMO: "A pointer to another story, glued to a sentence",
    Reason.TAG_LINE: "A list of key words",
    Reason.COMMENT_FORM: "The page's comment form",
    Reason.SHARE_BAR: "Share, print or follow buttons",
    Reason.SUBSCRIPTION: "An offer to subscribe or sign up",
    Reason.LEGAL_LINE: "Copyright, cookies or terms",
    Reason.NAVIGATION: "The page's menus and links",
    Reason.CREDIT_LINE: "A picture or other credit",
    Reason.HTML_BOILERPLATE: "Parts of the web page outside the article",
    Reason.OUTSIDE_STORY: "Outside the story on its page",
    Reason.FALSE_BREAK: "A full stop cut the sentence in two",
    Reason.LOST_CAPITAL: "The sentence began with a lower-case letter",
    Reason.DOUBLED_WORD: "A word was repeated",
    Reason.LOST_STOP: "The full stop between two sentences was missing",
    Reason.RUN_IN_HEADING: "A heading or link ran into the sentence",
    Reason.STRAY_PIECE: "A lone word without content after a full stop",
    Reason.MODEL_REWRITE: "It reads better and passed every check",
    Reason.NUMBER_CHANGED: "A number, date or amount would change",
    Reason.NAME_CHANGED: "A name would change",
    Reason.QUOTE_CHANGED: "Words of a quotation would change",
    Reason.NEGATION_CHANGED: "A negation would appear or vanish",
    Reason.MODALITY_CHANGED: "A word such as may or must would appear or vanish",
    Reason.CONTENT_LOST: "A word that carries content would be lost",
    Reason.CONTENT_ADDED: "Something would be said that the source does not say",
    Reason.LENGTH_CHANGED: "It is far longer or shorter than the source",
    Reason.TOO_DIFFERENT: "Too little of the source would be left",
    Reason.NOT_BETTER: "It is not likely enough to read better than the source",
    Reason.LAYOUT_CHANGED: "A list mark, markup, bracket or closing mark would change",
    Reason.UNFINISHED: "The model did not finish the sentence",
    Reason.CHATTER: "The model talked about its task",
    Reason.TOO_LONG: "The sentence is too long for the model",
    Reason.MEANING_DOUBTFUL: "It may not say the same",
    Reason.NOT_SUPPORTED: "No sentence of the article supports it",
    Reason.LOADED_WORD: "It has a loaded word that its evidence lacks",
    Reason.ATTRIBUTION_LOST: "It states as fact what the article attributes to someone",
    Reason.AWKWARD: "It reads badly and was left unchanged",
    Reason.NEEDS_SOURCE: "It cannot be repaired without the source text",
    Reason.LOADED_LANGUAGE: "Loaded words in the article's own voice",
    Reason.CONTRADICTION: "Different numbers or days for the same thing",
    Reason.ORDER: "It instructs its reader what to write; not in the summary",
    Reason.SHORT_ARTICLE: "The article is too short for a summary of the usual length",
}

#: ASCII and Latin-1 control characters (except tab, line feed and next line) and bidirectional
#: marks, which would move a terminal's cursor or reorder the text.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
#: Separates a detached heading from its sentence in an edit; shown as ¶, since a list item has one
#: line.
_PARAGRAPH_END = "\n\n"
#: Punctuation that has a meaning anywhere in a line of Markdown: in CommonMark 0.31, or in GitHub's
#: tables and strikethrough.
_INLINE = re.compile(r"[\\`*_\[\]#|~]")
#: Markdown syntax at the start of a line: lists, rules, underlined headings, numbered lists.
_LINE_START = re.compile(r"(\d{1,9})([.)])|[-+=]")
#: An ampersand that begins a character reference.
_REFERENCE = re.compile(r"&(?=#?[A-Za-z0-9]{1,32};)")


def render_article(collected: CollectedArticle) -> str:
    """Render the article's result as a page without empty sections.

    For an article without a result, the page shows its state and, if there is one, the reason.
    """
    result = collected.result
    if result is None:
        return _render_state(collected)
    title = escape_line(result.title) or escape_line(collected.article.id)
    blocks = [f"# {title}"]
    if result.summary.strip():
        if result.summary_title not in {"", result.title}:
            blocks.append(f"**{escape_line(result.summary_title)}**")
        blocks += [escape_text(result.summary), f"*{METHOD_TEXT[result.method]}*"]
    for heading, content in _sections(result):
        blocks += [f"## {heading}", content]
    return "\n\n".join(blocks) + "\n"


def _render_state(collected: CollectedArticle) -> str:
    article, outcome = collected.article, collected.outcome
    blocks = [f"# {escape_line(article.title) or escape_line(article.id)}"]
    reason = f": {_show_reason(outcome.reason)}" if outcome.reason else ""
    blocks += [f"*{outcome.state.value.capitalize()}{reason}*"]
    blocks += [escape_text(note) for note in (outcome.message, outcome.hint) if note]
    return "\n\n".join(blocks) + "\n"


def escape_text(text: str) -> str:
    """Escape untrusted text as Markdown that shows exactly its lines and paragraphs."""
    lines = _LINE_END.sub("\n", text).split("\n")
    # Several empty lines end a paragraph just as one empty line does.
    return re.sub(r"\n{3,}", "\n\n", "\n".join(escape_line(line) for line in lines)).strip("\n")


def escape_line(text: str) -> str:
    """Escape untrusted text as one line of Markdown that shows exactly this text."""
    # Tabs and line ends become spaces before other control characters go, so words stay apart.
    text = _CONTROL.sub("", " ".join(_LINE_END.sub(" ", text).split()))
    text = _INLINE.sub(r"\\\g<0>", text.strip())
    # These become entities, since some Markdown readers accept no backslash before them.
    text = _REFERENCE.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    start = _LINE_START.match(text)
    if start is None:
        return text
    mark = start.start(2) if start[2] else 0
    return f"{text[:mark]}\\{text[mark:]}"


def _sections(result: Result) -> Iterator[tuple[str, str]]:
    """Yield the heading and content of each section that has content."""
    lists = (
        ("What was changed", [_show_edit(edit) for edit in result.edits]),
        ("What was taken out", [_show_removal(removal) for removal in result.removed]),
        ("Proposals not used", [_show_refusal(refusal) for refusal in result.refused]),
        ("To look at", [_show_flag(flag) for flag in result.flags]),
        ("Evidence", [_show_evidence(sentence) for sentence in result.evidence]),
    )
    if result.repaired.strip():
        yield "Repaired text", escape_text(result.repaired)
    for heading, items in lists:
        if items:
            yield heading, "\n".join(items)


def _list_item(text: str, *details: str) -> str:
    return "\n".join([f"- {text}", *(f"  - {detail}" for detail in details)])


def _quoted(text: str) -> str:
    return escape_line(text) or "*(nothing)*"


def _show_reason(reason: Reason) -> str:
    return f"{REASON_TEXT[reason]} (`{reason.value}`)"


def _show_edit(edit: Edit) -> str:
    changes = [
        f"{_quoted(change.before)} → {_quoted(change.after)} (`{change.kind}`)"
        for change in edit.changes
    ]
    return _list_item(
        f"{_quoted(edit.before)} → {_quoted(edit.after.replace(_PARAGRAPH_END, ' ¶ '))}",
        f"{_show_reason(edit.reason)}, paragraph {edit.paragraph + 1}",
        *changes,
    )


def _show_removal(removal: Removal) -> str:
    place = f", line {removal.line}" if removal.line else ""
    return _list_item(_quoted(removal.text), f"{_show_reason(removal.reason)}{place}")


def _show_refusal(refusal: Refusal) -> str:
    detail = f": {escape_line(refusal.detail)}" if refusal.detail else ""
    source = [f"for: {escape_line(refusal.before)}"] if refusal.before else []
    return _list_item(_quoted(refusal.proposal), *source, f"{_show_reason(refusal.reason)}{detail}")


def _show_flag(flag: Flag) -> str:
    words = [f"words: {', '.join(escape_line(word) for word in flag.words)}"] if flag.words else []
    text = [escape_line(flag.text)] if flag.text else []
    return _list_item(_show_reason(flag.reason), *text, *words)


def _show_evidence(summary: SummarySentence) -> str:
    evidence = (f"{source.index + 1}: {escape_line(source.text)}" for source in summary.sentences)
    return _list_item(escape_line(summary.sentence), *evidence)
