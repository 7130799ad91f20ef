from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from straw import outside
from straw.config import load_page
from straw.errors import ConfigError
from straw.runs.sweeps.page import read_sweep
from straw.runs.sweeps.sweep import Sweep, slug


def page(folder: Path, text: str) -> Path:
    path = folder / "width.toml"
    path.write_text(text)
    return path


def names(path: Path, **overrides: object) -> list[str]:
    sweep = read_sweep(path, overrides)
    return [run.name for condition in sweep.conditions for run in sweep.runs(condition)]


def test_a_grid_is_every_combination_times_the_seeds(tmp_path: Path) -> None:
    path = page(tmp_path, "seeds = [0, 1]\n[grid]\nN = [16, 64]\nreward_bins = [4, 8]")
    assert names(path) == [
        "N-16-reward_bins-4-seed-0", "N-16-reward_bins-4-seed-1", "N-16-reward_bins-8-seed-0",
        "N-16-reward_bins-8-seed-1", "N-64-reward_bins-4-seed-0", "N-64-reward_bins-4-seed-1",
        "N-64-reward_bins-8-seed-0", "N-64-reward_bins-8-seed-1",
    ]  # fmt: skip


def test_conditions_by_hand_are_combined_with_the_grid(tmp_path: Path) -> None:
    text = '[[condition]]\nname = "0 or 1"\nreward_type = "binary"\n[[condition]]\nname = "near"\n[grid]\nN = [4]'
    assert names(page(tmp_path, text)) == ["0-or-1-N-4-seed-0", "near-N-4-seed-0"]


def test_a_page_without_conditions_is_one_condition(tmp_path: Path) -> None:
    assert names(page(tmp_path, "seeds = [5, 6]")) == ["seed-5", "seed-6"]


def test_seeds_can_be_a_range(tmp_path: Path) -> None:
    assert read_sweep(page(tmp_path, 'seeds = "2-5"'), {}).seeds == (2, 3, 4, 5)


def test_conditions_share_their_seeds_unless_they_are_to_have_draws_of_their_own(tmp_path: Path) -> None:
    """Then they share the secrets, and no two of them their luck."""
    text = "seeds = [0, 1]\n[grid]\nlora_rank = [0, 4]"
    shared, own = (read_sweep(page(tmp_path, f"{more}{text}"), {}) for more in ("", "own_draws = true\n"))
    assert seeds_of(shared) == ([0, 1, 0, 1], [0, 1, 0, 1])
    secrets, draws = seeds_of(own)
    assert secrets == [0, 1, 0, 1]
    assert len(set(draws)) == 4 and all(0 <= seed < 10**9 for seed in draws)


def test_a_runs_own_draws_do_not_depend_on_what_else_is_on_the_page(tmp_path: Path) -> None:
    few, more = (
        read_sweep(page(tmp_path, f"own_draws = true\nseeds = [1]\n[grid]\nlora_rank = {ranks}"), {})
        for ranks in ("[4]", "[0, 4]")
    )
    assert seeds_of(few)[1][0] == seeds_of(more)[1][1]


def test_trials_have_draws_of_their_own_too(tmp_path: Path) -> None:
    text = "own_draws = true\n[grid]\nN = [16, 64]\n[tune]\nmultiply = [1, 2]\nseeds = [100]"
    sweep = read_sweep(page(tmp_path, text), {})
    draws = [run.options["seed"] for condition in sweep.conditions for run in sweep.trials(condition, 1e-3)]
    assert draws[0] == draws[1] != draws[2] == draws[3]  # the rates of a condition are tried with the same luck


def seeds_of(sweep: Sweep) -> tuple[list[int], list[int]]:
    """Of secrets, and of draws."""
    runs = [run for condition in sweep.conditions for run in sweep.runs(condition)]
    return [run.options["secret_seed"] for run in runs], [run.options["seed"] for run in runs]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('own_draws = "yes"', "own_draws is true or false; got 'yes'"),
        ('own_draws = true\nseed_options = ["secret_seed"]', "seed is not in seed_options"),
    ],
)
def test_own_draws_that_mean_nothing_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_sweep(page(tmp_path, text), {})


