from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import curve_rows, make_run, rollout, write_run

from straw.cli import main
from straw.cli.commands.show_page import lines_of, one_line, parts
from straw.runs.about import about_run
from straw.runs.store import RunFolder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we stand: two runs below runs/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    rollouts = [(1, rollout("12", 0.0, binary=0.0, format=0.25)), (2, rollout("37", 1.0, binary=1.0, format=0.5))]
    write_run(tmp_path / "runs/binary", curve_rows(0.0, 1.0, 4.0), rollouts, N=16, seed=3, n_batches=2)
    write_run(tmp_path / "runs/sweep/bins", curve_rows(0.0, 3.0), N=16, reward_type="log_distance", n_batches=2)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


# --- show


def test_show_tells_what_a_run_is_how_far_it_came_and_what_it_wrote(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "show", "binary")
    assert "N=16" in shown and "seed=3" in shown and "group_size" not in shown
    assert "done" in shown and "2 of 2" in shown and "4.00 of 4.00" in shown
    assert "bits known against episodes" in shown and "reward against episodes" in shown
    assert shown.index("reward 1.5 = binary 1 + format 0.5") < shown.index("reward 0.25 = binary 0 + format 0.25")
    assert "early step 1" in shown and "late  step 2" in shown
    assert "python 3." in shown


def test_show_shows_what_a_stranger_wrote_for_a_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = json.loads((place / "runs/binary/about.json").read_text())
    (place / "runs/binary/about.json").write_text(json.dumps(about | {"command": ["a\x1b[2J", 1, {}, None]}))
    assert "'a\\u001b[2J' 1 '{}' None" in printed(capsys, "show", "binary")


def test_rows_without_episodes_are_refused_in_a_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "runs/binary/metrics.jsonl").write_text("{}\n" * 3)
    assert "has episodes, and one has none" in refused(capsys, "show", "binary")
    assert "has episodes, and one has none" in refused(capsys, "compare", "binary", "sweep/bins")


def test_show_tells_events_alarms_and_checkpoints(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "runs/binary/done.json").unlink()  # what is done is never written to
    with RunFolder.open(place / "runs/binary") as folder:
        folder.write_event("alarm", 2, name="kl_spike", value=0.5, advice="try a smaller learning_rate")
        with folder.checkpoint(2) as empty:
            (empty / "weights").write_text("w")
    shown = printed(capsys, "show", "binary")
    assert "alarm kl_spike" in shown and "try a smaller learning_rate" in shown
    assert "checkpoints  2" in shown


def test_any_metric_can_be_drawn_instead(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "show", "binary", "--metric=reward", "--samples=0")
    assert "reward against episodes" in shown and "bits known against" not in shown
    assert "best" not in shown


def test_show_as_json_has_every_point_and_the_same_samples(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = json.loads(printed(capsys, "show", "runs/binary", "--json"))
    assert page["curves"]["bits_known"] == {"episodes": [0, 10, 20], "values": [0.0, 1.0, 4.0]}
    assert page["summary"]["episodes_to_most"] == [10, 20]
    assert page["samples"]["best"][0]["rewards"] == {"binary": 1.0, "format": 0.5}
    assert page["chosen"]["N"] == "16"


def test_a_run_that_has_just_begun_can_be_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(place / "runs/new", done=False)
    shown = printed(capsys, "show", "new")
    assert "stopped" in shown and "no step is done yet" in shown
    assert "no row of metrics yet" in refused(capsys, "show", "new", "--metric", "kl")


def test_a_cut_line_of_the_rollouts_is_named_and_one_of_the_metrics_stops(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts, metrics = place / "runs/binary/rollouts.jsonl", place / "runs/binary/metrics.jsonl"
    rollouts.write_bytes(b'{"step":1,"prob\n' + rollouts.read_bytes())
    assert "cannot be read, passed over: 1" in printed(capsys, "show", "binary")
    metrics.write_bytes(metrics.read_bytes()[:-9])  # the last is still being written: fine
    assert "1 of 2" in printed(capsys, "show", "binary")
    metrics.write_bytes(metrics.read_bytes() + b"\n")
    assert "line 3" in refused(capsys, "show", "binary")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "bianry"], "did you mean binary?"),
        (["show"], "one run; got none"),
        (["show", "binary", "sweep/bins"], "one run"),
        (["show", "binary", "--metric", "rewrd"], "did you mean 'reward'?"),
        (["show", "binary", "--metric"], "--metric needs a value"),
        (["show", "binary", "--samples", "-1"], "samples is a whole number from 0 to 100,000; got '-1'"),
        (["show", "binary", "--samples", "few"], "got 'few'"),
        (["compare", "binary"], "two runs or more; got binary"),
        (["compare"], "two runs or more; got none"),
        (["compare", "binary", "nothing"], "there is no run at nothing"),
        (["compare", "binary", "sweep/bins", "--metric", "klx"], "no metric 'klx' in these runs"),
        (["compare", "binary", "sweep/bins", "out=x.jpg"], "the picture is a PNG"),
        (["compare", "binary", "sweep/bins", "out=no/x.png"], "folder that is there"),
        (["runs", "nowhere"], "there is no folder nowhere"),
        (["runs", "a", "b"], "one folder; got 'a b'"),
        (["runs", "--jsn"], "one folder; got '--jsn'"),
    ],
)
def test_what_cannot_be_shown_is_one_line_with_a_way_out(
    place: Path, capsys: pytest.CaptureFixture[str], words: Any, said: str
) -> None:
    assert said in refused(capsys, *words)


