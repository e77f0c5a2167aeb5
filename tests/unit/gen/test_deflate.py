from __future__ import annotations

import hashlib
import zlib

from hypothesis import given
from hypothesis import strategies as st

from kgen.pycode.deflate import compress

EXPECTED = "4dcac77867d1fd5eba79e2e007d6cc83ff8de0f94b61804acd82c70e069c66af"
PIECES = st.lists(st.sampled_from([b"a", b"ab", b'{"name": "', b"\xff\x90\x00", b"x" * 300, b"long, double"]))


@given(st.binary() | PIECES.map(b"".join))
def test_zlib_gives_back_what_went_in(data: bytes) -> None:
    assert zlib.decompress(compress(data)) == data


def test_what_repeats_is_found_up_to_the_end_of_the_window() -> None:
    text = bytes(hashlib.sha256(str(at).encode()).digest()[0] for at in range(32_768))
    for gap in (0, 1, 5_000):
        data = text + bytes(gap) + text
        assert zlib.decompress(compress(data)) == data
    assert len(compress(text + text)) < len(compress(text)) + 500


def test_the_stream_is_the_same_everywhere() -> None:
    data = b'{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}' * 3
    assert hashlib.sha256(compress(data)).hexdigest() == EXPECTED
