"""A memory of what was wrong, that blames saying it again and pays nobody.

    repeat = -1 for a reply that was wrong at this question before, else 0

Behind the group's centring (`novelty=outside`) a wrong reply that repeats itself loses, and no other gains by that. So
where nobody is right a group still teaches something: not to try the same again. Rewards for novelty do it the other
way round, and inside a centring they push up whatever wrong reply is newest. Texts are compared as they are, without an
embedding: a reply that only resembles a failure may be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import torch

from straw.rewards.intrinsic.base import Arrays, Raw, Trace

SIZE = 16  # bytes of a hash


class Repeats:
    """The newest `most` failures, as hashes of question and text."""

    names: tuple[str, ...] = ("repeat",)
    is_scaled = True  # from -1 to 0 as it is, without a window

    def __init__(self, most: int) -> None:
        self.most = most
        self.failed: dict[bytes, None] = {}  # oldest first

    def raw(self, traces: Sequence[Trace]) -> Raw:
        """Right replies are no repeats, whatever was graded wrong before."""
        return {"repeat": [-float(not trace.is_right and hash_of(trace) in self.failed) for trace in traces]}

    def write(self, traces: Sequence[Trace]) -> None:
        for trace in traces:
            if not trace.is_right:
                self.failed.pop(hash_of(trace), None)  # it becomes the newest
                self.failed[hash_of(trace)] = None
        while len(self.failed) > self.most:
            del self.failed[next(iter(self.failed))]

    def counts(self) -> dict[str, int]:
        return {"memory/values": len(self.failed)}

    def arrays(self) -> Arrays:
        return {"failed": torch.tensor([list(one) for one in self.failed], dtype=torch.uint8).reshape(-1, SIZE)}

    def load(self, arrays: Arrays) -> None:
        self.failed = {bytes(row): None for row in arrays["failed"].tolist()}


def hash_of(trace: Trace) -> bytes:
    return blake2b(f"{trace.key} {trace.text}".encode(errors="replace"), digest_size=SIZE).digest()
