"""Some rollouts to read: of a few conditions the run in the middle, with the best, the worst, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from straw.errors import RunError
from straw.files import is_file
from straw.report.page.html import element, folded, listed, paragraph
from straw.report.page.sections import section
from straw.report.runs.conversation import lines_of_play
from straw.report.runs.samples import Samples, samples_of
from straw.report.runs.summary import OF_TOOLS
from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.load_runs import Seen
from straw.report.study.rates import end_of
from straw.runs.reading import ROLLOUTS
from straw.text.shown.visible import as_html

CONDITIONS, EACH, LARGEST, LONGEST = (
    4,
    2,
    64 << 20,
    1200,
)  # conditions; rollouts of a kind; bytes read; characters shown
KINDS = {"best": "The most reward", "worst": "The least reward", "changed": "Early, and late in training"}


def rollouts_section(study: Study) -> str:
    shown = [part for cell in chosen(study.cells) for part in of_cell(cell)]
    intro = "Of each condition the run that ended in the middle. All of them: straw show RUN."
    nothing = paragraph("No run here has a rollout to show.", class_="absent")
    return section(
        "rollouts",
        "\n".join([element("h2", "Rollouts to read"), *([paragraph(intro), *shown] if shown else [nothing])]),
    )


def chosen(cells: Sequence[Cell]) -> list[Cell]:
    """Spread over the conditions, of those that sampled anything."""
    able = [cell for cell in cells if not cell.runs[0].is_sft]
    step = max(1, -(-len(able) // CONDITIONS))
    return able[::step]


def of_cell(cell: Cell) -> Iterator[str]:
    run = middle_run(cell.runs)
    path = run.folder / ROLLOUTS
    if not is_file(path) or not path.stat().st_size:
        return
    if path.stat().st_size > LARGEST:
        yield folded(
            f"{cell.label}: {run.name}", paragraph(f"Too many rollouts to look through here: straw show {run.name}.")
        )
        return
    try:
        tools = [paragraph(line)] if (line := of_tools(run)) else []
        yield folded(f"{cell.label}: {run.name}", "\n".join([*tools, *parts(samples_of(run.folder, EACH))]))
    except RunError as problem:
        yield folded(f"{cell.label}: {run.name}", paragraph(str(problem)))


def of_tools(run: Seen) -> str:
    """What it did in its environment in the last step; nothing where there is none."""
    found = {name: run.column(metric).last for name, metric in OF_TOOLS.items()}
    if found["env_failures"] is None:
        return ""
    shares = {
        "malformed": "malformed",
        "call_failures": "brought an error",
        "env_failures": "of the environments failed",
    }
    told = [f"{found[name]:.1%} {what}" for name, what in shares.items() if found[name] is not None]
    if found["env_seconds"] is not None:
        told.append(f"{found['env_seconds']:.2f} s of the environment's own a rollout")
    return ", ".join([f"In the last step {found['calls'] or 0.0:.2f} tool calls a rollout", *told]) + "."


def middle_run(runs: Sequence[Seen]) -> Seen:
    return sorted(runs, key=end_of)[len(runs) // 2]


def parts(samples: Samples) -> Iterator[str]:
    for kind, title in KINDS.items():
        found = getattr(samples, kind)
        records = [rollout(one) for one in found] if kind != "changed" else [pair(one) for one in found]
        if records:
            yield element("h3", as_html(title)) + listed(records, class_="rollouts")


def pair(found: Mapping[str, Mapping[str, Any]]) -> str:
    return rollout(found["early"]) + rollout(found["late"])


def rollout(record: Mapping[str, Any]) -> str:
    """What it earned, what was asked, what was said."""
    reward = record.get("reward")
    earned = "none" if not isinstance(reward, int | float) else f"{reward:.4g}"
    times = record.get("times", 1)
    told = f"step {record.get('step')}, reward {earned}" + (f", given {times:,} times" if times > 1 else "")
    replies = "\n".join(str(reply) for reply in record.get("replies") or [])
    if record.get("play"):
        replies = "\n".join(line.text for line in lines_of_play(record))
    said = f"{cut(str(record.get('prompt', '')))}\n→ {cut(replies)}"
    return element("div", as_html(told), class_="told") + element("pre", as_html(said, lines=True))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - LONGEST // 4]} […] {text[-(LONGEST // 4) :]}"
