"""Who may run code that a page names, and what a class from outside has to have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.small_runs import Listener
from tests.test_examples import EXAMPLES, LETTERS, StopsAt, words_of

from straw import outside
from straw.cli import main
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError, RewardError
from straw.runs.reading import read_rollouts
from straw.training.resolve.generators import lack_of_monarch
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import run_page


def page_that_names(tmp_path: Path, code: str, what: str = "reward_type") -> Path:
    (tmp_path / "theirs.py").write_text(code)
    page = tmp_path / "page.toml"
    page.write_text(f'{what} = "{tmp_path}/theirs.py:f"\n')
    return page


def test_a_page_alone_runs_nobody_s_code(home: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    page = page_that_names(tmp_path, f"open({str(mark)!r}, 'w')\ndef f(completions): return [0.0] * len(completions)\n")
    with pytest.raises(ConfigError, match=r"code from outside straw.*write trust_code=[0-9a-f]{16} behind"):
        load_page(page)
    assert not mark.exists()


def test_a_page_runs_code_once_a_person_trusted_it_by_its_hash(home: Path, tmp_path: Path) -> None:
    page = page_that_names(tmp_path, "def f(completions): return [0.0] * len(completions)\n")
    outside.trust_marks([outside.source_of(f"{tmp_path}/theirs.py").hash])
    assert load_page(page).page.channel.endswith("theirs.py:f")
    (tmp_path / "theirs.py").write_text("def f(completions): return [1.0] * len(completions)\n")
    with pytest.raises(ConfigError, match="trust_code="):
        load_page(page)


def test_functions_among_the_parts_of_a_reward_are_trusted_where_a_person_names_them(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "part.py").write_text("def f(completions): return [0.25] * len(completions)\n")
    words = ["task=countdown", f"reward_weights=correctness=1,{tmp_path}/part.py:f=0.5"]
    assert plan_of(load_page(None, parse_overrides(words))).channel.name == "weighted"


BROKEN = {
    "def f(completions): return [1.0]\n": "a reward function gives one number for each completion; f gave 1 for",
    "def f(foo): return []\n": "f asks for foo, and there is .*completions",
    "def f(completions): return ['a'] * len(completions)\n": "f gave 'a'",
    "def f(completions, log_extra): log_extra('x', [1]); return [0.0] * len(completions)\n": "gave 1 of x for",
}


@pytest.mark.parametrize("code", BROKEN)
def test_what_a_function_does_wrong_is_told_and_blamed_on_no_gate(home: Path, tmp_path: Path, code: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    words = words_of([*LETTERS, f"reward_type={tmp_path}/mine.py:f"], tmp_path / "run")
    with pytest.raises(RewardError, match=BROKEN[code]) as caught:
        run_page(load_page(None, parse_overrides(words)), Listener())
    assert "silence" not in str(caught.value) and not (tmp_path / "run").exists()


def test_an_error_in_a_function_keeps_its_file_and_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(completions):\n    return [1 / 0]\n")
    words = words_of([*LETTERS, f"reward_type={tmp_path}/mine.py:f"], tmp_path / "run")
    with pytest.raises(ZeroDivisionError) as caught:
        run_page(load_page(None, parse_overrides(words)), Listener())
    assert caught.traceback[-1].path == tmp_path / "mine.py" and caught.traceback[-1].lineno == 1


LACKING = {  # a class that the docs could be taken to ask for, and what it lacks
    "task": ("def problem(self, index): ...", r"lacks next_message and grade\. Write class Mine\(straw\.SimpleTask\)"),
    "algorithm": ("def learn(self, step, told, groups): ...", "lacks state_dict, load_state_dict: see"),
    "algorithm ": (
        "learn = state_dict = load_state_dict = lambda self, *given: {}",
        r"cannot be \(too many positional arguments\)\. Write def __init__\(self, plan, engine, sampling\)",
    ),
    "use_ir": ("def raw(self, traces): ...", "lacks write, counts, arrays, load: see examples/my_novelty.py"),
}


@pytest.mark.parametrize("what", LACKING)
def test_a_class_without_what_its_kind_has_is_refused_before_it_runs(home: Path, tmp_path: Path, what: str) -> None:
    has, lacks = LACKING[what]
    (tmp_path / "mine.py").write_text(f"class Mine:\n    {has}\n")
    with pytest.raises(ConfigError, match=lacks):
        plan_of(load_page(None, parse_overrides([f"{what.strip()}={tmp_path}/mine.py:Mine"])))


@pytest.mark.parametrize("what", ["reward_type", "baseline", "loss_fn", "algorithm", "use_ir", "engine"])
def test_what_is_neither_function_nor_class_is_refused_in_a_line(home: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "mine.py").write_text("X = 3\n")
    with pytest.raises(ConfigError, match=r"X is int 3, and has to be a function or a class"):
        plan_of(load_page(None, parse_overrides([f"{what}={tmp_path}/mine.py:X"])))


def test_a_file_without_a_name_in_it_is_told_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"{EXAMPLES}/my_task.py"]) == 2
    assert "write what in this file it is" in capsys.readouterr().err


def test_help_behind_a_task_of_one_s_own_has_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"{EXAMPLES}/my_task.py:Letters", "--help"]) == 0
    assert "size=5" in capsys.readouterr().out


def test_functions_are_called_once_for_every_completion_that_is_learned_from(home: Path, tmp_path: Path) -> None:
    """Nothing is made ahead for them, though nothing is learned here."""
    (tmp_path / "mine.py").write_text(
        f"def f(completions, trainer_state):\n"
        f"    with open({str(tmp_path / 'calls')!r}, 'a') as file:\n"
        f"        print(trainer_state.global_step, trainer_state.max_steps, len(completions), file=file)\n"
        f"    return [0.0] * len(completions)\n"
    )
    run_page(
        load_page(None, parse_overrides(words_of([f"reward_type={tmp_path}/mine.py:f"], tmp_path / "run"))), Listener()
    )
    calls = [tuple(map(int, line.split())) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [call for call in calls if call[0]] == [(1, 4, 4), (2, 4, 4), (3, 4, 4), (4, 4, 4)]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere.py:f", "cannot be read"),
        ("examples/my_reward.py:shrt", "there is no shrt in it, but .*short"),
        ("no_such_module_of_mine:f", "cannot be imported"),
    ],
)
def test_what_cannot_be_found_is_told_in_a_line(name: str, complaint: str) -> None:
    name = name.replace("examples", str(EXAMPLES))
    with pytest.raises(ConfigError, match=complaint):
        load_page(None, parse_overrides([f"reward_type={name}"]))


def test_a_file_that_ends_the_program_when_it_is_read_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exit status 0 a run would seem to be done."""
    for name, status in (("ends_well", "0"), ("ends_ill", "3")):
        file = tmp_path / f"{name}.py"
        file.write_text(f"import sys\nclass Game: ...\nsys.exit({status})\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        for place in (f"{file}:Game", f"{name}:Game"):
            outside.trust(place)
            with pytest.raises(ConfigError, match=rf"{name}.* ends the program.*SystemExit.* __name__"):
                outside.load(place)


def test_a_run_folder_of_somebody_else_asks_for_trust_before_it_goes_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = words_of([*LETTERS, f"reward_type={EXAMPLES}/my_async_reward.py:when_even"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), StopsAt(2))
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "another person"))
    monkeypatch.setattr(outside, "said", set())
    assert main(["resume", str(tmp_path / "run"), "--quiet"]) == 2
    (mark, *_) = re.findall(r"trust_code=([0-9a-f]{16})", capsys.readouterr().err)
    assert main(["resume", str(tmp_path / "run"), "--quiet", f"trust_code={mark}"]) == 2
    (other, *_) = re.findall(r"trust_code=([0-9a-f]{16})", capsys.readouterr().err)
    assert other != mark  # the reward beside the task
    assert main(["resume", str(tmp_path / "run"), "--quiet", f"--trust-code={other}"]) == 0


