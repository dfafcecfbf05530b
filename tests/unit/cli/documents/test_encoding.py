from __future__ import annotations

import time

import pytest

from cli.documents.encoding import decode_text, looks_binary, marked_encoding

NEWS = "The café owner “would not” pay — not even €5, said José Núñez."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_read_in_each_recognisable_encoding(encoding: str) -> None:
    assert decode_text(NEWS.encode(encoding)) == NEWS


def test_utf16_without_a_mark_of_its_own_byte_order_is_read_by_its_mark() -> None:
    assert decode_text(b"\xfe\xff" + NEWS.encode("utf-16-be")) == NEWS


def test_text_of_latin_1_is_read() -> None:
    assert decode_text("A señor from São Tomé".encode("latin-1")) == "A señor from São Tomé"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("They said “we will” not", "mac_roman"),
        ("It is the “café” again", "mac_roman"),
        ("The minister — “no comment” — left", "gb18030"),
        ("Récord crowds in Málaga", "cp850"),
        ("Мост откроют до зимы, заявил министр", "cp1251"),
        ("橋は冬までに開通する", "shift_jis"),
    ],
)
def test_an_unrecognisable_encoding_is_not_guessed(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"whole \xe2\x80\x94 and cut \xe2\x80",
        b"half UTF-8, " + "café ".encode() + "half not: café".encode("cp1252"),
        b"\xff\xfe\x00",
    ],
)
def test_damaged_unicode_is_not_taken_for_another_encoding(data: bytes) -> None:
    assert decode_text(data) is None


def test_marks_name_their_encoding() -> None:
    assert marked_encoding("a".encode("utf-32-le")) is None
    assert marked_encoding("a".encode("utf-32")) == "utf-32"
    assert marked_encoding("a".encode("utf-16")) == "utf-16"
    assert marked_encoding(b"\xef\xbb\xbfa") == "utf-8-sig"


def test_data_with_many_controls_is_binary_and_a_stray_one_is_not() -> None:
    assert looks_binary(bytes(range(256)))
    assert not looks_binary(b"A line with a form feed\f and one escape \x1b in it")
    assert not looks_binary(NEWS.encode())
    assert not looks_binary(b"")


@pytest.mark.parametrize("data", [b"\xe9" * 500_000, b"a\x94 " * 200_000, b"A\xe9" * 250_000])
def test_hostile_bytes_take_linear_time(data: bytes) -> None:
    began = time.perf_counter()
    decode_text(data)
    assert time.perf_counter() - began < 2
