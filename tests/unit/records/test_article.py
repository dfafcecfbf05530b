"""Wire types: frozen, strict about their fields, and the digests and names made from them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from worker.records.article import (
    ACTIVE_STATES,
    TERMINAL_STATES,
    Article,
    ArticleFormat,
    ArticleState,
    Outcome,
    ProcessedArticle,
)
from worker.records.job import JobId, JobProgress
from worker.records.reason import Reason
from worker.records.result import (
    Edit,
    EvidenceSentence,
    Flag,
    Method,
    Refusal,
    Removal,
    Result,
    SummarySentence,
)

RESULT = Result(
    title="Ferry late",
    repaired="The ferry was late.",
    summary="The ferry was late.",
    method=Method.EXTRACTIVE,
    evidence=(
        SummarySentence(
            sentence="The ferry was late.",
            sentences=(EvidenceSentence(index=0, text="The ferry was late."),),
        ),
    ),
    edits=(Edit(paragraph=0, before="a. b", after="a b", reason=Reason.FALSE_BREAK),),
    refused=(Refusal(stage="repair", before="a", proposal="b", reason=Reason.CHATTER),),
    removed=(Removal(line=3, text="Reply", reason=Reason.COMMENT_FORM),),
    flags=(Flag(reason=Reason.LOADED_LANGUAGE, text="Vile.", words=("vile",)),),
    timings={"repair": 0.25},
)


def progress(**counts: Any) -> JobProgress:
    zero = dict.fromkeys(("total", *ArticleState, "cached", "refused"), 0)
    fields = {"id": JobId("j"), "profile": "p", "priority": "normal", "created": 0.0}
    ends = {"restraint": "careful", "deadline": None, "closed": True, "cancel": None}
    return JobProgress.model_validate({**fields, **ends, **zero, **counts})


def test_every_state_is_either_active_or_terminal() -> None:
    assert set(ArticleState) == ACTIVE_STATES | TERMINAL_STATES
    assert not ACTIVE_STATES & TERMINAL_STATES


def test_a_result_survives_the_wire() -> None:
    done = ProcessedArticle(outcome=Outcome(state=ArticleState.DONE), result=RESULT)

    assert ProcessedArticle.model_validate_json(done.model_dump_json()) == done


def test_a_record_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RESULT.summary = "Another."  # type: ignore[misc]


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Outcome.model_validate({"state": "done", "colour": "red"})


@pytest.mark.parametrize("bad", ["", "x" * 513])
def test_an_id_is_neither_empty_nor_endless(bad: str) -> None:
    with pytest.raises(ValidationError, match="id"):
        Article(id=bad, text="Some text.")


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "Other text."},
        {"title": "Title"},
        {"format": ArticleFormat.HTML},
        {"shared_lines": ("Some",)},
    ],
    ids=str,
)
def test_the_content_digest_changes_with_what_can_change_the_result(
    changed: dict[str, Any],
) -> None:
    article = Article(id="a", text="Some text.")

    assert article.model_copy(update=changed).content_digest != article.content_digest


def test_the_content_digest_ignores_id_and_source() -> None:
    article = Article(id="a", text="Some text.", source="a.txt")
    renamed = Article(id="b", text="Some text.", source="b.jsonl:7")

    assert article.content_digest == renamed.content_digest
    assert len(article.content_digest) == 64


def test_the_same_shared_lines_give_the_same_digest() -> None:
    first = Article(id="a", text="Some text.\nMore news", shared_lines=("More news",))
    second = Article(id="b", text="Some text.\nMore news", shared_lines=("More news",))

    assert first.content_digest == second.content_digest


def test_the_digest_separates_title_and_text() -> None:
    article = Article(id="a", title="Har", text="bour")
    shifted = Article(id="a", title="Harb", text="our")

    assert article.content_digest != shifted.content_digest


def test_a_lone_surrogate_has_a_digest() -> None:
    assert len(Article(id="a", text="\udcff").content_digest) == 64


@pytest.mark.parametrize("plain", ["a", "a.b", "Report_7-b.v2", "-x", "0" * 64])
def test_a_plain_id_is_its_own_file_name(plain: str) -> None:
    assert Article(id=plain, text="x").file_stem == plain


@pytest.mark.parametrize(
    "wild", ["", ".", "..", ".hidden", "a/b", "../../etc/passwd", "a\nb", "a b", "ä", "x" * 65]
)
def test_a_wild_id_becomes_a_hash(wild: str) -> None:
    article = Article.model_construct(id=wild, text="x")

    assert article.file_stem.startswith("id-")
    assert len(article.file_stem) == 19
    assert article.file_stem[3:].isalnum()


def test_two_wild_ids_have_two_file_names() -> None:
    assert Article(id="a/b", text="x").file_stem != Article(id="a\\b", text="x").file_stem


@pytest.mark.parametrize(
    ("counts", "finished"),
    [
        ({"total": 2, "done": 1, "failed": 1}, True),
        ({"total": 2, "done": 1, "queued": 1}, False),
        ({"total": 2, "done": 1, "running": 1}, False),
        ({"total": 2, "done": 2, "closed": False}, False),
        ({"total": 1, "cancelled": 1}, True),
        ({"total": 2, "cancelled": 2, "closed": False, "cancel": "deadline"}, True),
        ({"total": 2, "cancelled": 1, "running": 1, "cancel": "cancelled"}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_job_is_finished_when_it_is_closed_and_nothing_is_left(
    counts: dict[str, Any], finished: bool
) -> None:
    assert progress(**counts).finished is finished
