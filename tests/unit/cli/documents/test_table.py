from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cli.documents.reader import read_documents
from worker.records.article import Article, InputRefusal
from worker.records.reason import Reason

MAX_CHARS = 200_000


def read(path: Path, content: str | bytes) -> list[Article | InputRefusal]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_documents([str(path)], max_chars=MAX_CHARS))


def outcomes(documents: list[Article | InputRefusal]) -> list[str]:
    return [
        document.id if isinstance(document, Article) else document.reason.value
        for document in documents
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "n.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rows_become_articles(path: Path, encoding: str) -> None:
    rows = (
        'ID, Headline ,Text\r\n7,"A ""big"" day","First, line.\nSecond “line”."\r\n\r\n,,Third\r\n'
    )
    assert read(path, rows.encode(encoding)) == [
        Article(
            id="7",
            title='A "big" day',
            text="First, line.\nSecond “line”.",
            source=f"{path}:2",
        ),
        Article(id="n-5", text="Third", source=f"{path}:5"),
    ]


def test_a_bad_row_costs_no_other(path: Path) -> None:
    rows = (
        b'id,text\n1,one\n2\n3,three,more\n4,caf\xe9\n5,\n6,half "quoted\n7,"a "b" c"\n'
        b"8,zero \x00\n9,nine\n"
    )
    documents = read(path, rows)
    assert outcomes(documents) == [
        "1",
        "bad_csv",
        "bad_csv",
        "bad_encoding",
        "empty",
        "6",
        "bad_csv",
        "binary",
        "9",
    ]
    assert documents[6].source == f"{path}:8"


def test_a_table_without_a_column_for_the_text_is_refused_once(path: Path) -> None:
    (refused,) = read(path, "id;text\n1;one\n2;two\n")
    assert isinstance(refused, InputRefusal)
    assert refused.reason is Reason.NO_TEXT_FIELD
    assert refused.source == f"{path}:1"
    assert '"id;text"' in refused.message


@pytest.mark.parametrize(
    "rows",
    [
        '2,"open\n3,"Three, said\nOn Monday, the mayor spoke.\nSo, it ends."\n',
        '2,"He "said, "so\nOn Monday, the mayor spoke."\n',
    ],
)
def test_pieces_of_a_text_with_broken_quoting_never_pass_for_articles(
    path: Path, rows: str
) -> None:
    documents = read(path, f"id,text\n1,one\n{rows}")
    assert outcomes(documents) == ["1", "bad_csv"]
    assert isinstance(documents[1], InputRefusal)
    assert "nothing after this line was read" in documents[1].message


def test_a_quotation_that_is_never_closed_is_refused(path: Path) -> None:
    assert outcomes(read(path, 'id,text\n1,one\n2,"open, and\nno end\n')) == ["1", "bad_csv"]
    assert outcomes(read(path, '"id,text\n1,one\n')) == ["bad_csv"]


def test_a_row_that_is_too_long_costs_no_other(path: Path) -> None:
    long = "A line, of a text.\n" * (MAX_CHARS // 5)
    rows = (
        f'id,text\n1,one\n2,"{long}"\n3,{"x" * 3 * MAX_CHARS}\n4,{"y" * (MAX_CHARS + 1)}\n5,five\n'
    )
    documents = read(path, rows)
    assert outcomes(documents) == ["1", "too_large", "too_large", "too_large", "5"]
    assert documents[2].source == f"{path}:{4 + MAX_CHARS // 5}"


def test_the_limit_of_the_csv_module_is_never_lowered(path: Path) -> None:
    before = csv.field_size_limit(50_000_000)
    try:
        assert outcomes(read(path, "id,text\n1," + "x" * MAX_CHARS)) == ["1"]
        assert csv.field_size_limit() == 50_000_000
    finally:
        csv.field_size_limit(before)


def test_a_field_beyond_the_usual_limit_of_the_csv_module_is_read(path: Path) -> None:
    before = csv.field_size_limit(131_072)
    try:
        (article,) = read(path, "id,text\n1," + "x" * MAX_CHARS)
        assert isinstance(article, Article)
        assert len(article.text) == MAX_CHARS
    finally:
        csv.field_size_limit(before)
