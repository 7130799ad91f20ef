"""straw watch: what other processes write, seen from the run folders alone."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from tests.made_runs import curve_rows, write_run

from straw.cli import main
from straw.cli.live.frame import Watch
from straw.cli.live.tail import Tail
from straw.runs.store import RunFolder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    write_run(tmp_path / "runs/done", curve_rows(0.0, 1.0, 4.0), N=16, n_batches=2)
    write_run(tmp_path / "runs/sweep/going", curve_rows(0.0, 2.0), N=16, n_batches=9, done=False)
    return tmp_path


def seen(watch: Watch, width: int = 120) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(watch.frame(width, 40))
    return console.export_text()


def test_one_picture_of_all_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder.open(place / "runs/sweep/going") as folder:
        folder.write_event("alarm", 1, name="kl_spike", value=5.0, advice="lower it\x1b[2J")
        assert main(["watch", "--once"]) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[1].split()[:4] == ["sweep/going", "running", "1/9", "10"]
    assert lines[2].split()[:4] == ["done", "done", "2/2", "20"]
    assert "2 runs: 1 running, 1 done" in shown and "bits known against episodes" in shown
    assert "kl_spike: lower it" in shown and "\x1b" not in shown


def test_one_run_by_its_name_and_a_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "done", "--once"]) == 0
    assert "going" not in capsys.readouterr().out
    assert main(["watch", "runs/sweep", "--once"]) == 0
    assert "going" in capsys.readouterr().out
    assert main(["watch", "nothing"]) == 2
    assert main(["watch", "a", "b"]) == 2 and main(["watch", "--every", "0"]) == 2


def test_a_run_that_goes_on_is_followed_and_a_new_one_found(place: Path) -> None:
    watch = Watch(place / "runs")
    watch.look()
    with RunFolder.open(place / "runs/sweep/going") as folder:
        folder.write_metrics({"step": 2, "episodes": 20, "time_s": 4.0, "reward": 0.7, "bits_known": 3.5})
        write_run(place / "runs/new", curve_rows(0.5), done=False)
        watch.looked_at = float("-inf")
        watch.look()
        text = seen(watch)
    assert "2/9" in text and "3.50" in text and "new" in text
    assert "3 runs" in text


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.look()
    assert "no runs under" in seen(watch)


def test_of_many_runs_some_are_shown_and_all_counted(tmp_path: Path) -> None:
    for number in range(15):
        write_run(tmp_path / f"run-{number}", curve_rows(0.0, 1.0), N=16)
    watch = Watch(tmp_path)
    watch.look()
    text = seen(watch, 80)
    assert "15 runs: 15 done; 3 are not shown" in text and text.count("run-") == 12 + 1


def test_a_folder_of_a_stranger_is_shown_as_damaged(place: Path) -> None:
    strange = place / "runs/strange"
    strange.mkdir()
    (strange / "about.json").write_text("[")
    (strange / "metrics.jsonl").write_text('nonsense\n[1]\n{"step": "x", "episodes": "many", "reward": true}\n')
    (strange / "events.jsonl").symlink_to("/etc/passwd")
    watch = Watch(place / "runs")
    watch.look()
    text = seen(watch)
    assert "strange" in text and "damaged" in text and "root" not in text


# --- the tail


def test_only_whole_lines_are_read_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text('{"step": 0}\n{"st')
    assert tail.read() == [{"step": 0}]
    with path.open("a") as file:
        file.write('ep": 1}\nno json\n{"step": 2}\n')
    assert [row["step"] for row in tail.read()] == [0, 1, 2]


def test_lines_that_were_taken_back_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(5)))
    tail = Tail(path)
    assert len(tail.read()) == 5
    os.truncate(path, len('{"step": 0}\n') * 2)
    assert [row["step"] for row in tail.read()] == [0, 1]
    with path.open("a") as file:
        file.write('{"step": 7}\n')
    assert [row["step"] for row in tail.read()] == [0, 1, 7]


def test_of_a_long_file_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.cli.live.tail.FIRST", 30)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(5)))
    assert [row["step"] for row in Tail(path).read()] == [3, 4]


# --- a terminal


WATCHES = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background were told to ignore it
from straw.cli import main
sys.exit(main(["watch"]))
"""


@pytest.mark.parametrize("how", ["q", "Ctrl-C"])
def test_q_and_ctrl_c_end_it_and_the_terminal_is_as_before(how: str, place: Path) -> None:
    parent, child = pty.openpty()
    command = [sys.executable, "-c", WATCHES]
    env = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=env, start_new_session=True)
    os.close(child)
    try:
        shown = read_until(parent, b"bits known against", 60)
        assert b"\x1b[?1049h" in shown
        if how == "q":
            os.write(parent, b"q")
        else:
            process.send_signal(signal.SIGINT)
        assert b"\x1b[?1049l" in read_until(parent, b"\x1b[?1049l", 30)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(parent)


def read_until(descriptor: int, wanted: bytes, seconds: float) -> bytes:
    shown, until = b"", time.monotonic() + seconds
    while wanted not in shown and time.monotonic() < until:
        try:
            shown += os.read(descriptor, 65536)
        except OSError:
            break
    return shown
