"""Every option of a page: its default, what it takes and what it does, from the same records as `--help all`."""

from __future__ import annotations

from dataclasses import dataclass

from generators.wrapping import code, listed, page, plain_words, wrapped
from straw import registry
from straw.config import ALIASES, Option, describe_options, plain
from straw.config.evaluation import OPTIONS as OF_AN_EVALUATION
from straw.config.page import options_of_algorithms

INTRO = """Options are written `key=value`, `--key value` or `--key=value`, with `-` or `_`, behind a command. In a page
they stand under their section: `N = 64` under `[task]`. A name is unique over all sections.

A default of `none` means that nobody has chosen yet. The value then comes from the task, the reward, the algorithm or
the model, in this order of rules, and `--dry-run` prints behind each value which rule chose it. What you write yourself
always wins. A value outside of its range is refused before anything runs, with the range and a way out.

In the terminal `straw train TASK --help all` prints the same list."""

SECTIONS = {
    "task": "the task",
    "problems": "which problem comes next",
    "reward": "the channel from grades to rewards",
    "memory": "intrinsic rewards and the episodic memory",
    "algorithm": "how rewards become advantages, and advantages a loss",
    "optimizer": "AdamW and its schedule",
    "model": "which model learns, and what it runs on",
    "engine": "which processes compute",
    "sampling": "how completions are drawn",
    "warmup": "what comes before the run",
    "run": "how long a run goes on and what it keeps",
}


@dataclass(frozen=True)
class Entry:
    """One option under one heading."""

    heading: str
    option: Option

    @property
    def text(self) -> str:
        return "\n\n".join((f"### {code(self.option.name)}", wrapped(facts(self.option))))


def facts(option: Option) -> str:
    """Effect, values, range and default in one paragraph."""
    choices = option.choices or (registry.names(option.registry) if option.registry else ())
    takes = f"one of {listed(choices)}" if choices else option.takes
    if option.registry:
        takes += ", or one of your own: `FILE.py:NAME`"
    reach = f", {option.range}" if option.range else ""
    default = code(plain(option.default)) if plain(option.default) else "nothing"
    effect = plain_words(option.help[0].upper() + option.help[1:])
    return f"{effect}. Takes {takes}{reach}. Default: {default}."


def entries() -> list[Entry]:
    """Those of each task, then those that all share, those of an algorithm behind its section, and an evaluation's."""
    found = [
        Entry(f"Task {code(kind)}", option)
        for kind in registry.names("tasks")
        for option in describe_options(kind)
        if option.section == "task"
    ]
    for option in describe_options():
        if option.section == "optimizer" and found[-1].option.section == "algorithm":
            found += of_algorithms()
        if option.section != "task":
            found.append(Entry(section_title(option.section), option))
    return found + [Entry("Evaluation: `straw eval`", option) for option in OF_AN_EVALUATION.values()]


def of_algorithms() -> list[Entry]:
    """What some algorithms have beside the options that all have."""
    own = options_of_algorithms().items()
    return [Entry(f"Algorithm {code(name)}", option) for name, options in own for option in options.values()]


def section_title(section: str) -> str:
    return f"Section `[{section}]`: {SECTIONS.get(section, 'other options')}"


def options_page() -> str:
    parts, heading = [INTRO, other_names()], ""
    for entry in entries():
        if entry.heading != heading:
            heading = entry.heading
            parts.append(f"## {heading}")
        parts.append(entry.text)
    return page("Options", "`straw.config.describe_options`", *parts)


def other_names() -> str:
    return wrapped("Other spellings: " + ", ".join(f"`{short}` is `{name}`" for short, name in ALIASES.items()) + ".")
