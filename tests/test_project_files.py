"""The files around the code: they parse, the commands in them are there, and they promise what is so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from straw.cli.main import COMMANDS
from straw.config.recipes import recipe_names
from straw.registry import names
from straw.version import VERSION

yaml = pytest.importorskip("yaml", reason="PyYAML reads the workflows, and is not installed")

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
SHELL = {"cd", "mkdir", "test", "grep", "cut", "rm"}
STRAW = re.compile(r"^(?:\S*/)?straw$")


def read(path: Path) -> dict[Any, Any]:
    """YAML says that the key `on` is true."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def jobs() -> dict[str, dict[str, Any]]:
    return {f"{path.stem}/{name}": job for path in WORKFLOWS for name, job in read(path)["jobs"].items()}


def commands() -> list[list[str]]:
    """Of every step that runs something, each simple command of each line."""
    lines = [line for job in jobs().values() for step in job["steps"] for line in step.get("run", "").splitlines()]
    inner = [command for line in lines for command in re.findall(r"\$\(([^)]*)\)", line)]
    outer = [line for line in lines if not re.match(r"\w+=", line)]
    return [shlex.split(command) for line in (*outer, *inner) for command in re.split(r"\s[|&]+\s", line)]


def test_every_command_of_a_workflow_is_there() -> None:
    assert len(commands()) >= 12
    for program, *words in commands():
        if program == "make":
            assert set(words) <= TARGETS, words
        elif STRAW.match(program):
            check_straw(words)
        elif program.rpartition("/")[2] == "python":
            assert words[:2] in (["-m", "venv"], ["-m", "pip"]), words
        else:
            assert program in SHELL or (ROOT / program).stat().st_mode & 0o100, program


def check_straw(words: list[str]) -> None:
    command, *rest = words
    assert command in COMMANDS or words == ["--version"]
    if command == "train":
        assert rest[0] in {*names("tasks"), *recipe_names()}


def test_ci_runs_what_a_change_has_to_pass_on_every_python_that_is_promised() -> None:
    linux, macos = jobs()["ci/linux"], jobs()["ci/macos"]
    assert {"run": ".ci/run"} in linux["steps"] and {"run": "make test"} in macos["steps"]
    promised = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", one)]
    assert linux["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_workflows_may_read_and_only_the_one_that_publishes_may_do_more() -> None:
    for path in WORKFLOWS:
        assert read(path)["permissions"] == {"contents": "read"}
        assert "secrets." not in path.read_text() and "pull_request_target" not in path.read_text()
    wider = {name: job["permissions"] for name, job in jobs().items() if "permissions" in job}
    assert wider == {"release/publish": {"id-token": "write"}}
    assert [step for step in jobs()["release/publish"]["steps"] if "run" in step] == []


def test_hooks_are_the_linters_of_this_house() -> None:
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local" and [hook["id"] for hook in local["hooks"]] == ["ruff", "ruff-format", "mypy"]
    dev = {Requirement(one).name for one in PROJECT["optional-dependencies"]["dev"]}
    lint = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)[0]
    for hook in local["hooks"]:
        program, *words = hook["entry"].split()
        plain = " ".join([f"$(BIN)/{Path(program).name}", *(word for word in words if word != "--force-exclude")])
        assert Path(program).parent == Path(".venv/bin") and Path(program).name in dev
        assert f"\t{plain}\n" in lint, plain


def test_pre_commit_takes_its_page() -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    words = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    assert subprocess.run(words, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_a_form_for_issues_has_what_a_form_needs(name: str) -> None:
    form = read(GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml")
    assert form["name"] and form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] and field["type"] in ("textarea", "input") for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_the_citation_invents_nobody() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["authors"] == [{"name": "The straw authors"}]
    assert citation["license"] == PROJECT["license"] and citation["cff-version"] == "1.2.0"
    assert {"message", "title", "type"} <= citation.keys()


def test_the_changelog_has_this_version_and_the_form_it_says() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## \[([\d.]+)\] - (.+)$", text, flags=re.MULTILINE)
    assert heads[0][0] == VERSION.partition(".dev")[0]
    assert ".dev" not in VERSION or heads[0][1] == "unreleased"
    assert all(said in ("unreleased", "never released") or date.fromisoformat(said) for _, said in heads)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= kinds


def test_what_security_and_pages_for_people_name_is_there() -> None:
    for path in (ROOT / "SECURITY.md", GITHUB / "pull_request_template.md", ROOT / "CHANGELOG.md"):
        text = path.read_text()
        named = re.findall(r"`((?:tests|src|notebook|examples|\.ci)/[\w./]*)`", text)
        named += re.findall(r"\]\(([\w./]+)\)", text)
        assert [one for one in named if not (ROOT / one).exists()] == []
    assert len(re.findall(r"`tests/", (ROOT / "SECURITY.md").read_text())) == 5
