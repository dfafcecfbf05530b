from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from cli.documents.reader import read_documents
from worker.records.article import Article, ArticleFormat, InputRefusal
from worker.records.reason import Reason

TEXT = "The council met on Monday. It will meet again."
MAX_CHARS = 10_000


def read(*inputs: object, stdin: bytes | None = None) -> list[Article | InputRefusal]:
    stream = None if stdin is None else io.BytesIO(stdin)
    return list(read_documents([str(name) for name in inputs], max_chars=MAX_CHARS, stdin=stream))


def article(*inputs: object, stdin: bytes | None = None) -> Article:
    (document,) = read(*inputs, stdin=stdin)
    assert isinstance(document, Article), document
    return document


def refusal(*inputs: object, stdin: bytes | None = None) -> InputRefusal:
    (document,) = read(*inputs, stdin=stdin)
    assert isinstance(document, InputRefusal), document
    return document


def outcomes(documents: list[Article | InputRefusal]) -> list[str]:
    """Return the ids of articles and the reasons of refusals, in order."""
    return [
        document.id if isinstance(document, Article) else document.reason.value
        for document in documents
    ]


def jsonl(path: Path, *records: dict[str, Any] | bytes) -> Path:
    lines = [
        record if isinstance(record, bytes) else json.dumps(record).encode() for record in records
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def put(path: Path, content: str | bytes = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# Single files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", ArticleFormat.TEXT),
        ("a.TXT", ArticleFormat.TEXT),
        ("a.md", ArticleFormat.MARKDOWN),
        ("a.markdown", ArticleFormat.MARKDOWN),
        ("a.html", ArticleFormat.HTML),
        ("a.htm", ArticleFormat.HTML),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_becomes_one_article(
    tmp_path: Path, name: str, kind: ArticleFormat, packed: bool
) -> None:
    content = gzip.compress(TEXT.encode()) if packed else TEXT.encode()
    path = put(tmp_path / (name + ".gz" * packed), content)
    assert article(path) == Article(id="a", text=TEXT, format=kind, source=str(path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = "The “café” reopened"
    assert article(put(tmp_path / "a.txt", text.encode(encoding))).text == text


def test_line_ends_become_line_feeds(tmp_path: Path) -> None:
    assert article(put(tmp_path / "a.txt", "one\r\ntwo\rthree\n")).text == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", Reason.EMPTY),
        ("a.md", b" \n\t\r\n", Reason.EMPTY),
        ("a.txt", bytes(range(256)) * 4, Reason.BINARY),
        ("a.txt", b"a zero \x00 byte in a text", Reason.BINARY),
        ("a.txt", "UTF-16 without a mark".encode("utf-16-le"), Reason.BINARY),
        ("a.txt", "Мост откроют".encode("cp1251"), Reason.BAD_ENCODING),
        ("a.html", b"cut \xe2\x80\x94 off \xe2\x80", Reason.BAD_ENCODING),
        ("a.txt", b"x" * (MAX_CHARS + 1), Reason.TOO_LARGE),
        ("a.txt", b"x" * 10 * MAX_CHARS, Reason.TOO_LARGE),
        ("a.pdf", b"text", Reason.UNKNOWN_FORMAT),
        ("a.tar.gz", b"text", Reason.UNKNOWN_FORMAT),
        ("a", b"text", Reason.UNKNOWN_FORMAT),
        ("a.txt.gz", b"not packed", Reason.FILE_UNREADABLE),
        ("a.txt.gz", gzip.compress(TEXT.encode())[:-9], Reason.FILE_UNREADABLE),
        ("a.jsonl", b"", Reason.EMPTY),
        ("a.jsonl", b"\n \n", Reason.EMPTY),
        ("a.jsonl", bytes(range(256)) * 4, Reason.BINARY),
        ("a.csv", b"", Reason.EMPTY),
        ("a.csv", b"id,text\n", Reason.EMPTY),
        ("a.csv", bytes(range(256)) * 4, Reason.BINARY),
        ("a.csv", "id,text\n1,cut".encode("utf-16")[:-1], Reason.BAD_ENCODING),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, name: str, content: bytes, reason: Reason) -> None:
    path = put(tmp_path / name, content)
    refused = refusal(path)
    assert refused.reason is reason
    assert refused.source.startswith(str(path))
    assert refused.message


def test_the_longest_text_is_still_read(tmp_path: Path) -> None:
    assert len(article(put(tmp_path / "a.txt", "“" * MAX_CHARS)).text) == MAX_CHARS


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nothing")
    below_file = put(tmp_path / "a.txt") / "b"
    for path in (tmp_path / "no.txt", tmp_path / "broken.txt", below_file, ""):
        assert refusal(path).reason is Reason.FILE_MISSING


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")  # opening it would block for ever
    assert refusal(tmp_path / "pipe.txt").reason is Reason.FILE_UNREADABLE
    assert refusal(tmp_path).reason is Reason.FILE_UNREADABLE


def test_a_loop_of_links_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    assert refusal(tmp_path / "a.txt").reason is Reason.FILE_UNREADABLE


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_an_error_while_reading_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("/proc/self/mem")  # page 0 cannot be read
    refused = refusal(tmp_path / "a.txt")
    assert refused.reason is Reason.FILE_UNREADABLE
    assert "Input/output error" in refused.message


def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    put(tmp_path / "a.txt").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65_534)  # root may read everything
        refused = refusal(tmp_path / "a.txt")
    finally:
        os.seteuid(user)
    assert refused.reason is Reason.FILE_UNREADABLE
    assert "Permission denied" in refused.message


# Folders and ids ------------------------------------------------------------------------------


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    for name in ("b.txt", "2024/z.md", "2024/a.html.gz", "c/d/e.txt", ".hidden/a.txt", ".b.txt"):
        put(tmp_path / name, gzip.compress(TEXT.encode()) if name.endswith(".gz") else TEXT)
    put(tmp_path / "picture.png")
    put(tmp_path / "README.md")
    put(tmp_path / "2024" / "Readme.txt")
    put(tmp_path / "b.empty.txt", "")
    assert outcomes(read(tmp_path)) == ["2024.a", "2024.z", "empty", "b", "c.d.e"]


def test_a_folder_without_files_to_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "folder.txt" / "picture.png")
    refused = refusal(tmp_path)
    assert refused.reason is Reason.EMPTY
    assert ".jsonl" in refused.hint


def test_a_readme_that_is_named_is_read(tmp_path: Path) -> None:
    put(tmp_path / "README.md")
    assert outcomes(read(tmp_path / "README.md")) == ["README"]


def test_links_between_folders_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path / "a" / "one.txt")
    put(tmp_path / "b" / "two.txt")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
    assert outcomes(read(tmp_path)) == ["a.one", "a.to_b.two", "file_missing"]