def test_the_options_of_a_run_are_those_that_train_would_be_given(tmp_path: Path) -> None:
    text = 'question = "How?"\n[base.task]\nN = 16\n[base]\nlr = 1e-3\n[[condition]]\nname = "a"\nreward_bins = 4'
    sweep = read_sweep(page(tmp_path, text), {"n_batches": "5"}, Path("here"))
    (run,) = sweep.runs(sweep.conditions[0])
    assert run.options == {
        "question": "How?", "N": 16, "learning_rate": 1e-3, "n_batches": "5", "reward_bins": 4,
        "secret_seed": 0, "seed": 0, "run_dir": "here/a-seed-0",
    }  # fmt: skip
    assert run.folder == Path("here/a-seed-0")


VARIED = {
    "grid": '[grid]\nalgorithm = ["surrogate", "reward_aware", "grpo"]',
    "by hand": "".join(
        f'[[condition]]\nname = "{name}"\nalgorithm = "{name}"\n' for name in ("surrogate", "reward_aware", "grpo")
    ),
}


@pytest.mark.parametrize("how", VARIED)
def test_what_is_said_for_every_run_is_for_those_whose_algorithm_has_such_an_option(tmp_path: Path, how: Any) -> None:
    sweep = read_sweep(page(tmp_path, f"[base]\npool = 8\nN = 16\n{VARIED[how]}"), {"most_updates": "3"})
    told = [run.options for condition in sweep.conditions for run in sweep.runs(condition)]
    assert [one.get("pool") for one in told] == [8, None, None]
    assert [one.get("most_updates") for one in told] == ["3", "3", None]
    pages = [load_page(None, one).page for one in told]
    assert [one.task.N for one in pages] == [16, 16, 16]  # type: ignore[attr-defined]


LEARNER = Path(__file__).parents[3] / "examples" / "my_learner.py"


@pytest.mark.parametrize(
    "how", ["[grid]\nalgorithm = ['grpo', '{}']", "[[condition]]\nname = 'mine'\nalgorithm = '{}'"]
)
def test_options_of_a_learner_from_outside_that_is_varied_may_be_said_for_every_run(tmp_path: Path, how: str) -> None:
    outside.trust(name := f"{LEARNER}:BestSoFar")
    sweep = read_sweep(page(tmp_path, f"[base]\nnewest = true\n{how.format(name)}"), {})
    pages = [load_page(None, run.options).page for condition in sweep.conditions for run in sweep.runs(condition)]
    assert [getattr(one.algorithm, "newest", None) for one in pages][-1] is True
    assert all(not hasattr(one.algorithm, "newest") for one in pages[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "[base]\npool = 8\n[grid]\nalgorithm = ['grpo', 'rloo']",  # nobody has it
        "[grid]\npool = [8, 9]\nalgorithm = ['surrogate', 'grpo']",  # would be the same run twice
        "[[condition]]\nname = 'a'\nalgorithm = 'grpo'\npool = 8",
    ],
)
def test_an_option_that_a_condition_s_algorithm_does_not_have_is_refused(tmp_path: Path, text: str) -> None:
    sweep = read_sweep(page(tmp_path, text), {})
    with pytest.raises(ConfigError, match="pool is an option of surrogate; got pool=8 with algorithm=grpo"):
        for run in (run for condition in sweep.conditions for run in sweep.runs(condition)):
            load_page(None, run.options)


def test_a_sweep_is_named_by_its_page_or_by_its_file(tmp_path: Path) -> None:
    assert read_sweep(page(tmp_path, ""), {}).folder == Path("runs/sweeps/width")
    assert read_sweep(page(tmp_path, 'name = "my sweep"'), {}).folder == Path("runs/sweeps/my-sweep")


def test_the_seeds_may_set_the_secret_alone(tmp_path: Path) -> None:
    sweep = read_sweep(page(tmp_path, 'seeds = [3]\nseed_options = ["secret_seed"]\n[base]\nseed = 9'), {})
    (run,) = sweep.runs(sweep.conditions[0])
    assert (run.options["secret_seed"], run.options["seed"]) == (3, 9)


def test_rates_to_try_are_multiples_of_what_a_condition_has_and_can_be_typed(tmp_path: Path) -> None:
    sweep = read_sweep(page(tmp_path, "[tune]\nmultiply = [0.3, 1, 3]\nseeds = [100, 101]"), {})
    trials = sweep.trials(sweep.conditions[0], untuned=3e-4)
    assert [run.options["learning_rate"] for run in trials] == [9e-5, 9e-5, 3e-4, 3e-4, 9e-4, 9e-4]
    assert [run.seed for run in trials] == [100, 101] * 3
    assert trials[0].name == "tune/lr-9e-05-seed-100"
    (judged,) = sweep.runs(sweep.conditions[0], rate=9e-4)
    assert judged.options["learning_rate"] == 9e-4
    fixed = read_sweep(page(tmp_path, "[tune]\nlr = [1e-3]\nseeds = [9]"), {})
    assert [run.options["learning_rate"] for run in fixed.trials(fixed.conditions[0], untuned=7.0)] == [1e-3]


