"""What each piece of a step costs: seconds of the process that does it, as measured or as somebody says.

    generator    call_s + prompts x prompt_s + tokens of the longest reply x token_s + tokens of all rows x row_s
                 and take_s for weights that are new to it
    trainer      rollouts x train_s + update_s for every optimizer step, show_s to publish
    directing    message_s a piece of work, grade_s and keep_s a rollout, step_s a step

At least TILE rows decode together (see `engines.local.sampler`), so few rows cost what TILE rows cost. Where all
processors of a machine work, each is `crowding` times as slow as one that works alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from straw.errors import ConfigError, did_you_mean

TILE = 16
FORMAT = "straw calibration 1"
WAY_OUT = "straw plan PAGE --measure calibration=FILE makes one"


def figure(help: str, default: Any = MISSING) -> Any:
    """A number that can be given as key=value; one without a default has to be, or to be measured."""
    return field(metadata={"help": help}) if default is MISSING else field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds of processor time, of a card's where the page computes on one.

    Example: a generator that takes 2 ms a token whatever the rows, and a trainer of 10 ms a rollout
        Costs(token_s=0.002, train_s=0.01, replies=((16,),))
    """

    token_s: float = figure("one more token of a piece of work, whatever its rows")
    train_s: float = figure("training on a rollout")
    row_s: float = figure("one more token of one row", 0.0)
    call_s: float = figure("a piece of work, before its first token", 0.0)
    prompt_s: float = figure("reading a prompt", 0.0)
    take_s: float = figure("a generator's way to new weights", 0.0)
    update_s: float = figure("an optimizer step", 0.0)
    show_s: float = figure("the trainer's part of a publish", 0.0)
    message_s: float = figure("of the directing process, to hand out work and take its answer", 0.0)
    grade_s: float = figure("of the directing process, to grade and pay a rollout", 0.0)
    keep_s: float = figure("of the directing process, to write a rollout down and hand it to the trainer", 0.0)
    step_s: float = figure("of the directing process, for a step's metrics", 0.0)
    latency_s: float = figure("of a message on its way, in which nobody computes", 0.0)
    crowding: float = figure("how many times as long work takes where all processors are busy", 1.0)
    weights_mb: float = figure("MB of a version, as it goes to another host", 0.0)
    link_mb_s: float = figure("MB/s that leave the directing machine", 100.0)
    directing_mb: float = figure("memory of the directing process", 600.0)
    trainer_mb: float = figure("memory of the trainer alone", 0.0)
    generator_mb: float = figure("memory of a generator alone, without keys and values", 0.0)
    shared_mb: float = figure("memory that all processes of a machine map", 0.0)
    keys_kb: float = figure("keys and values of a token", 0.0)
    prompt_tokens: float = figure("tokens of a prompt", 0.0)
    cores: float = figure("processors of a machine", 1.0)
    replies: tuple[tuple[int, ...], ...] = ()  # of some rollouts, the tokens of each turn
    about: Mapping[str, str] = field(default_factory=dict, hash=False)  # model, task, device, processor

    def __post_init__(self) -> None:
        for name in NUMBERS:
            value = getattr(self, name)
            least = 1.0 if name == "crowding" else 0.0
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= least):
                raise ConfigError(f"{name} is a number from {least:g} on, got {value!r}: {HELP[name]}. Write {name}=1.")
        if self.link_mb_s == 0 or self.cores < 1:
            raise ConfigError("weights need a link and work needs a processor: write link_mb_s=100 cores=2")
        if not self.replies or any(not turns or min(turns) < 1 for turns in self.replies):
            raise ConfigError("a plan has to know how long replies are: write reply_tokens=64, or measure them")

    @property
    def max_turns(self) -> int:
        return max(map(len, self.replies))

    @property
    def mean_tokens(self) -> float:
        """Of a rollout, over all its turns."""
        return sum(map(sum, self.replies)) / len(self.replies)

    def decoding(self, prompts: float, longest: float, row_tokens: float) -> float:
        """Of a generator, for one piece of work."""
        return self.call_s + prompts * self.prompt_s + longest * self.token_s + row_tokens * self.row_s

    def scaled(self, names: tuple[str, ...], factor: float) -> Costs:
        return replace(self, **{name: getattr(self, name) * factor for name in names})


NUMBERS = tuple(one.name for one in fields(Costs) if "help" in one.metadata)
HELP = {one.name: str(one.metadata["help"]) for one in fields(Costs) if "help" in one.metadata}
NEEDED = tuple(one.name for one in fields(Costs) if "help" in one.metadata and one.default is MISSING)


def costs_from(measured: Costs | None, given: Mapping[str, float], reply_tokens: float | None) -> Costs:
    """What was measured, and over it what somebody says."""
    said: dict[str, Any] = dict(given)
    if reply_tokens is not None:
        if not (math.isfinite(reply_tokens) and reply_tokens >= 1):
            raise ConfigError(f"a reply has a token at least, got reply_tokens={reply_tokens:g}: write reply_tokens=64")
        said["replies"] = ((round(reply_tokens),),)
    if measured is not None:
        return replace(measured, **said)
    if missing := [name for name in (*NEEDED, "replies") if name not in said]:
        lacking = ", ".join("reply_tokens" if name == "replies" else name for name in missing)
        raise ConfigError(
            f"a plan stands on a measurement, and there is none: {WAY_OUT}, calibration=FILE reads it; or give "
            f"figures, of which {lacking} cannot be left out"
        )
    return Costs(**said)


def write_costs(costs: Costs) -> str:
    return json.dumps({"format": FORMAT, **asdict(costs)}, indent=1) + "\n"


def read_costs(path: Path) -> Costs:
    """A calibration, or one line on what is wrong with it."""
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(f"a calibration is read from calibration={path}: {reason.lower()}. {WAY_OUT}.") from None
    except ValueError:
        raise ConfigError(f"a calibration is JSON, and calibration={path} is none. {WAY_OUT}.") from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ConfigError(f"{path} is no calibration ({FORMAT!r} is not in it). {WAY_OUT}.")
    known = {one.name for one in fields(Costs)}
    if unknown := sorted(set(found) - known):
        raise ConfigError(f"a calibration has no figure {unknown[0]!r} ({path}): {did_you_mean(unknown[0], known)}")
    return built(found, path)


def built(found: dict[str, Any], path: Path) -> Costs:
    try:
        replies = tuple(tuple(int(tokens) for tokens in turns) for turns in found.pop("replies", ()))
        about = {str(name): str(value) for name, value in dict(found.pop("about", {})).items()}
        return Costs(**found, replies=replies, about=about)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} is a calibration with something missing or misspelt ({error}). {WAY_OUT}.") from None
