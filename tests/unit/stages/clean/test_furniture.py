"""What cleaning takes out of a page, and what it must leave."""

from __future__ import annotations

import logging
import time

import pytest

from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.stages.clean.furniture import CleanedArticle, remove_furniture
from worker.stages.clean.html_page import read_page

TITLE = "Harbour bridge reopens after two years of repairs"
LEAD = "The harbour bridge in Milltown reopened to traffic on Monday, the city council said."
SECOND = "Repairs had taken two years and cost 14 million euros, twice what was planned in 2021."


def clean(*lines: str, title: str = "", form: ArticleFormat = ArticleFormat.TEXT) -> CleanedArticle:
    return remove_furniture(Article(id="a", text="\n".join(lines), title=title, format=form))


def removed(cleaned: CleanedArticle) -> list[tuple[int, str, Reason]]:
    return [(removal.line, removal.text, removal.reason) for removal in cleaned.removals]


def test_a_story_without_furniture_is_left_whole() -> None:
    cleaned = clean(TITLE, "", LEAD, SECOND)

    assert cleaned == CleanedArticle(title=TITLE, paragraphs=(LEAD, SECOND), removals=())


def test_every_line_of_a_dressed_page_goes_with_its_reason() -> None:
    cleaned = clean(
        f"{TITLE} \u2013 The Milltown Post",
        "",
        f"{TITLE} - The Milltown Post",
        LEAD,
        "BREAKING: Ferry strike called off after night of talks",
        SECOND + "Watch Divers inspect the pillars; See how the deck was lifted.",
        "harbour bridge,Milltown,city council,repairs",
        "Leave a Reply",
        "Your email address will not be published.",
    )

    assert cleaned.title == TITLE
    assert cleaned.paragraphs == (LEAD, SECOND)
    assert [(line, reason) for line, _, reason in removed(cleaned)] == [
        (1, Reason.OUTLET_SUFFIX),
        (3, Reason.REPEATED_TITLE),
        (5, Reason.PROMO_LINE),
        (6, Reason.GLUED_PROMO),
        (7, Reason.TAG_LINE),
        (8, Reason.COMMENT_FORM),
        (9, Reason.COMMENT_FORM),
    ]
    assert cleaned.removals[0].text == "\u2013 The Milltown Post"
    assert cleaned.removals[3].text.startswith("Watch Divers")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Be the first to comment", Reason.COMMENT_FORM),
        ("Required fields are marked *", Reason.COMMENT_FORM),
        ("Save my name, email, and website in this browser.", Reason.COMMENT_FORM),
        ("3 Comments", Reason.COMMENT_FORM),
        ("Share on Facebook", Reason.SHARE_BAR),
        ("Share this:", Reason.SHARE_BAR),
        ("Facebook Twitter WhatsApp Email", Reason.SHARE_BAR),
        ("Tweet", Reason.SHARE_BAR),
        ("Follow us on Instagram", Reason.SHARE_BAR),
        ("Sign up for our free weekly newsletter here.", Reason.SUBSCRIPTION),
        ("Get the best of our reporting in your inbox every morning", Reason.SUBSCRIPTION),
        ("Download our app", Reason.SUBSCRIPTION),
        ("\u00a9 2023 Milltown Media", Reason.LEGAL_LINE),
        ("Copyright 2023 Milltown Media. All rights reserved.", Reason.LEGAL_LINE),
        ("This site uses cookies to improve your visit.", Reason.LEGAL_LINE),
        ("Skip to content", Reason.NAVIGATION),
        ("Home > World > Asia", Reason.NAVIGATION),
        ("Home / News / Local", Reason.NAVIGATION),
        ("News | Sport | Weather | Travel", Reason.NAVIGATION),
        ("Advertisement", Reason.NAVIGATION),
        ("Photo: Reuters", Reason.CREDIT_LINE),
        ("(Image: Anna Berg / Milltown Post)", Reason.CREDIT_LINE),
        ("ALSO READ: Why the old ferry still runs", Reason.PROMO_LINE),
        ("Read more: Council votes on new tolls", Reason.PROMO_LINE),
        ("WATCH | The first cars cross the bridge", Reason.PROMO_LINE),
        ("* [Read more](https://example.org/tolls)", Reason.PROMO_LINE),
        ("Tags: bridge, tolls", Reason.TAG_LINE),
        ("#bridge #milltown", Reason.TAG_LINE),
    ],
)
def test_a_line_of_the_page_goes(line: str, reason: Reason) -> None:
    cleaned = clean(TITLE, LEAD, line, SECOND)

    assert removed(cleaned) == [(3, line, reason)]
    assert cleaned.paragraphs == (LEAD, SECOND)


