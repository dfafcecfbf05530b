"""What the strip takes out of a page, and what it has to leave."""

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


def strip(*lines: str, title: str = "", form: ArticleFormat = ArticleFormat.TEXT) -> CleanedArticle:
    return remove_furniture(Article(id="a", text="\n".join(lines), title=title, format=form))


def removed(stripped: CleanedArticle) -> list[tuple[int, str, Reason]]:
    return [(removal.line, removal.text, removal.reason) for removal in stripped.removals]


def test_a_story_without_furniture_is_left_whole() -> None:
    stripped = strip(TITLE, "", LEAD, SECOND)

    assert stripped == CleanedArticle(title=TITLE, paragraphs=(LEAD, SECOND), removals=())


def test_every_line_of_a_dressed_page_goes_with_its_reason() -> None:
    stripped = strip(
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

    assert stripped.title == TITLE
    assert stripped.paragraphs == (LEAD, SECOND)
    assert [(line, reason) for line, _, reason in removed(stripped)] == [
        (1, Reason.OUTLET_SUFFIX),
        (3, Reason.REPEATED_TITLE),
        (5, Reason.PROMO_LINE),
        (6, Reason.GLUED_PROMO),
        (7, Reason.TAG_LINE),
        (8, Reason.COMMENT_FORM),
        (9, Reason.COMMENT_FORM),
    ]
    assert stripped.removals[0].text == "\u2013 The Milltown Post"
    assert stripped.removals[3].text.startswith("Watch Divers")


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
    stripped = strip(TITLE, LEAD, line, SECOND)

    assert removed(stripped) == [(3, line, reason)]
    assert stripped.paragraphs == (LEAD, SECOND)


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
    stripped = strip(TITLE, LEAD, line, SECOND)

    assert stripped.removals == ()
    assert stripped.paragraphs == (LEAD, line, SECOND)


def test_a_label_is_only_taken_off_the_headline() -> None:
    stripped = strip(f"BREAKING: {TITLE}", LEAD)

    assert stripped.title == TITLE
    assert stripped.paragraphs == (LEAD,)
    assert removed(stripped) == [(1, "BREAKING:", Reason.PROMO_LINE)]


@pytest.mark.parametrize(
    ("behind", "title"),
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
def test_an_outlet_goes_but_a_speaker_stays_in_the_headline(behind: str, title: str) -> None:
    stripped = strip(TITLE + behind, LEAD, "Mayor Anna Berg cut the ribbon.")

    assert stripped.title == title


def test_the_part_of_a_headline_before_a_colon_is_kept() -> None:
    assert strip("Milltown: bridge reopens early | Post", LEAD).title == (
        "Milltown: bridge reopens early"
    )


def test_a_given_title_is_found_again_in_the_text() -> None:
    stripped = strip(TITLE.upper(), LEAD, title=f"{TITLE} - Milltown News")

    assert stripped.title == TITLE
    assert stripped.paragraphs == (LEAD,)
    assert [(line, reason) for line, _, reason in removed(stripped)] == [
        (0, Reason.OUTLET_SUFFIX),
        (1, Reason.REPEATED_TITLE),
    ]


def test_a_repeated_headline_may_have_the_outlet_that_the_first_has_not() -> None:
    stripped = strip(TITLE, f"{TITLE} | Milltown Post", LEAD)

    assert stripped.paragraphs == (LEAD,)
    assert stripped.removals[0].reason is Reason.REPEATED_TITLE


def test_a_byte_order_mark_is_no_text() -> None:
    assert strip(f"\ufeff{TITLE}", LEAD).title == TITLE


def test_a_first_line_that_ends_as_a_sentence_is_no_headline() -> None:
    stripped = strip(LEAD, SECOND)

    assert stripped.title == ""
    assert stripped.paragraphs == (LEAD, SECOND)


def test_two_short_lines_and_a_single_one_stay() -> None:
    assert strip("Bridge open again", "Tolls from May").paragraphs == ("Tolls from May",)
    assert strip("Bridge open again").paragraphs == ("Bridge open again",)


@pytest.mark.parametrize(
    ("text", "title"), [("", TITLE), (f"# {TITLE}", ""), (f"{TITLE}\n=====", "")]
)
def test_a_title_without_a_body_gives_no_paragraphs(text: str, title: str) -> None:
    stripped = strip(text, title=title, form=ArticleFormat.MARKDOWN)

    assert stripped == CleanedArticle(title=TITLE, paragraphs=(), removals=())


def test_markdown_keeps_its_inline_marks_and_subheads() -> None:
    marked = "It is **open** again, says [the council](https://example.org)."
    stripped = strip(f"# {TITLE} #", "", marked, "", "## Tolls", form=ArticleFormat.MARKDOWN)

    assert stripped.title == TITLE
    assert stripped.paragraphs == (marked, "## Tolls")


def test_hard_wrapped_lines_become_paragraphs() -> None:
    words = f"{LEAD} {SECOND}".split()
    wrapped = [" ".join(words[place : place + 4]) for place in range(0, len(words), 4)]
    width = max(map(len, wrapped))
    lines, line = [], ""
    for word in words * 2:
        if line and len(f"{line} {word}") > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()

    stripped = strip(*lines, line, "", SECOND[:20], title=TITLE)

    assert stripped.paragraphs[0] == " ".join(words * 2)


def test_of_a_repeated_line_the_first_stays() -> None:
    caption = "Workers paint the last of the pillars"
    stripped = strip(TITLE, LEAD, caption, "Yes.", SECOND, caption, LEAD, "Yes.", "- 2 to 1", "-")

    assert stripped.paragraphs == (LEAD, caption, "Yes.", SECOND, "Yes.", "- 2 to 1", "-")
    assert removed(stripped) == [
        (6, caption, Reason.REPEATED_LINE),
        (7, LEAD, Reason.REPEATED_LINE),
    ]


def test_items_of_lists_may_stand_twice() -> None:
    item = "- Opening on Monday at nine"

    assert strip(TITLE, LEAD, item, SECOND, item).paragraphs == (LEAD, item, SECOND, item)


def test_a_pointer_to_a_film_goes_and_a_subhead_stays() -> None:
    stripped = strip(TITLE, LEAD, "Watch: Divers inspect the pillars", "Watch: a history", SECOND)

    assert stripped.paragraphs == (LEAD, "Watch: a history", SECOND)


def test_a_live_blog_keeps_its_stamps_and_labels() -> None:
    entries = ("14:05 First cars cross", "14:20 Queue grows", "14:31 Bus stuck")
    stripped = strip(TITLE, *entries, "BREAKING: Bridge closed again", LEAD)

    assert stripped.paragraphs == (*entries, "BREAKING: Bridge closed again", LEAD)


def test_a_list_of_links_goes_with_its_label_and_no_further() -> None:
    link = "Five bridges that never got built"
    stripped = strip(TITLE, LEAD, "You may also like:", link, "Tolls at a glance", SECOND)

    assert stripped.paragraphs == (LEAD, "Tolls at a glance", SECOND)
    assert [text for _, text, _ in removed(stripped)] == ["You may also like:", link]


def test_a_list_of_links_ends_by_itself() -> None:
    links = [f"Bridge number {number} that never got built" for number in range(1, 9)]

    assert strip(TITLE, LEAD, "Most read", *links).paragraphs == (LEAD, *links[6:])


@pytest.mark.parametrize(
    "tail",
    [
        "Watch sales at the harbour shops rose by a third.",
        "See Table 4. The council meets again on Friday to vote on it.",
        "The mayor left.",
        " Watch your step, the council said.",
    ],
)
def test_a_story_behind_a_full_stop_is_not_cut(tail: str) -> None:
    assert strip(TITLE, SECOND + tail).paragraphs == (SECOND + tail,)


def test_a_spaced_pointer_is_cut_by_its_label() -> None:
    stripped = strip(TITLE, f"{SECOND} Also Read: Ferry fares to rise")

    assert stripped.paragraphs == (SECOND,)
    assert stripped.removals[0].reason is Reason.GLUED_PROMO


def test_key_words_spaced_like_prose_go_only_behind_the_story() -> None:
    tags = "Harbour, City Council, Milltown, Traffic"

    assert strip(TITLE, LEAD, SECOND, tags).paragraphs == (LEAD, SECOND)
    assert strip(TITLE, LEAD, tags, SECOND).paragraphs == (LEAD, tags, SECOND)
    assert strip(TITLE, LEAD, "Berg, Lind, Holm, Dahl").paragraphs[-1] == "Berg, Lind, Holm, Dahl"


def test_quoted_names_with_commas_inside_their_marks_are_no_key_words() -> None:
    names = (
        "\u201cHarbour at Dawn,\u201d \u201cThe Third Quay,\u201d \u201cMilltown Nights\u201d..."
    )

    assert strip(TITLE, LEAD, names, SECOND).paragraphs == (LEAD, names, SECOND)


PAGE = f"""<html><head><title>{TITLE} | Milltown Post</title></head><body>
<nav><a href="/">Home</a> <a href="/sport">Sport</a></nav>
<article><h1>{TITLE}</h1><p>{LEAD}</p><p>{SECOND}</p>
<p>The first cars crossed shortly after nine, led by a bus from 1962, and no queue formed.</p>
</article><footer>All rights reserved</footer></body></html>"""


def test_a_page_is_cut_to_its_story_and_says_how_much_went() -> None:
    stripped = strip(PAGE, form=ArticleFormat.HTML)

    assert stripped.title == TITLE
    assert stripped.paragraphs[:2] == (LEAD, SECOND)
    assert len(stripped.paragraphs) == 3
    (boilerplate,) = [r for r in stripped.removals if r.reason is Reason.HTML_BOILERPLATE]
    assert boilerplate.line == 0
    assert boilerplate.text.endswith("lines")


def test_a_story_in_several_containers_is_found_whole() -> None:
    prose = [
        f"Part {place} of the report says that the northern pillar was painted {place} times "
        f"before the council accepted it, and that nobody was hurt in the work."
        for place in range(12)
    ]
    body = "".join(
        f'<div class="article-body"><p>{prose[place]}</p><p>{prose[place + 1]}</p></div><hr>'
        for place in range(0, 12, 2)
    )
    page = read_page(f"<html><body><main>{body}</main></body></html>")

    assert [line for line in page.lines if line in prose] == prose


def test_a_page_without_a_story_still_has_its_headline() -> None:
    assert strip(f"<title>{TITLE}</title>", form=ArticleFormat.HTML).title == TITLE


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
        stripped = strip(html, form=ArticleFormat.HTML)

    assert (stripped.title or None, *stripped.paragraphs)[-len(paragraphs) :] == (
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
    strip(TITLE, LEAD, text)

    assert time.monotonic() - began < 10
