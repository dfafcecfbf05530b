"""Blobs unpack to what was packed; damaged and oversized blobs are refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard

from worker.queue.store import compression as blob
from worker.queue.store.compression import pack, unpack


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", "“Ja”, sagde hun \u2013 100 €\u2028\x00\n".encode(), b"the same words " * 1_000],
    ids=lambda text: repr(text)[:20],
)
def test_a_packed_text_unpacks_unchanged(text: bytes) -> None:
    assert unpack(pack(text)) == text


def test_repetition_packs_small() -> None:
    assert len(pack(b"the same words " * 1_000)) < 100


def test_threads_pack_alike() -> None:
    texts = [f"text {number} ".encode() * 500 for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        packed = list(pool.map(pack, texts))

    assert packed == [pack(text) for text in texts]


@pytest.mark.parametrize(
    "broken",
    [b"", b"not zstd at all", pack(b"some text of a certain length")[:-5]],
    ids=["empty", "foreign", "cut"],
)
def test_a_damaged_blob_is_a_value_error(broken: bytes) -> None:
    with pytest.raises(ValueError, match="a blob"):
        unpack(broken)


def test_a_blob_that_declares_a_huge_size_is_refused_unopened() -> None:
    bomb = zstandard.ZstdCompressor().compress(b" " * (blob._MAX_BYTES + 1))

    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match=f"expands to {blob._MAX_BYTES + 1} bytes"):
        unpack(bomb)


def test_a_blob_without_a_declared_size_is_refused() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False)

    with pytest.raises(ValueError, match="expands to -1 bytes"):
        unpack(compressor.compress(b"[]"))


def test_a_blob_larger_than_declared_is_refused() -> None:
    honest = zstandard.ZstdCompressor(level=3).compress(b"a" * 202)
    # The size field of the frame header: here one byte after magic number and descriptor.
    assert honest[5] == 202
    lying = honest[:5] + bytes([10]) + honest[6:]

    with pytest.raises(ValueError, match="damaged"):
        unpack(lying)
