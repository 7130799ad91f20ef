from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from tests.runs.test_who_writes import writer
from tests.small_runs import Listener, Parts, small_plan, train

from straw.engines.local.build import load_engine
from straw.errors import ConfigError, RunError, StrawError, TrainingError
from straw.measure.bits_known import answer_nats, known_among
from straw.runs.reading import read_checkpoints, read_metrics
from straw.training.warmup.initial_policy import fingerprint, goal_of, starting_engine


def state(parts: Parts) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in parts.engine.model.state_dict().items()}


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def warm(*words: str) -> tuple[dict[str, torch.Tensor], str]:
    """Weights to start from, and the last thing that was said about them."""
    parts = Parts(*words)
    return state(parts), parts.heard.lines[-1]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def entry_of(home: Path) -> Path:
    (entry,) = (home / "warmups").iterdir()
    return entry


# --- the warm-up and its cache

QUICK = "N=8 warmup_steps=5 warmup_mass=1e-12 warmup_distance=1"  # five steps, whatever comes of them


def test_a_warmed_up_engine_is_as_new_but_for_its_weights(home: Path) -> None:
    for words in ("N=8", "N=8 warmup=none", "N=8 lora_rank=2"):
        engine = Parts(words).engine
        assert engine.policy_version == 0
        assert not engine.optimizer.state
        assert all(p.grad is None for p in engine.model.parameters())


def test_a_warm_up_is_made_once_and_the_second_start_has_the_same_bits(own_home: Path) -> None:
    made, first = warm(QUICK)
    read, second = warm(QUICK)
    assert same_bits(made, read)
    assert second == f"{first} (from the cache)"
    assert sorted(path.name for path in entry_of(own_home).iterdir()) == ["found.json", "weights.safetensors"]
    assert json.loads((entry_of(own_home) / "found.json").read_text())["steps"] == 5


def damaged(entry: Path, how: str) -> None:
    weights, found = entry / "weights.safetensors", entry / "found.json"
    match how:
        case "cut short":
            weights.write_bytes(weights.read_bytes()[:5000])
        case "no weights":
            weights.unlink()
        case "no JSON":
            found.write_text('{"steps": 50,')
        case "other JSON":
            found.write_text('{"steps": "many"}')
        case "empty folder":
            weights.unlink()
            found.unlink()
        case "not good enough":
            found.write_text(json.dumps({**json.loads(found.read_text()), "mass": 0}))
            weights.write_bytes(b"old")


@pytest.mark.parametrize("how", ["cut short", "no weights", "no JSON", "other JSON", "empty folder", "not good enough"])
def test_a_damaged_warm_up_is_made_again_and_kept(
    how: str, home: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(home))
    whole, _ = warm(QUICK)
    name = fingerprint_of(QUICK)
    monkeypatch.setenv("STRAW_HOME", str(own_home))
    entry = own_home / "warmups" / name
    entry.mkdir(parents=True)
    for file in (home / "warmups" / name).iterdir():
        (entry / file.name).write_bytes(file.read_bytes())
    damaged(entry, how)
    again, said = warm(QUICK)
    assert "(from the cache)" not in said
    assert same_bits(again, whole)
    assert "(from the cache)" in warm(QUICK)[1]


def test_force_makes_it_anew_and_replaces_the_old_one(own_home: Path) -> None:
    warm(QUICK)
    before = (entry_of(own_home) / "found.json").stat().st_mtime_ns
    assert "(from the cache)" not in warm(QUICK, "warmup=force")[1]
    assert (entry_of(own_home) / "found.json").stat().st_mtime_ns > before


def fingerprint_of(*words: str) -> str:
    plan = small_plan(*words)
    return fingerprint(load_engine(plan.page), plan, goal_of(plan.page.warmup))


@pytest.mark.parametrize(
    "words",
    ["fixed_secret=3", "secret_seed=5", "seed=9", "reward_type=log_distance", "algorithm=sft", "warmup_distance=0.01"],
)
def test_what_does_not_make_a_warm_up_shares_it(words: str) -> None:
    assert fingerprint_of("N=8", words) == fingerprint_of("N=8")


@pytest.mark.parametrize(
    "words",
    [
        "N=9",
        "env_type=multi_step",
        "num_secrets=2",
        "length=2",
        "model_seed=1",
        "model_name=tiny-1M",
        "warmup_learning_rate=1e-3",
        "warmup_batch=8",
        "warmup_steps=7",
    ],
)
def test_what_makes_a_warm_up_has_one_of_its_own(words: str) -> None:
    assert fingerprint_of("N=8", words) != fingerprint_of("N=8")


