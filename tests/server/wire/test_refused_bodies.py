"""Bodies that no request can have."""

from __future__ import annotations

import gzip
import random

import pytest
from tests.server.wire.test_refusals import SMALL

from straw.server.wire.body import decompress, read_json
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest
from straw.server.wire.training import read_forward_backward


def test_bombs_are_refused_and_cost_little() -> None:
    zstandard = pytest.importorskip("zstandard")
    zeros = b"\0" * (200 << 20)
    for encoding, bomb in (("gzip", gzip.compress(zeros, 1)), ("zstd", zstandard.ZstdCompressor().compress(zeros))):
        limits = Limits(body_bytes=1 << 20)
        with pytest.raises(BadRequest, match="decompressed") as refused:
            decompress(bomb, encoding, limits)
        assert refused.value.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_cut_off_is_refused(encoding: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    data = random.Random(1).randbytes(2000)
    whole = gzip.compress(data) if encoding == "gzip" else zstandard.ZstdCompressor().compress(data)
    assert decompress(whole, encoding, SMALL) == data
    for size in (0, 5, 300, len(whole) - 1):
        with pytest.raises(BadRequest):
            decompress(whole[:size], encoding, SMALL)


def test_two_bytes_do_not_become_a_hundred() -> None:
    """A parser would make an object from each empty datum or chunk; they are counted before there is one."""
    with pytest.raises(BadRequest, match="data_per_request"):
        read_forward_backward(b"\x1a\x00" * 1000, SMALL)
    chunks = b"\x0a\x00" * 1000
    body = b"\x1a" + bytes([0xD0, 0x0F]) + chunks
    with pytest.raises(BadRequest, match="parts_per_request"):
        read_forward_backward(body, Limits(parts_per_request=900))


@pytest.mark.parametrize(
    "body, said",
    [
        (b"[" * 100_000, "deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "deep"),
        (b'{"a": NaN}', "finite"),
        (b"[]", "object"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"\xff", "no JSON"),
        (b'{"a": ' + b"9" * 9000 + b"}", "no JSON"),
    ],
)
def test_json_is_read_within_bounds(body: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        read_json(body, Limits())


def test_json_that_is_fine_is_read() -> None:
    assert read_json(b"", SMALL) == {}
    assert read_json(b'{"a": "[[[[[[[[[[\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', SMALL)["a"].startswith("[")
