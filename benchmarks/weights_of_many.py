"""Why runs side by side in one process gain little: a model finds its weights in the cache, one of many does not.

    OMP_NUM_THREADS=1 python benchmarks/weights_of_many.py       half a minute

The products of a pass through the layers of tiny-1M, 4.4 MB of weights, layer by layer for so many models; CPU-ms a
model. 4 rows: a token of a group of four; 58: an update of one group. The least of three times counts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from straw.engines.local.models.tiny import make_bare

MODELS, ROWS, PASSES = (1, 2, 4, 8, 16), (4, 16, 58), 120


def matrices(seed: int) -> list[Tensor]:
    model, _ = make_bare("tiny-1M", seed)
    return [part.weight.detach() for part in model.get_decoder().layers.modules() if isinstance(part, nn.Linear)]


def milliseconds(models: Sequence[Sequence[Tensor]], rows: int) -> float:
    x = {matrix.shape[1]: torch.randn(rows, matrix.shape[1]) for matrix in models[0]}
    rounds = max(1, PASSES // len(models))
    began = time.process_time()
    for _ in range(rounds):
        for same_place in zip(*models, strict=True):
            for matrix in same_place:
                x[matrix.shape[1]] @ matrix.t()
    return 1e3 * (time.process_time() - began) / rounds / len(models)


def main() -> None:
    models = [matrices(seed) for seed in range(max(MODELS))]
    print(f"{'rows':6}" + "".join(f"{f'{count} models':>12}" for count in MODELS))
    for rows in ROWS:
        found = [min(milliseconds(models[:count], rows) for _ in range(3)) for count in MODELS]
        print(f"{rows:<6}" + "".join(f"{one:12.2f}" for one in found), flush=True)


if __name__ == "__main__":
    main()
