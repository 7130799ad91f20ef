"""straw plan: what a page will do on so many generators, before they are had."""

from __future__ import annotations

import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import counted, say_json, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.config import Page
    from straw.planning.costs import Costs
    from straw.planning.layout import Hosts
    from straw.planning.workload import Workload
    from straw.training.plan import Plan

PLAN = """straw plan PAGE|TASK generators=1,8,64 calibration=FILE [key=value ...] [-o plan.png|plan.html] [--json]

What a page will do on so many generators: rollouts a second, how long the trainer is idle, lag, what a sync takes,
memory, processor time of a million episodes, and what holds it back. Simulated, event by event, from what a short
run of the page was measured to cost; so is the number of generators from which on more are of no use.

  straw plan secret_dense --measure calibration=dense.json          measure here (a minute), and plan
  straw plan secret_dense calibration=dense.json generators=1,8,64,1000
  straw plan secret_dense calibration=dense.json generators=64 per_host=8 cores=16 max_lag=1 batch_size=64
  straw plan secret token_s=0.004 train_s=0.02 reply_tokens=64 generators=8       figures of your own

  generators=1,8     numbers of generators, up to 10,000; else the page's
  hosts=4            machines, this one too; or addresses, as a page has them
  per_host=8         as many machines as it takes for eight generators on each, instead of hosts
  cores=16           processors of a machine; else those of the one that was measured
  gpus=8             cards of a machine, for a page with device=cuda; each process is on one
  --measure          make the calibration first: a short run with engine=monarch (calibration.json where none is named)
  -o FILE            a picture, PNG or HTML with the table

Figures, over the calibration or instead of it: reply_tokens= and
{figures}

What else is written is the page's: pace, max_lag, batch_size, group_size and rows_at_once change what is simulated.
"""


def plan(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(help_text().rstrip("\n"))
        return 0 if words else 2
    as_json, measures = take_flag(words, "--json"), take_flag(words, "--measure")
    out = picture_asked(words)
    figures, tokens = figures_in(words)
    places = {name: take_option(words, name, "2") for name in ("generators", "hosts", "per_host", "cores", "gpus")}
    kept = take_option(words, "calibration", "calibration.json")
    source, resolved = page_behind(words)
    counts = counts_in(places["generators"], resolved)
    file = Path(kept or "calibration.json")
    if measures:
        measure_into(file, *source)
    costs = costs_in(file if measures or kept else None, figures, tokens)
    work, hosts = work_of(resolved, costs), hosts_in(places, costs, resolved.page)
    tell(work, costs, hosts, counts, as_json=as_json, out=out)
    return 0


def help_text() -> str:
    from straw.planning.costs import HELP

    return PLAN.format(figures="\n".join(f"  {name + '=':<17}{text}" for name, text in HELP.items() if name != "cores"))


def picture_asked(words: list[str]) -> Path | None:
    words[:] = ["--out" if word == "-o" else word for word in words]
    out = take_option(words, "out", "plan.png")
    if out is not None and not out.endswith((".png", ".html")):
        raise ConfigError(f"a plan is drawn as PNG or HTML; got {out}. Write for example -o plan.png.")
    return None if out is None else in_a_folder(Path(out), "-o ")


def in_a_folder(file: Path, option: str) -> Path:
    """Said before a measurement is made for it."""
    if not file.absolute().parent.is_dir():
        raise ConfigError(
            f"a file is written into a folder that is there, and {file.parent} is none; got {option}{file}"
        )
    return file


def figures_in(words: list[str]) -> tuple[dict[str, float], float | None]:
    """Costs that are said, and how long replies are."""
    from straw.planning.costs import HELP

    said = {name: take_option(words, name, "0.01") for name in (*HELP, "reply_tokens") if name != "cores"}
    found = {name: number(name, text) for name, text in said.items() if text is not None}
    return found, found.pop("reply_tokens", None)


def number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} is a number; got {text!r}. Write for example {name}=0.01.") from None


def page_behind(words: list[str]) -> tuple[tuple[Path | None, dict[str, str]], Plan]:
    """The file and the words of a page, and the page with every value."""
    from straw.cli.commands.train import owners_behind, source_of
    from straw.config import load_page, parse_overrides, with_values
    from straw.planning.workload import check_is_planned
    from straw.training.resolve.page_to_plan import plan_of

    if not words or words[0].startswith("-") or "=" in words[0]:
        raise ConfigError("a plan is of a page or a task, and none is named: straw plan secret_dense generators=1,8")
    path, said = source_of(words)
    said = {**said, **parse_overrides(words, owners_behind(path, said))}
    if "engine" not in said and not (path is not None and names_an_engine(path)):
        said["engine"] = "monarch"  # which is what a plan is about
    device = load_page(path, said).page.model.device
    is_far = device.startswith("cuda")  # a plan is made before there is a card
    found = plan_of(load_page(path, {**said, "device": "cpu"} if is_far else said))
    if is_far:
        found = replace(found, page=with_values(found.page, {"device": device}))
    check_is_planned(found.page, found.is_sft)
    return (path, said), found


