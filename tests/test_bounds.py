"""No count of a page, of a sweep or behind a command is without an end, and what is beyond it is one line at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import small_plan

from straw.cli import main
from straw.config import load_page
from straw.config.evaluation import OPTIONS
from straw.config.option import MOST_CHARACTERS
from straw.config.page import options
from straw.errors import ConfigError
from straw.registry import names
from straw.runs.sweeps.page import read_sweep

PAGES = [options(kind) for kind in names("tasks")] + [options(algorithm=name) for name in names("algorithms")]
KNOWN = {name: known for page in PAGES for name, known in page.items()} | OPTIONS
COUNTS = [name for name, known in KNOWN.items() if known.type is int and name != "fixed_secret"]  # which is below N
HARMLESS = (  # may be a million: none of these is ever held in memory at once
    "N", "n_batches", "num_problems", "eval_every", "save_every", "keep_last", "lr_warmup_steps", "warmup_steps",
    "explore_warmup", "explore_warmup_keys", "memory_keys", "tokens_per_microbatch",
    "only_first", "max_episode_tokens", "max_result",
)  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The line; it comes at once."""
    began = time.process_time()
    assert main(list(words)) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and said.out == "" and len(said.err) < 400
    assert time.process_time() - began < 5
    return said.err


@pytest.mark.parametrize("name", COUNTS)
def test_every_count_has_two_ends_which_are_said(name: Any) -> None:
    known = KNOWN[name]
    low, high = known.bounds["at_least"], known.bounds["at_most"]
    assert known.range == f"{low:,} to {high:,}"
    for value in (low, known.default, known.example, high):
        known.check(value)
    for value in (low - 1, high + 1, 10**30):
        with pytest.raises(ConfigError, match=rf"{name} is .* has to be (>=|<=) (-?\d+); got {name}="):
            known.check(value)
    assert high < 10**6 or name in HARMLESS or "seed" in name