@pytest.mark.skipif(lack_of_monarch() is not None, reason="torchmonarch is not here")
@pytest.mark.parametrize(
    "toy",
    [
        pytest.param([f"algorithm={EXAMPLES}/my_algorithm.py:MEDIAN"], marks=pytest.mark.slow, id="loss"),
        pytest.param(
            [*LETTERS, f"algorithm={EXAMPLES}/my_learner.py:BestSoFar", "newest=true"],
            id="options",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_code_from_outside_comes_to_the_same_with_processes(home: Path, tmp_path: Path, toy: list[str]) -> None:
    """A loss reaches the process that trains, and no process has to know the options of a task or a learner."""
    run_page(load_page(None, parse_overrides(words_of(toy, tmp_path / "here"))), Listener())
    there = words_of(toy, tmp_path / "there", "engine=monarch", "num_generators=1")
    run_page(load_page(None, parse_overrides(there)), Listener())
    assert (tmp_path / "here/rollouts.jsonl").read_bytes() == (tmp_path / "there/rollouts.jsonl").read_bytes()


def test_to_look_at_a_run_runs_none_of_its_code(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, mine = tmp_path / "ran", tmp_path / "mine.py"
    mine.write_text(f"open({str(mark)!r}, 'a').close()\ndef f(completions): return [1.0] * len(completions)\n")
    words = words_of([f"reward_type={mine}:f"], tmp_path / "runs" / "a")
    run_page(load_page(None, parse_overrides(words)), Listener())
    mark.unlink()
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "another person"))
    monkeypatch.setattr(outside, "said", set())
    monkeypatch.setattr(outside, "modules", {})
    outside.begin({})
    run = str(tmp_path / "runs" / "a")
    looks = (["runs", str(tmp_path / "runs")], ["show", run], ["compare", run, run])
    for words in (*looks, ["report", run, "-o", str(tmp_path / "report.html")]):
        assert main(words) == 0, words
    assert "left out" not in capsys.readouterr().out and not mark.exists()


def test_a_sweep_varies_the_options_of_a_task_of_one_s_own(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "sweep.toml"
    page.write_text(
        f'seeds = [0, 1]\n[base]\nkind = "{EXAMPLES}/my_task.py:Letters"\nmodel_name = "tiny-0.2M"\n'
        'n_batches = 2\nmax_tokens = 4\nwarmup = "none"\n[grid]\nsize = [2, 3]\n'
    )
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "another person"))
    monkeypatch.setattr(outside, "said", set())
    words = ["sweep", str(page), f"out={tmp_path / 'out'}", "--sequential"]
    assert main(words) == 2
    (mark,) = re.findall(r"trust_code=([0-9a-f]{16})", capsys.readouterr().err)
    assert main([*words, f"trust_code={mark}"]) == 0
    assert sorted(one.name for one in (tmp_path / "out").glob("size-*")) == [
        f"size-{size}-seed-{seed}" for size in (2, 3) for seed in (0, 1)
    ]


def test_a_branch_takes_the_code_that_the_run_kept_but_for_what_is_named_anew(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("def f(completions): return [2.0] * len(completions)\n")
    words = words_of([*LETTERS, f"reward_type={mine}:f"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), Listener())
    mine.write_text("def f(completions): return [3.0] * len(completions)\n")
    run = str(tmp_path / "run")
    for name, more, reward in (("a", ["size=2"], 2.0), ("b", [f"reward_type={mine}:f"], 3.0)):
        branch = tmp_path / name
        assert main(["resume", run, "--branch", "--at", "2", "--quiet", f"run_dir={branch}", *more]) == 0
        assert {one["reward"] for one in read_rollouts(branch) if one["step"] > 2} == {reward}
        assert len(list((branch / "code").glob("*.py"))) == 2
