from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from cli.output.markdown import METHOD_TEXT, REASON_TEXT, escape_line, escape_text, render_article
from worker.records.article import Article, ArticleState, CollectedArticle, Outcome
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
    WordChange,
)

HOSTILE = (
    "<script>alert(1)</script> <b> &lt; AT&T &copy; `code` *a* _b_ ![i](u) [l](u) a | b ~~c~~ \\ #"
)


def collected(result: Result) -> CollectedArticle:
    return CollectedArticle(
        article=Article(id="a", text="x", source="a.txt"),
        outcome=Outcome(state=ArticleState.DONE),
        result=result,
    )


def plain(**content: object) -> Result:
    fields = {"title": "T", "repaired": "", "summary": "", "method": "written", "evidence": ()}
    return Result.model_validate({**fields, **content})


def tokens(page: str) -> list[tuple[str, str]]:
    """Return kind and text of each piece of a page, as a Markdown parser sees it."""
    pieces = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page):
        pieces += [(child.type, child.content) for child in token.children or [token] if child.type]
    return pieces


def shown(page: str) -> str:
    ends = {"softbreak": "\n", "paragraph_close": "\n\n"}
    return "".join(
        ends.get(kind, text if kind in {"text", "text_special"} else "")
        for kind, text in tokens(page)
    ).strip()


def test_every_reason_and_method_is_put_into_english() -> None:
    assert set(REASON_TEXT) == set(Reason)
    assert set(METHOD_TEXT) == set(Method)


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "# no heading",
        "- no list",
        "+ no list",
        "* no list",
        "12. no list",
        "12) no list",
        "> no quotation",
        "---",
        "===",
        "***",
        "```",
        "~~~",
        "a \\* b \\\\ c\\",
        "[a]: http://b.example",
        "a <a@b.example> &#60; &#x3c;",
    ],
)
def test_foreign_text_is_shown_as_it_is(text: str) -> None:
    between = f"before\n{text}\nafter"
    for page in (escape_text(text), escape_text(between), f"# {escape_line(text)}"):
        kinds = {kind for kind, _ in tokens(page)} - {"heading_open", "heading_close"}
        assert kinds <= {"paragraph_open", "paragraph_close", "text", "text_special", "softbreak"}
    assert shown(escape_text(text)) == text
    assert shown(escape_text(between)) == between
    assert shown(f"# {escape_line(text)}") == text
    assert "<" not in escape_text(text)


@pytest.mark.parametrize("rule", ["--- | ---", ":-- | --:", "| --- | --- |"])
def test_a_table_of_the_article_stays_text(rule: str) -> None:
    text = f"a | b\n{rule}\n1 | 2"
    assert shown(escape_text(text)) == text


def test_indented_text_is_no_code() -> None:
    assert escape_text("one\n\n    two\n\n\n\n\tthree\n") == "one\n\ntwo\n\nthree"


def test_controls_and_turned_writing_are_taken_out() -> None:
    text = "a\x1b]52;c;eA==\x07b\x9b31mc\u202ed\x00e\tf\x85g\u2028h\ri\x7f"
    assert escape_text(text) == "a\\]52;c;eA==b31mcde f\ng\nh\ni"
    assert escape_line(text) == "a\\]52;c;eA==b31mcde f g h i"


def test_plain_text_stays_readable() -> None:
    text = "AT&T’s “2024 plan” — $5 (or 3.5 %) — isn't final; see https://a.example/?x=1&y=2."  # noqa: RUF001
    assert escape_line(text) == text


