"""What goes into a blob comes out of it, and nothing else does."""

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
def test_what_is_packed_is_unpacked(text: bytes) -> None:
    assert unpack(pack(text)) == text


def test_repetition_is_packed_small() -> None:
    assert len(pack(b"the same words " * 1_000)) < 100


def test_each_thread_packs_the_same() -> None:
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


def test_a_blob_that_says_it_is_huge_is_refused_unopened() -> None:
    bomb = zstandard.ZstdCompressor().compress(b" " * (blob._MAX_BYTES + 1))

    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match=f"expands to {blob._MAX_BYTES + 1} bytes"):
        unpack(bomb)


def test_a_blob_that_does_not_say_its_size_is_refused() -> None:
    maker = zstandard.ZstdCompressor(write_content_size=False)

    with pytest.raises(ValueError, match="expands to -1 bytes"):
        unpack(maker.compress(b"[]"))


def test_a_blob_larger_than_it_says_is_refused() -> None:
    honest = zstandard.ZstdCompressor(level=3).compress(b"a" * 202)
    # A frame header's size field: here one byte behind magic number and descriptor.
    assert honest[5] == 202
    lying = honest[:5] + bytes([10]) + honest[6:]

    with pytest.raises(ValueError, match="damaged"):
        unpack(lying)
