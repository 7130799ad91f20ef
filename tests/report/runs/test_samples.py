from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_runs import make_run, rollout, write_run

from straw.report.runs import samples
from straw.report.runs.samples import samples_of
from straw.runs.reading import ROLLOUTS, read_rollouts


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Six rollouts at two problems: `a` learns from 0.1 to 1, `b` stays where it was."""
    return write_run(
        tmp_path / "run",
        rollouts=[
            (1, rollout("12", 0.1, problem="a")),
            (1, rollout("40", 0.5, problem="b")),
            (2, rollout("12", 0.1, problem="a")),
            (2, rollout("41", 0.5, problem="b")),
            (3, rollout("37", 1.0, problem="a")),
            (3, rollout("40", 0.5, problem="b")),
        ],
    )


def texts(records: Any) -> Any:
    return [record["replies"][0] for record in records]


def test_the_best_come_first_every_text_once_and_the_later_of_equals(run: Path) -> None:
    found = samples_of(run, 4).best
    assert [(record["step"], record["reward"], record["times"]) for record in found] == [
        (3, 1.0, 1),
        (3, 0.5, 2),
        (2, 0.5, 1),
        (2, 0.1, 2),
    ]
    assert texts(found) == ["37", "40", "41", "12"]


def test_the_worst_come_from_the_other_end(run: Path) -> None:
    assert texts(samples_of(run, 2).worst) == ["12", "40"]


def test_what_changed_is_early_beside_late_and_the_problem_that_moved_most_is_in_front(run: Path) -> None:
    pairs = [(pair["early"], pair["late"]) for pair in samples_of(run, 9).changed]
    assert [(early["problem"], *texts([early, late])) for early, late in pairs] == [("a", "12", "37")]


def test_a_reply_that_comes_back_has_not_changed_and_neither_has_a_run_of_one_step(tmp_path: Path) -> None:
    same = write_run(tmp_path / "same", rollouts=[(1, rollout("4", 0.0)), (2, rollout("4", 0.0))])
    short = write_run(tmp_path / "short", rollouts=[(1, rollout("4", 0.0)), (1, rollout("5", 0.0))])
    assert samples_of(same, 5).changed == samples_of(short, 5).changed == []


def test_every_part_of_the_reward_is_there_and_the_tokens_are_not(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rollouts=[(1, rollout("4", 0.0, binary=0.0, format=0.25))])
    (record,) = samples_of(run, 5).best
    assert record["rewards"] == {"binary": 0.0, "format": 0.25} and record["reward"] == 0.25
    assert "turns" not in record


def test_a_run_without_rollouts_has_no_samples(tmp_path: Path) -> None:
    found = samples_of(write_run(tmp_path / "sft"), 5)
    assert (found.num_rollouts, found.best, found.worst, found.changed) == (0, [], [], [])


def test_no_samples_can_be_asked_for(run: Path) -> None:
    found = samples_of(run, 0)
    assert (found.num_rollouts, found.best, found.changed) == (6, [], [])


# --- lines that are not as they should be


def damage(run: Path, line: int, change: Any) -> None:
    path = run / ROLLOUTS
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = change(lines[line - 1])
    path.write_bytes(b"".join(lines))


def paid(reward: bytes, line: bytes) -> bytes:
    return line.replace(b'"reward":1.0', b'"reward":' + reward)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: b"garbage\n",
        lambda line: line[:60] + b"\n",
        lambda line: line.replace(b'"reward":1.0', b'"reward":1.0.0'),
        lambda line: line.replace(b'"facts":{}', b'"facts":{{}'),  # found only when it is parsed
        lambda line: b"[1]\n",
        lambda line: b'{"step":3}\n',
        *(partial(paid, reward) for reward in (b'"much"', b"[1]", b"{}", b"true", b"Infinity", b"1e999", b"1" * 400)),
        lambda line: line.replace(b'"step":3', b'"step":Infinity'),
        lambda line: line.replace(b'"step":3', b'"step":' + b"3" * 5000),
    ],
)
def test_a_damaged_line_is_named_and_passed_over(run: Path, change: Any) -> None:
    damage(run, 5, change)
    found = samples_of(run, 5)
    assert found.unreadable == [5]
    assert found.num_rollouts == 5
    assert "37" not in texts(found.best)


def test_a_line_that_is_still_being_written_is_not_there_yet(run: Path) -> None:
    path = run / ROLLOUTS
    path.write_bytes(path.read_bytes()[:-20])
    found = samples_of(run, 5)
    assert (found.num_rollouts, found.unreadable) == (5, [])


def test_a_line_spelled_otherwise_is_read_the_slow_way(run: Path) -> None:
    damage(run, 5, lambda line: json.dumps(json.loads(line), indent=None).encode() + b"\n")  # blanks behind the colons
    found = samples_of(run, 5)
    assert (found.num_rollouts, found.unreadable, found.best[0]["reward"]) == (6, [], 1.0)


def test_a_rollout_without_a_reward_is_neither_best_nor_worst(run: Path) -> None:
    damage(run, 5, lambda line: line.replace(b'"reward":1.0', b'"reward":null'))
    found = samples_of(run, 9)
    assert found.num_rollouts == 6
    assert "37" not in texts(found.best) + texts(found.worst)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=8)
)
def test_whatever_a_model_writes_the_bytes_find_what_parsing_finds(
    tmp_path_factory: pytest.TempPathFactory, said: Any
) -> None:
    rollouts = [
        (step, rollout(reply, reward, prompt=prompt, problem=prompt))
        for step, (prompt, reply, reward) in enumerate(said)
    ]
    run = write_run(tmp_path_factory.mktemp("any") / "run", rollouts=rollouts)
    found = samples_of(run, 20)
    parsed = list(read_rollouts(run))
    assert found.num_rollouts == len(parsed) and found.unreadable == []
    assert found.best[0]["reward"] == max(record["reward"] for record in parsed)
    assert found.worst[0]["reward"] == min(record["reward"] for record in parsed)
    kinds = {(record["problem"], *record["replies"]) for record in parsed}
    assert {(record["problem"], *record["replies"]) for record in found.best} == kinds


# --- what it costs


def test_only_the_chosen_lines_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", 2000)
    parsed = []
    real = json.loads
    monkeypatch.setattr(samples.json, "loads", lambda text: parsed.append(text) or real(text))
    found = samples_of(run, 5)
    assert found.num_rollouts == 2000
    assert len(parsed) <= 4 * 5  # best, worst, and two of every pair


@pytest.mark.slow
def test_a_run_of_100_000_rollouts_is_shown_within_two_seconds_of_cpu_time(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 100_000)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "straw", "show", str(run)], check=True, stdout=subprocess.DEVNULL, env=os.environ
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    print(f"{cpu_s:.2f} s of CPU time, {(run / ROLLOUTS).stat().st_size / 1e6:.0f} MB")
    assert cpu_s < 2.0