@pytest.mark.parametrize(
    "words",
    [
        "group_size=1000000", "batch_size=1000000", "lora_rank=1000000", "length=1000000", "num_secrets=1000000",
        "reward_bins=1000000", "threads=1000000", "threads=999", "max_tokens=1000000", "L=1000000",
        "eval_answers=1000000",
        "k=1000000 use_ir=knn", "bs=1000000", "gc=1000000", "samples_per_step=1000000", "num_generators=1000000",
        "replay=1000000", "algorithm=surrogate pool=1000000", "updates_per_batch=1000000", "seed=99999999999999999999",
        "N=9999999999999999",
        "group_size=65536 batch_size=65536", f"group_size={'9' * 4000}", f"group_size={'9' * 9000}",
        f"question={'a' * 10001}",
        f"silence={','.join(['a'] * 1001)}", f"learning_rate=1e{'9' * 4000}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry", [True, False])
def test_a_million_is_refused_in_a_line_in_a_dry_run_too(
    words: str, dry: bool, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert refused(capsys, "train", "secret", *words.split(), *(["--dry-run"] * dry))
    assert list(place.iterdir()) == []


def test_a_page_is_refused_like_a_command(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "page.toml").write_text("[algorithm]\ngroup_size = 1000000\n")
    assert "group_size is the number of rollouts for one prompt and has to be <= 65536" in refused(
        capsys, "train", "page.toml", "--dry-run"
    )


def test_all_rollouts_of_a_step_are_counted_together() -> None:
    assert load_page(None, {"group_size": 1024, "batch_size": 512}).page
    with pytest.raises(ConfigError, match=r"at most 524,288 rollouts, got group_size=1024 with batch_size=513"):
        load_page(None, {"group_size": 1024, "batch_size": 513})
    with pytest.raises(ConfigError):  # said in the memory study's words
        small_plan("bs=60000 gc=60000")


def test_the_help_says_how_far_a_count_may_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    told = capsys.readouterr().out
    assert (
        "group_size=4" in told and "[1 to 65,536]" in told and "[0 to 4,096]" in told and "[above 0, at most 1]" in told
    )
    assert main(["eval", "--help"]) == 0
    assert "[1 to 4,096]" in capsys.readouterr().out


def test_texts_have_an_end_too() -> None:
    assert load_page(None, {"question": "a" * MOST_CHARACTERS}).page
    with pytest.raises(ConfigError, match=r"question is a text of at most 10,000 characters; got 10,001"):
        load_page(None, {"question": "a" * (MOST_CHARACTERS + 1)})


# --- sweeps


GRID = "k N length threads group_size batch_size replay pool"
SWEEPS = {
    "many seeds": ('seeds = "0-1000000"', "seeds are at most 20,000; got 0-1000000, which are 1,000,001"),
    "more seeds": ('seeds = "0-999999999999999999"', "seeds are at most 20,000"),
    "no number": (f'seeds = "0-{"9" * 5000}"', "seeds is a list of whole numbers"),
    "large seeds": ("seeds = [99999999999999999999]", "seeds is a list of whole numbers"),
    "a large grid": (
        "[grid]\n" + "\n".join(f"{name} = {list(range(1, 9))}" for name in GRID.split()),
        "at most 20,000 runs; this one has 16,777,216 conditions",
    ),
    "many runs": ('seeds = "0-9999"\n[grid]\nN = [4, 8, 16]', "at most 20,000 runs; this one has 30,000"),
    "many trials": (
        '[grid]\nN = [4, 8, 16]\n[tune]\nmultiply = [1, 2, 3]\nseeds = "100-9999"',
        "at most 20,000 runs; this one has 89,103",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SWEEPS)
def test_a_sweep_of_millions_is_refused_before_it_is_counted_out(
    kind: Any, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    page, said = SWEEPS[kind]
    (place / "sweep.toml").write_text(page)
    began = time.process_time()
    with pytest.raises(ConfigError, match=said):
        read_sweep(place / "sweep.toml", {})
    assert time.process_time() - began < 2
    assert refused(capsys, "sweep", "sweep.toml", "--dry-run")


def test_a_large_sweep_is_read(place: Path) -> None:
    (place / "sweep.toml").write_text('seeds = "0-999"\n[grid]\nN = [4, 8]\n')
    assert len(read_sweep(place / "sweep.toml", {}).seeds) == 1000


# --- generators of another library, and options that no page has


@pytest.mark.parametrize(
    "word", ["max_terms=1000000", "min_digits=-1000000", "max_digits=1e9", "max_terms=nan", "max_terms=inf"]
)
def test_a_generator_is_given_no_million(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("reasoning_gym")
    said = refused(capsys, "train", "gym:chain_sum", f"gym_options={word}", "--dry-run")
    assert "gym_options take numbers up to 999,999; got" in said


def test_what_a_generator_takes_by_default_it_is_given() -> None:
    pytest.importorskip("reasoning_gym")
    from straw.tasks.reasoning_gym.library import read_settings

    assert read_settings("count_bits", ["max_n=2147483647"]) == (("max_n", 2147483647),)
    with pytest.raises(ConfigError, match="up to 2,147,483,647"):
        read_settings("count_bits", ["max_n=2147483648"])


@pytest.mark.parametrize(
    "words",
    [
        ["show", "runs/a", "--samples", "1000000"],
        ["show", "runs/a", "--samples", "9" * 5000],
        ["sweep", "a.toml", "--jobs", "1000000"],
        ["check", "a.toml", "--make", "--runs", "1000000"],
        ["check", "a.toml", "--make", "--horizon", "9" * 5000],
        ["check", "a.toml", "--first", "9" * 5000],
        ["eval", "gsm8k", "model=tiny-1M", "num_samples=1000000"],
        ["observe", "N=1000000000"],
        ["observe", "group_size=1000000"],
    ],
)
def test_no_command_takes_a_million(words: Any, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "a.toml").write_text("N = 8\n")
    assert refused(capsys, *words)
