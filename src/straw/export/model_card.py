"""README.md of what is exported: what it is, how it came about, what it can do, and what nobody knows about it.

All of it comes from the run's folder, which may be a stranger's: numbers are written as numbers, and every word stands
in a code span (see `markdown`). What the run has not measured is not in the card.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shlex import join
from typing import Any, Literal

from straw.engines.local.models.resolve import HUB_NAME
from straw.engines.local.models.tiny import SHAPES
from straw.export.base_licence import base_licence
from straw.measure.ledger.series import series_from
from straw.report.curves.curve import is_number
from straw.report.ledger import rows_of
from straw.report.runs.options_diff import ceiling_bits, chosen, filled_in, flat, reward_name
from straw.runs.files.hashes import hashed
from straw.runs.reading import CONFIG, ROLLOUTS, UNDECLARED, read_about, read_config, read_metrics
from straw.text.shown.markdown import bullets, code, commands, quoted
from straw.text.shown.visible import visible

CARD = "README.md"
INSIDE = re.compile(r"(?<=[:=,])[/~](?!/)([^:=,]*/)?")  # a folder behind another word, as in env:/home/me/game.py:Game
Library = Literal["transformers", "peft", "gguf"]
VERSIONS = ("straw", "torch", "transformers", "tokenizers", "peft", "numpy", "python")
USE = (
    "Meant for research on what reinforcement learning teaches a small model: it was trained on the task above, by the "
    'reward above, and only what stands under "Before and after" was measured. It can be wrong, it keeps the base '
    "model's faults, it may have got worse at everything that was not trained, and nobody has tested whether it is "
    "safe: do not let anybody depend on its answers."
)


def model_card(
    run: Path, step: int, weights: Mapping[str, Path], lines: Iterable[str], *, library: Library, hub: str = ""
) -> str:
    """`weights`: the files whose hashes it names, and where they lie now; `lines`: the commands that use them.

    `hub`: its name where everybody reads it; there no path of this machine is told.
    """
    config, about = read_config(run), read_about(run)
    config = pathless(config) if hub else config
    options, licence = flat(config), base_licence(flat(config).get("model_name", ""))
    rows = rows_until(run, step)
    sections = {
        "": what_it_is(hub or run.name, step, config),
        "How to use it": commands(lines),
        "Before and after": before_and_after(rows, config, about),
        "Ledger": ledger(step, rows, config, about),
        "The run": the_run(config, about),
        "How to go on, or do it again": again(Path("runs", run.name) if hub else run, step),
        "Hashes (SHA-256)": bullets((name, hashed(path)) for name, path in hashed_files(run, weights)),
        "Licence": licence_of(options.get("model_name", ""), licence),
        "Intended use and limits": USE,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in sections.items() if text)
    return f"{head(options, licence, library)}\n{body}\n"


def rows_until(run: Path, step: int) -> list[Mapping[str, Any]]:
    """What the run had measured when it had these weights."""
    return [row for row in read_metrics(run) if is_number(row.get("step")) and row["step"] <= step]


def head(options: Mapping[str, str], licence: str | None, library: Library) -> str:
    """What a site of models reads: only what is of its kind, so that nothing in it can be anything else."""
    name = options.get("model_name", "")
    lines = [f"library_name: {library}", "pipeline_tag: text-generation", "tags: [straw, reinforcement-learning]"]
    if HUB_NAME.fullmatch(name) and not os.path.exists(name):
        lines.append(f"base_model: {quoted(name)}")
    if licence is not None:
        lines.append(f"license: {quoted(licence)}")
    return "\n".join(["---", *lines, "---"])


def pathless(value: Any) -> Any:
    """Of every path its last part: where it lies is nobody else's business."""
    if isinstance(value, Mapping):
        return {name: pathless(one) for name, one in value.items()}
    if isinstance(value, list):
        return [pathless(one) for one in value]
    if not isinstance(value, str):
        return value
    return Path(value).name if value.startswith(("/", "~")) else INSIDE.sub("", value)


