"""How `straw show` looks in a terminal: facts, numbers, curves, rollouts.

Texts of a model are printed as one line each, control characters spelled out: a reply must not be able to move the
cursor, and rich's markup in it stays what it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from straw.report.curves.curve import Curve, thinned
from straw.report.curves.terminal import print_curves
from straw.report.runs.conversation import lines_of_play
from straw.report.runs.events import history
from straw.report.runs.summary import FACTS, Summary
from straw.runs.progress import end_table
from straw.text.shown.screen import Console, as_text
from straw.text.shown.visible import encodable, visible

MOST, SHORT = 300, 60  # characters of a text; of the turns that fit one line
HEADINGS = {
    "best": "best: the most reward, every reply once",
    "worst": "worst: the least reward, every reply once",
    "changed": "changed: early and late in training, the same problem",
}
Record = Mapping[str, Any]


def print_page(page: Record) -> None:
    console = Console()
    summary = Summary(**page["summary"])
    console.print(grid(page), soft_wrap=False)
    rows = [(name, fact(summary)) for name, fact in FACTS.items()]
    end_table("key numbers", [row for row in rows if row[1] != "-"], console=console)
    if page["events"]:
        console.print(pairs("what happened", history(page["events"])))
    for name, points in page["curves"].items():
        is_bits = name == "bits_known"
        print_curves(
            [thinned(Curve("bits known" if is_bits else name, points["episodes"], points["values"]))],
            ceiling_bits=summary.ceiling_bits if is_bits else None,
            title=f"{'bits known' if is_bits else name} against episodes",
            console=console, unit="bits" if is_bits else "", height=10,
        )  # fmt: skip
    if summary.step is None:
        console.print("no step is done yet: there are no numbers to draw")
    print_samples(console, page["samples"])


def grid(page: Record) -> Table:
    """What the run is and what it was told."""
    about, checkpoints = page["about"], page["checkpoints"]
    machine, parent = about.get("machine", {}), about.get("parent")
    lines = [
        ("run", page["folder"]),
        ("warning", page["doubt"]),
        ("branch of", f"{parent.get('run')} at step {parent.get('step')}" if parent else ""),
        ("options", words(page["chosen"])),
        ("filled in", words(page["filled_in"])),
        ("versions", ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items())),
        ("machine", ", ".join(str(machine[name]) for name in ("processor", "system") if name in machine)),
        ("command", typed(about.get("command", []))),
        ("checkpoints", ", ".join(str(row["step"]) for row in checkpoints) or "none"),
    ]
    return pairs("", [line for line in lines if line[1]])


def pairs(title: str, lines: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=as_text(title, "bold") if title else None, title_justify="left", box=None, show_header=False,
                  pad_edge=False)  # fmt: skip
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, line in lines:
        table.add_row(as_text(name), as_text(one_line(line, most=2000)))
    return table


def typed(command: Sequence[object]) -> str:
    """To be copied into a shell; older runs know of python -m straw by its file only."""
    words = [str(word) for word in command]
    first, rest = words[:1], words[1:]
    return shlex.join([*(["python", "-m", "straw"] if first == ["__main__.py"] else first), *rest])


def words(options: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items())


# --- rollouts


def print_samples(console: Console, samples: Record) -> None:
    if samples["unreadable"]:
        lines = ", ".join(map(str, samples["unreadable"][:5])) + (", ..." if len(samples["unreadable"]) > 5 else "")
        console.print(f"rollouts.jsonl has lines that cannot be read, passed over: {lines}", style="red")
    prompts: set[str] = set()
    for kind in ("best", "worst"):
        heading(console, samples[kind], HEADINGS[kind])
        for record in samples[kind]:
            print_rollout(console, record, "", prompts)
    heading(console, samples["changed"], HEADINGS["changed"])
    for pair in samples["changed"]:
        print_rollout(console, pair["early"], "early ", prompts)
        print_rollout(console, pair["late"], "late  ", prompts)


def heading(console: Console, found: list[Any], title: str) -> None:
    if found:
        console.print()
        console.print(as_text(title, "bold"))


def print_rollout(console: Console, record: Record, when: str, prompts: set[str]) -> None:
    """What it earned, and why; a prompt is printed the first time only."""
    times = f"  given {record['times']:,} times" if record.get("times", 1) > 1 else ""
    line = Text.assemble(
        (f"{when}step {record.get('step'):,}  ", ""),
        (f"reward {brief(record.get('reward'))}", "bold"),
        (f" = {parts(record)}", ""),
        (f"  {graded(record)}{times}  {record.get('problem')}", "bright_black"),
    )
    console.print(line, soft_wrap=True)
    prompt = str(record.get("prompt", ""))
    if prompt and prompt not in prompts:
        prompts.add(prompt)
        console.print(as_text(f"    asked  {one_line(prompt, console.encoding)}"), soft_wrap=True)
    if record.get("play"):
        print_play(console, record)
        return
    for said in lines_of([one_line(str(reply), console.encoding) for reply in record.get("replies") or []]):
        console.print(Text.assemble("    reply  ", (said, "cyan")), soft_wrap=True)


def print_play(console: Console, record: Record) -> None:
    """Turn by turn: what was said and called, and what that gave."""
    for line in lines_of_play(record):
        style = {"call": "cyan", "reply": "cyan", "failed": "red", "heard": "", "ended": "red"}[line.kind]
        text = one_line(line.text, console.encoding)
        console.print(Text.assemble(f"    {line.kind:<6} ", (text, style)), soft_wrap=True)


def lines_of(replies: list[str]) -> list[str]:
    """One line a turn; short turns share one."""
    joined = " | ".join(replies)
    return [joined] if replies and len(joined) <= SHORT else replies


def parts(record: Record) -> str:
    """Every part of the reward by name, and what each turn was paid where turns are paid."""
    rewards = record.get("rewards") or {}
    named = " + ".join(f"{name} {brief(value)}" for name, value in rewards.items()) or "nothing"
    turns = record.get("turn_rewards")
    return named + (f", by turn {' '.join(map(brief, turns))}" if turns else "")


def graded(record: Record) -> str:
    """advantage +0.07  hit  answered"""
    grade, advantages = record.get("grade") or {}, record.get("advantages") or []
    hits = grade.get("hits") or []
    found = ("hit" if all(hits) else "miss") if len(hits) == 1 else f"{sum(map(bool, hits))} of {len(hits)} hits"
    shape = "" if grade.get("well_formed", True) else "unreadable  "
    paid = f"advantage {' '.join(f'{one:+.3g}' for one in advantages)}  " if advantages else ""
    return f"{paid}{shape}{found}  {record.get('end')}"


def brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "none"


def one_line(text: str, encoding: str = "utf-8", most: int = MOST) -> str:
    """No new lines, no control characters, none that the terminal lacks; a long text is cut in the middle."""
    plain = encodable(visible(text), encoding)
    return plain if len(plain) <= most else f"{plain[: most - most // 4]} ... {plain[-(most // 4) :]}"
