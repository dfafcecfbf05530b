"""Decodes bytes by their byte-order mark, as UTF-8, or as Windows-1252 if the text is plausible.

Does not depend on files or articles.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["decode_text", "looks_binary", "marked_encoding"]

#: Control characters that text never contains: all in ASCII except tab, line feed, vertical tab,
#: form feed and carriage return. UTF-8 uses these bytes for nothing else.
_CONTROL_BYTES = bytes(code for code in (*range(32), 127) if code not in b"\t\n\v\f\r")

#: Data with a larger share of control characters is not text. The lowest share among 195
#: programs, pictures and archives is 0.099; news has none.
_MAX_CONTROL_SHARE = 0.05

#: UTF-32 comes before UTF-16, because the UTF-32-LE mark begins with the UTF-16-LE mark.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_UPPER = "À-ÑÓ-ÖØ-ÞŒŠŽŸ"  # without Ò, which is Mac Roman's opening quotation mark
_LOWER = "ß-öø-ÿœšž"
_LETTER = f"A-Za-z{_UPPER}{_LOWER}"

#: Characters and pairs that English news in Windows-1252 never contains: text that matches is in
#: another encoding. Error rates by encoding: docs/decisions/028-encodings.md.
_IMPLAUSIBLE = re.compile(
    rf"""
      [^\x00-\x7f{_UPPER}{_LOWER}\u2013\u2014\u2018-\u201a\u201c-\u201e\u2022\u2026·°£€¥§©®™½¼¾«»\xd7\xa0]
    | [a-z{_LOWER}][{_UPPER}]                       # a capital inside a word
    | [{_UPPER}][A-Z][a-z] | [A-Z][{_UPPER}][a-z]
    | [{_UPPER}{_LOWER}]{{3}}                       # a word of another alphabet
    | [{_UPPER}{_LOWER}][0-9] | [0-9][{_UPPER}{_LOWER}]
    | (?<![{_LETTER}])[{_UPPER}ßá-öø-ÿœšž](?![{_LETTER}])   # a lone letter other than à
    | [ïâãÃÂÐ](?![a-z])                             # leads of UTF-8
    | [A-Za-z0-9][\u201a\u201c-\u201e«][A-Za-z0-9]  # a quotation mark inside a word
    | [A-Za-z][©®½¼¾»\xd7\u2022·][a-z] | [a-z]°
    | [£€¥§](?!\s?[0-9])
    """,
    re.VERBOSE,
)


def looks_binary(data: bytes) -> bool:
    """Return whether UTF-8 or single-byte data has too many control characters to be text."""
    controls = len(data) - len(data.translate(None, _CONTROL_BYTES))
    return controls > _MAX_CONTROL_SHARE * len(data)


def marked_encoding(data: bytes) -> str | None:
    """Return the encoding that a byte-order mark at the start of ``data`` names, or None."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def decode_text(data: bytes) -> str | None:
    """Return ``data`` as text without its byte-order mark, or None if its encoding is unclear.

    Known gap: Central European letters (Windows-1250) are read as Western letters if both give a
    plausible word (``ć`` as ``æ``). This happens in 1 % of the texts measured.
    """
    try:
        return data.decode(marked_encoding(data) or "utf-8")
    except UnicodeDecodeError:
        pass
    if marked_encoding(data):
        return None
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return None if _IMPLAUSIBLE.search(text) else text
