from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import WORDS

from straw import registry
from straw.algorithms.registry import NAMED
from straw.cli import main
from straw.cli.arguments import MOST_USED, take_option
from straw.config import describe_options, load_page, parse_overrides, plain
from straw.config.page import options_of_algorithms
from straw.errors import ConfigError
from straw.runs.reading import read_config, read_metrics

TINY = "model_name=tiny-0.2M"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we stand: an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- help


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_door_names_every_command(words: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(f"straw {command}" in shown for command in ("train", "demo", "models"))


@pytest.mark.parametrize("command", ["train", "demo"])
def test_help_names_every_option_with_its_default_and_a_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help", "all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for option in describe_options():
        (line,) = [line for line in lines if line.startswith(f"  {option.name}=")]
        assert line.split()[0] == f"{option.name}={plain(option.default)}" or option.default in ("", ())
        assert option.help in line
        assert all(choice in line for choice in option.choices)


@pytest.mark.parametrize("task", ["sum_digits", "reverse_digits"])
def test_help_behind_a_task_names_its_options(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", task, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"kind={task}" in shown and "task_seed=0" in shown and "prompt=none" in shown
    assert "\n  N=" not in shown


def test_help_names_what_there_is_to_choose_from(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--help", "all"])
    shown = capsys.readouterr().out
    assert f"({' | '.join(registry.names('rewards'))})" in shown
    assert f"({' | '.join(sorted(NAMED))})" in shown
    assert "no episodes, that surrogate samples a step" in shown
    assert "--dry-run" in shown and "--quiet" in shown


def test_help_of_the_other_commands_names_their_words(capsys: pytest.CaptureFixture[str]) -> None:
    for command, names in (
        ("models", ("add", "--force", "model_name")),
        ("demo", ("out=", "secrets=", "stop_at=0.66", "run_dir")),
    ):
        assert main([command, "-h"]) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in names)


def test_the_installed_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("straw ")


def test_python_dash_m_straw_is_straw_and_help_loads_no_torch() -> None:
    program = """
import runpy, sys
sys.argv = ["straw", "train", "--help"]
try:
    runpy.run_module("straw", run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {"torch", "transformers", "matplotlib"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "learning_rate=" in done.stdout


# --- options


@pytest.mark.parametrize(
    "words",
    [
        ["N=16", "reward_type=log_distance", "group_size=8"],
        ["--N", "16", "--reward-type", "log_distance", "--group-size", "8"],
        ["--N=16", "--reward_type=log_distance", "group-size=8"],
    ],
)
def test_all_three_spellings_give_the_same_page(words: Any, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert main(["train", "secret", TINY, *words, "--dry-run"]) == 0
    (place / "page.toml").write_text(capsys.readouterr().out)
    page = load_page(place / "page.toml").page
    assert (page.task.N, page.reward.reward_type, page.algorithm.group_size) == (16, "log_distance", 8)


def test_a_dry_run_prints_a_page_that_loads_and_creates_nothing(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(place / "home"))
    assert main(["train", "secret", TINY, "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert os.listdir(place) == []
    assert printed.err == ""
    (place / "page.toml").write_text(printed.out)
    assert main(["train", "page.toml", "--dry_run"]) == 0
    assert values_in(capsys.readouterr().out) == values_in(printed.out)
    assert "# command line" in printed.out and "# tuned: binary" in printed.out


def values_in(page: str) -> list[str]:
    """Without what stands behind them: where a value came from is another place now; and without what was measured."""
    return [line.partition("  #")[0].rstrip() for line in page.splitlines() if not line.startswith("# time")]


def test_a_page_comes_before_the_words_behind_it(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "page.toml").write_text('N = 16\nmodel_name = "tiny-0.2M"\nseed = 3\n')
    assert main(["train", "page.toml", "N=32", "--dry-run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "N = 32                                # command line" in shown
    assert "seed = 3                              # page.toml" in shown


@pytest.mark.parametrize(
    ("words", "found", "left"),
    [
        ("out=a N=8", "a", ["N=8"]),
        ("N=8 --out=a", "a", ["N=8"]),
        ("--out a --N 8", "a", ["--N", "8"]),
        ("out=a --out a", "a", []),
        ("N=8 lay_out=a", None, ["N=8", "lay_out=a"]),
        ("out=a=b", "a=b", []),
    ],
)
def test_an_option_of_the_command_is_taken_off_the_words(words: str, found: str | None, left: Any) -> None:
    given = words.split()
    assert take_option(given, "out") == found
    assert given == left


@pytest.mark.parametrize(
    "words",
    ["N=64 N=16", "N=64 --N 16", "task.N=64 N=16", "lr=1e-3 learning_rate=1e-4", "out=a --out b", "kind=sum_digits"],
)
def test_an_option_that_is_given_twice_is_refused_with_both_values(
    words: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main(["demo" if "out" in words else "train", *["secret"] * ("kind" in words), *words.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    name, first, second = {
        "N": ("N", "64", "16"), "t": ("N", "64", "16"), "l": ("learning_rate", "1e-3", "1e-4"),
        "o": ("out", "a", "b"), "k": ("kind", "secret", "sum_digits"),
    }[words[0]]  # fmt: skip
    assert line == f"straw: {name} is given twice, {name}={first} and {name}={second}. Leave one of them out."
    assert os.listdir(place) == []


def test_an_option_of_an_evaluation_too(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert main(["eval", "countdown", "model=tiny-1M", "num_samples=2", "--num-samples", "4"]) == 2
    assert "num_samples is given twice, num_samples=2 and num_samples=4" in capsys.readouterr().err


def test_an_option_without_its_value_says_so() -> None:
    with pytest.raises(ConfigError, match="--out needs a value"):
        take_option(["--out"], "out")


def test_train_alone_teaches_and_trains_nothing(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    """What there is to train, three examples, and a way to more; --quiet is no task either."""
    for words in (["train"], ["train", "--quiet"], ["train", "--dry-run"]):
        assert main(words) == 2
        shown = capsys.readouterr().out
        assert shown.count("\n  straw train ") == 4 and "countdown, data, env, env:NAME, gsm8k, gym:NAME" in shown
    assert os.listdir(place) == []


def test_a_learning_rate_that_no_weights_survive_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main(["train", "secret", "learning_rate=1000"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has to be <= 1; got learning_rate=1000.0" in line and "write learning_rate=3e-4" in line
    assert os.listdir(place) == []


# --- a run


def test_a_run_ends_with_a_table_a_picture_and_a_folder(
    home: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "secret", *WORDS, "n_batches=4", "eval_every=1", "run_dir=runs/mine"]) == 0
    printed = capsys.readouterr()
    for word in ("bits known", "of 3.00", "p(S)", "episodes", "run folder: runs/mine", "runs/mine/curve.png"):
        assert word in printed.out, word
    for word in ("gates passed", "run folder runs/mine", "4/4", "16 episodes"):
        assert word in printed.err, word
    assert (place / "runs/mine/curve.png").read_bytes().startswith(b"\x89PNG")
    assert os.listdir(place) == ["runs"] and os.listdir(place / "runs") == ["mine"]
    assert len(read_metrics("runs/mine")) == 5


def test_a_run_without_a_folder_gets_one_of_its_own(
    home: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "secret", *WORDS, "n_batches=1", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    (folder,) = (place / "runs").iterdir()
    assert folder.name.endswith("-secret-N8-binary")
    assert read_config(folder)["run"]["run_dir"] == f"runs/{folder.name}"


def test_a_run_of_one_possible_secret_has_a_table_too(
    home: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["N=1" if word.startswith("N=") else word for word in WORDS]
    assert main(["train", "secret", *words, "n_batches=3", "eval_every=1"]) == 0
    assert "of 0.00" in capsys.readouterr().out


def test_a_broken_run_is_one_line_below_what_was_watched(
    home: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS, "algorithm=sft", "n_batches=3", "learning_rate=1", "weight_decay=1e38", "run_dir=run"]
    assert main(["train", "secret", *words, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("straw: step 2 had to stop")
    assert "broken-step-000002.jsonl" in line


def test_stopping_by_hand_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(words: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("straw.cli.commands.models.models", stop)
    assert main(["models"]) == 130
    assert capsys.readouterr().err.startswith("straw: stopped by you")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(words: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("straw.cli.commands.models.models", wrong)
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_the_models_that_are_there_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["models"], ["models", "list"]):
        assert main(words) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in ("tiny-0.2M", "tiny-1M", "tiny-5M", "embedded", "smollm2"))


def test_a_reader_who_has_seen_enough_is_no_error(home: Path) -> None:
    program = "import sys; from straw.cli import main; sys.exit(main(['train', '--help']))"
    reader = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout and reader.stderr
    reader.stdout.close()
    said = reader.stderr.read()
    assert (reader.wait(), said) == (0, "")


def test_the_words_of_the_tests_are_options() -> None:
    assert set(parse_overrides(list(WORDS))) <= {option.name for option in describe_options()}


def test_help_begins_with_the_twenty_options_that_people_use_first(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--help"])
    shown = capsys.readouterr().out
    listed = re.findall(r"^  (\w+)=", shown, flags=re.MULTILINE)
    own = [one.name for one in describe_options() if one.section == "task"]
    assert set(listed) == {*MOST_USED, *own} and len(MOST_USED) == 20
    assert shown.rstrip().endswith("--help all")
    main(["train", "--help", "all"])
    every = re.findall(r"^  (\w+)=", capsys.readouterr().out, flags=re.MULTILINE)
    of_others = {name for own in options_of_algorithms().values() for name in own}
    assert set(every) == {one.name for one in describe_options()} | of_others and len(every) == len(set(every))


def test_help_tells_the_options_of_an_algorithm_from_those_that_all_have(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--help", "all"])
    shown = capsys.readouterr().out
    _, *parts = re.split(r"^(\[algorithm\].*)\n", shown, flags=re.MULTILINE)
    bodies = dict(zip(parts[::2], parts[1::2], strict=True))
    own = {name: re.findall(r"^  (\w+)=", bodies[f"[algorithm] of {name}"], flags=re.MULTILINE)
           for name in ("reward_aware and surrogate", "surrogate", "opd")}  # fmt: skip
    assert own["reward_aware and surrogate"] == ["most_updates", "target_kl"]
    assert own["surrogate"][:2] == ["pool", "fresh"] and own["opd"] == ["teacher"]


@pytest.mark.parametrize("words", ["algorithm=surrogate", "secret --algorithm surrogate", "algorithm=surrogate all"])
def test_help_behind_an_algorithm_has_its_options_among_the_others(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name}=" in shown for name in ("pool", "fresh", "most_updates"))
    assert "surrogate\n" not in "".join(re.findall(r"\] of .*\n", shown))  # those of others may follow
