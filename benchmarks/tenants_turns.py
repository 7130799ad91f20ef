"""What games of several turns cost a server, whose clients send the whole conversation with every turn.

    python benchmarks/tenants_turns.py                         64 games of 6 turns, beginnings kept and not
    python benchmarks/tenants_turns.py --games 412 --turns 8   as many as a recipe of the cookbook plays

All games are asked at once, and a game's next turn when its reply is there. Random weights cost what learned ones do.
Both sides write the same tokens with the same log-probabilities, which is checked.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes

import argparse
import random
import resource
import time
from dataclasses import dataclass, field

import torch

from straw.engines.base import Tokens
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.open import open_backend
from straw.engines.tenants.records import Sampled, Sampling, Shape
from straw.engines.tenants.sampling.sampler import SamplerSettings
from straw.engines.tenants.sampling.served import sampler_of

OPENING, MESSAGE = 290, 150  # tokens


@dataclass
class Played:
    seconds: float = 0.0
    num_read: int = 0
    num_asked: int = 0  # tokens of all prompts
    kept_bytes: int = 0  # at most
    replies: list[tuple[Tokens, bytes]] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny-1M")
    parser.add_argument("--games", type=int, default=64)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=8, help="of a reply")
    parser.add_argument("--one-side", action="store_true", help="without the side that keeps nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    engine = open_backend(options.model)
    engine.create("one", Shape(rank=8, unembed=False))
    engine.snapshot("one", "one")
    sides = {"kept": SamplerSettings(), "nothing kept": SamplerSettings(prompts_room=0)}
    found = {
        what: played(engine, settings, options)
        for what, settings in list(sides.items())[: 1 if options.one_side else 2]
    }
    for what, one in found.items():
        kept = one.kept_bytes / 2**20
        print(f"{options.games} games x {options.turns} turns, {what}: {one.seconds:.1f} s of CPU, {one.num_read} of "
              f"{one.num_asked} prompt tokens read, {kept:.0f} MiB of prompts kept", flush=True)  # fmt: skip
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    assert len({tuple(one.replies) for one in found.values()}) == 1, "the replies differ"


def played(engine: TenantEngine, settings: SamplerSettings, options: argparse.Namespace) -> Played:
    engine.sampler = sampler_of(engine, settings)
    draw, one = random.Random(0), Played()
    opening = some(draw, OPENING)
    texts, turns = [opening] * options.games, [0] * options.games
    for game in range(options.games):
        ask(engine, game, 0, opening, options.tokens)
    begun = time.process_time()
    while engine.num_rows:
        for key, result in engine.decode():
            assert isinstance(result, Sampled), result
            game = int(key)
            one.num_asked += len(texts[game])
            (reply,) = result.sequences
            one.replies.append((reply.tokens, reply.logprobs.tobytes()))
            turns[game] += 1
            message = some(random.Random(1000 * turns[game] + game), MESSAGE)
            texts[game] = (*texts[game], *reply.tokens, *message)
            if turns[game] < options.turns:
                ask(engine, game, turns[game], texts[game], options.tokens)
        one.kept_bytes = max(one.kept_bytes, engine.sampler.prompts.free_bytes)
    one.seconds = time.process_time() - begun
    one.num_read = engine.sampler.prompt_reader.num_tokens_read
    one.replies.sort()
    return one


def ask(engine: TenantEngine, game: int, turn: int, prompt: Tokens, num_tokens: int) -> None:
    seed = 1000 * turn + game
    engine.begin(str(game), "one", Sampling(prompt=prompt, seeds=(seed,), max_tokens=num_tokens, end_token_stops=False))


def some(draw: random.Random, length: int) -> Tokens:
    return tuple(draw.randrange(5, 60) for _ in range(length))


if __name__ == "__main__":
    main()
