"""Reason codes: why something was removed, changed, refused, flagged, or failed.

Result files contain these codes and scripts rely on them: never rename a code, and add a new code
at the end of its group.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["REASON_FIELDS", "Reason"]

#: Fields of a result whose entries have a reason.
REASON_FIELDS = ("edits", "refused", "removed", "flags")


class Reason(StrEnum):
    """A stable code with a one-line meaning."""

    # Inputs refused at submit -------------------------------------------------------------
    EMPTY = "empty"
    """The file or record contains no text."""
    BINARY = "binary"
    """The bytes are not text."""
    BAD_ENCODING = "bad_encoding"
    """The text is neither UTF-8 nor in an encoding that can be recognised."""
    TOO_LARGE = "too_large"
    """The text is longer than ``max_article_chars``."""
    BAD_JSON = "bad_json"
    """The line is not a JSON object."""
    NO_TEXT_FIELD = "no_text_field"
    """No field of the record contains the text."""
    DUPLICATE_ID = "duplicate_id"
    """Another article in the job already has this id."""
    FILE_MISSING = "file_missing"
    """The file or folder does not exist."""
    FILE_UNREADABLE = "file_unreadable"
    """Reading the file failed or is not permitted."""
    UNKNOWN_FORMAT = "unknown_format"
    """Copydesk does not read files with this suffix."""
    BAD_CSV = "bad_csv"
    """The row does not fit the table: its quoting is broken, or it has too few or many columns."""

    # Articles that end as failed ----------------------------------------------------------
    NOT_ENGLISH = "not_english"
    """The text is in another language."""
    NO_STORY = "no_story"
    """The page contains only furniture."""
    ENGINE_ERROR = "engine_error"
    """The model failed on this article, even when it was tried alone."""
    INTERNAL_ERROR = "internal_error"
    """A fault in Copydesk; the message names it."""
    TOO_SLOW = "too_slow"
    """The article exceeded its time limit."""
    WORKER_LOST = "worker_lost"
    """Three workers were lost while processing this article."""

    # Articles that end as cancelled -------------------------------------------------------
    CANCELLED = "cancelled"
    """The job was cancelled before the article was processed."""
    DEADLINE = "deadline"
    """The job's deadline passed before the article was processed."""

    # Furniture removed --------------------------------------------------------------------
    REPEATED_TITLE = "repeated_title"
    """The headline, repeated."""
    REPEATED_LINE = "repeated_line"
    """A line that occurs more than once in the article."""
    SHARED_LINE = "shared_line"
    """A line shared by many articles in the job."""
    OUTLET_SUFFIX = "outlet_suffix"
    """The outlet's name after the headline."""
    PROMO_LINE = "promo_line"
    """A line that points to another story."""
    GLUED_PROMO = "glued_promo"
    """A pointer to another story, glued to the end of a sentence."""
    TAG_LINE = "tag_line"
    """A list of keywords."""
    COMMENT_FORM = "comment_form"
    """The page's comment form."""
    SHARE_BAR = "share_bar"
    """Share, print or follow buttons."""
    SUBSCRIPTION = "subscription"
    """An offer of a newsletter, app, account or subscription."""
    LEGAL_LINE = "legal_line"
    """Copyright, cookie or terms-of-use lines."""
    NAVIGATION = "navigation"
    """Menus, breadcrumbs or links to other pages."""
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
    """A sentence that began with a lower-case letter was capitalised."""
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
    """The proposal is far longer or shorter than the source."""
    TOO_DIFFERENT = "too_different"
    """Too little of the source remains."""
    NOT_BETTER = "not_better"
    """The proposal is not likely enough to read better than the source."""
    LAYOUT_CHANGED = "layout_changed"
    """A list mark, markup, a bracket, or a closing semicolon or colon appeared or vanished."""
    UNFINISHED = "unfinished"
    """The model stopped in the middle of a sentence, or wrote nothing."""
    CHATTER = "chatter"
    """The model talked about the task instead of doing it."""
    TOO_LONG = "too_long"
    """The sentence does not fit the model's window and was not sent."""
    MEANING_DOUBTFUL = "meaning_doubtful"
    """The judge is not sure enough that the proposal says the same."""

    # Summary sentences refused ------------------------------------------------------------
    NOT_SUPPORTED = "not_supported"
    """No sentence in the article supports the summary sentence."""
    LOADED_WORD = "loaded_word"
    """The summary sentence has a loaded word that its evidence lacks."""
    ATTRIBUTION_LOST = "attribution_lost"
    """The summary sentence states as fact what the article attributes to someone."""

    # Flags --------------------------------------------------------------------------------
    AWKWARD = "awkward"
    """The sentence reads awkwardly and was left unchanged."""
    NEEDS_SOURCE = "needs_source"
    """The sentence cannot be repaired without the source text and is kept out of the summary."""
    LOADED_LANGUAGE = "loaded_language"
    """The article's own voice uses loaded words."""
    SHORT_ARTICLE = "short_article"
    """The article is too short for a summary of the usual length."""
    CONTRADICTION = "contradiction"
    """Two sentences give different numbers or days for the same thing."""
    ORDER = "order"
    """The sentence tells its reader what to write and is kept out of the summary."""