def test_a_warm_up_that_cannot_pass_is_one_line_and_leaves_nothing(own_home: Path) -> None:
    with pytest.raises(TrainingError, match=r"valid mass 0\.99.*got warm-up 2 steps.*warmup=none") as caught:
        warm("N=8 warmup_steps=2 warmup_mass=0.99")
    assert "\n" not in str(caught.value)
    assert not (own_home / "warmups").exists()


def test_a_warm_up_that_breaks_says_what_to_change(own_home: Path) -> None:
    with pytest.raises(TrainingError, match=r"the warm-up broke.*smaller warmup_learning_rate"):
        warm("N=8 warmup_learning_rate=1e30 warmup_steps=50")


def test_a_run_goes_on_when_its_warm_up_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    whole, _ = warm(QUICK)
    (tmp_path / "file").touch()
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "file"))
    weights, said = warm(QUICK)
    assert same_bits(weights, whole)
    assert "is not kept for the next run" in said and "Not a directory" in said
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_warm_up_left_in_the_cache_is_gone_after_the_next_start(own_home: Path) -> None:
    (killed, dead), (living, alive) = (writer(own_home / "warmups" / name) for name in ("0123", "4567"))
    try:
        killed.kill()
        killed.communicate()
        assert (dead / "half").exists()
        warm(QUICK)
        assert not dead.exists() and (alive / "half").exists()
    finally:
        living.kill()
        living.communicate()


def test_a_room_too_small_for_an_answer_is_refused_before_the_warm_up(own_home: Path) -> None:
    said = Listener()
    with pytest.raises(ConfigError, match="max_tokens=3"):
        starting_engine(small_plan("N=64 max_tokens=2"), said.say)
    assert said.lines == []


# --- checkpoints


def last_checkpoint(folder: Path) -> Path:
    return folder / read_checkpoints(folder)[-1]["folder"]


LEARN = "N=8 algorithm=sft n_batches=5 learning_rate=1e-3"


@pytest.mark.parametrize("lora", ["", "lora_rank=2"])
def test_a_run_starts_where_a_checkpoint_ended(home: Path, tmp_path: Path, lora: str) -> None:
    first = train(tmp_path / "first", LEARN, lora)
    second = train(tmp_path / "second", LEARN, lora, f"from_checkpoint={last_checkpoint(first.folder)}")
    start, end = read_metrics(second.folder)[0], read_metrics(first.folder)[-1]
    for name in ("bits_known", "p_secret", "valid_mass", "distance_to_uniform"):
        assert start[name] == end[name]
    assert start["bits_known"] > read_metrics(first.folder)[0]["bits_known"] + 0.3


def test_a_checkpoint_gives_its_weights_and_nothing_else(home: Path, tmp_path: Path) -> None:
    first = train(tmp_path / "first", LEARN)
    parts = Parts(f"N=8 from_checkpoint={last_checkpoint(first.folder)}")
    assert parts.engine.policy_version == 0
    assert not parts.engine.optimizer.state
    assert not same_bits(state(parts), state(Parts("N=8")))


def test_fresh_adapters_stand_on_the_weights_of_a_full_checkpoint(home: Path, tmp_path: Path) -> None:
    first = train(tmp_path / "first", LEARN)
    parts = Parts(f"N=8 lora_rank=2 from_checkpoint={last_checkpoint(first.folder)}")
    assert all("lora" in name for name in parts.engine.trained)
    problem = parts.task.problem(0)
    nats = answer_nats(parts.engine, parts.task, problem, range(8))
    known = known_among(8, nats, parts.task.target_index(problem))
    assert known.bits == pytest.approx(first.known["bits_known"], abs=1e-5)


@pytest.mark.parametrize(
    ("wrote", "reads", "error"),
    [
        ("", "model_name=tiny-1M", "another model"),
        ("lora_rank=2", "", "another model"),
        ("lora_rank=2", "lora_rank=4", "another model"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(
    home: Path, tmp_path: Path, wrote: str, reads: str, error: str
) -> None:
    first = train(tmp_path / "first", LEARN, wrote)
    with pytest.raises(StrawError, match=error) as caught:
        Parts("N=8", reads, f"from_checkpoint={last_checkpoint(first.folder)}")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_none_is_refused_before_a_model_is_loaded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("straw.training.warmup.initial_policy.load_engine", pytest.fail)
    with pytest.raises(RunError, match=r"has none: give for example runs/first/checkpoints/step-000100"):
        Parts(f"N=8 from_checkpoint={tmp_path}")
