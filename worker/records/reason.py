"""Every reason code: why something was removed, changed, refused, flagged, or failed.

The codes are a contract: they stand in result files and scripts rely on them.
A code is never renamed; a new one is added at the end of its group.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["REASON_FIELDS", "Reason"]

#: Fields of a result whose items each have a reason.
REASON_FIELDS = ("edits", "refused", "removed", "flags")


class Reason(StrEnum):
    """A stable code with its meaning in one line."""

    # Inputs refused at submit -------------------------------------------------------------
    EMPTY = "empty"
    """The file or record holds no text."""
    BINARY = "binary"
    """The bytes are not text."""
    BAD_ENCODING = "bad_encoding"
    """The text is neither UTF-8 nor an encoding that could be told."""
    TOO_LARGE = "too_large"
    """The text is longer than ``max_article_chars``."""
    BAD_JSON = "bad_json"
    """The line is not a JSON object."""
    NO_TEXT_FIELD = "no_text_field"
    """The record has no field that holds the text."""
    DUPLICATE_ID = "duplicate_id"
    """Another article of the job has this id already."""
    FILE_MISSING = "file_missing"
    """There is no such file or folder."""
    FILE_UNREADABLE = "file_unreadable"
    """The file may not be read, or reading it failed."""
    UNKNOWN_FORMAT = "unknown_format"
    """The file's suffix is none that Copydesk reads."""
    BAD_CSV = "bad_csv"
    """The row does not fit the table: its quoting is broken, or it has too few or many columns."""

    # Articles that end as failed ----------------------------------------------------------
    NOT_ENGLISH = "not_english"
    """The text is in another language."""
    NO_STORY = "no_story"
    """Nothing but page furniture was found."""
    ENGINE_ERROR = "engine_error"
    """The model failed on this article, also when it was tried alone."""
    INTERNAL_ERROR = "internal_error"
    """A fault in Copydesk; the message names it."""
    TOO_SLOW = "too_slow"
    """The article went over its time limit."""
    WORKER_LOST = "worker_lost"
    """Three workers were lost while they held this article."""

    # Articles that end as cancelled -------------------------------------------------------
    CANCELLED = "cancelled"
    """Its job was taken back before it was worked on."""
    DEADLINE = "deadline"
    """Its job's deadline was over before it was worked on."""

    # Furniture removed --------------------------------------------------------------------
    REPEATED_TITLE = "repeated_title"
    """The headline once more."""
    REPEATED_LINE = "repeated_line"
    """A line that stands more than once in the article."""
    SHARED_LINE = "shared_line"
    """A line that many articles have which came in together."""
    OUTLET_SUFFIX = "outlet_suffix"
    """The outlet's name behind the headline."""
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
    """A line of a page without markup that stands outside its story."""

    # Sentences mended at the split --------------------------------------------------------
    FALSE_BREAK = "false_break"
    """A full stop that cut a sentence in two was taken out."""
    STRAY_PIECE = "stray_piece"
    """A lone function word behind a full stop was taken out; it carries no content."""
    LOST_CAPITAL = "lost_capital"
    """A sentence that began with a small letter was given its capital."""
    DOUBLED_WORD = "doubled_word"
    """A word that stood twice in a row was taken once."""
    LOST_STOP = "lost_stop"
    """The full stop that two sentences had lost between them was put back."""
    RUN_IN_HEADING = "run_in_heading"
    """A heading or link that ran into a sentence was set on a line of its own."""

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
    """A content word vanished without a relative in its place."""
    CONTENT_ADDED = "content_added"
    """A content word appeared that has no relative in the source."""
    LENGTH_CHANGED = "length_changed"
    """Far longer or shorter than the source."""
    TOO_DIFFERENT = "too_different"
    """Too little of the source is left."""
    NOT_BETTER = "not_better"
    """It is not sure enough to read better than the source."""
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
    """No sentence of the article carries it."""
    LOADED_WORD = "loaded_word"
    """A word of judgement that its evidence does not have."""
    ATTRIBUTION_LOST = "attribution_lost"
    """It says as a fact what the article lets somebody say."""

    # Flags --------------------------------------------------------------------------------
    AWKWARD = "awkward"
    """Read as awkward, and left as it was."""
    NEEDS_SOURCE = "needs_source"
    """Not to be mended without the source text; kept out of the summary."""
    LOADED_LANGUAGE = "loaded_language"
    """The article's own voice uses words of judgement."""
    SHORT_ARTICLE = "short_article"
    """Too short for a summary of the usual length."""
    CONTRADICTION = "contradiction"
    """Two sentences give different numbers or days for the same thing."""
    ORDER = "order"
    """The text tells whoever reads it what to write; kept out of the summary."""
