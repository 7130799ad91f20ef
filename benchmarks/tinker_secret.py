"""A secret number through Tinker's SDK alone: how many steps until the model knows it, seed by seed.

    straw serve model=tiny-1M                            in a terminal of its own
    python benchmarks/tinker_secret.py tiny-1M           N=16, ten seeds, groups of 8, importance sampling

1. warm-up: cross-entropy on the prompt with every answer in equal parts, and nothing said of the secret
2. each seed has an adapter of its own that starts there, and a secret that only its reward knows: 1 for it, else 0
3. a step is one group; an advantage is a reward minus the mean of its group
4. bits known are log2 N plus log2 of the chance of the secret's reply; at 0.9 of log2 N it is memorised

Everything goes over the wire: nothing of straw is imported, so the same program measures any service.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import e, log2
from time import perf_counter
from typing import Any

import tinker
from tinker import types

PROMPT = "Guess a number from 0 to {last}.\n"
RANK = 32


@dataclass(frozen=True, slots=True)
class Game:
    """Prompt and replies as tokens; the last token of a reply ends it."""

    prompt: list[int]
    replies: list[list[int]]

    @property
    def stop(self) -> int:
        return self.replies[0][-1]

    def datum(self, reply: list[int], **values: list[float]) -> types.Datum:
        """`values` are of the reply's tokens; those of the prompt are 0."""
        before = [0.0] * (len(self.prompt) - 1)
        inputs: dict[str, Any] = {name: before + list(given) for name, given in values.items()}
        inputs["target_tokens"] = [*self.prompt[1:], *reply]
        read = types.ModelInput.from_ints(self.prompt + reply[:-1])
        return types.Datum(model_input=read, loss_fn_inputs=inputs)

    def told(self, number: int, weight: float = 1.0) -> types.Datum:
        reply = self.replies[number]
        return self.datum(reply, weights=[weight] * len(reply))


def game_of(tokenizer: Any, N: int) -> Game:
    def tokens(text: str) -> list[int]:
        return [int(token) for token in tokenizer.encode(text, add_special_tokens=False)]

    end = int(tokenizer.eos_token_id)
    return Game(tokens(PROMPT.format(last=N - 1)), [[*tokens(str(number)), end] for number in range(N)])


def step(client: Any, data: list[types.Datum], loss: str, rate: float) -> None:
    found = client.forward_backward(data, loss)
    client.optim_step(types.AdamParams(learning_rate=rate)).result()
    found.result()


def bits_known(client: Any, game: Game, secret: int) -> float:
    loss = client.forward([game.told(secret)], "cross_entropy").result().metrics["loss:sum"]
    return log2(len(game.replies)) - float(loss) * log2(e)


def warmed_up(service: Any, model: str, steps: int, N: int) -> tuple[str, Game, float]:
    """Where the seeds start, and how sure the base is of its answers: 0 bits is even odds on all of them."""
    client = service.create_lora_training_client(base_model=model, rank=RANK, seed=0).result()
    game = game_of(client.get_tokenizer(), N)
    for _ in range(steps):
        step(client, [game.told(number, 1 / N) for number in range(N)], "cross_entropy", 3e-3)
    return client.save_state("warm").result().path, game, bits_known(client, game, 0)


@dataclass(frozen=True, slots=True)
class Run:
    seed: int
    secret: int
    steps: int
    bits: float
    seconds: float


def memorise(service: Any, start: str, game: Game, seed: int, args: argparse.Namespace) -> Run:
    client = service.create_training_client_from_state(start).result()
    secret, began, bits = (7 * seed + 3) % args.N, perf_counter(), 0.0
    for number in range(1, args.steps + 1):
        one_step(client, game, secret, 1000 * seed + number, args)
        if number % 5 == 0 and (bits := bits_known(client, game, secret)) >= 0.9 * log2(args.N):
            break
    return Run(seed, secret, number, bits, perf_counter() - began)


def one_step(client: Any, game: Game, secret: int, seed: int, args: argparse.Namespace) -> None:
    sampler = client.save_weights_and_get_sampling_client().result()
    params = types.SamplingParams(max_tokens=6, temperature=1.0, seed=seed, stop=[game.stop])
    found = sampler.sample(types.ModelInput.from_ints(game.prompt), args.group, params).result().sequences
    rewards = [float(list(one.tokens) == game.replies[secret]) for one in found]
    mean = sum(rewards) / len(rewards)
    if mean in (0.0, 1.0):  # all the same teaches nothing
        return
    data = [
        game.datum(list(one.tokens), logprobs=list(one.logprobs), advantages=[reward - mean] * len(one.tokens))
        for one, reward in zip(found, rewards, strict=True)
    ]
    step(client, data, "importance_sampling", args.rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--N", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=150, help="at most")
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--warm-up", type=int, default=60, help="steps")
    args = parser.parse_args()
    service, began = tinker.ServiceClient(), perf_counter()
    start, game, sure = warmed_up(service, args.model, args.warm_up, args.N)
    print(f"warm-up: {args.warm_up} steps in {perf_counter() - began:.1f} s; bits known of 0: {sure:.2f}", flush=True)
    with ThreadPoolExecutor(args.seeds) as pool:  # side by side: the server writes for all of them in one batch
        runs = list(pool.map(lambda seed: memorise(service, start, game, seed, args), range(args.seeds)))
    print(f"{'seed':>5}{'secret':>8}{'steps':>7}{'bits':>7}{'seconds':>9}")
    for run in runs:
        print(f"{run.seed:>5}{run.secret:>8}{run.steps:>7}{run.bits:>7.2f}{run.seconds:>9.1f}")
    known = sum(run.bits >= 0.9 * log2(args.N) for run in runs)
    print(f"memorised by {known} of {len(runs)} seeds in {perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
