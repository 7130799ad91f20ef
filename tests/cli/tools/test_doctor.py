from __future__ import annotations

import json
from pathlib import Path

import pytest

from straw.cli import main
from straw.cli.tools import machine
from straw.cli.tools.machine import Check, disk, wanted_by_extra


def test_it_says_what_is_here_and_what_to_type_next(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for name in (
        "python",
        "torch",
        "device",
        "bfloat16",
        "cores",
        "memory",
        "cache folder",
        "runs folder",
        "bubblewrap",
    ):
        assert f" {name} " in shown, name
    assert str(home) in shown and "straw train secret" in shown and "BROKEN" not in shown


def test_what_is_missing_comes_with_the_line_that_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_installed", lambda text: text.startswith(("plotly", "fonttools")))
    found = {check.name: check for check in machine.extras()}
    report = found["extra report"]
    assert report.state == "missing" and report.way_out.startswith("pip install 'scipy>=")
    assert "plotly" not in report.way_out
    assert all(check.state != "broken" for check in found.values())


def test_every_extra_of_the_package_is_looked_at() -> None:
    assert {"peft", "data", "report", "track"} <= set(wanted_by_extra())
    assert dict(wanted_by_extra()["peft"])["peft"].startswith("peft>=")


def test_what_straw_needs_and_is_broken_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[Check]:
        return [Check(name="torch", said="cannot be imported", state="broken", way_out="pip install --upgrade torch")]

    monkeypatch.setattr(machine, "checks", broken)
    assert main(["doctor"]) == 1
    assert "BROKEN torch" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_cache_that_may_not_be_written_is_broken_and_a_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    assert disk("cache folder", tmp_path / "file" / "straw", "elsewhere").state == "broken"
    assert disk("cache folder", tmp_path / "new" / "straw", "elsewhere").state == "ok"
    monkeypatch.setattr(machine, "ROOM_NEEDED", 1 << 62)
    full = disk("cache folder", tmp_path, "elsewhere")
    assert full.state == "missing" and "straw clean" in full.way_out


@pytest.mark.parametrize(
    ("flags", "said"),
    [({"amx_bf16"}, "bfloat16 for real models, since this processor has amx_bf16"), (set(), "float32")],
)
def test_bfloat16_is_told_by_the_rule_and_why(flags: set[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.engines.precision.cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr("straw.training.resolve.device.best_device", lambda wanted: "cpu")
    assert said in machine.bfloat16().said
