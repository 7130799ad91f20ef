"""Writes recorded.json: rewards of the published memory, made by running its own code.

Needs faiss-cpu and numpy (1.15.1 and 2.4.6 when the record was made).

    python tests/rewards/intrinsic/published/record.py CHECKOUT        github.com/thaihungle/Memory-R at a193f4f

Its reward functions (run_gsm8k.py) and its class (rewards/ir_knn_st.py) run as they are. Only what they import for a
GPU is replaced by empty modules, and the encoder by a table: each new text gets a vector of its own. So the file holds
texts and numbers that were chosen here, and what the published code made of them.

Replies of `exact` cases have vectors of numbers +-1/4, so lengths, products and most means have no rounding and scores
can be exactly equal. The others, and all questions, are of any direction, so no two are equally near. Where scores
differ by rounding alone the published code scales that to [0, 1], which no other machine could repeat: no case has a
window of such scores only.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

WIDTH = 16
ABSENT = (
    "torch", "torch.distributed", "datasets", "transformers", "tqdm", "peft", "trl", "wandb", "sentence_transformers",
)  # fmt: skip
FRAMES = (
    "<reasoning>\n{work}\n</reasoning>\n<answer>\n{answer}\n</answer>\n",
    "<reasoning>{work}</reasoning><answer>{answer}</answer>",
    "<reasoning>\n{work}\n<answer>{answer}</answer>",
    "<reasoning>\n{work}\n",
    "<reasoning>No.</reasoning> Wait. <reasoning>\n{work}\n</reasoning>\n<answer>{answer}</answer>",
    "<reasoning>No.</reasoning><answer>{answer}</answer> or <reasoning> {work}",
    "{work} <answer>{answer}</answer>",
    "  {work}\n",
    "{work}</reasoning><answer>{answer}</answer> and more",
    "<answer>{answer}</answer>",
    "<reasoning></reasoning><answer>{answer}</answer>",
    "",
)
AT_ONCE = {"k": 1, "window": 30, "anneal_rate": 0.97, "explore_phase": 0, "max_values": 99}
CASES: tuple[dict[str, Any], ...] = (
    {**AT_ONCE, "name": "at once"},
    {**AT_ONCE, "name": "memoryr+ in small", "window": 20, "anneal_rate": 1.0, "explore_phase": 3},
    {**AT_ONCE, "name": "annealed behind a warm-up", "k": 3, "window": 12, "anneal_rate": 0.9, "explore_phase": 2},
    {**AT_ONCE, "name": "full questions", "k": 2, "max_values": 3},
    {**AT_ONCE, "name": "warm-up to the end", "window": 9, "explore_phase": 50},
    {**AT_ONCE, "name": "two questions a call", "explore_phase": 1, "together": 2},
    {**AT_ONCE, "name": "smallest window", "window": 2, "anneal_rate": 0.8, "works": 1},
    {**AT_ONCE, "name": "any direction", "window": 40, "exact": False},
    {**AT_ONCE, "name": "five neighbours", "k": 5, "explore_phase": 2, "max_values": 4, "exact": False},
)


class Table:
    """An encoder: the n-th new text has the n-th vector."""

    vectors: dict[str, list[float]] = {}  # noqa: RUF012
    chance = random.Random(0)
    exact = True

    def __init__(self, name: str) -> None: ...

    def get_sentence_embedding_dimension(self) -> int:
        return WIDTH

    def encode(self, text: str, convert_to_numpy: bool) -> np.ndarray:
        if text not in self.vectors:
            self.vectors[text] = self.drawn(self.exact and not text.startswith("How many"))
        return np.array(self.vectors[text], dtype=np.float32)

    def drawn(self, exact: bool) -> list[float]:
        if exact:
            return [self.chance.choice((-0.25, 0.25)) for _ in range(WIDTH)]
        found = np.array([self.chance.gauss(0, 1) for _ in range(WIDTH)])
        return (found / np.linalg.norm(found)).astype(np.float32).tolist()


class Empty(ModuleType):
    """A module that has every name, as a class that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def published(checkout: Path) -> Any:
    """The module run_gsm8k, whose functions look for their memories and arguments among its globals."""
    for name in ABSENT:
        sys.modules[name] = Empty(name)
    sys.modules["sentence_transformers"].SentenceTransformer = Table  # type: ignore[attr-defined]
    sys.path.insert(0, str(checkout))
    return importlib.import_module("run_gsm8k")


def replies(chance: random.Random, at: int, count: int, num_works: int) -> list[tuple[str, str]]:
    """Texts and the answers that would be right; a third of those with an answer are."""
    gold = str(10 + at)
    works = [f"{at} and {extra} make {at + extra}." for extra in range(num_works)]
    return [
        (chance.choice(FRAMES).format(work=chance.choice(works), answer=gold if chance.random() < 0.4 else "7"), gold)
        for _ in range(count)
    ]


def beginning(exact: bool) -> list[tuple[str, str]]:
    """Equal replies, so that windows are of one number; or wrong, right, wrong: no window of rounding alone."""
    if exact:
        return [(FRAMES[0].format(work="The same.", answer=answer), "10") for answer in ("7",) * 3 + ("10",) * 3]
    return [(FRAMES[1].format(work=f"Begin {n}.", answer=("7", "10")[n % 2]), "10") for n in range(4)]


def calls_of(case: dict[str, Any], chance: random.Random) -> list[list[dict[str, Any]]]:
    """Calls of the reward functions, each of one question or some with their replies."""
    calls: list[list[dict[str, Any]]] = []
    for _ in range(12):
        asked = [chance.randrange(5) for _ in range(case.get("together", 1))]
        told = [
            replies(chance, at, 8, case.get("works", 6)) if calls else beginning(case.get("exact", True))
            for at in asked
        ]
        calls.append([
            {"question": f"How many are {at}?", "replies": [{"text": text, "gold": gold} for text, gold in group]}
            for at, group in zip(asked, told, strict=True)
        ])  # fmt: skip
    return calls


def record(module: Any, case: dict[str, Any], seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    Table.exact, Table.vectors, Table.chance = case.get("exact", True), {}, random.Random(seed + 100)
    memory = importlib.import_module("rewards.ir_knn_st").FastKNNMemory
    options = {"max_keys": 1000, "max_values": case["max_values"], "history_size": case["window"]}
    options["anneal_rate"] = case["anneal_rate"]
    module.knn_memory_exploit = memory(**options)
    module.knn_memory_explore = memory(**options, explore_phase=case["explore_phase"])
    module.args = SimpleNamespace(k=case["k"])
    calls = calls_of(case, chance)
    for groups in calls:
        told = [(group, reply) for group in groups for reply in group["replies"]]
        asked = {
            "prompts": [[{"role": "user", "content": group["question"]}] for group, _ in told],
            "completions": [[{"role": "assistant", "content": reply["text"]}] for _, reply in told],
            "answer": [reply["gold"] for _, reply in told],
        }
        found = [module.novelty_reward_func_exploit(**asked), module.novelty_reward_func_explore(**asked)]
        right = module.correctness_reward_func(**asked)
        for (_, reply), exploit, explore, is_right in zip(told, *found, right, strict=True):
            reply |= {"is_right": bool(is_right), "exploit": float(exploit), "explore": float(explore)}
    return {**case, "calls": calls, "vectors": Table.vectors}


if __name__ == "__main__":
    module = published(Path(sys.argv[1]))
    found = [record(module, case, seed) for seed, case in enumerate(CASES)]
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in found)
    (Path(__file__).parent / "recorded.json").write_text(f"[\n{lines}\n]\n")
