from __future__ import annotations

from straw.algorithms.replay import BestReplay
from straw.types import End, Grade, Message, Problem, Rollout, Turn


def said(reply: str, reward: float, key: str = "secret-0", version: int = 0) -> Rollout:
    return Rollout(
        problem=Problem(key=key, messages=(Message("user", "?"),), reference=("1",)),
        turns=(Turn(prompt=(1,), reply=(2,), logprobs=(-1.0,), policy_version=version),),
        replies=(reply,),
        end=End.ANSWERED,
        grade=Grade(hits=(False,), well_formed=True),
        rewards={"log_distance": reward},
    )


def after(size: int, *rollouts: Rollout) -> BestReplay:
    replay = BestReplay(size)
    for rollout in rollouts:
        replay.add(rollout)
    return replay


def kept(replay: BestReplay, key: str = "secret-0") -> list[tuple[str, float]]:
    return [(rollout.replies[0], rollout.reward) for rollout in replay.of(key)]


def test_the_best_stay_and_come_first() -> None:
    replay = after(2, said("3", 0.2), said("5", 0.9), said("4", 0.5), said("2", 0.1))
    assert kept(replay) == [("5", 0.9), ("4", 0.5)]


def test_of_equals_the_newest_comes_first() -> None:
    assert kept(after(2, said("3", 0.5), said("7", 0.5))) == [("7", 0.5), ("3", 0.5)]
    assert kept(after(1, said("3", 0.5), said("7", 0.5))) == [("7", 0.5)]


def test_a_reply_is_kept_once_as_it_was_last_written() -> None:
    replay = after(3, said("5", 0.9, version=1), said("4", 0.5), said("5", 0.9, version=8))
    assert kept(replay) == [("5", 0.9), ("4", 0.5)]
    assert replay.of("secret-0")[0].turns[0].policy_version == 8


def test_each_problem_has_a_memory_of_its_own() -> None:
    replay = after(1, said("3", 0.2, key="a"), said("5", 0.9, key="b"))
    assert kept(replay, "a") == [("3", 0.2)]
    assert kept(replay, "b") == [("5", 0.9)]
    assert kept(replay, "never seen") == []


def test_without_room_nothing_is_kept() -> None:
    assert kept(after(0, said("5", 1.0))) == []


def test_a_rollout_without_a_turn_is_not_kept() -> None:
    nothing = Rollout(
        problem=said("", 0).problem, turns=(), replies=(), end=End.FAILED, grade=Grade(hits=(), well_formed=False)
    )
    assert kept(after(1, nothing)) == []
