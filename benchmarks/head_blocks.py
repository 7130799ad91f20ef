"""What a large vocabulary's logits cost, all rows at once and a block of rows at a time: the same bits, less time.

    OMP_NUM_THREADS=1 python benchmarks/head_blocks.py       half a minute

652 hidden states of SmolLM2's width and its 49,152 tokens, there and back; the least of three times, and how often the
system had to find a page for it.
"""

from __future__ import annotations

import resource
import time

import torch
from torch import Tensor

from straw.engines.local.forward import plain_head
from straw.engines.local.forward.lm_head import Head, log_probabilities

ROWS, WIDTH, VOCABULARY = 652, 576, 49_152
SIZES = {"all rows at once": ROWS * VOCABULARY, "a block of rows": plain_head.BLOCK}


def there_and_back(dtype: torch.dtype, entropy: float) -> tuple[float, int, list[Tensor]]:
    draws = torch.Generator().manual_seed(0)
    weight = (torch.randn(VOCABULARY, WIDTH, generator=draws) * 0.05).requires_grad_()
    hidden = torch.randn(ROWS, WIDTH, generator=draws).requires_grad_()
    targets = torch.randint(VOCABULARY, (ROWS,), generator=draws)
    began, faults = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logp, entropies = log_probabilities(Head(weight, None), hidden, torch.arange(ROWS), targets)
    (logp.sum() + entropy * entropies.sum() if entropy else logp.sum()).backward()
    seconds = time.process_time() - began
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    assert weight.grad is not None and hidden.grad is not None
    return seconds, faults, [logp.detach(), entropies.detach(), weight.grad, hidden.grad]


def main() -> None:
    print(f"{'dtype':10}{'entropy':9}" + "".join(f"{name:>18}{'pages':>10}" for name in SIZES) + "   bits")
    for dtype in (torch.float32, torch.bfloat16):
        for entropy in (0.0, 0.01):
            line, bits = "", list[list[Tensor]]()
            for plain_head.BLOCK in SIZES.values():
                tried = [there_and_back(dtype, entropy) for _ in range(3)]
                line += f"{min(one[0] for one in tried):18.2f}{min(one[1] for one in tried):10,}"
                bits.append(tried[0][2])
            same = all(torch.equal(one, other) for one, other in zip(*bits, strict=True))
            print(f"{str(dtype)[6:]:10}{entropy:<9g}{line}   {'the same' if same else 'OTHERS'}", flush=True)


if __name__ == "__main__":
    main()
