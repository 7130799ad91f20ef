from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from straw.cli import main
from straw.cli.main import COMMANDS
from straw.cli.tools.completion import SHELLS, flags_of, offered, safe

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")
ASK = """
source ./straw.bash

COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=(); _straw; printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_commands_options_and_names(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert all(command in text for command in COMMANDS)
    assert "reward_type" in text and "binned_log_distance" in text and "countdown" in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_read_it(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell, capsys))
    done = subprocess.run([program, "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_bash
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("straw tr", {"train"}),
        ("straw train secret_bi", {"secret_binary", "secret_bins"}),
        ("straw train my_p", {"my_page.toml"}),
        ("straw train secret reward_t", {"reward_type="}),
        ("straw train secret reward_type = bina", {"binary"}),
        ("straw train secret reward_type=bina", {"reward_type=binary"}),
        ("straw train secret --reward-type bina", {"binary"}),
        ("straw train secret verbose = ", {"true", "false"}),
        ("straw train --dr", {"--dry-run"}),
        ("straw show my_", {"my_run"}),
        ("straw show --js", {"--json"}),
        ("straw completion f", {"fish"}),
        ("straw new gr", {"grader"}),
        ("straw list lo", {"losses"}),
    ],
)
def test_bash_completes(typed: str, wanted: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "straw.bash").write_text(script("bash", capsys))
    (tmp_path / "my_page.toml").touch()
    (tmp_path / "runs/my_run").mkdir(parents=True)
    assert BASH is not None
    done = subprocess.run(
        [BASH, "-c", ASK, "bash", *typed.split(" ")], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stderr == "" and set(done.stdout.split()) == wanted


def test_flags_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"--dry-run", "--resume", "--quiet", "--help"} <= set(flags_of("train"))
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(flag in shown for flag in flags_of(command) if flag != "--help"), command


def test_what_a_shell_could_take_for_more_than_a_word_is_not_offered() -> None:
    assert safe(["binary", "$(rm -rf .)", "a b", "`id`", "gym:NAME", "knn+", "-x", "a'b"]) == ["binary", "knn+"]
    words = offered()
    every = [*words.commands, *words.options, *(one for some in words.values.values() for one in some)]
    assert all(not set(one) & set(" $`\"'\\();&|<>") for one in every)
