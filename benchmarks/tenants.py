"""What sampling for many tenants costs, in CPU-seconds at one thread.

    python benchmarks/tenants.py adapters                16 adapters in one batch against one adapter, SmolLM2's shapes
    python benchmarks/tenants.py adapters --model smollm2 --ranks 8 32        the real weights, several ranks
    python benchmarks/tenants.py requests                64 requests that come at once against one batch in process

Random weights cost what learned ones do. Every comparison checks that both sides wrote as many tokens from as many
prompts, and `requests` that they wrote the same ones, bit for bit.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from straw.config import load_page
from straw.engines.base import SamplingParams, Tokens
from straw.engines.local.build import load_engine
from straw.engines.local.engine import LocalEngine
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.open import open_backend
from straw.engines.tenants.records import Sampled, Sampling, Shape
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

ROWS, PROMPT, TOKENS = 64, 60, 8
SHORT = 12  # tokens of a prompt where steps alone are measured
SMOLLM2 = dict(vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
               intermediate_size=1536, max_position_embeddings=8192, tie_word_embeddings=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("adapters", "requests"))
    parser.add_argument("--model", default=None)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--head", action="store_true", help="adapters on the head too (train_unembed)")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "requests":
        many_requests(options.model or "tiny-1M", options.repeats)
        return
    for rank in options.ranks:
        many_adapters(options.model, rank, options.head, options.repeats)


# --- adapters


def many_adapters(model_name: str | None, rank: int, head: bool, repeats: int) -> None:
    engine = open_backend(model_name) if model_name else random_smollm2()
    names = [f"adapter{number}" for number in range(16)]
    for number, name in enumerate(names):
        engine.create(name, Shape(rank=rank, seed=number, unembed=head))
        engine.snapshot(name, name)
    prompts = made_prompts(engine, SHORT)
    base, one, many = (
        min(steps(engine, prompts, weights) for _ in range(repeats))
        for weights in ([None] * ROWS, [names[0]] * ROWS, [names[row % 16] for row in range(ROWS)])
    )
    what = f"rank {rank}{' with the head' if head else ''}"
    print(f"{what}: a step of {ROWS} rows of the base {base * 1e3:.0f} ms, of one adapter {one * 1e3:.0f} ms, "
          f"of 16 adapters {many * 1e3:.0f} ms: {many / one:.2f} times one adapter", flush=True)  # fmt: skip


def steps(engine: TenantEngine, prompts: Sequence[Tokens], weights: Sequence[str | None]) -> float:
    """CPU-seconds of a step, when all prompts are read and all rows write."""
    for row, (prompt, name) in enumerate(zip(prompts, weights, strict=True)):
        engine.begin(
            str(row), name, Sampling(prompt=prompt, seeds=(row,), max_tokens=TOKENS + 64, end_token_stops=False)
        )
    while any(not row for key in map(str, range(ROWS)) for row in engine.written(key)):
        engine.decode()
    engine.decode()
    before = num_written(engine)
    begun = time.process_time()
    for _ in range(TOKENS):
        engine.decode()
    spent = time.process_time() - begun
    assert num_written(engine) - before == ROWS * TOKENS
    for row in range(ROWS):
        engine.cancel(str(row))
    return spent / TOKENS


def num_written(engine: TenantEngine) -> int:
    return sum(len(row) for key in map(str, range(ROWS)) for row in engine.written(key))


def random_smollm2() -> TenantEngine:
    torch.manual_seed(0)
    return TenantEngine(LlamaForCausalLM(LlamaConfig(**SMOLLM2)), Chat(character_tokenizer()), name="random")


# --- requests


def many_requests(model_name: str, repeats: int) -> None:
    page = load_page(None, {"kind": "secret", "model_name": model_name, "device": "cpu", "dtype": "float32"}).page
    local, engine = load_engine(page), open_backend(model_name, seed=page.model.model_seed)
    torch.set_num_threads(1)
    different = made_prompts(engine, PROMPT)
    for what, prompts in (("equal", different[:1] * ROWS), ("different", different)):
        ours = min(timed(partial(served, engine, prompts)) for _ in range(repeats))
        theirs = min(timed(partial(in_process, local, prompts)) for _ in range(repeats))
        assert served(engine, prompts) == in_process(local, prompts), "the replies differ"
        print(
            f"{ROWS} requests x {TOKENS} tokens, {what} prompts: {ours * 1e3:.0f} ms, "
            f"in process {theirs * 1e3:.0f} ms: {ours / theirs:.2f} times",
            flush=True,
        )


def served(engine: TenantEngine, prompts: Sequence[Tokens]) -> list[tuple[Tokens, list[float]]]:
    engine.sampler.prompts.forget(None)
    for row, prompt in enumerate(prompts):
        engine.begin(str(row), None, Sampling(prompt=prompt, seeds=(row,), max_tokens=TOKENS, end_token_stops=False))
    found: dict[str, Sampled] = {}
    while engine.num_rows:
        for key, result in engine.decode():
            assert isinstance(result, Sampled), result
            found[key] = result
    replies = [found[str(row)].sequences[0] for row in range(len(prompts))]
    return [(reply.tokens, reply.logprobs.tolist()) for reply in replies]


def in_process(local: LocalEngine, prompts: Sequence[Tokens]) -> list[tuple[Tokens, list[float]]]:
    params = SamplingParams(max_tokens=TOKENS)
    if len(set(prompts)) == 1:
        (replies,) = local.sample(prompts[:1], len(prompts), params, [range(len(prompts))])
    else:
        replies = [row[0] for row in local.sample(prompts, 1, params, [[row] for row in range(len(prompts))])]
    return [(reply.tokens, list(reply.logprobs)) for reply in replies]


def made_prompts(engine: TenantEngine, length: int) -> list[Tokens]:
    draw = random.Random(0)
    vocabulary = engine.facts.vocabulary
    return [tuple(draw.randrange(vocabulary) for _ in range(length)) for _ in range(ROWS)]


def timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