def what_it_is(name: str, step: int, config: Mapping[str, Any]) -> str:
    options = flat(config)
    rows = [
        ("base model", options.get("model_name", "?")), ("task", options.get("kind", "?")),
        ("algorithm", options.get("algorithm", "?")), ("paid by", reward_name(config)),
        ("weights", "all were trained" if options.get("lora_rank", "0") == "0" else
         f"LoRA of rank {options['lora_rank']}"), ("after step", step),
    ]  # fmt: skip
    return f"# {code(name)}\n\nA small language model after a run of straw.\n\n{bullets(rows)}"


def before_and_after(rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """The first measurement and the last one up to these weights, of whatever the run measures."""
    said = []
    if measured := [row for row in rows if is_number(row.get("accuracy"))]:
        said.append(f"- accuracy on held-out problems: {', then '.join(map(share, ends(measured)))}; 95% intervals")
        said.append(f"- sampled at {code(measuring_temperature(config))}")
    if measured := [row for row in rows if is_number(row.get("bits_known"))]:
        ceiling = ceiling_bits(config, about)
        of = f" of {ceiling:.2f}" if ceiling else ""
        told = ", then ".join(f"{row['bits_known']:.2f} at step {row['step']}" for row in ends(measured))
        said.append(f"- bits known of the answer{of}: {told}; from the model's probabilities, so without an interval")
    return "\n".join(said)


def ends(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [rows[0], rows[-1]] if len(rows) > 1 else list(rows)


def share(row: Mapping[str, Any]) -> str:
    low, high = row.get("accuracy_low"), row.get("accuracy_high")
    spread = f" ({low:.2f} to {high:.2f})" if is_number(low) and is_number(high) else ""
    return f"{row['accuracy']:.2f}{spread} at step {row['step']}"


def measuring_temperature(config: Mapping[str, Any]) -> str:
    options = flat(config)
    found = options.get("eval_temperature", "none")
    return f"temperature {options.get('temperature', '1') if found == 'none' else found}"


def ledger(step: int, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Up to these weights; of what nobody received, why not."""
    series = series_from(config, rows)
    told = rows_of(series, is_declared=about.get("reward") != UNDECLARED)
    if series.no_received is not None:
        told.append(("received by an ideal observer", f"not known: {series.no_received}"))
    return f"Sums over all steps up to step {step}:\n\n{bullets(told)}"


def the_run(config: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Every option that is no default, the seeds, and what computed it."""
    options, versions = flat(config), about.get("versions", {})
    named = (
        chosen(config) | filled_in(config) | {name: options[name] for name in ("seed", "model_seed") if name in options}
    )
    used = ", ".join(f"{name} {versions[name]}" for name in VERSIONS if name in versions)
    machine = about.get("machine", {}).get("processor", "unknown")
    page = "\n".join(f"- {code(name)}: {code(value)}" for name, value in sorted(named.items()))
    return f"Options that are no defaults, and the seeds:\n\n{page}\n\n{bullets([('with', used), ('on', machine)])}"


def again(run: Path, step: int) -> str:
    lines = [
        ["straw", "show", str(run)], ["straw", "resume", str(run)],
        ["straw", "train", str(run / CONFIG), "run_dir=runs/again"],
    ]  # fmt: skip
    return (
        f"{commands(visible(join(line)) for line in lines)}\n\nThe last line does the run again; its numbers are the "
        f"same to the bit with the versions and the processor above, and these weights are those of step {step}."
    )


def hashed_files(run: Path, weights: Mapping[str, Path]) -> list[tuple[str, Path]]:
    files = {**weights, ROLLOUTS: run / ROLLOUTS, CONFIG: run / CONFIG}
    return [(code(name), path) for name, path in files.items()]


def licence_of(model_name: str, found: str | None) -> str:
    if model_name in SHAPES:
        return "The base model was made by straw from a config and a seed, so no other licence comes with it."
    if found is None:
        return f"The folder of the base model {code(model_name)} names no licence: look it up before you pass this on."
    return f"The folder of the base model {code(model_name)} says {code(found)}."
