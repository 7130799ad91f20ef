"""A layer in bfloat16 by hand beside autograd and autocast: CPU-seconds and memory of an update of SmolLM2.

    OMP_NUM_THREADS=1 python benchmarks/half_layers.py                 one prompt of 45 tokens, 16 replies of 30
    OMP_NUM_THREADS=1 python benchmarks/half_layers.py --replies 32

Each way in a process of its own: the median of five, the most memory of its own at any time, and a hash of all
gradients, which has to be the same.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from hashlib import sha256
from statistics import median

import torch

from straw.config import load_page
from straw.engines.base import Loss
from straw.engines.local.build import load_engine
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.llama.llama_reader import LlamaReader
from straw.types import Datum


def data(replies: int) -> list[Datum]:
    draws = torch.Generator().manual_seed(0)
    prompt, *said = (torch.randint(5, 40_000, (n,), generator=draws).tolist() for n in (45, *[30] * replies))
    size, ahead = (1 / replies / 30,) * 30, (-8.0,) * 30
    return [
        Datum(prompt=tuple(prompt), tokens=tuple(one), weights=size, advantages=(float(place % 2 * 2 - 1),) * 30,
              logprobs=ahead)
        for place, one in enumerate(said)
    ]  # fmt: skip


def measured(by_hand: bool, replies: int) -> dict[str, object]:
    page = load_page(None, {"model_name": "smollm2", "dtype": "bfloat16", "device": "cpu"}).page
    engine, rows, taken = load_engine(page), data(replies), list[float]()
    assert isinstance(engine.reader, LlamaReader) and engine.reader.by_hand
    engine.reader.by_hand = by_hand
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(6):
        engine.optimizer.zero_grad()
        begun = time.process_time()
        engine.forward_backward(rows, Loss(name="importance_sampling"))
        taken.append(time.process_time() - begun)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    return {"cpu_s": median(taken[1:]), "GiB": grown, "hash": gradients(engine)}


def gradients(engine: LocalEngine) -> str:
    digest = sha256()
    for p in engine.trained.values():
        assert p.grad is not None
        digest.update(p.grad.numpy().tobytes())
    return digest.hexdigest()[:16]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=16)
    parser.add_argument("--way", choices=("hand", "autograd"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(measured(asked.way == "hand", asked.replies)))
        return 0
    hashes = set()
    for way in ("autograd", "hand"):
        command = [sys.executable, __file__, "--way", way, "--replies", str(asked.replies)]
        found = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
        )
        print(f"{way:10} {found['cpu_s']:.2f} CPU-seconds, {found['GiB']:.2f} GiB more than before, {found['hash']}")
        hashes.add(found["hash"])
    return int(len(hashes) > 1)


if __name__ == "__main__":
    sys.exit(main())
