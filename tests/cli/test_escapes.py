"""A stranger's run, with commands to the terminal in every name, option, question, version, reply and event."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, rollout, write_run

from straw.cli import main
from straw.report.page import page as page_module

CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"  # "rm -rf ~" is pasted next
CLEAR, EIGHT_BIT, TURNED, HIDDEN = "\x1b[2J\x1b[H", "\x9b2J", "\u202egpj.", "\u200b\u2066"
EVIL = f"a{CLIPBOARD}{CLEAR}{EIGHT_BIT}{TURNED}{HIDDEN}[red]b[/red][link=https://evil.example]c[/link]"
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def evil_run(folder: Path) -> Path:
    rollouts = [(1, rollout(EVIL, 0.0, problem=EVIL, prompt=EVIL)), (2, rollout("37", 1.0, problem=EVIL, prompt=EVIL))]
    rows = [row | {f"ledger/{EVIL}": 1.0} for row in curve_rows(0.0, 1.0, 3.0)]
    run = write_run(folder, rows, rollouts, done=False, N=16, question=EVIL, n_batches=2)
    about = json.loads((run / "about.json").read_text())
    about |= {
        "versions": {EVIL: EVIL, "python": EVIL},
        "command": [EVIL, EVIL],
        "machine": {"processor": EVIL, "system": EVIL},
    }
    about |= {"parent": {"run": EVIL, "step": EVIL, "changed": {}}}
    (run / "about.json").write_text(json.dumps(about))
    events = [{"time": 1.0, "event": EVIL, "step": EVIL, "name": EVIL, "advice": EVIL, EVIL: EVIL}]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return run


def options(run: Path, **changes: str) -> None:
    """The config and its record say so alike."""
    text = (run / "config.toml").read_text()
    for name, value in changes.items():
        text = re.sub(rf"(?m)^{name} = .*$", lambda _: f"{name} = {json.dumps(value)}", text)  # noqa: B023
    (run / "config.toml").write_text(text)
    about = json.loads((run / "about.json").read_text())
    (run / "about.json").write_text(json.dumps(about | {"config_hash": None, "config": None}))


@pytest.fixture
def place(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(page_module, "plotly_script", lambda: "const Plotly = {};")
    name = EVIL.replace("/", "")
    options(evil_run(tmp_path / "runs" / name), model_name=EVIL, reward_type=EVIL, algorithm=EVIL, kind=EVIL)
    evil_run(tmp_path / "runs" / f"{name}-2")
    write_run(tmp_path / "runs" / "mine", curve_rows(0.0, 1.0), N=16, learning_rate=1e-3)
    damaged = evil_run(tmp_path / "runs" / f"{name}-3")
    (damaged / "config.toml").write_text(f"# {EVIL}\n[")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(list(words))
    found = capsys.readouterr()
    return found.out + found.err


def is_harmless(text: str) -> bool:
    return all(one.isprintable() or one == "\n" for one in COLOUR.sub("", text))


def names(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "runs").iterdir() if path.is_dir())


@pytest.mark.parametrize("terminal", [False, True])
def test_no_command_of_a_stranger_reaches_the_screen(
    terminal: bool, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    first, second, *_ = (f"runs/{name}" for name in names(place) if name.startswith("a"))
    for words in (
        ["runs"],
        ["runs", "--json"],
        ["show", first],
        ["show", second, "--samples", "9"],
        ["show", second, "--metric", f"ledger/{EVIL}"],
        ["show", second, "--json"],
        ["compare", first, second, "runs/mine"],
        ["compare", *(f"runs/{name}" for name in names(place) if not name.endswith("3")), "runs/mine", "runs/mine"],
        ["report", "runs", "-o", "report.html"],
        ["report", "runs", "--json"],
        ["resume", second, f"{EVIL}=1"],
        ["train", f"{EVIL}.toml"],
        ["train", "secret", f"model_name={EVIL}", "--dry-run"],
        ["train", "secret", f"question={EVIL}\n", "--dry-run"],
        ["train", EVIL],
        ["train", "secret", f"{EVIL}=3"],
        ["eval", "gsm8k", f"model={EVIL}"],
        ["export", f"runs/{EVIL}"],
        ["check", f"{EVIL}.toml"],
        ["models", EVIL],
        [EVIL],
    ):
        found = shown(capsys, *words)
        assert found and is_harmless(found), words
        assert "Traceback" not in found
        if words[0] in ("runs", "show", "compare", "report") and words[-1] != "--json":
            assert "\\u001b]52" in found.lower(), words


def test_markup_and_a_turned_name_are_seen_for_what_they_are(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, "runs")
    assert found.count("[red]b[") >= 3 and "\\u202egpj." in found and "\\u200b" in found


def test_a_report_shows_no_name_that_turns_or_hides(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(capsys, "report", "runs", "-o", "report.html", "--figures", "paper")
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "\\u202egpj." in page and "\\u001b]52" in page
    for one in (*CLIPBOARD[:1], *CLIPBOARD[-1:], EIGHT_BIT[0], *TURNED[:1], *HIDDEN):
        assert one not in page, ascii(one)
    assert (place / "paper" / "bits.svg").stat().st_size > 1000


@pytest.mark.parametrize("label", ["$\\frac{$", "$x^$", "a$b", "$$", "\\$", f"_{EVIL}"])
def test_a_label_that_matplotlib_would_take_for_a_formula_is_drawn_as_it_stands(label: str, tmp_path: Path) -> None:
    from straw.report.curves.curve import Curve
    from straw.report.curves.picture import draw_picture, in_picture

    drawn = draw_picture(
        [Curve(label, (0, 1, 2), (0, 1, 2))], tmp_path / "a.png", title=label, subtitle=label, metric=label
    )
    assert drawn.stat().st_size > 1000
    assert in_picture("$a$ \x1b") == "\\$a\\$ \\u001b"
