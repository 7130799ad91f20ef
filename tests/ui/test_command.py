"""What is new for a page that looks again, and the command that serves it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import curve_rows, write_run
from tests.ui.served import TOKEN, served

from straw.cli import main
from straw.errors import ConfigError
from straw.ui.page.files import file_named
from straw.ui.reading.runs import Runs
from straw.ui.server.serve import bound_to
from straw.ui.server.stream import Viewer

# --- what is new


def told_by(viewer: Viewer) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in viewer.news()}


def test_a_viewer_is_told_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0, 1.0), done=False)
    runs = Runs(tmp_path)
    runs.refresh()
    (id,) = runs.by_id
    viewer = Viewer(runs, [id], ["bits_known"])
    first = told_by(viewer)
    assert first["points"][0]["values"] == [0.0, 1.0] and first["runs"]["runs"][0]["step"] == 1
    runs._due_at = 0.0
    assert viewer.news() == []
    (path / "metrics.jsonl").open("a").write('{"step": 2, "episodes": 20, "time_s": 4.0, "bits_known": 2.5}\n')
    runs._due_at = 0.0
    second = told_by(viewer)
    (points,) = second["points"]
    assert points["from"] == 2 and points["values"] == [2.5] and second["runs"]["runs"][0]["step"] == 2


def test_an_appended_row_comes_by_itself(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0, 1.0), done=False)
    with served(tmp_path) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        cookie = {"cookie": f"straw_ui_{port}={TOKEN}"}
        connection.request("GET", "/api/runs", headers=cookie)
        (row,) = json.loads(connection.getresponse().read())["runs"]
        connection.request("GET", f"/api/stream?runs={row['id']}&metric=bits_known", headers=cookie)
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = iter(answer.readline, b"")
        next(line for line in lines if b'"values":[0.0,1.0]' in line)
        (path / "metrics.jsonl").open("a").write('{"step": 2, "episodes": 20, "bits_known": 2.625}\n')
        assert b'"from":2' in next(line for line in lines if b"2.625" in line and b"values" in line)
        connection.close()


# --- the command


def test_help_teaches_and_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--help"]) == 0
    assert "port=8765" in capsys.readouterr().out
    for words in (["ui", str(tmp_path / "no")], ["ui", str(tmp_path), "host=0.0.0.0"], ["ui", str(tmp_path), "port=x"]):
        assert main(words) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_its_packages_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["ui", str(tmp_path)]) == 2
    assert "pip install 'straw[ui]'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prints_an_address_that_answers_and_ends_at_once(tmp_path: Path) -> None:
    write_run(tmp_path / "a", curve_rows(0.0, 1.0))
    command = [sys.executable, "-m", "straw", "ui", str(tmp_path), "port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", said[1])
        assert found is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        connection.request("GET", "/api/runs", headers={"cookie": f"straw_ui_{found[1]}={found[2]}"})
        assert json.loads(connection.getresponse().read())["runs"][0]["name"] == "a"
        connection.request("GET", "/api/stream", headers={"cookie": f"straw_ui_{found[1]}={found[2]}"})
        connection.getresponse().read1(10)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0 and process.stderr.read() == ""


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_stand_out_in_both_lights_and_lines_too() -> None:
    """As WCAG wants it: 4.5 for texts, 3 for what is drawn."""
    style, colours = (file_named(name)[0].decode() for name in ("style.css", "colours.css"))
    light, dark = (
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", part)) for part in style.split("@media (prefers-color", 1)
    )
    lines = [re.findall(r"--c\d+: (#[0-9A-F]{6})", part) for part in colours.split("@media")]
    for values, drawn in zip((light, dark), lines, strict=True):
        for ground in ("paper", "wash", "raised"):
            for text in ("ink", "soft", "link", "care", "bad", "good"):
                assert contrast(values[text], values[ground]) >= 4.5, (text, ground)
        for colour in drawn:
            assert contrast(colour, values["raised"]) >= 2.9, colour


def test_a_port_that_is_taken_says_so() -> None:
    with bound_to("127.0.0.1", 0) as bound, pytest.raises(ConfigError, match="port=8766"):
        bound_to("127.0.0.1", bound.getsockname()[1])