@pytest.mark.parametrize(
    "line",
    [
        "Share prices fell on Monday.",
        "Share prices fall, bonds rise, oil flat",
        "Print media lost readers in the north of the country",
        "Photo: A man walks past the burnt gate of the old town hall",
        "Comments by the mayor angered residents",
        "Watch sales fell by 3 percent.",
        "Breaking: the glass fell from the third floor, the fire brigade said.",
        "Subscribers left the channel by the thousand after the change, the firm said on Monday.",
        "Copyright law will be changed",
        "Search teams found the boat",
        "14:05 BREAKING: Ferry strike called off",
        "Jonas Lind, Milltown, Western Harbour",
        "Winners: Berg, Lind, Holm",
        "1,200 homes, 340 shops",
        "Editorial Department:",
        "Talks are possible \u2013 Lind",
        "Follow the money",
        "Winners:Berg,Lind,Holm",
        "Berg,Lind,Holm.",
        "Rain / wind / snow",
        "Opinion: the council was wrong",
    ],
)
def test_a_line_of_the_story_stays(line: str) -> None:
    cleaned = clean(TITLE, LEAD, line, SECOND)

    assert cleaned.removals == ()
    assert cleaned.paragraphs == (LEAD, line, SECOND)


def test_a_label_is_only_taken_off_the_headline() -> None:
    cleaned = clean(f"BREAKING: {TITLE}", LEAD)

    assert cleaned.title == TITLE
    assert cleaned.paragraphs == (LEAD,)
    assert removed(cleaned) == [(1, "BREAKING:", Reason.PROMO_LINE)]


@pytest.mark.parametrize(
    ("tail", "title"),
    [
        (" | CNN", TITLE),
        (" | Milltown | The Daily Post", TITLE),
        (" - milltown.example.com", f"{TITLE} - milltown.example.com"),
        (" - milltown.com", TITLE),
        (" \u2014 Gazeta", TITLE),
        (" - News 24", TITLE),
        (" - Berg", f"{TITLE} - Berg"),
        (" - what we know", f"{TITLE} - what we know"),
        (" - Day 12", f"{TITLE} - Day 12"),
    ],
)
def test_an_outlet_goes_and_a_speaker_stays_in_the_headline(tail: str, title: str) -> None:
    cleaned = clean(TITLE + tail, LEAD, "Mayor Anna Berg cut the ribbon.")

    assert cleaned.title == title


def test_the_part_of_a_headline_before_a_colon_is_kept() -> None:
    assert clean("Milltown: bridge reopens early | Post", LEAD).title == (
        "Milltown: bridge reopens early"
    )


def test_a_separate_title_is_recognised_in_the_text() -> None:
    cleaned = clean(TITLE.upper(), LEAD, title=f"{TITLE} - Milltown News")

    assert cleaned.title == TITLE
    assert cleaned.paragraphs == (LEAD,)
    assert [(line, reason) for line, _, reason in removed(cleaned)] == [
        (0, Reason.OUTLET_SUFFIX),
        (1, Reason.REPEATED_TITLE),
    ]


def test_a_repeated_headline_may_add_the_outlet() -> None:
    cleaned = clean(TITLE, f"{TITLE} | Milltown Post", LEAD)

    assert cleaned.paragraphs == (LEAD,)
    assert cleaned.removals[0].reason is Reason.REPEATED_TITLE


def test_a_byte_order_mark_is_no_text() -> None:
    assert clean(f"\ufeff{TITLE}", LEAD).title == TITLE


def test_a_first_line_that_ends_as_a_sentence_is_no_headline() -> None:
    cleaned = clean(LEAD, SECOND)

    assert cleaned.title == ""
    assert cleaned.paragraphs == (LEAD, SECOND)


