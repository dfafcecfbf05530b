"""Reason codes stand in result files: the set of them only grows."""

from __future__ import annotations

import ast
import inspect

import pytest

from cli.output.markdown import REASON_TEXT
from worker.records import reason
from worker.records.reason import Reason

PINNED = {
    # inputs refused
    *("empty", "binary", "bad_encoding", "too_large", "bad_json", "no_text_field"),
    *("duplicate_id", "file_missing", "file_unreadable", "unknown_format", "bad_csv"),
    # articles failed
    *("not_english", "no_story", "engine_error", "internal_error", "too_slow", "worker_lost"),
    # articles cancelled
    *("cancelled", "deadline"),
    # furniture removed
    *(
        "repeated_title",
        "repeated_line",
        "shared_line",
        "outlet_suffix",
        "promo_line",
        "glued_promo",
    ),
    *("tag_line", "comment_form", "share_bar", "subscription", "legal_line", "navigation"),
    *("credit_line", "html_boilerplate", "outside_story"),
    # sentences mended
    *("false_break", "stray_piece", "lost_capital", "doubled_word"),
    *("lost_stop", "run_in_heading"),
    # proposals
    *("model_rewrite", "number_changed", "name_changed", "quote_changed", "negation_changed"),
    *("modality_changed", "content_lost", "content_added", "length_changed", "too_different"),
    *("not_better", "unfinished", "chatter", "too_long", "layout_changed"),
    "meaning_doubtful",
    # summary sentences
    *("not_supported", "loaded_word", "attribution_lost"),
    # flags
    *("awkward", "needs_source", "loaded_language", "short_article", "contradiction", "order"),
}


def explained() -> set[str]:
    """Names of the members with a text right behind them."""
    (body,) = [
        node.body
        for node in ast.walk(ast.parse(inspect.getsource(reason)))
        if isinstance(node, ast.ClassDef)
    ]
    return {
        node.targets[0].id
        for node, following in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and str(following.value.value).endswith(".")
    }


def test_no_code_goes_or_is_renamed() -> None:
    assert {reason.value for reason in Reason} >= PINNED


def test_a_new_code_is_pinned_here() -> None:
    assert {reason.value for reason in Reason} <= PINNED


@pytest.mark.parametrize("reason", Reason)
def test_a_code_is_its_lower_case_name(reason: Reason) -> None:
    assert reason.value == reason.name.lower()
    assert reason.value.replace("_", "").isalnum()


@pytest.mark.parametrize("reason", Reason)
def test_a_code_has_a_docstring(reason: Reason) -> None:
    assert reason.name in explained()


@pytest.mark.parametrize("reason", Reason)
def test_a_code_has_plain_words_for_an_editor(reason: Reason) -> None:
    text = REASON_TEXT[reason]

    assert text[0].isupper()
    assert not text.endswith(".")


def test_plain_words_are_distinct() -> None:
    assert len(set(REASON_TEXT.values())) == len(REASON_TEXT) == len(Reason)
