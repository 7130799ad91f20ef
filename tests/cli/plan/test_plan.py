"""straw plan: what is printed, drawn and refused."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.planning.made_costs import costs

from straw.cli.main import main
from straw.config import load_page
from straw.planning.costs import Costs, write_costs
from straw.planning.measuring.wanted import wanted

FIGURES = ["token_s=0.004", "train_s=0.02", "reply_tokens=16"]
PAGE = 'question = "how fast?"\n[task]\nkind = "reverse_digits"\n[algorithm]\nbatch_size = 16\ngroup_size = 4\n'


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("page.toml").write_text(PAGE)
    Path("c.json").write_text(write_costs(costs(about={"model": "tiny-1M", "task": "reverse_digits"})))
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["plan", *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("straw: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_table_with_a_line_for_each_number_of_generators(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "page.toml", "calibration=c.json", "generators=1,4", "cores=8"]) == 0
    out = capsys.readouterr().out
    assert "64 rollouts a step (16 groups of 4), pace exact, 10 tokens a rollout" in out
    # a second of writing and 6.4 of training
    assert [line.split()[:4] for line in out.splitlines() if line.split()[:1] in (["1"], ["4"])] == [
        ["1", "1", "8.65", "14%"], ["4", "1", "8.65", "14%"],
    ]  # fmt: skip
    assert "1: the trainer" in out and "one generator is enough here: the trainer" in out


def test_a_document_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "page.toml", *FIGURES, "generators=1,8", "hosts=2", "max_lag=1", "batch_size=4", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["work"]["max_lag"] == 1 and found["work"]["groups"] == 4
    assert [(one["generators"], one["machines"]) for one in found["plans"]] == [(1, 1), (8, 2)]
    assert found["plans"][1]["lag"] == 1.0 and found["plans"][1]["bottleneck"] in found["plans"][1]["gains"]
    assert found["scaling"]["last"] >= 1


def test_the_page_says_what_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "page.toml", *FIGURES, "num_generators=3", "hosts=tls://a:1,tls://b:1", "--json"]
    assert main(words) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert (plan["generators"], plan["machines"]) == (3, 3)  # the directing machine is beside them


def test_a_picture_and_a_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("plan.png", "plan.html"):
        assert main(["plan", "page.toml", *FIGURES, "generators=1,2", "-o", name]) == 0
        assert f"picture: {name}" in capsys.readouterr().out
    assert (place / "plan.png").read_bytes().startswith(b"\x89PNG")
    page = (place / "plan.html").read_text()
    assert "data:image/png;base64," in page and "rollouts/s" in page
    assert "http" not in page and "<script" not in page


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["page.toml", "generators=1"], "there is none: straw plan PAGE --measure calibration=FILE makes one"),
        (["page.toml", "generators=1", "calibration=no.json"], "no such file"),
        (["page.toml", "generators=1", "calibration=page.toml"], "page.toml is none"),
        (["page.toml", *FIGURES, "generators=0"], "1 to 10,000 generators; got generators=0"),
        (["page.toml", *FIGURES, "generators=10001"], "1 to 10,000 generators"),
        (["page.toml", *FIGURES, "generators=two"], "generators are numbers"),
        (["page.toml", *FIGURES, "generators="], "generators are numbers"),
        (["page.toml", *FIGURES, "algorithm=sft"], "supervised learning samples nothing"),
        (["page.toml", *FIGURES, "engine=tinker"], "engine=tinker has none"),
        (["page.toml", *FIGURES, "max_lag=1", "fresh_weights=true", "pace=free"], "fresh_weights"),
        (["page.toml", *FIGURES, "hosts=0"], "number of machines"),
        (["page.toml", *FIGURES, "hosts=2", "per_host=4"], "machines are said once"),
        (["page.toml", *FIGURES, "hosts=tls://a"], "tls://HOST:PORT"),
        (["page.toml", *FIGURES, "cores=0"], "--cores is a whole number"),
        (["page.toml", *FIGURES, "gpus=2"], "device=cpu"),
        (["page.toml", *FIGURES, "row_s=fast"], "row_s is a number"),
        (["page.toml", *FIGURES, "crowding=0.5"], "crowding is a number from 1 on"),
        (["page.toml", *FIGURES, "link_mb_s=0"], "link_mb_s"),
        (["page.toml", *FIGURES, "-o", "plan.gif"], "PNG or HTML"),
        (["page.toml", *FIGURES, "-o", "no/plan.png"], "a folder that is there, and no is none; got -o no/plan.png"),
        (["page.toml", "--measure", "calibration=no/c.json"], "and no is none; got calibration=no/c.json"),
        (["page.toml", *FIGURES[:2], "reply_tokens=nan"], "a reply has a token at least, got reply_tokens=nan"),
        (["page.toml", *FIGURES[:2], "reply_tokens=inf"], "got reply_tokens=inf: write reply_tokens=64"),
        (["page.toml", *FIGURES[:2], "reply_tokens=0"], "got reply_tokens=0"),
        (["page.toml", *FIGURES, "device=cudo"], "a device is auto, cpu, cuda"),
        (["page.toml", "calibration=c.json", "model_name=tiny-0.2M"], "model=tiny-1M and the page has model=tiny-0.2M"),
        (
            ["page.toml", "calibration=c.json", "kind=sum_digits"],
            "task=reverse_digits and the page has task=sum_digits",
        ),
        (["generators=1"], "none is named"),
        (["nothing.toml", *FIGURES], "nothing.toml"),
    ],
)
def test_what_cannot_be_planned_is_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert line in refused(capsys, *words)


def test_a_measurement_takes_the_place_of_a_calibration_and_of_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from straw.planning.measuring import measure

    seen: list[str] = []

    def measured(loaded: object, watcher: object) -> Costs:
        seen.append("measured")
        return costs(token_s=0.2)

    monkeypatch.setattr(measure, "measured", measured)
    assert "page.toml is none" in refused(capsys, "page.toml", "--measure", "calibration=page.toml", "generators=1")
    assert (place / "page.toml").read_text() == PAGE and not seen
    for words in (["--measure"], ["calibration=c.json", "--measure"]):
        assert main(["plan", "page.toml", "generators=1", "shared_machine=false", *words]) == 0
    assert (place / "calibration.json").read_text() == (place / "c.json").read_text()
    assert json.loads((place / "c.json").read_text())["token_s"] == 0.2


def test_cards_are_planned_before_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "page.toml", *FIGURES, "generators=3", "device=cuda", "gpus=8", "weights_mb=100", "--json"]
    assert main(words) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["card_mb"] > 0 and "gpu_s_per_million_episodes" in plan


def test_memory_that_nobody_knows_is_not_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "page.toml", *FIGURES, "generators=64"]) == 0
    out = capsys.readouterr().out
    assert "?" in out and "GB" not in out and "memory of a machine is known by a measurement" in out
    assert main(["plan", "page.toml", *FIGURES, "trainer_mb=900", "generator_mb=300", "generators=1"]) == 0
    assert "1.8 GB" in capsys.readouterr().out


def test_a_measurement_that_is_ended_is_ended_as_by_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from straw.planning.measuring import measure

    monkeypatch.setattr(measure, "measured", lambda loaded, watcher: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert main(["plan", "page.toml", "shared_machine=false", "--measure"]) == 130
    assert signal.getsignal(signal.SIGTERM) is before and not Path("calibration.json").exists()


def test_a_page_with_hosts_is_measured_here() -> None:
    Path("page.toml").write_text(PAGE + '[engine]\nhosts = ["tls://a:1"]\ntrainer_host = "tls://a:1"\ncerts = "x"\n')
    engine = load_page(Path("page.toml"), wanted({"hosts": "tls://b:1"})).page.engine
    assert (engine.engine, engine.hosts, engine.certs, engine.trainer_host) == ("monarch", (), None, "here")


def test_a_page_is_measured_in_processes_here_and_in_step() -> None:
    said = wanted({"hosts": "tls://a:1", "max_lag": "3", "pace": "free", "N": "64", "run_dir": "x", "engine": "local"})
    assert said["engine"] == "monarch" and said["max_lag"] == 0 and said["N"] == "64"
    assert 1 <= said["num_generators"] <= 2 and (said["hosts"], said["run_dir"]) == ("", "none")


def test_help_lists_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    from straw.planning.costs import HELP

    assert main(["plan", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name}=" in out for name in HELP)
    assert main(["plan"]) == 2
