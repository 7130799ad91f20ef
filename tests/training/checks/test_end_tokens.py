from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.small_runs import Parts

from straw.errors import TrainingError
from straw.rollouts.collect import finish
from straw.training.checks.end_tokens import check_ends, ends_of, unended
from straw.training.checks.reward_checks import said


@pytest.fixture
def parts(home: Path) -> Parts:
    return Parts("N=64 warmup=none")


def test_a_sampler_that_knows_every_end_token_passes(parts: Parts) -> None:
    assert check_ends(parts.engine, parts.task, parts.params.stop) == "ends at <|end|>"


def test_an_end_token_of_the_generation_config_that_nobody_waits_for_is_named(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = next(token for token in range(20) if token not in parts.params.stop)
    named = [*parts.params.stop, other]
    monkeypatch.setattr(parts.engine.model, "generation_config", SimpleNamespace(eos_token_id=named))
    assert ends_of(parts.engine) == set(named)
    with pytest.raises(TrainingError, match=f"the sampler does not know {other} "):
        check_ends(parts.engine, parts.task, parts.params.stop)
    check_ends(parts.engine, parts.task, frozenset(named))


def test_the_end_tokens_of_the_chat_are_asked_for_too(parts: Parts) -> None:
    with pytest.raises(TrainingError, match=r"does not know \d+ '<\|end\|>'"):
        check_ends(parts.engine, parts.task, frozenset())


def test_a_stop_text_that_is_part_of_an_answer_is_found(parts: Parts) -> None:
    """The reference 57 would be cut behind its 5."""
    five = parts.chat.encode_reply("5")[0]
    with pytest.raises(TrainingError, match="'57' was read as '5'"):
        check_ends(parts.engine, parts.task, parts.params.stop | {five})


def test_rollouts_of_which_none_ended_by_itself_are_news(parts: Parts) -> None:
    problem = parts.task.problem(0)
    turn, _ = said(parts.chat, "57", parts.params.stop)
    ended = finish(parts.chat, parts.task, problem, [(turn, True)])
    cut = finish(parts.chat, parts.task, problem, [(replace(turn, reply=turn.reply[:2], logprobs=(0.0, 0.0)), False)])
    assert unended([ended, cut]) is None
    assert unended([]) is None
    assert "none of 2 rollouts at the start ended by itself within 2 tokens" in str(unended([cut, cut]))
