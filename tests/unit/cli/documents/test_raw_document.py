from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.documents.reader import read_documents
from worker.records.article import Article, InputRefusal

_IDS = (
    b"7 -0 0.1 -0.0 1.50 1E5 5e-324 1e400 NaN -Infinity 123456789012345678901234567890 "
    b'"caf\xc3\xa9" "\\ud83d\\ude00" "\\u2019" "a\\/b" "\\u007f" "\\ud800" "\\u0000" "\t" '
    b"-NaN 01 1. .5 +1 true"
).split(b" ")
_OTHERS = (b"[" * 300 + b"]" * 300, b'"\\ud800"', b"9" * 4_300, b"9" * 4_301, b"1 // one", b"\x0c1")


def read(path: Path) -> list[Article | InputRefusal]:
    return list(read_documents([str(path)], max_chars=10_000))


def test_the_fast_and_the_exact_json_reader_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b'{"id": "first", "id": %s, "text": "x"}' % value for value in _IDS]
    lines += [b'{"text": "x", "n": %s}' % value for value in _OTHERS]
    path = tmp_path / "n.jsonl"
    path.write_bytes(b"\n".join(lines))
    documents = read(path)
    assert [article.id for article in documents[:6] if isinstance(article, Article)] == [
        *("7", "0", "0.1", "-0.0", "1.5", "100000.0")
    ]

    def read_nothing(line: bytes, **_: Any) -> Any:
        raise ValueError(line)

    monkeypatch.setattr("cli.documents.raw_document.from_json", read_nothing)
    assert read(path) == documents


def test_a_line_that_only_the_exact_json_reader_accepts_is_an_article(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(b"\n".join(b'{"text": "x", "n": %s}' % value for value in _OTHERS[:3]))
    assert [isinstance(document, Article) for document in read(path)] == [True, True, True]
