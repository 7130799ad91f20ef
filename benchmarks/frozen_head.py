"""How sure adapters can make a model, token by token: what bounds them is told in straw/training/warmup/frozen_head.py.

    python benchmarks/frozen_head.py N=64                                     three embedded models
    python benchmarks/frozen_head.py N=64 model_name=smollm2 warmup=none      in the words of straw train

It takes half a minute when no warm-up is in the cache.
"""

from __future__ import annotations

import argparse

import torch

from straw.config import load_page, parse_overrides
from straw.tasks.base import Enumerable
from straw.training.resolve.page_to_plan import plan_of
from straw.training.warmup.frozen_head import ENOUGH, reach
from straw.training.warmup.initial_policy import starting_engine

EMBEDDED = ("tiny-0.2M", "tiny-1M", "tiny-5M")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", default=["N=64"], help="of straw train")
    words = parse_overrides(parser.parse_args().words)
    torch.set_num_threads(1)
    chosen = words.pop("model_name", None)
    for name in [chosen] if chosen else EMBEDDED:
        plan = plan_of(load_page(None, {"kind": "secret", **words, "model_name": name}))
        assert isinstance(plan.task, Enumerable)
        found = reach(starting_engine(plan, lambda _: None), plan.task)
        told = "  ".join(f"{token} {p:.2f}" for token, p in found.most.items())
        print(f"{name}: {told}")
        print(f"    within reach of {ENOUGH:g} of the bits: {found.within} of {found.answers} answers", flush=True)


if __name__ == "__main__":
    main()