def test_short_texts_keep_every_line() -> None:
    assert clean("Bridge open again", "Tolls from May").paragraphs == ("Tolls from May",)
    assert clean("Bridge open again").paragraphs == ("Bridge open again",)


@pytest.mark.parametrize(
    ("text", "title"), [("", TITLE), (f"# {TITLE}", ""), (f"{TITLE}\n=====", "")]
)
def test_a_title_without_a_body_gives_no_paragraphs(text: str, title: str) -> None:
    cleaned = clean(text, title=title, form=ArticleFormat.MARKDOWN)

    assert cleaned == CleanedArticle(title=TITLE, paragraphs=(), removals=())


def test_markdown_keeps_its_inline_marks_and_subheads() -> None:
    marked = "It is **open** again, says [the council](https://example.org)."
    cleaned = clean(f"# {TITLE} #", "", marked, "", "## Tolls", form=ArticleFormat.MARKDOWN)

    assert cleaned.title == TITLE
    assert cleaned.paragraphs == (marked, "## Tolls")


def test_hard_wrapped_lines_become_paragraphs() -> None:
    words = f"{LEAD} {SECOND}".split()
    wrapped = [" ".join(words[start : start + 4]) for start in range(0, len(words), 4)]
    width = max(map(len, wrapped))
    lines, line = [], ""
    for word in words * 2:
        if line and len(f"{line} {word}") > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()

    cleaned = clean(*lines, line, "", SECOND[:20], title=TITLE)

    assert cleaned.paragraphs[0] == " ".join(words * 2)


def test_the_first_of_repeated_lines_stays() -> None:
    caption = "Workers paint the last of the pillars"
    cleaned = clean(TITLE, LEAD, caption, "Yes.", SECOND, caption, LEAD, "Yes.", "- 2 to 1", "-")

    assert cleaned.paragraphs == (LEAD, caption, "Yes.", SECOND, "Yes.", "- 2 to 1", "-")
    assert removed(cleaned) == [
        (6, caption, Reason.REPEATED_LINE),
        (7, LEAD, Reason.REPEATED_LINE),
    ]


def test_list_items_may_occur_twice() -> None:
    entry = "- Opening on Monday at nine"

    assert clean(TITLE, LEAD, entry, SECOND, entry).paragraphs == (LEAD, entry, SECOND, entry)


def test_a_pointer_to_a_film_goes_and_a_subhead_stays() -> None:
    cleaned = clean(TITLE, LEAD, "Watch: Divers inspect the pillars", "Watch: a history", SECOND)

    assert cleaned.paragraphs == (LEAD, "Watch: a history", SECOND)


def test_a_live_blog_keeps_its_stamps_and_labels() -> None:
    entries = ("14:05 First cars cross", "14:20 Queue grows", "14:31 Bus stuck")
    cleaned = clean(TITLE, *entries, "BREAKING: Bridge closed again", LEAD)

    assert cleaned.paragraphs == (*entries, "BREAKING: Bridge closed again", LEAD)


def test_a_list_of_links_goes_with_its_label() -> None:
    link = "Five bridges that never got built"
    cleaned = clean(TITLE, LEAD, "You may also like:", link, "Tolls at a glance", SECOND)

    assert cleaned.paragraphs == (LEAD, "Tolls at a glance", SECOND)
    assert [text for _, text, _ in removed(cleaned)] == ["You may also like:", link]


def test_a_list_of_links_ends_by_itself() -> None:
    links = [f"Bridge number {number} that never got built" for number in range(1, 9)]

    assert clean(TITLE, LEAD, "Most read", *links).paragraphs == (LEAD, *links[6:])


@pytest.mark.parametrize(
    "tail",
    [
        "Watch sales at the harbour shops rose by a third.",
        "See Table 4. The council meets again on Friday to vote on it.",
        "The mayor left.",
        " Watch your step, the council said.",
    ],
)
def test_a_story_after_a_full_stop_is_not_cut(tail: str) -> None:
    assert clean(TITLE, SECOND + tail).paragraphs == (SECOND + tail,)