def test_a_whole_page() -> None:
    carried = EvidenceSentence(index=2, text="The bridge is closed.")
    result = Result(
        title="Bridge closed",
        repaired="The bridge is closed.\n\nIt opens in May.",
        summary="The bridge is closed.",
        method=Method.EXTRACTIVE,
        evidence=(SummarySentence(sentence="The bridge is closed.", sentences=(carried,)),),
        edits=(
            Edit(
                paragraph=0,
                before="are close",
                after="is closed",
                reason=Reason.MODEL_REWRITE,
                changes=(WordChange(kind="auxiliary", before="are", after="is"),),
            ),
            Edit(paragraph=1, before="Is.", after="", reason=Reason.STRAY_PIECE),
        ),
        refused=(
            Refusal(
                stage="repair",
                before="It opens in May.",
                proposal="It opens in June.",
                reason=Reason.NUMBER_CHANGED,
                detail="June",
            ),
        ),
        removed=(
            Removal(line=4, text="Leave a Reply", reason=Reason.COMMENT_FORM),
            Removal(line=0, text="", reason=Reason.HTML_BOILERPLATE),
        ),
        flags=(Flag(reason=Reason.LOADED_LANGUAGE, text="A mad plan.", words=("mad",)),),
    )
    assert render_article(collected(result)) == (
        "# Bridge closed\n\nThe bridge is closed.\n\n*The article's own sentences.*\n\n"
        "## Repaired text\n\nThe bridge is closed.\n\nIt opens in May.\n\n"
        "## What was changed\n\n"
        "- are close → is closed\n"
        "  - It reads better and passed every check (`model_rewrite`), paragraph 1\n"
        "  - are → is (`auxiliary`)\n"
        "- Is. → *(nothing)*\n"
        "  - A lone word without content after a full stop (`stray_piece`), paragraph 2\n\n"
        "## What was taken out\n\n"
        "- Leave a Reply\n  - The page's comment form (`comment_form`), line 4\n"
        "- *(nothing)*\n  - Parts of the web page outside the article (`html_boilerplate`)\n\n"
        "## Proposals not used\n\n"
        "- It opens in June.\n  - for: It opens in May.\n"
        "  - A number, date or amount would change (`number_changed`): June\n\n"
        "## To look at\n\n"
        "- Loaded words in the article's own voice (`loaded_language`)\n"
        "  - A mad plan.\n  - words: mad\n\n"
        "## Evidence\n\n"
        "- The bridge is closed.\n  - 3: The bridge is closed.\n"
    )


def test_an_edit_that_sets_a_heading_off_shows_where() -> None:
    edit = Edit(
        paragraph=1,
        before="Talks It is so.",
        after="Talks\n\nIt is so.",
        reason=Reason.RUN_IN_HEADING,
    )
    page = render_article(collected(plain(edits=(edit,))))
    assert "- Talks It is so. → Talks ¶ It is so.\n" in page


def test_sections_without_content_are_left_out() -> None:
    assert render_article(collected(plain())) == "# T\n"
    assert render_article(collected(plain(title=""))) == "# a\n"
    assert "## Repaired text\n\nx" in render_article(collected(plain(repaired="x")))


def test_hostile_content_leaves_the_page_its_shape() -> None:
    text = f"{HOSTILE}\n\n# heading\n- list\x1b[2J"
    carried = (EvidenceSentence(index=0, text=text),)
    page = render_article(
        collected(
            plain(
                title=text,
                repaired=text,
                summary=text,
                evidence=(SummarySentence(sentence=text, sentences=carried),),
                edits=(Edit(paragraph=0, before=text, after=text, reason=Reason.FALSE_BREAK),),
                refused=(
                    Refusal(
                        stage="repair",
                        before=text,
                        proposal=text,
                        reason=Reason.CHATTER,
                        detail=text,
                    ),
                ),
                removed=(Removal(line=1, text=text, reason=Reason.TAG_LINE),),
                flags=(Flag(reason=Reason.AWKWARD, text=text, words=(text,)),),
            )
        )
    )
    kinds = [kind for kind, _ in tokens(page)]
    assert kinds.count("heading_open") == 1 + 6
    assert kinds.count("bullet_list_open") == 2 * 5
    assert not {"html_block", "html_inline", "link_open", "image", "fence"} & set(kinds)
    assert kinds.count("code_inline") == 4
    assert "\x1b" not in page


def test_an_article_without_a_result_gets_its_reason() -> None:
    outcome = Outcome(
        state=ArticleState.FAILED, reason=Reason.NOT_ENGLISH, message="it is <German>", hint="give"
    )
    article = Article(id="a", text="x", title="Die *Brücke*")
    page = render_article(CollectedArticle(article=article, outcome=outcome))
    assert page == (
        "# Die \\*Brücke\\*\n\n*Failed: The text is not in English (`not_english`)*\n\n"
        "it is &lt;German&gt;\n\ngive\n"
    )
    queued = CollectedArticle(article=article, outcome=Outcome(state=ArticleState.QUEUED))
    assert render_article(queued).endswith("\n\n*Queued*\n")