def test_a_slug_is_a_name_that_every_shell_takes() -> None:
    assert slug("N=64, model_name=org/name-seed-0") == "N-64-model_name-org-name-seed-0"


REFUSED = {
    "seed = [1]": "a sweep's page has no 'seed'; did you mean 'seeds'.*Options go under \\[base\\]",
    "seeds = []": r"seeds is a list of whole numbers .*got \[\]\. An empty one makes no runs",
    "seeds = 3": r"seeds is a list .*got 3\. Write \[3\]",
    "seeds = [-1]": r"seeds is a list of whole numbers from 0 up, \[0, 1, 2\] or \"0-15\"; got \[-1\]",
    'seeds = "5-3"': r"seeds is a list of whole numbers .*; got \[\]",
    'seeds = "0 to 3"': r"seeds is a list of whole numbers .*; got '0 to 3'",
    "seeds = [1, 1]": "seeds has 1 2 times",
    "name = 3": "name is text; got 3",
    "grid = 3": r"grid is a table; got 3\. Begin it with \[grid\]",
    "[grid]\nN = []": r"\[grid\] N is a list of values, \[4, 8\]; got \[\]",
    "[grid]\nN = 64": r"\[grid\] N .* got 64\. Write \[64\], or what is the same for every run under \[base\]",
    "[grid]\nNN = [1]": "there is no option 'NN'",
    "[grid]\nN = [8, 8]": "every run has a name of its own; 2 are called 'n-8-seed-0'",
    '[grid]\nmodel_name = ["a/b", "a b"]': "2 are called",
    "[base]\ncolour = 1": "there is no option 'colour'",
    "[base]\nN = 4\n[grid]\nN = [4]": r"N is varied by \[grid\], and given for every run as well",
    "[base]\nseed = 1": "seed is set by seeds, and written a second time",
    "[grid]\nsecret_seed = [1]": "secret_seed is set by seeds",
    '[base]\nrun_dir = "x"': "Leave run_dir out; out=FOLDER moves the whole sweep",
    "[condition]\nN = 1": r"Begin it with \[\[condition\]\]",
    "[[condition]]\nN = 1": r"a \[\[condition\]\] has a name",
    '[[condition]]\nname = "a"\n[[condition]]\nname = "A"': "2 are called 'a-seed-0'",
    "[tune]\nseeds = [9]": "either multiply or learning_rate",
    "[tune]\nmultiply = [1]\nlearning_rate = [1]\nseeds = [9]": "either multiply or learning_rate",
    "[tune]\nmultiply = [1]": r"\[tune\] needs seeds of its own",
    "[tune]\nmultiply = [0]\nseeds = [9]": r"\[tune\] multiply is a list of numbers above 0",
    "[tune]\nmultiply = []\nseeds = [9]": "An empty one makes no runs",
    "[tune]\nmultiply = [1, 1.0]\nseeds = [9]": r"\[tune\] multiply has 1.0 2 times",
    "[tune]\nmultipy = [1]\nseeds = [9]": r"\[tune\] has no 'multipy'; did you mean 'multiply'",
    "seeds = [1]\n[tune]\nmultiply = [1]\nseeds = [1]": "not judged; seed 1 is in both",
    "[tune]\nmultiply = [1]\nseeds = [9]\n[grid]\nlr = [1]": r"learning_rate is found by \[tune\], and varied",
    "N = 4": "Options go under",
    "N =": "is not TOML",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_page_that_makes_no_sense_is_refused_by_its_path(tmp_path: Path, text: Any) -> None:
    path = page(tmp_path, text)
    with pytest.raises(ConfigError, match=REFUSED[text]) as refused:
        read_sweep(path, {})
    assert str(refused.value).startswith(f"{path}: ") and "\n" not in str(refused.value)


def test_what_is_varied_cannot_be_given_for_every_run(tmp_path: Path) -> None:
    path = page(tmp_path, '[[condition]]\nname = "a"\nN = 4\n[[condition]]\nname = "b"\nN = 8')
    with pytest.raises(ConfigError, match="N is varied by the sweep, got N=16 for every run"):
        read_sweep(path, {"N": "16"})