def test_a_spaced_pointer_is_cut_by_its_label() -> None:
    cleaned = clean(TITLE, f"{SECOND} Also Read: Ferry fares to rise")

    assert cleaned.paragraphs == (SECOND,)
    assert cleaned.removals[0].reason is Reason.GLUED_PROMO


def test_keywords_spaced_like_prose_go_only_after_the_story() -> None:
    tags = "Harbour, City Council, Milltown, Traffic"

    assert clean(TITLE, LEAD, SECOND, tags).paragraphs == (LEAD, SECOND)
    assert clean(TITLE, LEAD, tags, SECOND).paragraphs == (LEAD, tags, SECOND)
    assert clean(TITLE, LEAD, "Berg, Lind, Holm, Dahl").paragraphs[-1] == "Berg, Lind, Holm, Dahl"


def test_quoted_names_with_commas_inside_their_marks_are_no_keywords() -> None:
    names = (
        "\u201cHarbour at Dawn,\u201d \u201cThe Third Quay,\u201d \u201cMilltown Nights\u201d..."
    )

    assert clean(TITLE, LEAD, names, SECOND).paragraphs == (LEAD, names, SECOND)


PAGE = f"""<html><head><title>{TITLE} | Milltown Post</title></head><body>
<nav><a href="/">Home</a> <a href="/sport">Sport</a></nav>
<article><h1>{TITLE}</h1><p>{LEAD}</p><p>{SECOND}</p>
<p>The first cars crossed shortly after nine, led by a bus from 1962, and no queue formed.</p>
</article><footer>All rights reserved</footer></body></html>"""


def test_a_page_is_cut_to_its_story_and_reports_how_much_went() -> None:
    cleaned = clean(PAGE, form=ArticleFormat.HTML)

    assert cleaned.title == TITLE
    assert cleaned.paragraphs[:2] == (LEAD, SECOND)
    assert len(cleaned.paragraphs) == 3
    (boilerplate,) = [r for r in cleaned.removals if r.reason is Reason.HTML_BOILERPLATE]
    assert boilerplate.line == 0
    assert boilerplate.text.endswith("lines")


def test_a_story_in_several_containers_is_found_whole() -> None:
    prose = [
        f"Part {part} of the report says that the northern pillar was painted {part} times "
        f"before the council accepted it, and that nobody was hurt in the work."
        for part in range(12)
    ]
    body = "".join(
        f'<div class="article-body"><p>{prose[part]}</p><p>{prose[part + 1]}</p></div><hr>'
        for part in range(0, 12, 2)
    )
    page = read_page(f"<html><body><main>{body}</main></body></html>")

    assert [line for line in page.lines if line in prose] == prose


def test_a_page_without_a_story_still_has_its_headline() -> None:
    assert clean(f"<title>{TITLE}</title>", form=ArticleFormat.HTML).title == TITLE


@pytest.mark.parametrize(
    ("html", "paragraphs"),
    [
        ("", ()),
        ("   ", ()),
        ("<html>", ()),
        ("<!DOCTYPE html><!-- only a comment -->", ()),
        ("<p>Hi there</b></i", ("Hi there",)),
        ("\x00\ud800<p>Still read", ("?", "Still read")),
        ("<table>" * 3000, ()),
    ],
)
def test_broken_pages_are_read_quietly(
    html: str, paragraphs: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        cleaned = clean(html, form=ArticleFormat.HTML)

    assert (cleaned.title or None, *cleaned.paragraphs)[-len(paragraphs) :] == (
        paragraphs or (None,)
    )
    assert caplog.records == []


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "." * 1_000_000,
        "x.Watch A " * 100_000,
        "a,b," * 250_000,
        "- " * 500_000,
        "Home > " * 150_000,
        "a,b,c\n" * 50_000,
        "x | Y " * 160_000,
        ".\"'" * 330_000,
    ],
    ids=["word", "stops", "glued", "commas", "dashes", "path", "tags", "bars", "quotes"],
)
def test_hostile_text_takes_seconds_at_most(text: str) -> None:
    began = time.monotonic()
    clean(TITLE, LEAD, text)

    assert time.monotonic() - began < 10
