"""Does `algorithm=surrogate` need digits? Episodes until its belief says the secret, however numbers are spelled.

    python benchmarks/spelling.py                        N=1024, 8 bins, 32 secrets, every row that needs no model
    python benchmarks/spelling.py --model smollm2        the rows that take a pretrained model's states as well
    python benchmarks/spelling.py --seed 7 digits        one row, on other secrets

    digits          207 is 2 0 7                      numbers that are near begin alike
    least first     207 is 7 0 2                      they end alike
    permuted        207 is 9 3, the digits of another number
    one token       207 is one token of its own, of which nothing is known
    guessing        no number twice, and no use made of any reward
    ... of model    the same, with what --model makes of numbers: vectors of their tokens, hidden states of five layers
    ... in order    digits with their places in a dictionary: more than a learner should know

There is no network that learns: the belief is drawn from as it is, in groups of four without repeats, and all answers
are in the pool. A policy that is trained towards it says no more (docs/benchmarks.md has both). One token a number of a
pretrained model: no small model has tokens for all numbers to 1,000, so a number's states are those of its digits, and
its tokens are hidden.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean, median, quantiles
from time import process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from straw.algorithms.reward_model.belief import Belief
from straw.algorithms.reward_model.likeness import Replies
from straw.rewards.log_distance import closeness

END, GROUP, BINS = 10**6, 4, 8
HEADER = ("spelling", "said", "episodes: median", "quartiles", "mean", "90%", "most", "goal", "CPU-s a secret")
Spell = Callable[[int], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    spelling: str
    goal: str  # of the median at N=1024; of the mean at permuted labels
    most: float
    of_model: bool = False
    has_tokens: bool = True
    dictionary: bool = False


ROWS: Mapping[str, Row] = {
    "digits": Row(spelling="digits", goal="32", most=32),
    "least first": Row(spelling="least first", goal="32", most=32),
    "digits in order": Row(spelling="digits", goal="none: knows more", most=np.inf, dictionary=True),
    "permuted": Row(spelling="permuted", goal="mean 512", most=512),
    "one token": Row(spelling="one token", goal="mean 512", most=512),
    "guessing": Row(spelling="guessing", goal="none", most=np.inf),
    "digits of model": Row(spelling="digits", goal="32", most=32, of_model=True),
    "one token of model": Row(spelling="one token", goal="48", most=48, of_model=True, has_tokens=False),
}


@dataclass(frozen=True, slots=True)
class Read:
    """What a model makes of the numbers: [numbers, layers, width], and the vectors of their tokens."""

    replies: list[tuple[int, ...]]
    states: Any
    vectors: Mapping[int, Any]


def spelled(spelling: str, N: int, seed: int) -> list[tuple[int, ...]]:
    permuted = np.random.default_rng([seed, 1]).permutation(N)
    ways: dict[str, Spell] = {
        "digits": lambda number: tuple(map(int, str(number))),
        "least first": lambda number: tuple(map(int, str(number)[::-1])),
        "permuted": lambda number: tuple(map(int, str(permuted[number]))),
        "one token": lambda number: (10 + number,),
    }
    return [(*ways[spelling](number), END) for number in range(N)]


def pool_of(row: Row, N: int, seed: int, read: Read | None) -> Replies:
    if not row.of_model or read is None:
        return Replies(spelled(row.spelling, N, seed), dictionary=row.dictionary)
    if row.has_tokens:
        return Replies(read.replies, read.states, read.vectors)
    return Replies(spelled(row.spelling, N, seed), read.states)


def episodes_to_say(secret: int, row: Row, N: int, most: int, read: Read | None) -> int:
    """Rounded up to a group; more than `most` where it was not said by then."""
    chance, belief = np.random.default_rng([secret, N]), Belief(pool_of(row, N, secret, read), 1.0)
    pays = np.array([round(closeness(abs(guess - secret), N) * (BINS - 1)) / (BINS - 1) for guess in range(N)])
    nats = np.zeros(N)
    for episodes in range(GROUP, most + 1, GROUP):
        group = np.argsort(-nats - chance.gumbel(size=N))[:GROUP]  # without repeats, by their shares
        if secret in group:
            return episodes
        belief.append(group.tolist(), pays[group].tolist())
        nats = belief.log_chances() if np.ptp(belief.rewards) else np.zeros(N)
        nats[belief.tried] = -np.inf
    return most + GROUP


def guessed(secret: int, N: int) -> int:
    place = int(np.random.default_rng([secret, N, 2]).permutation(N).tolist().index(secret))
    return GROUP * (place // GROUP + 1)


def read_by(model: str, N: int) -> Read:
    """What a run of this model compares, by the same verbs of its engine."""
    from straw.config import load_page
    from straw.tasks.base import Enumerable
    from straw.tasks.teacher_forcing import forced
    from straw.training.engine_factory import crew
    from straw.training.learners.surrogate import LAYERS
    from straw.training.resolve.page_to_plan import plan_of

    options = {"N": N, "model_name": model, "warmup": "none", "dtype": "float32", "device": "cpu", "threads": 1}
    plan = plan_of(load_page(None, {"kind": "secret", "lora_rank": 8, **options}))
    with crew(plan, print) as engine:
        task, problem = plan.task, plan.task.problem(0)
        assert isinstance(task, Enumerable)
        data = [forced(engine.chat, task, problem, task.answer_at(number)) for number in range(N)]
        replies = [datum.tokens for datum in data]
        tokens = sorted({token for reply in replies for token in reply})
        vectors = dict(zip(tokens, engine.token_vectors(tokens), strict=True))
        return Read(replies, np.stack(engine.layers(data, LAYERS)), vectors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--N", type=int, default=1024)
    parser.add_argument("--secrets", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0, help="draws the secrets")
    parser.add_argument("--most", type=int, default=10**6, help="episodes")
    parser.add_argument("--model", help="a pretrained model, such as smollm2")
    asked = parser.parse_args()
    wanted = asked.rows or [name for name, row in ROWS.items() if row.of_model <= bool(asked.model)]
    read = read_by(asked.model, asked.N) if asked.model else None
    secrets = [int(one) for one in np.random.default_rng([asked.seed, asked.N]).permutation(asked.N)[: asked.secrets]]
    table, console = Table(*HEADER), Console(highlight=False, width=110)
    for name in wanted:
        table.add_row(name, *cells(ROWS[name], secrets, asked.N, asked.most, read))
        console.print(table if name == wanted[-1] else f"{name}: done")


def cells(row: Row, secrets: list[int], N: int, most: int, read: Read | None) -> list[str]:
    if row.of_model and read is None:
        raise SystemExit("this row takes what a model makes of numbers: write --model smollm2")
    begun_s = process_time()
    found = [
        guessed(secret, N) if row.spelling == "guessing" else episodes_to_say(secret, row, N, most, read)
        for secret in secrets
    ]
    spent_s = (process_time() - begun_s) / len(secrets)
    low, middle, high = quantiles(found, n=4, method="inclusive")
    holds = (mean(found) if row.goal.startswith("mean") else median(found)) <= row.most
    there = sum(one <= most for one in found)
    verdict = row.goal if N != 1024 or row.most == np.inf else f"{row.goal}: {'holds' if holds else 'does not hold'}"
    numbers = (
        f"{middle:g}",
        f"{low:g} to {high:g}",
        f"{mean(found):.0f}",
        f"{np.quantile(found, 0.9):.0f}",
        f"{max(found)}",
        verdict,
        f"{spent_s:.2f}",
    )
    return [f"{there} of {len(found)}", *numbers]


if __name__ == "__main__":
    main()
