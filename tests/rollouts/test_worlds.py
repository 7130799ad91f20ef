"""Episodes, token by token: beside a plain tokenisation of the whole conversation."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.made_environments import Broken, ByTurn, Counter, Echo, Say, Scripted, Words, multiply

import straw
from straw.engines.base import SamplingParams
from straw.rollouts.collect import SeedKey, plain
from straw.rollouts.datums import datum_of
from straw.rollouts.worlds import play
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.rows import EMPTY, Rows
from straw.tasks.environments.task import Environment
from straw.types import End, Message, Played, Problem

LIMITS = Limits(turns=4, seconds=5.0, result=200)
PARAMS = SamplingParams(max_tokens=200)


def task_of(*factories: Any, tools: tuple[Any, ...] = (), **limits: Any) -> Environment:
    contracts = {"": contract_of("it", factories[0] if factories else None, tools)}
    if len(factories) > 1:
        contracts = {one.__name__: contract_of("it", one, tools) for one in factories}
    path = None if len(factories) == 1 else "unread"
    return Environment(name="it", contracts=contracts, rows=Rows(path=path), limits=replace(LIMITS, **limits))


def played(task: Environment, say: Say, *rows: Any, group: int = 0, size: int = 1, **sampler: Any) -> list[Played]:
    problems: list[Problem] = [task.asked(row) for row in rows or (EMPTY,)]
    keys = [[(SeedKey(seed=0, step=1, group=group), sample) for sample in range(size)] for _ in problems]
    return [one for row in play(Scripted(say, **sampler), task, problems, keys, PARAMS) for one in row]


def test_an_episode_is_the_tokens_of_its_conversation_and_only_replies_are_trained() -> None:
    said = ["increment(2)", "Now increment(3)?\nincrement(step=3)\nincrement(1)", "It is 6."]
    (done,) = played(task_of(Counter), lambda row, turn: said[turn])
    chat = Scripted(lambda row, turn: "").chat
    offer = "Tools, a call is a line:\nincrement(step: integer)  Increments the counter."
    messages = [("system", offer), ("user", ""), ("assistant", said[0]), ("user", "2"), ("assistant", said[1]),
                ("user", "5\n6"), ("assistant", said[2])]  # fmt: skip
    whole = chat.written([Message(*one) for one in messages], speak=False)
    datum = datum_of(replace(plain(done), advantages=(1.0, 2.0, 3.0)), 0.5)
    assert datum.prompt + datum.tokens == tuple(chat.tokenizer.encode(whole, add_special_tokens=False))
    trained = [token for token, weight in zip(datum.tokens, datum.weights, strict=True) if weight]
    assert tuple(trained) == tuple(token for text in said for token in chat.encode_reply(text))
    assert set(datum.weights) == {0.0, 0.5}
    assert {logprob for logprob, weight in zip(datum.logprobs, datum.weights, strict=True) if weight} == {-0.25}
    assert done.end is End.ANSWERED
    assert done.play is not None
    assert [(call.turn, call.name, call.result) for call in done.play.calls] == [
        (0, "increment", "2"), (1, "increment", "5"), (1, "increment", "6"),
    ]  # fmt: skip
    assert all(turn.policy_version == 3 for turn in done.turns)


def test_a_reply_that_was_cut_is_closed_by_us_and_not_trained_for_it() -> None:
    said = ["increment(2)...", "done"]
    (done,) = played(task_of(Counter), lambda row, turn: said[turn])
    chat = Scripted(lambda row, turn: "").chat
    first, second = done.turns
    assert second.prompt == first.prompt + first.reply + (chat.end,) + chat.continuation(Message("user", "2"))
    assert chat.end not in first.reply
    assert done.end is End.OUT_OF_TOKENS


def test_what_reset_returns_stands_behind_the_last_message_and_all_of_the_row_goes_to_it() -> None:
    row = {"prompt": [{"role": "system", "content": "Play."}, {"role": "user", "content": "Go. "}], "level": 3}
    (words,) = played(task_of(Words), lambda row, turn: "no", row)
    assert [one.content for one in words.problem.messages] == ["Play.", "Go. Guess a word of five letters."]
    (counter,) = played(task_of(Counter), lambda row, turn: "no", row)
    assert counter.environment.row == row
    (empty,) = played(task_of(Counter), lambda row, turn: "no")
    assert empty.environment.row == {"prompt": [{"role": "user", "content": ""}]}


def test_a_group_plays_in_one_world_and_groups_in_worlds_of_their_own() -> None:
    task = task_of(Words)
    targets = [[one.environment.target for one in played(task, lambda row, turn: "no", group=group, size=4)]
               for group in range(12)]  # fmt: skip
    assert all(len(set(group)) == 1 for group in targets)
    assert len({group[0] for group in targets}) == 2
    again = [played(task, lambda row, turn: "no", group=group)[0].environment.target for group in range(12)]
    assert again == [group[0] for group in targets]


def test_rows_of_several_environments_have_their_own_tools_and_async_ones_are_awaited() -> None:
    task = task_of(Counter, Echo, tools=(multiply,))
    rows = [{"prompt": "a", "environment": "Counter"}, {"prompt": "b", "environment": "Echo"}]
    said = {"Counter": "increment(4)", "Echo": "echo('hey')\nmultiply(6, 7)"}
    counter, echo = played(task, lambda row, turn: "\n".join(said.values()) if not turn else "end", *rows)
    assert counter.play is not None and echo.play is not None
    assert [call.status for call in counter.play.calls] == ["answered", "unknown", "answered"]
    assert [(call.name, call.result) for call in echo.play.calls] == [
        ("increment", str({"error": "Tool increment not found."})), ("echo", "hey"), ("multiply", "42"),
    ]  # fmt: skip
    assert "environment" not in counter.environment.row
    assert echo.environment.reward == 3.0


def test_turns_that_an_environment_pays_are_paid_and_done_ends_an_episode_where_the_page_says_so() -> None:
    def say(target: str) -> Say:
        return lambda row, turn: "guess('slane')" if not turn else f"guess('{target}')"

    (first,) = played(task_of(ByTurn), lambda row, turn: "no")
    target = first.environment.target
    (free,) = played(task_of(ByTurn), say(target))
    (done,) = played(task_of(ByTurn, stops_when_done=True), say(target))
    assert done.play is not None and free.play is not None
    assert len(done.turns) == 2
    assert done.end is End.ANSWERED
    assert done.play.turn_rewards == (sum(a == b for a, b in zip("slane", target, strict=True)) / 5, 1.0 + 1.0)
    assert done.play.reward == sum(done.play.turn_rewards)
    assert done.play.solved is True
    assert all(done.grade.hits)
    assert len(free.turns) == 4  # it goes on, and is told that the game is over
    assert free.play.calls[2].result == str({"error": "Game over."})
    assert free.end is End.OUT_OF_TURNS


class Numbered(Counter):
    """Asks something else in every world; some of it is long."""

    def reset(self, **kwargs: Any) -> str:
        super().reset(**kwargs)
        return f"Count to {random.randrange(1000)}." + " And on." * (10 if "long" in kwargs else 0)


def test_openings_that_begin_alike_are_read_together_and_neighbours_do_not_show(monkeypatch: Any) -> None:
    engine = straw.engine("tiny-0.2M")
    begun: list[int] = []
    converse = engine.converse

    def counted(prompt: Any, rows: int) -> Any:
        begun.append(rows)
        return converse(prompt, rows)

    monkeypatch.setattr(engine, "converse", counted)
    task, params = task_of(Numbered), SamplingParams(max_tokens=6)
    keys = [[(SeedKey(seed=0, step=1, group=group), sample) for sample in range(2)] for group in range(4)]
    problems = [task.asked(EMPTY if group < 3 else {"prompt": "Go. ", "long": True}) for group in range(4)]
    whole = play(engine, task, problems, keys, params)
    assert begun == [6, 2]  # the long one is read once for its two rows
    alone = [play(engine, task, [problem], [row], params)[0] for problem, row in zip(problems, keys, strict=True)]
    assert [one.turns for row in whole for one in row] == [one.turns for row in alone for one in row]
    assert len({row[0].turns[0].prompt for row in whole}) == 4
    data = [datum_of(replace(plain(one), advantages=(0.0,)), 1.0) for row in whole for one in row]
    for datum, found in zip(data, engine.logprobs(data), strict=True):
        assert found == pytest.approx(datum.logprobs, abs=1e-5)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("reset", "Words.reset raised RuntimeError: no board"),
        ("list", "reset gives a text or None, and gave list"),
        ("hangs in reset", "reset was ended"),
        ("hangs", "guess was ended"),
        ("nan", "get_reward gives a finite number or None, and gave nan"),
        ("text", "gave 'a lot'"),
        ("pays late", "get_reward raised KeyError"),
    ],
)
def test_an_environment_that_fails_is_a_rollout_with_its_reason_and_is_not_used_again(how: str, reason: str) -> None:
    task = task_of(Broken, seconds=0.2)
    fine, failed = played(task, lambda row, turn: "guess('crane')", {"prompt": "a"}, {"prompt": "a", "how": how})
    assert failed.end is End.FAILED
    assert failed.play is not None
    assert reason.replace("Words", "Broken") in failed.play.reason
    assert failed.play.reward is None
    assert fine.end is not End.FAILED
    for one in (fine, failed):
        plain(one)
    assert task.pool[""] == [fine.environment]


def test_a_tool_that_raises_is_an_answer_and_a_long_result_is_cut_by_rule() -> None:
    (raised,) = played(task_of(Broken), lambda row, turn: "guess('crane')" if not turn else "oh", {"how": "tool"})
    assert raised.end is End.ANSWERED
    assert raised.play is not None
    assert raised.play.calls[0].result == "{'error': 'no such word'}"
    assert raised.play.calls[0].status == "failed"
    (talks,) = played(task_of(Broken), lambda row, turn: "guess('crane')" if not turn else "oh", {"how": "talks"})
    assert talks.play is not None
    text = talks.play.calls[0].result
    assert "[4,800 characters left out]" in text
    assert len(text) - len("\n[4,800 characters left out]\n") == 200


def test_calls_with_wrong_arguments_and_malformed_ones_are_told_to_the_model_and_counted() -> None:
    said = ["guess(1, 2)", "guess(wort='crane')", "end"]
    (done,) = played(task_of(Words), lambda row, turn: said[turn])
    assert done.play is not None
    assert [call.status for call in done.play.calls] == ["malformed", "failed"]
    assert "unexpected keyword argument" in done.play.calls[1].result
    assert not done.grade.well_formed


def test_an_episode_ends_where_the_next_reply_might_have_no_room() -> None:
    (done,) = played(task_of(Counter), lambda row, turn: "increment(1)", room=310)
    assert done.end is End.OUT_OF_TOKENS
    assert all(len(turn.prompt) + PARAMS.max_tokens <= 310 for turn in done.turns)
    (long,) = played(task_of(Counter), lambda row, turn: "increment(1)", {"prompt": "x" * 300}, room=310)
    assert long.end is End.FAILED
    assert not long.turns
    assert long.play is not None
    assert "has room for 310" in long.play.reason


def test_an_instance_is_made_once_and_reset_often() -> None:
    made: list[Counter] = []

    def factory() -> Counter:
        made.append(Counter())
        return made[-1]

    task = task_of(factory)
    for _ in range(3):
        for one in played(task, lambda row, turn: "no", size=2):
            plain(one)
    assert len(made) == 3  # one to look at, and two at a time


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: contract_of("it", int), "a method reset"),
    (lambda: contract_of("it", type("Undocumented", (Counter,), {"bare": lambda self, a: a})), "docstring"),
    (lambda: contract_of("it", lambda needs: needs), "made without arguments"),
    (lambda: contract_of("it", None, (multiply, multiply)), "names of their own"),
    (lambda: contract_of("it", type("Twice", (Counter,), {"multiply": multiply}), (multiply,)), "two tools"),
    (lambda: Environment(name="", contracts={"": contract_of("t", None, (multiply,))}, rows=Rows(), limits=LIMITS),
     "path=FILE"),
    (lambda: task_of(Counter, Echo).asked({"environment": "Ecko"}) and task_of(Counter, Echo).schemas(
        task_of(Counter, Echo).asked({"environment": "Ecko"})), "did you mean 'Echo'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_no_environment_is_refused_in_one_line(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        make()
    assert "\n" not in str(error.value)