# --- what a model wrote


def test_a_reply_cannot_move_the_cursor_or_colour_the_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b[2J[red]\nnext\r\u202e"
    write_run(place / "runs/nasty", curve_rows(0.0, 1.0), [(1, rollout(nasty, 1.0))])
    shown = printed(capsys, "show", "nasty")
    assert r"\u001b[2J[red]\nnext\r\u202e" in shown
    assert "\x1b" not in shown


def test_a_long_text_is_cut_in_the_middle_and_one_the_terminal_lacks_is_spelled_out() -> None:
    assert one_line("a" * 500, most=100) == "a" * 75 + " ... " + "a" * 25
    assert one_line("é\ud800", "ascii") == r"\xe9\ud800"
    assert one_line("é") == "é"


def test_the_parts_of_a_reward_are_named_and_those_of_turns_stand_in_order() -> None:
    assert parts({"rewards": {"dense": 2.0}, "turn_rewards": [1.0, 0.0, 1.0]}) == "dense 2, by turn 1 0 1"
    assert parts({"rewards": {}}) == "nothing"


def test_short_turns_share_a_line_and_long_ones_have_their_own() -> None:
    assert lines_of(["1", "0", "1"]) == ["1 | 0 | 1"]
    assert lines_of(["a" * 40, "b" * 40]) == ["a" * 40, "b" * 40]
    assert lines_of([]) == []


# --- compare


def test_compare_puts_differences_and_numbers_side_by_side(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "compare", "binary", "sweep/bins", "out=rewards.png", "--metric=reward")
    assert (place / "rewards.png").read_bytes().startswith(b"\x89PNG")
    shown = printed(capsys, "compare", "binary", "sweep/bins", "out=curves.png")
    rows = {line.split("  ")[0]: line.split("  ")[1:] for line in shown.splitlines() if line}
    rows = {name: [part.strip() for part in parts if part.strip()] for name, parts in rows.items()}
    assert rows["reward_type"] == ["none", "log_distance"]
    assert rows["seed"] == ["3", "0"] and "group_size" not in rows
    assert rows["episodes to 0.5 of the bits"] == ["10 to 20", "0 to 10"]
    assert "binary: 4.00 bits" in shown and "bins: 3.00 bits" in shown
    assert (place / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_many_runs_are_rows(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        write_run(place / f"runs/many/r{number}", curve_rows(0.0, float(number)), N=16, seed=number // 4)
    shown = printed(capsys, "compare", *(f"many/r{number}" for number in range(5)))
    assert "1 in r4; 0 in the others" in shown
    assert "r3 " in shown and "3.00 of 4.00" in shown


def test_compare_as_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = json.loads(printed(capsys, "compare", "binary", "sweep/bins", "--json", "--metric", "reward"))
    assert page["labels"] == ["binary", "bins"]
    assert page["options"]["seed"] == ["3", "0"]
    assert page["curves"][1] == {"label": "bins", "episodes": [0, 10], "reward": [0.0, 0.3]}


def test_runs_without_metrics_can_be_compared(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(place / "runs/new", done=False, seed=9)
    shown = printed(capsys, "compare", "binary", "new")
    assert "-" in shown and "binary: 4.00 bits" in shown


# --- runs


def test_runs_lists_what_ran_with_its_state_and_key_numbers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "runs")
    (line,) = [line for line in shown.splitlines() if line.startswith("sweep/bins")]
    assert line.split()[:5] == ["sweep/bins", "done", "0", "s", "1/2"]
    assert line.endswith("3.00 of 4.00   0.150  secret N=16 log_distance tiny-1M")
    assert "binary" not in printed(capsys, "runs", "runs/sweep")


def test_a_narrow_terminal_breaks_no_name(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are for copying: they get lines of their own, and the facts stand below them in columns."""
    name = "2026-11-28-201101-secret-N64-binary"
    write_run(place / "runs" / name, curve_rows(0.0, 5.97), N=64, n_batches=96)
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys, "runs").splitlines()
    assert name in lines and "sweep/bins" in lines
    below = lines[lines.index(name) + 1]
    assert below.split()[0] == "done" and below.endswith("secret N=64 binary tiny-1M") and len(below) <= 80
    assert {line.index("secret ") for line in lines if "secret N=" in line} == {below.index("secret ")}
    monkeypatch.setenv("COLUMNS", "140")
    assert any(line.startswith(name) and "5.97 of 6.00" in line for line in printed(capsys, "runs").splitlines())


def test_a_run_without_a_secret_has_no_n_and_shows_its_accuracy(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"step": step, "episodes": 10 * step, "time_s": 1.0, "accuracy": step / 4} for step in range(3)]
    write_run(place / "runs/words", [*rows, {"step": 3, "episodes": 30, "time_s": 2.0}], kind="reverse_digits")
    (line,) = [line for line in printed(capsys, "runs").splitlines() if line.startswith("words")]
    assert "N=" not in line and "accuracy 0.50 at 20" in line
    assert "accuracy" in printed(capsys, "show", "words", "--samples=0")


def test_the_command_is_shown_as_it_would_be_typed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = json.loads((place / "runs/binary/about.json").read_text())
    words = ["__main__.py", "train", "secret", "question=how fast?"]
    (place / "runs/binary/about.json").write_text(json.dumps({**about, "command": words}))
    shown = printed(capsys, "show", "binary", "--samples=0")
    assert "python -m straw train secret 'question=how fast?'" in shown and "__main__" not in shown


def test_a_run_remembers_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/a/b/straw/__main__.py", "train"])
    assert about_run("N = 3")["command"] == ["python", "-m", "straw", "train"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/straw", "train"])
    assert about_run("N = 3")["command"] == ["straw", "train"]


def test_runs_shows_damage_and_goes_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "runs/binary/config.toml").write_text("[")
    shown = printed(capsys, "runs")
    assert "damaged" in shown and "binary: a run's config is TOML" in shown and "sweep/bins" in shown


def test_runs_as_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = json.loads(printed(capsys, "runs", "--json"))
    assert {run["name"]: run["state"] for run in page} == {"binary": "done", "sweep/bins": "done"}
    assert page[0]["options"]["N"] == "16" and page[0]["summary"]["n_batches"] == 2


def test_where_nothing_ran_runs_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no runs under runs yet" in printed(capsys, "runs")
    assert json.loads(printed(capsys, "runs", "--json")) == []


# --- all three


@pytest.mark.parametrize(("command", "words"), [("show", "--samples"), ("compare", "out="), ("runs", "damaged")])
def test_help_teaches_with_examples(command: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, command, "--help")
    assert words in shown and shown.count(f"\n  straw {command}") >= 2


@pytest.mark.parametrize("words", [["show", "run"], ["compare", "run", "run"], ["runs", "."]])
def test_looking_needs_no_torch(tmp_path: Path, words: Any) -> None:
    make_run(tmp_path / "run", 40)
    words = [str(tmp_path / word) if word in ("run", ".") else word for word in words]
    program = """
import sys
from straw.cli import main
assert main(sys.argv[1:]) == 0
heavy = {"torch", "transformers", "numpy", "matplotlib"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
