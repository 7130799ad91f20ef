"""What a scheduler is asked for: the words behind `straw slurm` and `straw kubernetes`, each checked here and now."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from straw.cli.arguments import counted, take_option
from straw.config.recipes import ENDING
from straw.errors import ConfigError

PORT = 26_100
OURS = ("engine", "num_generators", "hosts", "certs", "trainer_host")  # what the script says itself
EXAMPLE = {
    "slurm": "straw slurm PAGE.toml nodes=3 > job.sh",
    "kubernetes": "straw kubernetes PAGE.toml nodes=3 image=I",
}


@dataclass(frozen=True, slots=True)
class Job:
    """`source`: the page or the task, as it was written; `words`: what is said behind it."""

    source: str
    name: str
    nodes: int
    gpus: int
    per_node: int
    port: int
    words: tuple[str, ...]
    said: frozenset[str]  # the options among them

    @property
    def num_generators(self) -> int:
        return self.nodes * self.per_node

    def train(self, run_dir: str, source: str | None = None, *more: str) -> str:
        """The command of the run, for a shell; `run_dir` is its text there, quotes and all."""
        device = ["device=cuda"] if self.gpus and "device" not in self.said else []
        ours = [word for word in ("attach_s=600", *more) if word.partition("=")[0] not in self.said]
        said = ["straw", "train", source or self.source, *self.words, *device, "engine=monarch"]
        said += [f"num_generators={self.num_generators}", *ours]
        place = "" if "run_dir" in self.said else f" run_dir={run_dir}"
        return f"{shlex.join(said)}{place} --resume --quiet"


@dataclass(frozen=True, slots=True)
class Extra:
    """An option of a scheduler's own: what it is, and the shape of what it takes."""

    rule: str
    example: str
    shape: str


def job_of(kind: str, words: list[str], extra: Mapping[str, Extra]) -> tuple[Job, dict[str, str]]:
    """The job, and the values of the options in `extra` that were given."""
    if not words or words[0].startswith("-") or "=" in words[0]:
        raise ConfigError(f"a job runs a page or a task, and none is named: {EXAMPLE[kind]}")
    source = words.pop(0)
    said = take_option(words, "nodes", "3")
    if said is None:
        raise ConfigError(f"a job is for a number of machines: write {EXAMPLE[kind]}")
    nodes = counted("nodes", said, least=1, most=10_000, example=3)
    gpus = counted("gpus", take_option(words, "gpus", "1") or "0", most=64, example=1)
    per_node = counted("per_node", take_option(words, "per_node", "2") or str(max(1, gpus)), least=1, example=2)
    port = counted("port", take_option(words, "port", str(PORT)) or str(PORT), least=1024, most=65_535, example=PORT)
    found = {
        name: value for name, kind in extra.items() if (value := take_option(words, name, kind.example)) is not None
    }
    for name, value in found.items():
        if not re.fullmatch(extra[name].shape, value):
            raise ConfigError(
                f"{name} is {extra[name].rule}; got {value!r}. Write for example {name}={extra[name].example}."
            )
    chosen = check(source, words, nodes * per_node)
    return Job(source, name_of(source), nodes, gpus, per_node, port, tuple(words), frozenset(chosen)), found


def check(source: str, words: list[str], num_generators: int) -> dict[str, str]:
    """As `straw train` will read them in the job, so that nobody waits for hours to be refused; what was said."""
    from straw.cli.commands.train import owners_behind, source_of
    from straw.config import load_page, parse_overrides

    page, said = source_of([source])
    chosen = parse_overrides(words, owners_behind(page, said))
    if taken := [name for name in OURS if name in chosen]:
        raise ConfigError(f"{taken[0]} is for the job to say, from its nodes: leave {taken[0]}={chosen[taken[0]]} out")
    ours = {"engine": "monarch", "num_generators": str(num_generators), "hosts": f"tls://node:{PORT}"}
    load_page(page, {**said, **chosen, **ours})
    return chosen


def name_of(source: str) -> str:
    """A label that schedulers and DNS take."""
    stem = Path(source).name.removesuffix(ENDING)
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].strip("-") or "run"
