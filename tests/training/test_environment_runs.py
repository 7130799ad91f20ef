"""Whole runs in environments: with classes as TRL has them, killed and resumed, and with some that fail."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Broken, ByTurn, Clock, Counter, Echo, Words, counted, multiply, rewarded

import straw
from straw.errors import ConfigError, RewardError, TrainingError

SMALL: dict[str, Any] = {
    "model": "tiny-0.2M", "warmup": "none", "max_tokens": 6, "max_turns": 2, "n_batches": 2, "group_size": 4,
    "batch_size": 2, "eval_samples": 4, "eval_every": 2, "quiet": True,
}  # fmt: skip
ROWS = [{"prompt": [{"role": "user", "content": f"Count to {number}."}], "goal": number} for number in range(3)]


class Dice:
    """Draws from Python's own generator; every call is one, so that a short warm-up is enough."""

    solved = False

    def reset(self, **row: Any) -> str:
        self.face, self.solved = random.randrange(6), False
        return "?"

    def d(self, n: int) -> str:
        """Guess.

        Args:
            n: A face.
        """
        self.solved |= n % 6 == self.face
        return str(random.randrange(10))

    def get_reward(self) -> float:
        return float(self.solved)


IN_FORM: dict[str, Any] = SMALL | {
    "warmup": "auto", "warmup_batch": 8, "warmup_accuracy": 0.3, "max_turns": 3, "max_tokens": 7, "n_batches": 4,
    "save_every": 2, "group_size": 8, "lr": 1e-3,
}  # fmt: skip


