"""The warm-up of a model from nothing in environments: what decides it, and what is imitated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from straw.config import load_page, parse_overrides
from straw.engines.base import SamplingParams
from straw.errors import RunError
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.guess import Guess
from straw.tasks.environments.moves import numbers_in, random_call
from straw.tasks.environments.rows import Rows
from straw.tasks.environments.task import Environment
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.resolve.page_to_plan import plan_of
from straw.training.warmup.initial_policy import starting_engine
from straw.training.warmup.random_calls import ENOUGH, InForm, RandomCalls

COURSE = RandomCalls(well_formed=0.9, max_steps=400, learning_rate=4e-3, rows=16, sampling=SamplingParams(max_tokens=8))


def task_of(factory: Any) -> Environment:
    limits = Limits(turns=4, seconds=5.0, result=200)
    return Environment(name="it", contracts={"": contract_of("it", factory)}, rows=Rows(), limits=limits)


def test_nine_numbers_in_ten_are_ones_that_were_read_whichever() -> None:
    random, schemas = Random(0), contract_of("it", Guess).schemas
    said = [random_call(schemas, random, "higher 54-76-99").arguments["digit"] for _ in range(3000)]
    shares = [said.count(number) / 3000 for number in numbers_in("higher 54-76-99")]
    assert sum(shares) == pytest.approx(0.9 + 0.1 * 3 / 100, abs=0.02)
    assert max(shares) - min(shares) < 0.05


def test_the_rate_rises_within_twenty_steps_and_falls_to_a_tenth() -> None:
    rates = [COURSE.rate(step) / 4e-3 for step in range(1, 401)]
    assert rates[9] == pytest.approx(0.5, abs=0.01) and max(rates) > 0.99
    assert rates[19:] == sorted(rates[19:], reverse=True)
    assert rates[199] == pytest.approx(0.55) and rates[-1] == pytest.approx(0.1)


def test_it_is_enough_where_two_in_five_of_the_numbers_to_repeat_are() -> None:
    assert COURSE.is_met(InForm(steps=400, well_formed=0.9, repeats=ENOUGH))
    assert not COURSE.is_met(InForm(steps=400, well_formed=0.9, repeats=ENOUGH - 0.01))
    assert not COURSE.is_met(InForm(steps=400, well_formed=0.89, repeats=1.0))


def test_who_asks_for_less_form_asks_for_less_repeating_and_is_told_both() -> None:
    modest = replace(COURSE, well_formed=0.3)
    assert modest.is_met(InForm(steps=600, well_formed=0.9, repeats=0.3))
    found = InForm(steps=600, well_formed=0.9, repeats=0.29)
    assert not modest.is_met(found)
    assert "30% of the turns into form, with 30% of the numbers that are read repeated" in modest.complaint(found)
    assert f"with {ENOUGH:.0%} of" in COURSE.complaint(found)


def test_a_kept_warm_up_is_known_by_what_its_worlds_ask() -> None:
    class Otherwise(Guess):
        def reset(self, seed: int | None = None, **row: Any) -> str:
            return "From " + super().reset(seed=seed, **row)

    chat = Chat(character_tokenizer())
    first, again, other = (repr(COURSE.made_of(chat, task_of(one))) for one in (Guess, Guess, Otherwise))
    assert first == again != other


class Closed:
    """Needs a board that no row brings."""

    def reset(self, board: str) -> None: ...

    def get_reward(self) -> float:
        return 1.0

    def look(self) -> str:
        """Looks."""
        return "around"


def test_an_environment_that_does_not_begin_is_told_as_it_is_and_blamed_on_no_rate() -> None:
    words = ["model=tiny-0.2M", f"task=env:{Path(__file__)}:Closed", "n_batches=1", "batch_size=1", "group_size=2"]
    plan = plan_of(load_page(None, parse_overrides(words)))
    with pytest.raises(RunError, match=r"^an environment cannot be begun: Closed\.reset raised TypeError"):
        starting_engine(plan, lambda line: None)
