from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.made_data import gsm8k_folder
from tests.small_runs import Parts, small_plan, train

from straw.config import Page
from straw.engines.base import Engine, Reply
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError, EngineFailed, EngineLost, TrainingError
from straw.runs.reading import read_config, read_events, read_rollouts
from straw.training.checks import preflight as gates
from straw.training.checks.preflight import GATES, Passed, run_gates
from straw.training.checks.silence import NAMES, check_silence
from straw.training.monitor.alarms import ALARMS


def run(parts: Parts, engine: Engine | None = None) -> list[Passed]:
    parts.heard.lines.clear()
    return run_gates(parts.plan, engine or parts.engine, parts.params, parts.heard.say)


@pytest.mark.parametrize(
    "words",
    [
        "", "reward_type=log_distance", "reward_type=log_distance form=raw",
        "reward_type=binned_log_distance reward_bins=2", "reward_type=random", "reward_type=shuffled_bins",
        "reward_type=higher_lower", "reward_type=noisy_binary", "env_type=multi_step",
        "env_type=multi_step credit=sum", "algorithm=sft", "length=2 reward_type=dense credit=sum", "num_secrets=3",
        "lora_rank=2", "temperature=0.7", "group_size=1 baseline=ema",
    ],
)  # fmt: skip
def test_whatever_straw_ships_passes_every_gate_and_is_left_as_it_was(home: Path, words: str) -> None:
    parts = Parts("N=8", words)
    before = {name: value.clone() for name, value in parts.engine.model.state_dict().items()}
    assert [one.name for one in run(parts)] == list(GATES)
    assert all(torch.equal(value, before[name]) for name, value in parts.engine.model.state_dict().items())
    assert parts.engine.policy_version == 0 and not parts.engine.optimizer.state
    assert all(p.grad is None for p in parts.engine.model.parameters())


def test_what_they_found_is_said_in_a_line_and_news_in_lines_of_their_own(home: Path) -> None:
    parts = Parts("N=8")
    run(parts)
    first, forecast = parts.heard.lines
    assert first.startswith("gates passed: sampler and trainer ")
    assert "the reference earns 1" in first
    assert forecast.startswith("forecast: ")


def test_a_form_that_this_model_does_not_keep_is_said_before_the_first_step(home: Path, tmp_path: Path) -> None:
    """A model from nothing writes no tags, so by default nothing that it says would be paid."""
    parts = Parts(f"task=gsm8k path={gsm8k_folder(tmp_path / 'data')} warmup=none max_tokens=8")
    (found,) = [one for one in run(parts) if one.name == "paid_form"]
    assert "rollouts at the start kept the form that is asked for (xml)" in found.finding
    assert found.is_news and found.finding in parts.heard.lines


class Deaf(LocalEngine):
    """Its samples belong to another distribution than it says."""

    def sample(self, *args: object) -> list[list[Reply]]:
        groups = super().sample(*args)
        return [[replace(one, logprobs=tuple(x - 1 for x in one.logprobs)) for one in group] for group in groups]


def test_a_gate_that_fails_names_itself_and_can_be_silenced(home: Path) -> None:
    parts = Parts("N=8")
    deaf = Deaf(parts.engine.model, parts.chat, parts.engine.settings)
    with pytest.raises(TrainingError, match=r"1 apart.* silence=sampler_equals_trainer goes on without it"):
        run(parts, deaf)
    silent = replace(parts.plan, page=with_silence(parts.plan.page, "sampler_equals_trainer", "update_reaches_sampler"))
    passed = run_gates(silent, deaf, parts.params, parts.heard.say)
    assert "sampler_equals_trainer" not in [one.name for one in passed]
    assert "silenced: sampler_equals_trainer, update_reaches_sampler" in parts.heard.lines[0]


def with_silence(page: Page, *names: str) -> Page:
    return replace(page, run=replace(page.run, silence=names))


def test_a_crowd_that_changes_bits_is_news_and_no_reason_to_stop(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts("N=8")
    monkeypatch.setattr(gates, "rows_are_independent", lambda engine: False)
    (found,) = [one for one in run(parts) if one.name == "rows_are_independent"]
    assert found.is_news and found.finding in parts.heard.lines
    assert "neighbours" in found.finding


def test_supervised_learning_samples_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "collect", lambda *_: pytest.fail("nothing is to be sampled"))
    run(Parts("N=8 algorithm=sft"))


def test_silence_of_everything_runs_no_gate(home: Path) -> None:
    parts = Parts("N=8", f"silence={','.join(NAMES)}")
    assert run(parts) == []
    assert parts.heard.lines[0].startswith("gates passed: none; silenced: sampler_equals_trainer,")


def test_an_unknown_name_in_silence_is_refused_with_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="did you mean 'kl_spike'"):
        small_plan("silence=kl_spikes")
    with pytest.raises(ConfigError, match="did you mean 'end_tokens'"):
        check_silence(["kl_spike", "end_token"])


def test_names_of_gates_and_alarms_do_not_clash() -> None:
    assert len({*GATES, *ALARMS}) == len(GATES) + len(ALARMS) == len(NAMES)


def test_the_config_of_a_run_records_what_was_silenced_and_its_rollouts_are_those_without_gates(
    home: Path, tmp_path: Path
) -> None:
    loud = train(tmp_path / "loud", "n_batches=3")
    quiet = train(tmp_path / "quiet", f"n_batches=3 silence={','.join(GATES)}")
    assert read_config(quiet.folder)["run"]["silence"] == list(GATES)
    for finished, found in ((loud, set(GATES)), (quiet, set())):
        (event,) = [event for event in read_events(finished.folder) if event["event"] == "gates"]
        assert set(event["found"]) == found
    assert list(read_rollouts(quiet.folder)) == list(read_rollouts(loud.folder))


@pytest.mark.parametrize("kind", [EngineFailed, EngineLost])
def test_processes_that_fail_are_no_gate_and_nobody_is_told_to_silence_one(kind: Any) -> None:
    def lost(trial: object) -> tuple[str, bool]:
        raise kind("generator-0 gave no sign of life for 8 s (answer_s) and was ended")

    with pytest.raises(kind, match=r"^generator-0 gave no sign of life for 8 s \(answer_s\) and was ended$"):
        gates.pass_gate("end_tokens", lost, None)  # type: ignore[arg-type]
