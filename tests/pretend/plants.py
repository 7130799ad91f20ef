"""Planted bugs: every place that names a device, with the name dropped, and what of the pretend device notices.

    python -m tests.pretend.plants        the table

A place is a call with `device=`, a `.to(...)` that names a device, or a `.cpu()`, in the rooms that compute. The bug is
that call without it. It is put into the running function's code, so a bug costs no more than the work that should trip
over it: `PROBES` by file. Caught is what is refused, what comes out otherwise, and what makes the host wait more often:
CUDA takes indices from the CPU, and copies them each time.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

from tests.pretend import probes
from tests.pretend.device import counted, pretending

import straw

HOUSE = Path(straw.__file__).parent
ROOMS = ("engines/local", "engines/encoder_bert.py", "engines/encoder.py", "training/warmup/frozen_head.py")
NOT_A_TENSOR = ("LocalSettings",)
HARMLESS = (  # indices that are made on the CPU either way, and a matrix that another takes the place of
    "torch.tensor([token for text in texts for token in text]", "torch.tensor(list(tokens)",
    "nn.Linear(sizes.hidden_size, sizes.vocab_size",
    "torch.arange(u * ",  # of several prompts in one row, which are read so only where bits are kept
)  # fmt: skip
# asked only where bits are kept
ON_CPUS = ("engines/local/forward/prompts/blocks.py", "engines/local/forward/prompts/turns.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A call that names a device, and the same without."""

    file: str
    line: int
    function: str  # by its path in the module
    old: str
    new: str
    start: int
    end: int

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}"


def plants() -> list[Plant]:
    files = [
        path for room in ROOMS for path in ([HOUSE / room] if room.endswith(".py") else (HOUSE / room).rglob("*.py"))
    ]
    found = [plant for path in sorted(files) for plant in plants_in(path.read_text(), str(path.relative_to(HOUSE)))]
    return [plant for plant in found if not plant.old.startswith(HARMLESS) and plant.file not in ON_CPUS]


def plants_in(source: str, file: str = "") -> Iterator[Plant]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def walk(node: ast.AST, path: tuple[str, ...], is_inside: bool) -> Iterator[Plant]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef) and not is_inside:
                yield from walk(child, (*path, child.name), isinstance(child, ast.FunctionDef))
                continue
            yield from walk(child, path, is_inside)
            new = without_device(child) if isinstance(child, ast.Call) and is_inside else None
            if new is None or not isinstance(child, ast.Call):
                continue
            start = starts[child.lineno - 1] + child.col_offset
            end = starts[int(child.end_lineno or 0) - 1] + int(child.end_col_offset or 0)
            yield Plant(
                file=file, line=child.lineno, function=".".join(path), old=source[start:end], new=ast.unparse(new),
                start=start, end=end,
            )  # fmt: skip

    yield from walk(ast.parse(source), (), False)


def without_device(call: ast.Call) -> ast.expr | None:
    """The call without its device; None where it names none."""
    name = ast.unparse(call.func)
    if name.rpartition(".")[2] in NOT_A_TENSOR:
        return None
    if any(keyword.arg == "device" for keyword in call.keywords):
        return ast.Call(call.func, call.args, [one for one in call.keywords if one.arg != "device"])
    if isinstance(call.func, ast.Attribute) and call.func.attr == "cpu":
        return call.func.value
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "to"):
        return None
    rest = [one for one in call.args if "device" not in ast.unparse(one)]
    if len(rest) == len(call.args):
        return None
    return ast.Call(call.func, rest, call.keywords) if rest or call.keywords else call.func.value


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    source = (HOUSE / plant.file).read_text()
    mended = source[: plant.start] + f"({plant.new})" + source[plant.end :]
    function = live(plant)
    before = function.__code__
    function.__code__ = code_of(compile(mended, plant.file, "exec", dont_inherit=True), plant.function)
    try:
        yield
    finally:
        function.__code__ = before


def live(plant: Plant) -> Any:
    """The function as the house runs it, under what decorates it."""
    found: Any = import_module("straw." + plant.file.removesuffix(".py").replace("/", "."))
    for part in plant.function.split("."):
        found = inspect.getattr_static(found, part)
        found = getattr(found, "__func__", None) or getattr(found, "fget", None) or found
    return inspect.unwrap(found)


def code_of(whole: CodeType, name: str) -> CodeType:
    waiting = [whole]
    while waiting:
        code = waiting.pop()
        if code.co_qualname == name:
            return code
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    raise LookupError(name)


def healthy() -> dict[str, tuple[Any, int]]:
    """By probe: what comes out without any bug, and how often the host waits."""
    return {name: outcome(name) for name in probes.ALL}


def outcome(name: str) -> tuple[Any, int]:
    with counted() as counts:
        found = probes.ALL[name]()
    return found, counts.waits


def caught_by(plant: Plant, well: dict[str, tuple[Any, int]]) -> str | None:
    """How the first probe that notices says it; None: it lives."""
    with planted(plant):
        for name in probes.names_for(plant.file):
            try:
                found, waits = outcome(name)
            except Exception as error:
                return f"{name}: {type(error).__name__}"
            if waits > well[name][1]:
                return f"{name}: {waits - well[name][1]} waits more"
            if found != well[name][0]:
                return f"{name}: other values"
    return None


def main() -> None:
    with pretending():
        well = healthy()
        for plant in plants():
            said = caught_by(plant, well) or "LIVES"
            print(f"{plant.name:48} {' '.join(plant.old.split())[:70]:72} {said}", flush=True)


if __name__ == "__main__":
    main()
