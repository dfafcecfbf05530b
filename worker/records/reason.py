"""Reason codes: why something was removed, changed, refused, flagged, or failed.

Result files hold the codes and scripts rely on them: a code is never renamed, and a new one is
added at the end of its group.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["REASON_FIELDS", "Reason"]

#: Fields of a result whose entries have a reason.
REASON_FIELDS = ("edits", "refused", "removed", "flags")


class Reason(StrEnum):
    """A stable code with its meaning in one line."""

    # Inputs refused at submit -------------------------------------------------------------
    EMPTY = "empty"
    """The file or record holds no text."""
    BINARY = "binary"
    """The bytes are not text."""
    BAD_ENCODING = "bad_encoding"
    """The text is neither UTF-8 nor in an encoding that can be recognised."""
    TOO_LARGE = "too_large"
    """The text is longer than ``max_article_chars``."""
    BAD_JSON = "bad_json"
    """The line is not a JSON object."""
    NO_TEXT_FIELD = "no_text_field"
    """The record has no field that holds the text."""
    DUPLICATE_ID = "duplicate_id"
    """Another article of the job has this id already."""
    FILE_MISSING = "file_missing"
    """The file or folder does not exist."""
    FILE_UNREADABLE = "file_unreadable"
    """Reading the file is not permitted, or failed."""
    UNKNOWN_FORMAT = "unknown_format"
    """Copydesk does not read files with this suffix."""
    BAD_CSV = "bad_csv"
    """The row does not fit the table: its quoting is broken, or it has too few or many columns."""

    # Articles that end as failed ----------------------------------------------------------
    NOT_ENGLISH = "not_english"
    """The text is in another language."""
    NO_STORY = "no_story"
    """The page holds nothing but furniture."""
    ENGINE_ERROR = "engine_error"
    """The model failed on this article, even when it was tried alone."""
    INTERNAL_ERROR = "internal_error"
    """A fault in Copydesk, which the message names."""
    TOO_SLOW = "too_slow"
    """The article exceeded its time limit."""
    WORKER_LOST = "worker_lost"
    """Three workers were lost while they held this article."""

    # Articles that end as cancelled -------------------------------------------------------
    CANCELLED = "cancelled"
    """Its job was cancelled before it was processed."""
    DEADLINE = "deadline"
    """Its job's deadline passed before it was processed."""

    # Furniture removed --------------------------------------------------------------------
    REPEATED_TITLE = "repeated_title"
    """The headline, repeated."""
    REPEATED_LINE = "repeated_line"
    """A line that occurs more than once in the article."""
    SHARED_LINE = "shared_line"
    """A line that many articles of the job share."""
    OUTLET_SUFFIX = "outlet_suffix"
    """The outlet's name after the headline."""
    PROMO_LINE = "promo_line"
    """A line that points to another story."""
    GLUED_PROMO = "glued_promo"
    """A pointer to another story, glued to the end of a sentence."""
    TAG_LINE = "tag_line"
    """A list of key words."""
    COMMENT_FORM = "comment_form"
    """The page's comment form."""
    SHARE_BAR = "share_bar"
    """Share, print or follow buttons."""
    SUBSCRIPTION = "subscription"
    """An offer of a newsletter, app, account or subscription."""
    LEGAL_LINE = "legal_line"
    """Copyright, cookie and terms lines."""
    NAVIGATION = "navigation"
    """Menus, breadcrumbs, links to other pages."""
    CREDIT_LINE = "credit_line"
    """Picture credits and similar one-line credits."""
    HTML_BOILERPLATE = "html_boilerplate"
    """Parts of an HTML page outside the article."""
    OUTSIDE_STORY = "outside_story"
    """A line outside the story, on a page without markup."""

    # Sentences repaired at the split ------------------------------------------------------
    FALSE_BREAK = "false_break"
    """A full stop that split a sentence was removed."""
    STRAY_PIECE = "stray_piece"
    """A lone function word after a full stop was removed; it carries no content."""
    LOST_CAPITAL = "lost_capital"
    """A sentence that began with a small letter was capitalised."""
    DOUBLED_WORD = "doubled_word"
    """A repeated word was removed."""
    LOST_STOP = "lost_stop"
    """The missing full stop between two sentences was restored."""
    RUN_IN_HEADING = "run_in_heading"
    """A heading or link that ran into a sentence was moved to its own line."""

    # Proposals ----------------------------------------------------------------------------
    MODEL_REWRITE = "model_rewrite"
    """The model's proposal passed every check."""
    NUMBER_CHANGED = "number_changed"
    """A number, date or amount appeared or vanished."""
    NAME_CHANGED = "name_changed"
    """A name appeared or vanished."""
    QUOTE_CHANGED = "quote_changed"
    """Words inside a quotation differ."""
    NEGATION_CHANGED = "negation_changed"
    """A negation appeared or vanished."""
    MODALITY_CHANGED = "modality_changed"
    """A modal verb such as may or must appeared or vanished."""
    CONTENT_LOST = "content_lost"
    """A content word vanished without a related word in its place."""
    CONTENT_ADDED = "content_added"
    """A content word appeared that has no related word in the source."""
    LENGTH_CHANGED = "length_changed"
    """Far longer or shorter than the source."""
    TOO_DIFFERENT = "too_different"
    """Too little of the source remains."""
    NOT_BETTER = "not_better"
    """It is not likely enough to read better than the source."""
    LAYOUT_CHANGED = "layout_changed"
    """A list mark, markup, a bracket, or a closing semicolon or colon appeared or vanished."""
    UNFINISHED = "unfinished"
    """The model stopped in the middle of a sentence, or wrote nothing."""
    CHATTER = "chatter"
    """The model talked about the task instead of doing it."""
    TOO_LONG = "too_long"
    """The sentence does not fit the model's window and was not sent."""

    # Summary sentences refused ------------------------------------------------------------
    NOT_SUPPORTED = "not_supported"
    """No sentence of the article supports it."""
    LOADED_WORD = "loaded_word"
    """It has a loaded word that its evidence lacks."""
    ATTRIBUTION_LOST = "attribution_lost"
    """It states as fact what the article attributes to someone."""

    # Flags --------------------------------------------------------------------------------
    AWKWARD = "awkward"
    """The sentence reads awkwardly and was left unchanged."""
    NEEDS_SOURCE = "needs_source"
    """It cannot be repaired without the source text; kept out of the summary."""
    LOADED_LANGUAGE = "loaded_language"
    """The article's own voice uses loaded words."""
    SHORT_ARTICLE = "short_article"
    """Too short for a summary of the usual length."""
    CONTRADICTION = "contradiction"
    """Two sentences give different numbers or days for the same thing."""
    ORDER = "order"
    """The text instructs its reader what to write; kept out of the summary."""
