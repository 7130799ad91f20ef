"""Every line on a page that looks like a command, and every option, means something to the program that gets it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from tests.docs.pages import PAGES, ROOT, STUDIES, blocks, commands, promises, spans
from tests.made_data import gsm8k_folder
from tests.sandbox.needs import reason

from straw import outside
from straw.cli.commands.train import owners_behind, source_of
from straw.cli.main import COMMANDS, main
from straw.cli.sweep.sweep import sweeps_of
from straw.config import Option, load_page, parse_overrides
from straw.config.evaluation import OPTIONS as OF_AN_EVALUATION
from straw.config.evaluation import take_evaluation
from straw.config.names import FIRST, canonical, canonical_option
from straw.config.values import read_value
from straw.errors import ConfigError
from straw.tasks.code.task import SHIPPED
from straw.tasks.word_problems.options import DataOptions
from straw.training.resolve import generators as processes
from straw.training.resolve.page_to_plan import plan_of

RESOLVED = {one.command for page in STUDIES for one in promises(page)}  # by tests/test_readme.py
FOUND = sorted({line for page in PAGES for line in commands(page)} - RESOLVED)
PLACES = re.compile(r"\.\.\.|\b(TASK|PAGE|RUN|RECIPE|COMMAND|NAME)\b")  # what a reader puts something in for
FLAGS = ("--dry-run", "--resume", "--quiet", "--verbose")
OTHERS = ("source", "cmp", "python3", "apt", "sudo", "cd")  # programs that are not ours
NOT_OPTIONS = {  # words with an equals sign that no page of options has
    "out", "trust_code",  # of commands
    "loss_type", "scale_rewards", "beta", "epsilon_high", "importance_sampling_level",  # of TRL
    "correctness",  # a part of a reward
}  # fmt: skip
MINE = """
from straw.tasks.simple import SimpleTask

def f(completions, **columns):
    return [0.0 for _ in completions]

class MyTask(SimpleTask):
    pass

class Game:
    def reset(self, **row): ...
    def get_reward(self): return 0.0

Task = MyTask
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages talk about: the checkout's files, data and code of the reader."""
    made = tmp_path_factory.mktemp("workplace")
    for name in ("examples", "recipes", "benchmarks"):
        (made / name).symlink_to(ROOT / name)
    for more, name in enumerate(("data.jsonl", "held_out.jsonl", "FILE.jsonl"), 1):
        rows = [{"question": f"{n} + {more}?", "answer": str(n + more)} for n in range(20)]
        (made / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made / "mine.py").write_text(MINE)
    (made / "echo_game").mkdir()
    (made / "echo_game" / "openenv.yaml").write_text("name: echo_game\napp: server.app:app\n")
    gsm8k_folder(made / "FOLDER", trained=80)
    return made


@pytest.fixture
def workplace(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader who is there, and has trusted no code yet."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    monkeypatch.setattr(processes, "lack_of_monarch", lambda: None)
    monkeypatch.setattr(outside, "said", set())
    return folder


def test_there_are_commands_to_resolve() -> None:
    assert len(FOUND) > 80
    assert sum(line.startswith("straw train ") for line in FOUND) > 25


@pytest.mark.parametrize("line", FOUND)
def test_every_command_is_one_that_its_program_understands(line: str, workplace: Path) -> None:
    program, *words = shlex.split(line, comments=True)
    if program in OTHERS:
        return
    {"straw": of_straw, "python": of_python, "pytest": of_python, "make": of_make, "pip": of_pip}[program](words)


def of_straw(words: list[str]) -> None:
    if not words or words == ["--help"]:
        return
    name, *rest = words
    if PLACES.fullmatch(name):
        return
    assert name in COMMANDS
    if "--help" in rest:
        return
    if name == "train" and not PLACES.search(" ".join(rest)):
        trains([word for word in rest if word not in FLAGS])
    elif name == "sweep" and rest and not PLACES.search(" ".join(rest)):
        assert all(one.conditions for one in sweeps_of(rest[0], {}, None))
    else:
        takes(name, rest)


RUN_PROGRAMS = ("code", "one_line")


def trains(words: list[str]) -> None:
    """Resolved to the last value, as by --dry-run."""
    if words[0].startswith(("runs/", "riddles")):  # a run's own record, what `straw new` writes: there is none here
        return
    page, first = source_of(words)
    chosen = {**first, **parse_overrides(words, owners_behind(page, first))}
    loaded = load_page(page, chosen)
    if loaded.page.task.kind.startswith(("gym:", "verifiers:")):  # to plan it takes seconds, for the library's import
        return
    if loaded.page.task.kind in RUN_PROGRAMS:
        if reason():  # no bubblewrap here
            return
        rows = {"path": str(SHIPPED)} if "path" in loaded.named else {}
        loaded = load_page(page, chosen | rows)
    elif isinstance(loaded.page.task, DataOptions) and "path" not in loaded.named:  # or it would come from the hub
        loaded = load_page(page, chosen | {"path": "FOLDER"})
    assert plan_of(loaded).page.task.kind


def takes(name: str, words: list[str]) -> None:
    """Flags stand in the command's help; an option is one of a page, of an evaluation or of the help."""
    told = help_of(name)
    if name == "eval":
        take_evaluation(words)
    for word in words:
        flag, equals, _ = word.partition("=")
        if flag.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(flag)}\b", told), f"straw {name} --help does not know {flag}"
        elif equals and f"{flag}=" not in told:
            canonical(flag)


@cache
def help_of(name: str) -> str:
    heard = StringIO()
    with redirect_stdout(heard):
        main([name, "--help"])
    return heard.getvalue()


def of_python(words: list[str]) -> None:
    """The file is there, and knows these flags."""
    is_pytest = "pytest" in words or (words[0].startswith("-m") and words[1] == "slow")
    files = [word for word in words if word.startswith(("tests/", "benchmarks/", "docs/", "examples/"))]
    files += [f"{word.replace('.', '/')}.py" for word in words if word.startswith("tests.")]
    if words[:2] == ["-m", "pytest"] and words[2:] == ["test_riddles.py"]:  # of `straw new task riddles`
        return
    assert files and [file for file in files if not (ROOT / file).exists()] == []
    text = "--check" if is_pytest else (ROOT / files[0]).read_text()
    assert [word for word in words if word.startswith("--") and word not in text] == []


def of_make(words: list[str]) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert [word for word in words if "=" not in word and word not in targets] == []


def of_pip(words: list[str]) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert set(extras.split(",")) <= set(known)


WRITTEN = re.compile(r"([a-z]\w*)=(\S*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_takes_the_value_that_it_gives(page: Path) -> None:
    for span in spans(page) if page.name != "options.md" else []:
        if (match := WRITTEN.fullmatch(span)) and match[1] not in NOT_OPTIONS:
            read_value(option_named(match[1]), match[2])


def option_named(name: str) -> Option:
    return OF_AN_EVALUATION[name] if name in ("num_samples", "split") else canonical_option(name, FIRST)


def test_the_check_of_options_notices_a_wrong_name_and_a_wrong_value() -> None:
    with pytest.raises(ConfigError):
        option_named("group_sise")
    with pytest.raises(ConfigError):
        read_value(option_named("pace"), "quick")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_json_and_toml_can_be_read(page: Path) -> None:
    for block in blocks(page, "json"):
        assert [json.loads(line) for line in block.splitlines()]
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_the_page_of_installation_has_every_extra() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "install.md").read_text(), flags=re.MULTILINE)
    assert set(rows) == set(EXTRAS)