def rollouts_of(run: straw.Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.path / "rollouts.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", ["babbles", pytest.param("in form", marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_and_goes_on_has_the_bits_of_one_that_never_was(
    home: Path, tmp_path: Path, how: str
) -> None:
    options = IN_FORM if how == "in form" else SMALL | {"n_batches": 3, "save_every": 1}
    whole = straw.train(environment=Dice, run_dir=tmp_path / "whole", **options)
    first = straw.train(
        environment=Dice, run_dir=tmp_path / "halves", callbacks=[lambda step, metrics: step == 2], **options
    )
    assert first.state == "stopped"
    halves = straw.resume(first, quiet=True)
    assert rollouts_of(halves) == rollouts_of(whole)
    newest = sorted((whole.path / "checkpoints").iterdir())[-1].name
    weights = [(run.path / "checkpoints" / newest / "weights.safetensors").read_bytes() for run in (whole, halves)]
    assert weights[0] == weights[1]
    answered = [call for one in rollouts_of(whole) for call in one["play"].get("calls", [])]
    assert any(call["status"] == "answered" for call in answered) == (how == "in form")
    gates = next(one for one in whole.events if one["event"] == "gates")
    assert gates["found"]["environment_repeats"] == "Dice repeats itself"


def test_a_world_that_does_not_repeat_itself_is_said_to_be_one(home: Path, tmp_path: Path) -> None:
    run = straw.train(environment=Clock, run_dir=tmp_path / "run", **SMALL)
    assert "does not repeat itself" in next(one for one in run.events if one["event"] == "gates")["found"][
        "environment_repeats"
    ]  # fmt: skip


def test_classes_and_functions_of_trls_documentation_train(home: Path, tmp_path: Path) -> None:
    run = straw.train(ROWS, environment=Counter, reward=counted, run_dir=tmp_path / "a", **SMALL)
    assert run.metrics[-1]["rewards/counted/mean"] == 0.0
    both = straw.train(
        [{**row, "environment": name} for row in ROWS for name in ("words", "turns")],
        environment={"words": Words, "turns": ByTurn}, tools=[multiply], run_dir=tmp_path / "b", **SMALL,
    )  # fmt: skip
    assert {"rewards/Words/mean", "rewards/ByTurn/mean", "tools/call_frequency"} <= {*both.metrics[-1]}
    echo = straw.train(ROWS, environment=Echo, reward=[rewarded, multiple], run_dir=tmp_path / "c", **SMALL)
    assert rollouts_of(echo)[0]["rewards"].keys() == {"rewarded", "multiple"}
    tools = straw.train(ROWS, tools=[multiply], reward=multiple, run_dir=tmp_path / "d", **SMALL)
    assert rollouts_of(tools)[0]["prompt"].startswith("Count to")


def multiple(completions: list[Any], prompts: list[Any], goal: list[int], **columns: Any) -> list[float]:
    assert all(one[0]["role"] == "assistant" for one in completions)
    assert all(one[-1]["role"] == "user" for one in prompts)
    assert "prompt" not in columns
    return [float(number) for number in goal]


@pytest.mark.parametrize("words", [{"algorithm": "ppo_critic"}, {"algorithm": "opd", "teacher": "tiny-0.2M"}])
def test_who_makes_advantages_of_its_own_passes_over_what_failed(
    home: Path, tmp_path: Path, words: dict[str, str]
) -> None:
    """One that failed at its beginning has no turn, and one that could not be paid has turns that nobody judged."""
    rows = [{"prompt": "a", "how": how} for how in ("", "nan", "reset", "none")] * 3
    run = straw.train(rows, environment=Broken, run_dir=tmp_path / "run", **SMALL | {"n_batches": 4} | words)
    assert {one["end"] for one in rollouts_of(run)} > {"failed"}
    assert run.state == "done"


def test_environments_that_fail_are_counted_and_never_paid_and_the_run_goes_on(home: Path, tmp_path: Path) -> None:
    rows = [{"prompt": "a", "how": how} for how in ("", "nan", "reset", "none")] * 3
    run = straw.train(rows, environment=Broken, run_dir=tmp_path / "run", **SMALL | {"n_batches": 6})
    done = rollouts_of(run)
    failed = [one for one in done if one["end"] == "failed"]
    assert failed and len(failed) < len(done)
    assert all(one["rewards"] == {} and not any(one["advantages"]) for one in failed)
    share = [row["environments/failed"] for row in run.metrics if "environments/failed" in row]
    assert sum(share) / len(share) == len(failed) / len(done)
    reasons = {one["reason"] for one in run.events if one["event"] == "environment_failed"}
    assert reasons == {
        "Broken.get_reward gives a finite number or None, and gave nan", "Broken.reset raised RuntimeError: no board",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        (Broken, {"what": [{"prompt": "a", "how": "reset"}]}, "all .* failed: Broken.reset raised .*no board"),
        (Counter, {}, "somebody has to pay, and Counter has neither"),
        (Counter, {"reward_type": "binary"}, "binary pays for what is right, and Counter does not say"),
        (Counter, {"reward_type": counted, "curriculum": "pass_rate"}, "what is right, and Counter does not say what"),
        (ByTurn, {"only_first": 4}, "has a world of its own, and none comes again; got only_first=4"),
        (int, {}, "a method reset"),
        ("nowhere.py:Class", {}, "cannot be read"),
        ("no_module_here:Class", {}, "cannot be imported"),
        ({"a": Words}, {}, "path=FILE"),
        ({"a": Words}, {"what": [{"prompt": "a", "environment": "b"}]}, "one of a; got environment='b'"),
        (Words, {"what": "secret"}, "a task of its own"),
        (Words, {"what": [{"prompt": 3}]}, "a prompt is a text or a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_in_is_refused_in_one_line_and_leaves_no_folder(
    home: Path, tmp_path: Path, environment: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises((ConfigError, TrainingError, RewardError, ValueError), match=said) as error:
        straw.train(**SMALL, **{"what": None, **options}, environment=environment, run_dir=tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_code_that_a_page_names_runs_when_a_person_trusts_it_and_a_run_keeps_what_it_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    code = (
        Path(__file__).parent.parent.joinpath("made_environments.py").read_text().replace("from straw", "#from straw")
    )
    code = code.partition("Say = Callable")[0]
    (tmp_path / "mine.py").write_text(code)
    page = tmp_path / "page.toml"
    page.write_text('[task]\nkind = "env:mine.py:Words"\n')
    with pytest.raises(ConfigError, match="trust_code="):
        straw.train(page, **SMALL)
    run = straw.train(page, task="env:mine.py:Words", run_dir=tmp_path / "run", **SMALL,
                      callbacks=[lambda step, metrics: step == 1])  # fmt: skip
    (tmp_path / "mine.py").write_text("changed")
    straw.resume(run, quiet=True)
    assert (run.path / "code").is_dir()
    assert straw.Run(run.path).state == "done"
