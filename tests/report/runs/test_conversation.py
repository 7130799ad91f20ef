from __future__ import annotations

from straw.report.runs.conversation import lines_of_play
from straw.report.runs.samples import is_rollout

RECORD = {
    "step": 1,
    "replies": ["guess(5)", "I see, " * 20 + "\nguess(7)\nguess(", "done"],
    "play": {
        "calls": [
            {"turn": 0, "name": "guess", "arguments": {"number": 5}, "result": "higher", "status": "answered"},
            {"turn": 1, "name": "guess", "arguments": {"number": 7}, "result": "{'error': 'over'}", "status": "failed"},
            {"turn": 1, "name": "guess", "arguments": {}, "result": "{'error': 'no call'}", "status": "malformed"},
        ],
        "reason": "it.get_reward raised KeyError",
    },
}  # fmt: skip


def test_an_episode_is_read_turn_by_turn_and_a_bare_call_is_not_said_twice() -> None:
    assert [(line.kind, line.text.partition("  ->")[0][:20]) for line in lines_of_play(RECORD)] == [
        ("call", "guess(number=5)"),
        ("reply", "I see, I see, I see,"),
        ("failed", "guess(number=7)"),
        ("failed", "malformed call"),
        ("reply", "done"),
        ("ended", "the environment fail"),
    ]


def test_what_a_world_of_texts_says_stands_behind_each_reply() -> None:
    record = {"replies": ["a", "b"], "play": {"calls": [], "heard": ["higher", ""]}}
    assert [tuple(line) for line in lines_of_play(record)] == [("reply", "a"), ("heard", "higher"), ("reply", "b")]
    assert [line.kind for line in lines_of_play({"replies": ["a"], "play": {"heard": 3}})] == ["reply"]


def test_a_record_of_anywhere_is_looked_at_before_it_is_printed() -> None:
    assert is_rollout(RECORD)
    for broken in (
        3,
        {"calls": 4},
        {"calls": [5]},
        {"calls": [{"turn": "a"}]},
        {"calls": [{"turn": 0, "arguments": 1}]},
    ):
        assert not is_rollout({**RECORD, "play": broken})
