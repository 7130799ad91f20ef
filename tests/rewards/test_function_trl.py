"""Reward functions beside TRL's own `GRPOTrainer._calculate_rewards`: the same functions see and give the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from straw.rewards.function import FunctionReward
from straw.rewards.weighted import Weighted
from straw.types import End, Grade, Message, Problem, Rollout, Turn

pytestmark = pytest.mark.slow
trl = pytest.importorskip("trl", reason="TRL judges where it is installed: make slow does so")

SEEN: list[dict[str, Any]] = []


def length(completions: Any, **others: Any) -> list[float]:
    SEEN.append({"completions": completions, **others})
    return [float(len(str(one))) for one in completions]


async def by_column(completions: Any, least: Any, **others: Any) -> list[float]:
    return [float(number) for number in least]


def sometimes(prompts: Any, completions: Any, completion_ids: Any, **others: Any) -> list[float | None]:
    return [float(len(ids)) if len(ids) % 2 else None for ids in completion_ids]


FUNCTIONS = [length, by_column, sometimes]
WEIGHTS = [0.5, 1.0, 2.0]


def rollouts(is_conversation: bool) -> list[Rollout]:
    out = []
    for number, reply in enumerate(["a", "two", "three words here", ""]):
        tokens = tuple(range(1, 2 + len(reply)))
        out.append(
            Rollout(
                problem=Problem(
                    key=str(number), messages=(Message("user", f"{number}?"),), reference=("",),
                    columns={"least": number, "name": f"n{number}"}, is_conversation=is_conversation,
                ),
                turns=(Turn(prompt=(1,), reply=tokens, logprobs=(0.0,) * len(tokens), policy_version=0),),
                replies=(reply,), end=End.ANSWERED, grade=Grade(hits=(False,), well_formed=True),
            )
        )  # fmt: skip
    return out


def theirs(folder: Path, some: list[Rollout], is_conversation: bool) -> torch.Tensor:
    """Rewards by function, with NaN for None, as TRL works them out from a row of data for each completion."""
    from datasets import Dataset
    from tests.training.test_objective import policy
    from trl import GRPOConfig, GRPOTrainer

    def prompt(one: Rollout) -> Any:
        text = one.problem.messages[0].content
        return [{"role": "user", "content": text}] if is_conversation else text

    engine, model, _ = policy()
    rows = [{"prompt": prompt(one), **one.problem.columns} for one in some]
    config = GRPOConfig(
        output_dir=str(folder), per_device_train_batch_size=4, num_generations=4, report_to="none", use_cpu=True,
        bf16=False, gradient_checkpointing=False,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=model, processing_class=engine.chat.tokenizer, reward_funcs=FUNCTIONS, args=config,
        train_dataset=Dataset.from_list(rows),
    )  # fmt: skip
    texts = [one.replies[0] for one in some]
    completions = [[{"role": "assistant", "content": text}] for text in texts] if is_conversation else texts
    ids = [list(one.turns[0].reply) for one in some]
    found: torch.Tensor = trainer._calculate_rewards(rows, [row["prompt"] for row in rows], completions, ids)
    return found


@pytest.mark.parametrize("is_conversation", [False, True])
def test_functions_see_and_give_what_they_do_in_trl(tmp_path: Path, is_conversation: bool) -> None:
    some = rollouts(is_conversation)
    SEEN.clear()
    expected = theirs(tmp_path, some, is_conversation)
    paid = [FunctionReward(function).pay(some, [0.0] * 4, 1) for function in FUNCTIONS]
    there, here = SEEN
    for name in ("completions", "prompts", "completion_ids", "least", "name"):
        assert here[name] == there[name], name
    assert {"trainer_state", "log_extra", "log_metric"} <= here.keys() & there.keys()
    assert set(here) == set(there)
    for column, payments in enumerate(paid):
        for row, payment in enumerate(payments):
            known = list((payment.parts or {}).values())
            assert [float(expected[row, column])] == known if known else torch.isnan(expected[row, column])


@pytest.mark.parametrize("is_conversation", [False, True])
def test_their_weighted_sum_is_trls(tmp_path: Path, is_conversation: bool) -> None:
    """TRL: (rewards_per_func * weights).nansum(dim=1)."""
    some = rollouts(is_conversation)
    expected = (theirs(tmp_path, some, is_conversation) * torch.tensor(WEIGHTS)).nansum(dim=1)
    pairs = tuple((FunctionReward(one), weight) for one, weight in zip(FUNCTIONS, WEIGHTS, strict=True))
    paid = Weighted(weights=(), functions=pairs).pay(some, [0.0] * 4, 1)
    assert [one.total for one in paid] == pytest.approx(expected.tolist())
