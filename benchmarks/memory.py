"""What an episodic memory costs a step: a group of 16 replies of about 100 words, against a memory of many questions.

    python benchmarks/memory.py                    everything, about two minutes
    python benchmarks/memory.py --rounds 3         sooner, and less sure

    encoding    the published pattern: question and reply are encoded anew for writing and for scoring, one by one: 64
                calls of sentence-transformers a group. straw: a whole step (encode, score, write), every text once.
                `floor` is the time of the bare matmuls of straw's texts, in the same precision.
    own part    straw's scoring and writing, of texts that are encoded already, over the bare matmul and top-k that
                find the neighbours in both memories. Each group asks a question that the full memory has not met, so
                every write forgets one.

Both sides take turns, and are timed by the CPU clock of this process, on one thread. The ratio is that of each round,
its median over the rounds.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from random import Random

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import normalize

from straw.config import Memory
from straw.engines.encoder import fast_dtype, minilm_folder
from straw.engines.encoder_bert import BertEncoder
from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.step import Intrinsic
from straw.training.intrinsic import IntrinsicPay, hash_of, rules_of
from straw.types import End, Grade, Message, Problem, Rollout

GROUP, WORDS, QUESTION_WORDS, WIDTH = 16, 100, 46, 384  # a question of GSM8K has 46 words
GOALS = {"float32": 3.5, "bfloat16": 7.0}
MOST_TEXTS, MOST_OVER_BARE = 17, 1.5
VOCABULARY = (
    "the", "a", "of", "number", "apples", "sold", "total", "each", "then", "so", "we", "get", "price", "cost",
    "dollars", "multiply", "subtract", "add", "because", "remaining", "hours", "she", "he", "they", "boxes",
    "inside", "gives", "answer", "therefore", "equals",
)  # fmt: skip


def some_words(count: int, chance: Random) -> str:
    return " ".join(
        chance.choice(VOCABULARY) if chance.random() < 0.8 else str(chance.randrange(999)) for _ in range(count)
    )


def group_of(chance: Random) -> list[Rollout]:
    """A question that was never asked, answered right by about a third."""
    problem = Problem(key="q", messages=(Message("user", some_words(QUESTION_WORDS, chance)),), reference=("0",))
    return [
        Rollout(
            problem=problem, turns=(), replies=(some_words(chance.randint(WORDS - 10, WORDS + 10), chance),),
            end=End.ANSWERED, grade=Grade(hits=(chance.random() < 0.3,), well_formed=True),
        )
        for _ in range(GROUP)
    ]  # fmt: skip


def filled(num_keys: int, seed: int) -> MemoryStore:
    """Full of random unit vectors, an answer to each question."""
    generator = torch.Generator().manual_seed(seed)
    store = MemoryStore(WIDTH, num_keys, 100)
    keys = normalize(torch.randn(num_keys, WIDTH, generator=generator), dim=1)
    values = normalize(torch.randn(num_keys, WIDTH, generator=generator), dim=1)
    hashes = [list(bytes.fromhex(hash_of(f"{seed} {index}"))) for index in range(num_keys)]
    store.load({
        "keys": keys, "values": values, "sums": values.double(), "counts": torch.ones(num_keys, dtype=torch.int64),
        "hashes": torch.tensor(hashes, dtype=torch.uint8), "oldest": torch.zeros(1, dtype=torch.int64),
    })  # fmt: skip
    return store


def intrinsic(num_keys: int, ours: Memory) -> Intrinsic:
    return Intrinsic(Episodic(filled(num_keys, 1), filled(num_keys, 2), k=ours.k, floor=None), rules_of(ours))


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


# --- encoding ------------------------------------------------------------------------------------


def bare_matmuls(num_tokens: int, dtype: torch.dtype) -> Callable[[], None]:
    """Those of six layers of MiniLM, and nothing else."""
    states, inner = torch.randn(num_tokens, WIDTH).to(dtype), torch.randn(num_tokens, 4 * WIDTH).to(dtype)
    weights = [torch.randn(rows, WIDTH).to(dtype) for rows in (3 * WIDTH, WIDTH, 4 * WIDTH)]
    down = torch.randn(WIDTH, 4 * WIDTH).to(dtype)

    def work() -> None:
        for _ in range(6):
            for weight in weights:
                torch.nn.functional.linear(states, weight)
            torch.nn.functional.linear(inner, down)

    return work


def encoding(dtype: str, rounds: int, table: Table) -> bool:
    from sentence_transformers import SentenceTransformer

    published = SentenceTransformer(str(minilm_folder()), device="cpu")
    ours = Memory(use_ir="knn+", encoder="minilm", explore_warmup=0)
    encoder = BertEncoder(minilm_folder(), "cpu", dtype)
    pay, chance = IntrinsicPay(ours, intrinsic(10_000, ours), encoder), Random(0)

    def one_by_one(group: list[Rollout]) -> None:
        for rollout in group:
            question = rollout.problem.messages[-1].content
            for text in (question, rollout.replies[0], question, rollout.replies[0]):
                published.encode(text, show_progress_bar=False)

    ratios, counts, floors, times = [], [], [], []
    for step in range(rounds + 1):  # the first is not counted
        group = group_of(chance)
        texts = [group[0].problem.messages[-1].content, *(one.replies[0] for one in group)]
        num_tokens = sum(map(len, encoder.tokenizer(texts)["input_ids"]))
        before = encoder.num_encoded
        mine = seconds(lambda: pay.paid([group], step + 1))  # noqa: B023
        theirs = seconds(lambda: one_by_one(group))  # noqa: B023
        floor = seconds(bare_matmuls(num_tokens, getattr(torch, dtype)))
        if step:
            counts.append(encoder.num_encoded - before)
            ratios.append(theirs / mine)
            floors.append(floor / mine)
            times.append(mine)
    ratio, goal = statistics.median(ratios), GOALS[dtype]
    is_met = ratio >= goal and max(counts) <= MOST_TEXTS
    table.add_row(
        f"encoding, {dtype}", f"{max(counts)} texts", f"{1000 * statistics.median(times):.0f} ms",
        f"{ratio:.2f} times less ({min(ratios):.2f}-{max(ratios):.2f})", f">= {goal}",
        f"{statistics.median(floors):.0%}", verdict(is_met),
    )  # fmt: skip
    return is_met


# --- the memory's own part -----------------------------------------------------------------------


def traces_of(chance: Random, number: int) -> list[Trace]:
    generator = torch.Generator().manual_seed(number)
    vectors = normalize(torch.randn(GROUP + 1, WIDTH, generator=generator), dim=1)
    return [
        Trace(
            key=hash_of(f"asked {number}"), question=vectors[GROUP], text=str(index), vectors=vectors[index][None],
            is_right=chance.random() < 0.3,
        )
        for index in range(GROUP)
    ]  # fmt: skip


def bare(stores: list[MemoryStore], question: Tensor, k: int) -> None:
    for store in stores:
        (store.keys @ question).topk(k)


def own_part(num_keys: int, k: int, rounds: int, table: Table) -> bool:
    ours, chance = Memory(use_ir="knn+", k=k, explore_warmup=0), Random(0)
    memory = intrinsic(num_keys, ours)
    assert isinstance(memory.judge, Episodic) and memory.judge.failure is not None
    stores = [memory.judge.success, memory.judge.failure]
    ratios, times = [], []
    for number in range(rounds + 3):  # three are not counted
        traces = traces_of(chance, number)
        least = min(seconds(lambda: bare(stores, traces[0].question, k)) for _ in range(2))  # noqa: B023
        mine = seconds(lambda: memory.score(traces, number + 1))  # noqa: B023
        if number >= 3:
            ratios.append(mine / least)
            times.append(mine)
    ratio = statistics.median(ratios)
    table.add_row(
        f"own part, {num_keys:,} keys, k={k}", f"{stores[1].num_keys:,} keys",
        f"{1000 * statistics.median(times):.2f} ms",
        f"{ratio:.2f} times bare", f"<= {MOST_OVER_BARE}", f"{1 / ratio:.0%}", verdict(ratio <= MOST_OVER_BARE),
    )  # fmt: skip
    return ratio <= MOST_OVER_BARE


def verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    table = Table("what", "counted", "straw", "against the other side", "goal", "share of the floor", "")
    is_fast = fast_dtype("cpu") == "bfloat16"
    met = [encoding(dtype, rounds, table) for dtype in ("float32", *(["bfloat16"] if is_fast else []))]
    met += [own_part(keys, k, 10 * rounds, table) for keys in (10_000, 100_000) for k in (1, 20)]
    console = Console(width=140, highlight=False)
    console.print(table)
    if not is_fast:
        console.print("bfloat16 was left out: this CPU does not multiply in it")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
