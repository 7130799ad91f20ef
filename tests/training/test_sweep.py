from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, small_page, train
from tests.small_sweeps import BINARY_AND_BINS, small_sweep

from straw.config import load_page
from straw.errors import ConfigError, RunError
from straw.training.resolve.page_to_plan import plan_of
from straw.training.sweep import do_run, plan_sweep, start_of

TUNE = "[tune]\nmultiply = [1, 2]\nseeds = [100]\n"


def plans(folder: Path, text: str = BINARY_AND_BINS, *words: str) -> Any:
    return plan_sweep(small_sweep(folder, text, *words), Listener())


def test_a_run_is_planned_as_train_would_plan_it(tmp_path: Path) -> None:
    (_, (run, _), _), _ = plans(tmp_path)
    page = plan_of(load_page(None, run.run.options)).page
    assert run.values["learning_rate"] == run.rate == page.optimizer.learning_rate
    assert (run.episodes, run.ceiling_bits, run.values["secret_seed"]) == (3 * 4, 3.0, 0)


def test_every_condition_is_tried_at_multiples_of_its_own_rate(tmp_path: Path) -> None:
    (_, _, binary), (_, _, bins) = plans(tmp_path, BINARY_AND_BINS + TUNE)
    assert [one.rate for one in binary] == [1.2e-3, 2.4e-3]
    assert [one.rate for one in bins] == [2e-4, 4e-4]


def test_other_seeds_that_hide_the_same_secret_are_refused(tmp_path: Path) -> None:
    """With N = 8 a seed and the eighth behind it hide the same."""
    with pytest.raises(ConfigError, match=r"seed 8 and seed 0 both hide 1 \(binary\)"):
        plans(tmp_path, BINARY_AND_BINS + TUNE.replace("100", "8"))


def test_where_no_other_secret_is_left_the_same_may_find_the_rate(tmp_path: Path) -> None:
    tune = TUNE.replace("100", "8") + "same_secrets = true\n"
    (_, _, binary), _ = plans(tmp_path, BINARY_AND_BINS + tune)
    assert [one.run.seed for one in binary] == [8, 8]
    with pytest.raises(ConfigError, match="same_secrets is true or false; got 'yes'"):
        plans(tmp_path, BINARY_AND_BINS + TUNE + 'same_secrets = "yes"\n')


def test_a_value_that_no_page_allows_names_its_run(tmp_path: Path) -> None:
    text = '[[condition]]\nname = "good"\n[[condition]]\nname = "bad"\nreward_bins = 1'
    with pytest.raises(ConfigError, match=r"run bad-seed-0: reward_bins .* >= 2; got reward_bins=1"):
        plans(tmp_path, text)
    with pytest.raises(
        ConfigError, match=r"run reward_type-binry-seed-0: there is no reward_type 'binry'.* mean 'binary'"
    ):
        plans(tmp_path, '[grid]\nreward_type = ["binry"]')


def test_a_run_that_began_with_another_page_is_refused_by_its_name(tmp_path: Path, home: Path) -> None:
    sweep = small_sweep(tmp_path)
    do_run(sweep.runs(sweep.conditions[0])[0].options, Listener())
    plans(tmp_path)
    with pytest.raises(RunError, match=r"run binary-seed-0: .*n_batches=4, not 3"):
        plans(tmp_path, BINARY_AND_BINS, "n_batches=4")
    plans(tmp_path, BINARY_AND_BINS + TUNE)  # the rate is yet to be found
    with pytest.raises(RunError, match="n_batches=4, not 3"):
        plans(tmp_path, BINARY_AND_BINS + TUNE, "n_batches=4")


def test_runs_share_a_start_unless_their_warm_up_differs() -> None:
    def start(*words: str) -> str:
        return start_of(small_page(*words).page)

    assert start("secret_seed=1", "seed=2", "reward_type=log_distance", "learning_rate=1") == start()
    assert start("lora_rank=2") == start()
    assert start("lora_rank=2", "model_name=smollm2") != start("model_name=smollm2")
    for word in ("N=16", "env_type=multi_step", "model_seed=1", "warmup_steps=7", "num_secrets=2"):
        assert start(word) != start()


def test_a_run_is_begun_then_gone_on_with_and_then_found_done(tmp_path: Path, home: Path) -> None:
    finished = train(tmp_path / "run", "n_batches=2")
    assert do_run({**_options(tmp_path), "n_batches": 2}, heard := Listener()) is True
    assert heard.lines == [f"{finished.folder} is done, nothing is left to do"]


def _options(folder: Path) -> dict[str, object]:
    from tests.small_runs import WORDS

    return {**dict(word.split("=") for word in WORDS), "run_dir": str(folder / "run")}


@pytest.mark.parametrize(
    "more", ["", "own_draws = true", 'seed_options = ["secret_seed"]', 'seed_options = ["seed", "model_seed"]']
)
def test_runs_that_follow_the_first_of_their_kind_come_to_what_their_own_plans_come_to(
    tmp_path: Path, more: str
) -> None:
    tune = TUNE.replace("100", "100, 101") + "same_secrets = true\n"
    text = BINARY_AND_BINS.replace("seeds = [0, 1]", f"seeds = [8, 11, 16]\n{more}") + tune
    words = ["seed=3"] if "secret" in more else []
    for _, judged, trials in plans(tmp_path, text, *words):
        assert len(judged) == 3 and len(trials) == 4
        for one in [*judged, *trials]:
            plan = plan_of(load_page(None, one.run.options))
            values = [value for section in vars(plan.page).values() for value in vars(section).items()]
            assert list(one.values.items()) == values
            assert one.episodes == int(plan.page.run.n_batches or 0) * plan.episodes_per_step
            assert (one.ceiling_bits, one.start) == (plan.ceiling_bits, start_of(plan.page))
