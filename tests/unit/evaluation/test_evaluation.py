"""Evaluations with fake callables, and the errors of rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from worker.errors import UsageError
from worker.evaluation import repair as repair_evaluation
from worker.evaluation import summary as summary_evaluation
from worker.evaluation.furniture import evaluate_furniture
from worker.evaluation.repair import evaluate_repair
from worker.evaluation.rows import (
    PageRow,
    RepairRow,
    SummaryRow,
    SupportRow,
    read_page_rows,
    read_repair_rows,
    read_summary_rows,
    read_support_rows,
)
from worker.evaluation.summary import evaluate_summary
from worker.evaluation.support import JudgedClaim, evaluate_support
from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.records.result import EvidenceSentence, Method, Refusal, Result, SummarySentence

AWKWARD = "The ferry leave Bremen at two clock."
FLUENT = "The ferry leaves Bremen at two o'clock."


def repair_row(source: str, *versions: str) -> RepairRow:
    return RepairRow(source=source, target=versions[0], versions=versions)


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# Repair ------------------------------------------------------------------------------------


def test_the_estimate_is_compared_with_human_edit_rates() -> None:
    rows = [
        repair_row(text, FLUENT).model_copy(update={"edit_rate": rate})
        for text, rate in (("One.", 0.1), ("Two.", 0.6), ("Three.", 0.9), ("Four.", 0.59))
    ]
    estimates = {"One.": 0.1, "Two.": 0.3, "Three.": 0.5, "Four.": 0.4}

    def measured(rows: Sequence[RepairRow]) -> float | None:
        report = evaluate_repair(
            rows,
            lambda sources: sources,
            estimate=lambda texts: [estimates[text] for text in texts],
        )
        return report.needs_source_auc

    # Three of the four pairs of a sentence beyond repair and another one are in order.
    assert measured(rows) == 0.75
    assert measured(rows[1:3]) is None
    assert measured([repair_row("One.", FLUENT)]) is None
    assert evaluate_repair(rows, lambda sources: sources).needs_source_auc is None
    unknown = evaluate_repair(rows, lambda sources: sources, estimate=lambda _: None)
    assert unknown.needs_source_auc is None


def test_doing_nothing_changes_no_figure() -> None:
    rows = [repair_row(AWKWARD, FLUENT, "At two o'clock the ferry leaves Bremen.")]
    report = evaluate_repair(rows, lambda sources: sources)
    assert report.n == 1
    assert (report.changed_share, report.net) == (0.0, 0.0)
    assert (report.closer, report.farther, report.same) == (0, 0, 0)
    assert report.chrf_before == report.chrf_after < 100
    assert report.ter_before == report.ter_after > 0
    assert report.gleu_before == report.gleu_after
    assert (report.invented, report.lost) == (0, 0)
    assert report.sentences_per_s > 0


def test_changes_are_counted_by_their_effect_on_the_distance() -> None:
    rows = [repair_row(AWKWARD, FLUENT) for _ in range(4)]
    outputs = [
        FLUENT,
        "A ferry leave old Bremen at two clock.",
        "The ferry left Bremen at two clock.",
        AWKWARD,
    ]
    report = evaluate_repair(rows, lambda _: outputs)
    assert report.changed_share == 0.75
    assert (report.closer, report.farther, report.same) == (1, 1, 1)
    assert report.net == 2.0 - 2.0 + 0.0


def test_a_reference_that_nobody_made_from_the_source_is_counted_on_its_own() -> None:
    # Given: a post-edit that kept the clumsy verb, and a reference that has another one
    reference = "At two o'clock the ferry departs from Bremen."
    row = repair_row(AWKWARD, "The ferry leave Bremen at two o'clock.")
    rows = [row.model_copy(update={"reference": reference})] * 3 + [row]
    outputs = [
        reference,
        "A ferry leave Bremen at two clock, and it is said to be old.",
        AWKWARD,
        reference,
    ]
    report = evaluate_repair(rows, lambda _: outputs)
    # Then: the post-edit says that the better sentence is worse, and the reference does not
    assert (report.closer, report.farther) == (0, 3)
    assert (report.reference_closer, report.reference_farther) == (1, 1)
    assert report.reference_n == 3
    assert report.reference_changed_share == pytest.approx(2 / 3)


def test_without_references_there_is_no_share_of_them() -> None:
    report = evaluate_repair([repair_row(AWKWARD, FLUENT)], lambda _: [FLUENT])
    assert (report.reference_n, report.reference_changed_share) == (0, None)


def test_a_perfect_output_scores_like_its_target() -> None:
    report = evaluate_repair([repair_row(AWKWARD, FLUENT)], lambda _: [FLUENT])
    assert report.chrf_after == pytest.approx(100)
    assert report.ter_after == 0.0
    assert report.ter_before == pytest.approx(100 * 2 / 7)


def test_typography_alone_is_no_change() -> None:
    report = evaluate_repair(
        [repair_row("It\u2019s “open”.", 'It\'s "open".')], lambda _: ['It\'s "open".']
    )
    assert (report.changed_share, report.closer, report.net) == (0.0, 0, 0.0)
    assert report.chrf_before < report.chrf_after


def test_gleu_is_none_without_several_versions() -> None:
    report = evaluate_repair([repair_row(AWKWARD, FLUENT)], lambda _: [FLUENT])
    assert report.gleu_before is None
    assert report.gleu_after is None
    assert {"gleu_before", "gleu_after"} <= report.model_dump().keys()


def test_gleu_counts_the_sentences_with_several_versions() -> None:
    rows = [
        repair_row(AWKWARD, FLUENT, FLUENT),
        repair_row("It rain in Kiel all the day", "It rained all day"),
    ]
    report = evaluate_repair(rows, lambda sources: [FLUENT, sources[1]])
    assert report.gleu_before is not None
    assert report.gleu_before < 50
    assert report.gleu_after == pytest.approx(100)


def test_invented_and_lost_facts_are_counted_by_output() -> None:
    rows = [repair_row(AWKWARD, FLUENT) for _ in range(3)]
    outputs = [
        "The ferry leaves Kiel at three o'clock.",
        "The ferry leaves Bremen at two o'clock with 40 people.",
        "The ferry of Kiel leaves Bremen at two o'clock.",
    ]
    report = evaluate_repair(rows, lambda _: outputs)
    assert (report.invented, report.lost) == (3, 1)


def test_sentences_are_passed_in_slices_and_progress_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repair_evaluation, "SLICE_SENTENCES", 2)
    sizes: list[int] = []
    seen: list[tuple[int, int]] = []

    def repair(sources: Sequence[str]) -> Sequence[str]:
        sizes.append(len(sources))
        return sources

    evaluate_repair(
        [repair_row(AWKWARD, FLUENT)] * 5, repair, on_progress=lambda *counts: seen.append(counts)
    )
    assert sizes == [2, 2, 1]
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_errors_of_the_callable_propagate() -> None:
    def repair(_: Sequence[str]) -> Sequence[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate_repair([repair_row(AWKWARD, FLUENT)], repair)


def test_a_missing_output_or_no_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 sentences went in, 1 came out"):
        evaluate_repair([repair_row(AWKWARD, FLUENT)] * 2, lambda _: [FLUENT])
    with pytest.raises(ValueError, match="nothing to measure"):
        evaluate_repair([], lambda sources: sources)


# Summary -----------------------------------------------------------------------------------

STORY = "The ferry sank. Nobody was hurt. Divers look for it. It was an old ship."


def result(summary: str, method: Method, *refused: Refusal) -> Result:
    return Result(
        title="", repaired=STORY, summary=summary, method=method, evidence=(), refused=refused
    )


def refusal(reason: Reason, stage: str = "summary") -> Refusal:
    return Refusal(stage=stage, before="", proposal="x", reason=reason)


def test_summaries_are_measured_against_the_lead() -> None:
    rows = [
        SummaryRow(
            id="1", text=STORY, summary="The ferry sank. Nobody was hurt. Divers look for it."
        ),
        SummaryRow(id="2", text=STORY, title="Another", summary="An old ship."),
    ]
    results = [
        result("Goats.", Method.EXTRACTIVE, refusal(Reason.NOT_SUPPORTED)),
        result(
            "An old ship.",
            Method.WRITTEN,
            refusal(Reason.NOT_SUPPORTED),
            refusal(Reason.LOADED_WORD),
            refusal(Reason.NAME_CHANGED, "repair"),
        ),
    ]
    report = evaluate_summary(rows, lambda _: results)
    assert report.n == 2
    assert (report.rouge1, report.rouge2, report.rougeL) == pytest.approx((50, 50, 50))
    assert (report.lead3_rouge1, report.lead3_rougeL) == pytest.approx((50, 50))
    assert report.words_mean == 2.0
    assert report.extractive_share == 0.5
    assert report.refused == {"loaded_word": 1, "not_supported": 2}
    assert report.articles_per_s > 0


def test_a_failed_article_scores_nothing_and_is_counted_separately() -> None:
    rows = [SummaryRow(id=str(i), text=STORY, title=str(i), summary="alpha beta") for i in range(2)]
    report = evaluate_summary(rows, lambda _: [result("alpha beta", Method.WRITTEN), None])
    assert (report.n, report.failed) == (2, 1)
    assert report.rouge1 == pytest.approx(50)
    assert (report.words_mean, report.extractive_share) == (2.0, 0.0)


def test_articles_are_passed_whole_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_evaluation, "SLICE_ARTICLES", 2)
    rows = [SummaryRow(id=str(i), text=STORY, title=f"Ferry {i}", summary="x") for i in range(3)]
    slices: list[list[Article]] = []
    seen: list[tuple[int, int]] = []

    def summarise(articles: Sequence[Article]) -> Sequence[Result]:
        slices.append(list(articles))
        return [result("x", Method.MIXED) for _ in articles]

    evaluate_summary(rows, summarise, on_progress=lambda *counts: seen.append(counts))
    assert [[article.id for article in slice_] for slice_ in slices] == [["0", "1"], ["2"]]
    assert slices[0][0] == Article(id="0", title="Ferry 0", text=STORY)
    assert seen == [(2, 3), (3, 3)]


def test_an_article_with_several_references_is_summarised_once() -> None:
    rows = [SummaryRow(id=str(i), text=STORY, summary=f"alpha {i}") for i in range(3)]
    report = evaluate_summary(
        rows, lambda articles: [result("alpha 0", Method.MIXED) for _ in articles]
    )
    assert report.n == 3
    assert report.rouge1 == pytest.approx((100 + 50 + 50) / 3)


def test_a_missing_result_or_no_articles_is_an_error() -> None:
    row = SummaryRow(id="1", text=STORY, summary="x")
    with pytest.raises(ValueError, match="1 articles went in, 0 came out"):
        evaluate_summary([row], lambda _: [])
    with pytest.raises(ValueError, match="nothing to measure"):
        evaluate_summary([], lambda _: [])


# Furniture ---------------------------------------------------------------------------------


def page(text: str, article: str) -> PageRow:
    return PageRow(id="p", url="u", text=text, format=ArticleFormat.TEXT, article=article)


def test_lines_and_shingles_of_pages_are_measured() -> None:
    rows = [
        page("A\nMenu", "The ferry sank in the night\nNobody was hurt\nIt was an old ship of iron"),
        page("B", "Divers look for the ferry"),
    ]
    produced = {
        "A\nMenu": [
            "The ferry sank in the night",
            "nobody was hurt!",
            "It was an old",
            "Menu",
            "Share",
        ],
        "B": [],
    }
    seen: list[tuple[int, int]] = []
    report = evaluate_furniture(
        rows,
        lambda article: produced[article.text],
        on_progress=lambda *counts: seen.append(counts),
    )
    assert report.n == 2
    assert report.line_precision == 3 / 5
    assert report.line_recall == 2 / 4
    # 15 words give 12 shingles, the gold's 16 give 13; six are in both, two of them across lines.
    precision, recall = 6 / 12, (6 / 13 + 0) / 2
    assert report.token_f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert seen == [(1, 2), (2, 2)]


def test_the_page_is_passed_in_its_format() -> None:
    row = PageRow(id="p", url="u", text="<p>A</p>", format=ArticleFormat.HTML, article="A")
    pages: list[Article] = []

    def strip(article: Article) -> Sequence[str]:
        pages.append(article)
        return ["A"]

    assert evaluate_furniture([row], strip).token_f1 == 1.0
    assert pages == [Article(id="p", text="<p>A</p>", format=ArticleFormat.HTML, source="u")]


def test_nothing_produced_scores_nothing() -> None:
    report = evaluate_furniture([page("A", "The ferry sank")], lambda _: [])
    assert (report.line_precision, report.line_recall, report.token_f1) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="nothing to measure"):
        evaluate_furniture([], lambda _: [])


# Rows --------------------------------------------------------------------------------------


def test_repair_rows_take_target_and_targets(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.jsonl",
        {"source": "a", "target": "b", "hter": 0.1},
        {"source": "a", "targets": ["c", "d"], "reference": "z"},
        {"source": "a", "target": "b", "targets": ["c"]},
        {"source": "a", "target": "c", "targets": ["b", "c"]},
    )
    assert [(row.target, row.versions) for row in read_repair_rows(path)] == [
        ("b", ("b",)),
        ("c", ("c", "d")),
        ("b", ("b", "c")),
        ("c", ("b", "c")),
    ]


def test_a_reference_with_facts_that_nobody_can_know_does_not_count(tmp_path: Path) -> None:
    row = {"source": "a", "target": "b"}
    path = written(
        tmp_path / "rows.jsonl",
        {**row, "reference": "z", "new_names_numbers": []},
        {**row, "reference": "z"},
        {**row, "reference": "z 12", "new_names_numbers": ["12"]},
        {**row, "reference": " "},
        row,
    )
    references = [row.reference for row in read_repair_rows(path)]
    assert references == ["z", "z", None, None, None]


def test_summary_rows_have_four_shapes(tmp_path: Path) -> None:
    leads = [{"title": "L", "text": "one"}, {"text": "two"}, {"title": "M", "text": ""}]
    path = written(
        tmp_path / "rows.jsonl",
        {"article": "a", "summary": "s", "title": "T"},
        {"leads": leads, "summary": "s", "title": "gold"},
        {"src": "c", "ref_summ": "s", "ref_summs": ["t"], "title": "gold"},
        {"text": "d", "summary": "s"},
    )
    assert [(row.id, row.text, row.title) for row in read_summary_rows(path)] == [
        ("1", "a", "T"),
        ("2", "one\n\ntwo", ""),
        ("3", "c", ""),
        ("4", "d", ""),
    ]


def test_page_rows_are_html_or_text(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.jsonl",
        {"id": "x", "url": "u", "html": "<p>", "article": "g"},
        {"text": "t", "article": "g"},
    )
    first, second = read_page_rows(path)
    assert (first.id, first.url, first.format) == ("x", "u", ArticleFormat.HTML)
    assert (second.id, second.text, second.format) == ("2", "t", ArticleFormat.TEXT)


def test_gzip_is_recognised_by_content_and_the_limit_stops_reading(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = '{"source": "a", "target": "b"}\n\n'
    path.write_bytes(gzip.compress((row * 3 + "broken").encode()))
    assert len(read_repair_rows(path, limit=2)) == 2
    with pytest.raises(UsageError) as caught:
        read_repair_rows(path)
    assert str(caught.value).startswith(f"{path}:7: not JSON")


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "rows_empty", "no row"),
        (b"\n \n", "rows_empty", "no row"),
        (b'{"source": "a", "target": "b"}\n[1]\n', "row_not_json", ":2: not a JSON object"),
        (b'{"source": "a"\n', "row_not_json", ":1: not JSON"),
        (b"[" * 100_000, "row_not_json", ":1: not JSON"),
        (b'{"target": "b"}\n', "row_incomplete", ':1: "source" is missing'),
        (b'{"source": " ", "target": "b"}\n', "row_incomplete", ':1: "source" is not a text'),
        (b'{"source": "a"}\n', "row_incomplete", 'neither "target" nor "targets"'),
        (b'{"source": "a", "targets": "b"}\n', "row_incomplete", "not a list of texts"),
        (b'{"source": "a", "targets": []}\n', "row_incomplete", 'neither "target" nor "targets"'),
        (b'{"source": "\xff"}\n', "file_unreadable", ":1: not UTF-8"),
        (b"\x1f\x8bnot gzip", "file_unreadable", "cannot be read"),
        (gzip.compress(b'{"source": "a"}')[:20], "file_unreadable", "cannot be read"),
    ],
)
def test_a_broken_file_is_a_usage_error_with_its_line(
    tmp_path: Path, content: bytes, code: str, message: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_repair_rows(path)
    assert caught.value.code == code
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"summary": "s"}, 'no "article"'),
        ({"article": "a"}, '"summary" is missing'),
        ({"src": "a", "summary": "s"}, '"ref_summ" is missing'),
        ({"leads": [], "summary": "s"}, '"leads" has no text'),
        ({"leads": ["a"], "summary": "s"}, "not a list of objects"),
        ({"leads": [{"title": "a"}], "summary": "s"}, '"text" is missing'),
    ],
)
def test_an_incomplete_summary_row_is_named(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_summary_rows(written(tmp_path / "rows.jsonl", row))
    assert caught.value.code == "row_incomplete"


def test_an_incomplete_page_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='neither "html" nor "text"'):
        read_page_rows(written(tmp_path / "rows.jsonl", {"article": "a"}))
    with pytest.raises(UsageError, match='"article" is missing'):
        read_page_rows(written(tmp_path / "more.jsonl", {"html": "a"}))


def test_a_missing_file_and_a_folder_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        read_repair_rows(tmp_path / "none.jsonl")
    assert missing.value.code == "file_missing"
    with pytest.raises(UsageError) as folder:
        read_repair_rows(tmp_path)
    assert folder.value.code == "file_unreadable"


# Support ----------------------------------------------------------------------------------------


def test_support_rows_of_both_shapes(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.jsonl",
        {"article": "A.", "sentence": "B.", "supported": True},
        {"article": "A.", "summary": "B.", "errors": "correct"},
        {"article": "A.", "summary": "B.", "errors": []},
        {"article": "A.", "summary": "B.", "errors": ["extrinsic-NP"]},
    )
    rows = read_support_rows(path)
    assert [row.supported for row in rows] == [True, True, True, False]
    assert {(row.article, row.claim) for row in rows} == {("A.", "B.")}


def test_a_support_row_without_a_verdict_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", {"article": "A.", "sentence": "B."})
    with pytest.raises(UsageError, match=r'rows\.jsonl:1: neither "supported"'):
        read_support_rows(path)


def test_the_figures_of_a_support_check() -> None:
    truth = [True, True, True, True, False, False]
    scores = [0.9, 0.8, 0.4, 0.3, 0.4, 0.1]
    rows = [
        SupportRow(article="A.", claim=str(number), supported=is_supported)
        for number, is_supported in enumerate(truth)
    ]

    report = evaluate_support(
        rows, lambda part: [JudgedClaim(scores[int(row.claim)], scores[int(row.claim)] >= 0.4)
                            for row in part]
    )  # fmt: skip

    # Of 8 pairs, one is a tie and one is in the wrong order.
    assert report.auc == pytest.approx(6.5 / 8)
    assert report.unsupported_passed == pytest.approx(0.5)
    assert report.supported_refused == pytest.approx(0.25)
    assert report.balanced_accuracy == pytest.approx(0.625)
    assert (report.n, report.supported) == (6, 4)


def test_rows_of_one_kind_cannot_be_measured() -> None:
    rows = [SupportRow(article="A.", claim="B.", supported=True)]
    with pytest.raises(UsageError, match="nothing to tell apart"):
        evaluate_support(rows, lambda part: [JudgedClaim(1.0, True) for _ in part])


# Facts of a summary against its article ----------------------------------------------------------


@pytest.mark.parametrize(
    ("summary", "evidence", "invented", "flipped"),
    [
        ("The ferry sank in May.", "The ferry sank in May.", 0, 0),
        ("The ferry sank in June.", "The ferry sank in May.", 1, 0),
        ("All 12 were saved.", "All were saved.", 1, 0),
        ("The ferry did not sink.", "The ferry did sink.", 0, 1),
        ("The ferry was insured.", "The ferry was never insured.", 0, 1),
        ("The ferry sank.", "The ferry, which was not insured, sank.", 0, 0),
    ],
)
def test_what_a_summary_invents_is_counted(
    summary: str, evidence: str, invented: int, flipped: int
) -> None:
    sentence = SummarySentence(
        sentence=summary, sentences=(EvidenceSentence(index=0, text=evidence),)
    )
    result = Result(
        title="", repaired=evidence, summary=summary, method=Method.WRITTEN, evidence=(sentence,)
    )
    row = SummaryRow(id="1", text=evidence, summary="x")
    report = evaluate_summary([row], lambda _: [result])
    assert (report.invented, report.flipped, report.without_evidence) == (invented, flipped, 0)