def test_derived_ids_give_way(tmp_path: Path) -> None:
    path, namesake = put(tmp_path / "x" / "a.txt"), put(tmp_path / "y" / "a.txt")
    first, second, third = read(path, namesake, namesake)
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    assert first.id == "a"
    assert second.id.startswith("a-")
    assert len(second.id) == len("a-") + 8
    assert isinstance(third, InputRefusal)
    assert third.reason is Reason.DUPLICATE_ID
    assert outcomes(read(path, namesake)) == ["a", second.id]


def test_a_record_takes_no_id_that_another_has(tmp_path: Path) -> None:
    lines = jsonl(
        tmp_path / "n.jsonl",
        {"id": "7", "text": ""},
        {"id": 7, "text": TEXT},
        {"id": "7", "text": TEXT},
        {"custom_id": "7", "text": TEXT},
        {"id": "n-7", "text": TEXT},
        {"id": " ", "text": TEXT},
        {"text": TEXT},
    )
    documents = read(lines)
    assert outcomes(documents)[:-1] == ["empty", "7", "duplicate_id", "duplicate_id", "n-7", "n-6"]
    assert documents[2].source == f"{lines}:3"
    assert outcomes(documents)[-1].startswith("n-7-")


def test_a_long_id_is_hashed_and_a_strange_one_kept(tmp_path: Path) -> None:
    long, strange = "x" * 513, "../../x"
    ids = outcomes(
        read(
            jsonl(
                tmp_path / "n.jsonl",
                {"id": long, "text": TEXT},
                {"id": long, "text": TEXT},
                {"id": strange, "text": TEXT},
            )
        )
    )
    assert ids[0].startswith("id-")
    assert len(ids[0]) == 67
    assert ids[1:] == ["duplicate_id", strange]


def test_a_file_name_that_is_not_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text(TEXT)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert article(tmp_path).id == "\\xff"


# Lines of JSON --------------------------------------------------------------------------------