def names_an_engine(path: Path) -> bool:
    from straw.config.load import naming, read_toml

    with naming(path):
        written = read_toml(path)
    section = written.get("engine")
    return isinstance(section, str) or (isinstance(section, dict) and "engine" in section)


def counts_in(said: str | None, resolved: Plan) -> list[int]:
    from straw.planning.forecast import check_counts

    if said is None:
        return [resolved.page.engine.num_generators]
    texts = said.split(",")
    if not all(text.isascii() and text.isdecimal() and len(text) < 10 for text in texts):
        raise ConfigError(f"generators are numbers with commas between them; got {said!r}. Write generators=1,8,64.")
    counts = sorted({int(text) for text in texts})
    check_counts(counts)
    return counts


def measure_into(file: Path, page: Path | None, said: dict[str, str]) -> None:
    """A calibration takes the place of another one, and of nothing else."""
    from straw.config import load_page
    from straw.engines.monarch.processes.namespace import prepare_for
    from straw.planning.costs import read_costs, write_costs
    from straw.planning.measuring.wanted import wanted
    from straw.runs.files.atomic_write import write_whole

    if in_a_folder(file, "calibration=").exists():
        read_costs(file)
    loaded = load_page(page, wanted(said))
    prepare_for(loaded.page.engine)
    from straw.planning.measuring.measure import measured

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: its folder and processes go
    try:
        write_whole(file, write_costs(measured(loaded, Aloud())))
    finally:
        signal.signal(signal.SIGTERM, before)
    say(f"calibration: {file}", error=True)


class Aloud:
    """What is said while a page is measured goes to stderr: a table or a document may follow."""

    def say(self, line: str) -> None:
        say(line, error=True)

    def begin(self, plan: Plan, folder: Path) -> None: ...
    def look_at(self, facts: object) -> None: ...
    def update(self, step: int, row: dict[str, float]) -> bool:
        return False


def costs_in(file: Path | None, figures: dict[str, float], tokens: float | None) -> Costs:
    from straw.planning.costs import costs_from, read_costs

    return costs_from(None if file is None else read_costs(file), figures, tokens)


def work_of(resolved: Plan, costs: Costs) -> Workload:
    from straw.planning.forecast import check_is_of
    from straw.planning.workload import workload_of

    model, task = resolved.page.model, resolved.task
    check_is_of(
        costs, {"model": model.model_name, "task": task.name, "device": model.device.partition(":")[0],
                "lora_rank": str(model.lora_rank or 0)},
    )  # fmt: skip
    return workload_of(resolved.page, task.num_problems)


def hosts_in(places: dict[str, str | None], costs: Costs, page: Page) -> Hosts:
    from straw.planning.layout import MOST_GENERATORS, hosts_from

    cores, gpus, per_host = places["cores"], places["gpus"], places["per_host"]
    number = costs.cores if cores is None else float(counted("cores", cores, least=1, most=4096, example=16))
    cards = counted("gpus", gpus or "0", most=64, example=8)
    if page.model.device.startswith("cuda"):
        cards = max(1, cards)
    elif cards:
        raise ConfigError(f"gpus={cards} is for a page on cards, and this has device={page.model.device}")
    each = None if per_host is None else counted("per_host", per_host, least=1, most=MOST_GENERATORS, example=8)
    said = places["hosts"] if places["hosts"] is not None else ",".join(page.engine.hosts) or None
    return hosts_from(said if each is None or places["hosts"] else None, each, number, cards)


def tell(
    work: Workload, costs: Costs, hosts: Hosts, counts: list[int], *, as_json: bool, out: Path | None
) -> None:  # fmt: skip
    from straw.cli.plan.table import print_plan
    from straw.planning.forecast import row_of, scaling_of

    rows = [row_of(work, costs, hosts.layout(count)) for count in counts]
    scaling = scaling_of(work, costs, hosts)
    if out is not None:
        from straw.cli.plan.picture import draw

        draw(work, rows, scaling, out)
    if as_json:
        ends = {"last": scaling.last, "ends": scaling.ends, "why": scaling.words, "rates": dict(scaling.rates)}
        say_json({"work": asdict(work), "plans": [row.record() for row in rows], "scaling": ends})
        return
    print_plan(work, costs, rows, scaling)
    if out is not None:
        say(f"picture: {out}")
