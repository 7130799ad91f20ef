"""What is rare is worth a look: two bonuses that need no embedding.

    surprise   the mean of -log p over the reply's tokens, under the policy that wrote it
    entropy    the Shannon entropy, in bits, of the bytes of the last `size` replies and this one

Both after the study's list of baselines. The first has no memory; the second counts bytes, so that one more reply costs
256 additions however long the log is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Raw, Trace

LOG_SIZE = 1000  # replies


class Surprise:
    names: tuple[str, ...] = ("surprise",)

    def raw(self, traces: Sequence[Trace]) -> Raw:
        return {"surprise": [trace.surprisal for trace in traces]}

    def write(self, traces: Sequence[Trace]) -> None: ...

    def counts(self) -> dict[str, int]:
        return {}

    def arrays(self) -> Arrays:
        return {}

    def load(self, arrays: Arrays) -> None: ...


class ByteEntropy:
    names: tuple[str, ...] = ("entropy",)

    def __init__(self, size: int = LOG_SIZE) -> None:
        self.size = size
        self.log = torch.zeros(0, 256, dtype=torch.int64)  # a row of counts a reply, oldest first
        self.total = torch.zeros(256, dtype=torch.int64)

    def raw(self, traces: Sequence[Trace]) -> Raw:
        return {"entropy": [entropy_bits(self.total + byte_counts(trace.text)) for trace in traces]}

    def write(self, traces: Sequence[Trace]) -> None:
        rows = [byte_counts(trace.text) for trace in traces]
        self.log = torch.cat([self.log, torch.stack(rows)])[-self.size :]
        self.total = self.log.sum(0)

    def counts(self) -> dict[str, int]:
        return {"memory/values": len(self.log)}

    def arrays(self) -> Arrays:
        return {"log": self.log.clone()}

    def load(self, arrays: Arrays) -> None:
        self.log = arrays["log"].clone()
        self.total = self.log.sum(0)


def byte_counts(text: str) -> Tensor:
    return torch.bincount(torch.tensor(list(text.encode(errors="replace")), dtype=torch.int64), minlength=256)


def entropy_bits(counts: Tensor) -> float:
    """0 for one byte again and again, or for none; 8 for all alike."""
    shares = counts[counts > 0].double() / counts.sum()
    return float(-(shares * shares.log2()).sum()) + 0.0