def test_each_field_name_is_read(tmp_path: Path) -> None:
    documents = read(
        jsonl(
            tmp_path / "n.jsonl",
            {"id": "a", "title": "T", "text": TEXT},
            {"custom_id": 1.5, "headline": "H", "article": TEXT, "more": float("nan")},
            {"id": None, "custom_id": "c", "content": TEXT, "text": None},
            {"id": "d", "text": " ", "body": TEXT},
            {"id": "e", "html": "<p>x</p>"},
        )
    )
    articles = [document for document in documents if isinstance(document, Article)]
    assert [(entry.id, entry.title, entry.text) for entry in articles] == [
        ("a", "T", TEXT),
        ("1.5", "H", TEXT),
        ("c", "", TEXT),
        ("d", "", TEXT),
        ("e", "", "<p>x</p>"),
    ]
    assert isinstance(documents[4], Article)
    assert documents[4].format is ArticleFormat.HTML
    assert documents[4].source == f"{tmp_path}/n.jsonl:5"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "x"', Reason.BAD_JSON),
        (b'["text"]', Reason.BAD_JSON),
        (b'"text"', Reason.BAD_JSON),
        (b"[" * 100_000, Reason.BAD_JSON),
        (b'{"text": "x", "n": ' + b"9" * 5_000 + b"}", Reason.BAD_JSON),
        (b'{"text": "x", "id": ["a"]}', Reason.BAD_JSON),
        (b'{"text": "x", "title": {"a": 1}}', Reason.BAD_JSON),
        (b'{"text": "caf\xe9"}', Reason.BAD_ENCODING),
        (b'{"text": "half \\ud800"}', Reason.BAD_ENCODING),
        (b'{"text": "x", "title": "\\udc00"}', Reason.BAD_ENCODING),
        (b'{"text": "x", "id": "\\udc00"}', Reason.BAD_ENCODING),
        (b'{"text": "zero \\u0000"}', Reason.BINARY),
        (b'{"text": 5}', Reason.NO_TEXT_FIELD),
        (b'{"body": {"messages": []}}', Reason.NO_TEXT_FIELD),
        (b"{}", Reason.NO_TEXT_FIELD),
        (b'{"text": "  "}', Reason.EMPTY),
        (b'{"text": "' + b"x" * (MAX_CHARS + 1) + b'"}', Reason.TOO_LARGE),
        (b'{"text": "' + b"x" * 6 * (MAX_CHARS + 20_000) + b'"}', Reason.TOO_LARGE),
    ],
)
def test_a_bad_line_costs_no_other(tmp_path: Path, line: bytes, reason: Reason) -> None:
    good = {"text": TEXT}
    path = jsonl(tmp_path / "n.jsonl", good, b"", line, good)
    documents = read(path)
    assert outcomes(documents) == ["n-1", reason.value, "n-4"]
    assert documents[1].source == f"{path}:3"


def test_a_record_without_text_says_what_it_has_and_needs(tmp_path: Path) -> None:
    refused = refusal(jsonl(tmp_path / "n.jsonl", {"story": "x", "\ud800\x1b[2J": "y"}))
    assert '"story", "\\ud800\\u001b[2J"' in refused.message
    assert "text or article or content or body or html" in refused.hint


def test_a_mark_before_json_and_a_last_line_without_end_are_read(tmp_path: Path) -> None:
    path = put(tmp_path / "n.jsonl.gz", gzip.compress(b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}'))
    assert outcomes(read(path)) == ["n-1", "n-2"]


def test_lines_in_utf_16_are_refused_as_one_file(tmp_path: Path) -> None:
    path = put(tmp_path / "n.jsonl", '{"text": "a"}\n{"text": "b"}\n'.encode("utf-16"))
    assert refusal(path).reason is Reason.BAD_ENCODING
    assert refusal(path).source == str(path)


def test_a_long_line_is_not_held_many_times(tmp_path: Path) -> None:
    lines = jsonl(tmp_path / "n.jsonl", {"text": "x" * 20_000_000}, {"text": TEXT})
    tracemalloc.start()
    try:
        documents = list(read_documents([str(lines)], max_chars=100_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert outcomes(documents) == ["too_large", "n-2"]
    assert peak < 3_000_000


def test_memory_does_not_grow_with_the_lines(tmp_path: Path) -> None:
    lines = jsonl(tmp_path / "n.jsonl", *[{"text": "word " * 1_000}] * 2_000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents([str(lines)], max_chars=MAX_CHARS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 2_000
    assert peak < 1_500_000  # the file has 10 MB


# stdin ----------------------------------------------------------------------------------------


def test_stdin_is_lines_of_json_where_it_begins_with_a_brace() -> None:
    documents = read("-", stdin=b'\n \n{"text": "a"}\n\n{"text": "b", "id": "x"}')
    assert outcomes(documents) == ["stdin-3", "x"]
    assert documents[0].source == "stdin:3"


def test_stdin_is_one_text_otherwise() -> None:
    assert article("-", stdin=b"\n\n Council meets.\n") == Article(
        id="stdin", text="\n\n Council meets.\n", source="stdin"
    )
    assert article("-", stdin="a “b”".encode("utf-16")).text == "a “b”"
    assert refusal("-", stdin=b" \n ").reason is Reason.EMPTY
    assert refusal("-", stdin=b" " * 5 * MAX_CHARS).reason is Reason.TOO_LARGE


def test_stdin_is_left_open_and_other_inputs_go_on(tmp_path: Path) -> None:
    stream = io.BytesIO(TEXT.encode())
    inputs = [str(tmp_path / "no.txt"), "-", str(put(tmp_path / "a.txt"))]
    assert outcomes(list(read_documents(inputs, max_chars=MAX_CHARS, stdin=stream))) == [
        "file_missing",
        "stdin",
        "a",
    ]
    assert not stream.closed
