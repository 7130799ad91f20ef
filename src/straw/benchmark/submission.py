"""Who plays: a learner by its name and options, with the code that it learns by and a mark of all three.

    grpo                    a row of straw: its code is what straw learns with
    my_learner.py:Mine      a learner, or a row, of yours: its code is that file, which goes into the entry

The mark decides the secrets (`draws`), so another learner, another option, or another line of code plays others. A
file of somebody else is read here and never run: that is for the process that holds no secret.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Self

from straw import outside
from straw.config import Owners, parse_overrides
from straw.config.names import ALIASES
from straw.config.page import options
from straw.config.values import put
from straw.errors import ConfigError
from straw.files import MIB
from straw.outside import FILE
from straw.registry import find, names
from straw.runs.files.jsonl import json_line

OURS = ("straw.algorithms", "straw.algorithms.reward_model", "straw.training.learners")
FIXED = ("algorithm", "group_size", "batch_size", "samples_per_step", "problems_at_once", "accumulation")
MOST_CODE = MIB  # bytes of a file of yours
PLAIN = "tokens, what was paid for them, and its own draws"
FULL_PAY = f"{PLAIN}; how much full reward is"
SAID = "tokens, what was paid for them and said of them, and its own draws"
OUR_KNOWLEDGE = {  # and the other rows: PLAIN
    **dict.fromkeys(("surrogate", "regress", "expert_iteration", "optimistic"), FULL_PAY),
    **dict.fromkeys(("sdpo", "rltf_sd"), SAID),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """`code` has the text of each file of yours; for a name of straw's it is empty, and `ours` is the hash of what
    straw learns with."""

    learner: str
    options: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    ours: str = ""
    knows: str = PLAIN
    knows_formula: bool = False

    @property
    def mark(self) -> str:
        return sha256(
            json_line({"learner": self.learner, "options": self.options, "code": self.code_hash}).encode()
        ).hexdigest()

    @property
    def code_hash(self) -> str:
        if not self.code:
            return self.ours
        return sha256(json_line(dict(self.code)).encode()).hexdigest()

    @property
    def title(self) -> str:
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{outside.short(self.learner)} {options}".strip()

    def page_options(self) -> dict[str, Any]:
        """What the learner's side adds to a game."""
        return {**self.options, "algorithm": self.learner}

    def record(self) -> dict[str, Any]:
        return {
            "learner": self.learner, "options": dict(self.options), "code": dict(self.code), "ours": self.ours,
            "knows": self.knows, "knows_formula": self.knows_formula, "mark": self.mark,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(**{name: record[name] for name in cls.__slots__})


def submitted(learner: str, options: Mapping[str, Any]) -> Submission:
    """By what a person wrote behind `straw bench`."""
    if found := FILE.fullmatch(learner):
        return of_file(learner, options, text_of(found["file"]))
    if outside.is_spelled(learner):
        raise ConfigError(
            f"the benchmark keeps a learner's code in its entry, so it is one file, FILE.py:NAME; got {learner}"
        )
    row = find("algorithms", learner)  # or a ConfigError with the nearest name
    if learner not in names("algorithms"):
        raise ConfigError(f"the benchmark plays straw's own rows and files; {learner} is neither: write FILE.py:NAME")
    del row
    knows = OUR_KNOWLEDGE.get(learner, PLAIN)
    return Submission(learner=learner, options=options, ours=hash_of_ours(), knows=knows)


def of_file(learner: str, options: Mapping[str, Any], text: str) -> Submission:
    file, _, name = learner.rpartition(":")
    knows, formula = declared(text, name, learner)
    return Submission(learner=learner, options=options, code={file: text}, knows=knows, knows_formula=formula)


def text_of(file: str) -> str:
    """As an entry keeps it, and is read again."""
    body = outside.source_of(file).text
    if len(body) > MOST_CODE:
        raise ConfigError(
            f"a learner's file stands in its entry: at most {MOST_CODE:,} bytes; {file} has {len(body):,}"
        )
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"a learner's file stands in its entry, as UTF-8, and {file} is none: save it so") from None


def what_is_wrong(found: Submission) -> str:
    """Of one that somebody handed in: why `straw bench` would not have written it; empty where it would."""
    file = FILE.fullmatch(found.learner)
    if file and [*found.code] != [file["file"]]:
        return f"its code is one file, and the code of {file['file']} is not in it alone"
    if not file and found.code:
        return f"{found.learner} is a name of straw's and needs no code"
    try:
        check_choice(found.learner, found.options)
        again = of_file(found.learner, {}, *found.code.values()) if file else submitted(found.learner, {})
    except ConfigError as error:
        return str(error)
    if not file and not found.ours:
        return "the hash of straw's code is not in it"
    if (found.knows, found.knows_formula) != (again.knows, again.knows_formula):
        return "what it knows stands otherwise in its code"
    return ""


def chosen_options(learner: str, words: Sequence[str]) -> dict[str, Any]:
    """What a learner may choose: nothing that is about the game, the model or the machine, and no further code.

    The options of a file are for the learner's process to judge: here the file is not run.
    """
    is_file = outside.is_spelled(learner)
    said = plainly(words) if is_file else parse_overrides([*words], Owners("secret", learner))
    check_choice(learner, said)
    return dict(sorted(said.items()))


def check_choice(learner: str, said: Mapping[str, Any]) -> None:
    known = options() if outside.is_spelled(learner) else options("secret", learner)
    for name, value in said.items():
        section = known[name].section if name in known else "algorithm"
        if name in FIXED or section not in ("algorithm", "optimizer"):
            raise ConfigError(
                f"the games of the benchmark are fixed, and {name} is not the learner's to choose; got {name}={value}. "
                "Leave it out."
            )
        if outside.is_spelled(str(value)):
            raise ConfigError(f"a learner of the benchmark is one file; got {name}={value}: put it into that file")


def plainly(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals:
            raise ConfigError(f"an option is key=value; got {word!r}. Write for example learning_rate=1e-4.")
        put(found, ALIASES.get(name, name), value)
    return found


def hash_of_ours() -> str:
    """Of the files that straw learns with, those in folders of theirs included."""
    digest = sha256()
    for package in OURS:
        for name, body in files_under(resources.files(package), package):
            digest.update(f"{name}\n".encode() + body)
    return digest.hexdigest()


def files_under(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.is_dir():
            yield from files_under(file, f"{name}/{file.name}")
        elif file.name.endswith(".py"):
            yield f"{name}/{file.name}", file.read_bytes()


def declared(text: str, name: str, learner: str) -> tuple[str, bool]:
    """What a learner says it knows, read from its text: `knows = "..."` and `knows_formula = True` in its class."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{learner} is no Python: {error or 'it is nested too deeply'}") from None
    body = next((node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), [])
    said: dict[str, Any] = {}
    for node in body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
            said[target.id] = value.value
    return str(said.get("knows", PLAIN))[:200], bool(said.get("knows_formula", False))
