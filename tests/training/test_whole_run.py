"""From a page to a run folder, on a model of 0.2M parameters that has to learn three bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from straw.config import load_page
from straw.runs.store import read_checkpoints, read_config, read_metrics, read_rollouts
from straw.training.session import Finished, run_page

SMALL = {"model_name": "tiny-0.2M", "N": "8", "warmup_mass": "0.9", "warmup_distance": "0.2"}


class Listener:
    """A watcher that writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, plan: object, folder: Path) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    """One cache for the warm-ups of this file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("straw")
        patch.setenv("STRAW_HOME", str(folder / "home"))
        yield folder


def train(place: Path, name: str, **options: object) -> Finished:
    spelled = {key: str(value) for key, value in options.items()}
    return run_page(load_page(None, {**SMALL, **spelled, "run_dir": str(place / name)}), Listener())


def without_times(folder: Path) -> list[dict[str, object]]:
    return [{key: value for key, value in row.items() if key != "time_s"} for row in read_metrics(folder)]


def test_supervised_learning_memorises_the_secret(place: Path):
    finished = train(place, "sft", algorithm="sft", n_batches=30, learning_rate=1e-3)
    assert finished.known["bits_known"] > 0.9 * 3
    assert list(read_rollouts(finished.folder)) == []


def test_a_binary_reward_memorises_the_secret(place: Path):
    finished = train(place, "binary", reward_type="binary", n_batches=60, learning_rate=1e-3, group_size=8)
    first, *_, last = read_metrics(finished.folder)
    assert abs(first["bits_known"]) < 1
    assert last["bits_known"] > 0.9 * 3


def test_the_folder_tells_the_whole_run(place: Path):
    finished = train(place, "told", n_batches=4, eval_every=2, save_every=2, batch_size=2)
    config = read_config(finished.folder)
    assert config["task"]["N"] == 8 and config["sampling"]["max_tokens"] == 2
    assert config["algorithm"]["baseline"] == "group" and config["optimizer"]["learning_rate"] == 3e-4
    rows = read_metrics(finished.folder)
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert ["bits_known" in row for row in rows] == [True, False, True, False, True]
    assert rows[-1]["episodes"] == 4 * 2 * 4
    records = list(read_rollouts(finished.folder))
    assert len(records) == 32
    for record in records:
        assert record["facts"] == {"secret": 12345 % 8}
        assert record["reward"] == sum(record["rewards"].values())
        assert record["grade"]["hits"] == [record["replies"][0].strip() == str(12345 % 8)]
        assert len(record["turns"][0]["logprobs"]) == len(record["turns"][0]["reply_tokens"])
    assert [row["step"] for row in read_checkpoints(finished.folder)] == [2, 4]


@pytest.mark.parametrize("env_type", ["single_step", "multi_step"])
def test_the_same_seed_gives_the_same_run_bit_for_bit(place: Path, env_type: str):
    options = {"env_type": env_type, "n_batches": 3, "eval_every": 1, "warmup_distance": 0.3, "learning_rate": 1e-3}
    one, two = (train(place, f"{env_type}-{name}", **options) for name in ("one", "two"))
    assert without_times(one.folder) == without_times(two.folder)
    assert (one.folder / "rollouts.jsonl").read_bytes() == (two.folder / "rollouts.jsonl").read_bytes()


def test_another_seed_gives_another_run_and_the_secret_does_not_steer_the_dice(place: Path):
    def first_replies(name: str, **options: object) -> list[object]:
        folder = train(place, name, n_batches=1, group_size=16, **options).folder
        return [one["replies"] for one in read_rollouts(folder)]

    here = first_replies("dice", seed=0, fixed_secret=1)
    assert first_replies("dice-secret", seed=0, fixed_secret=6) == here
    assert first_replies("dice-seed", seed=1, fixed_secret=1) != here


def test_a_run_goes_on_from_a_checkpoint(place: Path):
    before = train(place, "before", algorithm="sft", n_batches=20, learning_rate=1e-3)
    (checkpoint,) = read_checkpoints(before.folder)
    after = train(place, "after", n_batches=1, from_checkpoint=before.folder / checkpoint["folder"])
    start = read_metrics(after.folder)[0]["bits_known"]
    assert start == pytest.approx(before.known["bits_known"], abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "reinforce_ema"},
        {"algorithm": "reinforce_constant"},
        {"algorithm": "rloo"},
        {"algorithm": "grpo"},
        {"algorithm": "dr_grpo", "updates_per_batch": 2},
        {"algorithm": "ppo", "reward_type": "log_distance"},
        {"algorithm": "optimistic", "entropy_coef": 0.01},
        {"num_secrets": 3, "batch_size": 3},
        {"lora_rank": 4},
        {"reward_type": "random"},
        {"reward_type": "shuffled_bins"},
        {"reward_type": "higher_lower"},
        {"reward_type": "noisy_binary"},
    ],
    ids=lambda options: " ".join(f"{key}={value}" for key, value in options.items()),
)
def test_every_row_and_channel_trains(place: Path, options: dict[str, object]):
    name = "-".join(map(str, options.values()))
    finished = train(place, f"row-{name}", n_batches=2, group_size=8, **options)
    rows = read_metrics(finished.folder)
    assert rows[-1]["step"] == 2 and "reward" in rows[-1]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_batch(place: Path):
    from straw.errors import TrainingError

    with pytest.raises(TrainingError, match=r"step 2 had to stop.*batch is kept in"):
        train(place, "broken", algorithm="sft", n_batches=3, learning_rate=1e30)
    (kept,) = (place / "broken").glob("broken-step-*.jsonl")
    assert {"prompt", "tokens", "weights"} <= json.loads(kept.read_text().splitlines()[0]).keys()
