"""Small random changes to the rooms that compute, and whether a test notices.

    python -m tests.mutants --count 200 --seed 1 -o mutants.jsonl      some hours; goes on where it was stopped
    python -m tests.mutants --show mutants.jsonl                       the share that died, and the survivors

A comparison turned, a term dropped, a constant moved by one, a branch inverted, two arguments swapped, a call left
out. Each is tried in a copy of the tree, by the tests that run the changed line (`coverage` says which), fastest
first, until one fails. A survivor is a test that is missing, or a change that changes nothing: a person says which.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
import torch  # noqa: F401  for the forks
import transformers  # noqa: F401
from coverage import CoverageData

ROOT = Path(__file__).parents[1]
ROOMS = (
    "engines/local", "engines/monarch/weights/inflight_updates.py", "engines/monarch/memory/shared_memory.py",
    "rollouts", "rewards", "algorithms", "measure", "text", "tasks", "information.py", "seeds.py", "types.py",
    "report/study", "report/sweeps/paired.py", "training/step.py", "training/loop.py", "training/state.py",
    "training/updates.py", "training/sources", "training/learners", "training/schedule.py", "training/intrinsic.py",
    "training/checks/advantage_variance.py", "training/checks/sampler_parity.py", "training/warmup/uniform.py",
    "training/monitor/measure_step.py", "training/monitor/alarms.py", "training/monitor/series.py",
)  # fmt: skip
OF_OPTIONS = "tests/docs/test_pages.py"  # what an option is, is on a page
MOST_ASKED = 500  # tests, about a line that is read when its file is imported
LIMIT_S = 900  # for one mutant, and for a few quick tests much less: one that hangs is noticed
TURNED = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
EITHER_WAY = {"transpose", "swapaxes", "isclose", "allclose", "equal", "maximum", "minimum", "max", "min"}
METHODS_TO_DROP = {"lower", "strip", "clone", "detach", "float", "sorted", "contiguous", "abs", "copy", "double"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    file: str
    line: int
    kind: str
    old: str
    new: str
    start: int  # characters of the file that `new` replaces
    end: int


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every change that this file offers."""
    source = path.read_text()
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    skipped = docstrings_and_types(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for kind, new in changes(node):
            at = [starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset]
            start, end = (len(source.encode()[:place].decode()) for place in at)
            yield Mutant(
                file=str(path.relative_to(ROOT)), line=node.lineno, kind=kind, old=source[start:end],
                new=f"({ast.unparse(new)})" if isinstance(new, ast.expr) else ast.unparse(new), start=start, end=end,
            )  # fmt: skip


def docstrings_and_types(tree: ast.AST) -> set[int]:
    """Nodes that compute nothing."""
    out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            out.add(id(node.value))
        for name in ("annotation", "returns"):
            if (typed := getattr(node, name, None)) is not None:
                out |= {id(one) for one in ast.walk(typed)}
        for decorator in getattr(node, "decorator_list", []):  # how a class is made, how large a cache is
            out |= {id(one) for one in ast.walk(decorator)}
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            out |= {id(one) for one in ast.walk(node)}
        if isinstance(node, ast.Raise | ast.JoinedStr):  # what is said, not what is done
            out |= {id(one) for one in ast.walk(node)}
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id[:1].isupper():
            out |= {id(one) for one in ast.walk(node)}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and is_type(node.left):
            out |= {id(one) for one in ast.walk(node)}
    return out


def is_type(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and (node.id[:1].isupper() or node.id in ("int", "float", "str", "bool", "dict"))


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in TURNED:
            yield "comparison turned", ast.Compare(node.left, [TURNED[type(op)]()], node.comparators)
            if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                edge = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}[type(op)]
                yield "edge moved", ast.Compare(node.left, [edge()], node.comparators)
        case ast.BinOp() if type(node.op) in OTHER:
            yield "operator changed", ast.BinOp(node.left, OTHER[type(node.op)](), node.right)
            yield "right term dropped", node.left
            yield "left term dropped", node.right
        case ast.BoolOp():
            yield "and for or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            yield "condition dropped", node.values[0]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield "sign dropped", node.operand
        case ast.Constant(value=bool()):
            yield "constant turned", ast.Constant(not node.value)
        case ast.Constant(value=int(value)):
            yield "constant moved", ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "constant moved", ast.Constant(value * 1.5 or 1.0)
        case ast.IfExp():
            yield "branches swapped", ast.IfExp(node.test, node.orelse, node.body)
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in METHODS_TO_DROP:
            yield "call left out", node.func.value
        case ast.Call(args=[first, second, *rest]) if is_ordered(node):
            yield "arguments swapped", ast.Call(node.func, [second, first, *rest], node.keywords)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            yield "nothing returned", ast.Return(ast.Constant(None))
        case ast.AugAssign():
            yield "statement left out", ast.Pass()


def is_ordered(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    return name not in EITHER_WAY and not any(isinstance(one, ast.Starred) for one in call.args)


def is_of_import(path: Path, line: int) -> bool:
    """Whether a line stands in no function: a constant, an option."""
    functions = [
        one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return not any(one.body[0].lineno <= line <= (one.end_lineno or 0) for one in functions)


# --- which tests run a line -----------------------------------------------------------------------


class Suite:
    """The default tests: which of them run a line, and how long each takes. Looked up once, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        data, times = folder / "coverage", folder / "times.xml"
        if not (data.is_file() and times.is_file()):
            folder.mkdir(parents=True, exist_ok=True)
            print(f"running the suite once to see which test runs which line: {folder}", flush=True)
            cover = ["--cov=src/straw", "--cov-context=test", "--cov-report=", f"--junitxml={times}"]
            command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *cover]
            subprocess.run(command, cwd=ROOT, env=environment(ROOT) | {"COVERAGE_FILE": str(data)}, check=True)
        self.data = CoverageData(str(data))
        self.data.read()
        self.seconds = seconds_of(times)

    def of_line(self, file: str, line: int) -> list[str]:
        """Node ids: those of the file's own tests, then of its room, then others; the fastest first."""
        by_line = self.data.contexts_by_lineno(str(ROOT / file))
        is_read_once = is_of_import(ROOT / file, line)  # then the first test that needed the file is all that is known
        told = {one for some in by_line.values() for one in some} if is_read_once else by_line.get(line, [])
        found = {context.rpartition("|")[0] for context in told} - {""}
        path = Path(file).relative_to("src/straw")
        own, room = f"tests/{path.parent}/test_{path.name}", f"tests/{path.parent}/"
        # what reads a constant runs no line of its file
        found |= {one for one in self.seconds if is_read_once and one.startswith((OF_OPTIONS, own))}
        order = sorted(
            found, key=lambda one: (not one.startswith(own), not one.startswith(room), self.seconds.get(one, 0.0))
        )
        return order[:MOST_ASKED] if is_read_once else order

    def limit(self, tests: list[str]) -> float:
        """For tests that are listed, what they took when the machine had nothing else to do, several times over."""
        known = [self.seconds.get(test, LIMIT_S) for test in tests] or [LIMIT_S]
        return min(LIMIT_S, 90 + 5 * sum(known))


def seconds_of(report: Path) -> dict[str, float]:
    out = {}
    for case in ElementTree.parse(report).iter("testcase"):
        *folders, module = str(case.get("classname")).split(".")
        inside = [module] if module[:1].islower() else [folders.pop(), module]  # a class stands behind its module
        path = "/".join([*folders, inside[0]]) + ".py"
        out["::".join([path, *inside[1:], str(case.get("name"))])] = float(case.get("time") or 0)
    return out


def environment(tree: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(tree / "src"), str(tree)])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


# --- trying a mutant ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """`by`: which tests noticed: those that run the line, those of the room's own folder, any other; or "nobody"."""

    mutant: Mutant
    by: str
    test: str
    seconds: float


def fate_of(mutant: Mutant, suite: Suite, tree: Path, is_thorough: bool) -> Fate:
    path, begun = tree / mutant.file, time.monotonic()
    source = (ROOT / mutant.file).read_text()
    path.write_text(source[: mutant.start] + mutant.new + source[mutant.end :])
    try:
        for by, tests in rounds(mutant, suite, is_thorough):
            if test := first_failure(tests, tree, suite.limit(tests)):
                return Fate(mutant=mutant, by=by, test=test, seconds=time.monotonic() - begun)
        return Fate(mutant=mutant, by="nobody", test="", seconds=time.monotonic() - begun)
    finally:
        path.write_text(source)


def rounds(mutant: Mutant, suite: Suite, is_thorough: bool) -> Iterator[tuple[str, list[str]]]:
    room = Path(mutant.file).relative_to("src/straw").parent
    own = ROOT / "tests" / room
    if covering := suite.of_line(mutant.file, mutant.line):
        yield "the line", covering
    if room != Path() and own.is_dir() and (is_thorough or not covering):
        yield "the folder", [str(own.relative_to(ROOT))]
    if is_thorough:
        yield "the suite", []


def first_failure(tests: list[str], tree: Path, limit_s: float = LIMIT_S) -> str | None:
    """Some thousand node ids do not fit on a command line, so they go in a file."""
    with tempfile.TemporaryDirectory() as folder:
        listed, said = Path(folder) / "tests.txt", Path(folder) / "said.txt"
        listed.write_text("\n".join(tests))
        command = ["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *([f"@{listed}"] if tests else [])]
        status = waited_for(in_a_child(command, tree, said), limit_s)
        failed = [line for line in said.read_text().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if status is None:
        return "it hangs"
    if status in (0, 5):
        return None
    if status == pytest.ExitCode.USAGE_ERROR and not failed:  # a test's name that is another one in the copy
        if (functions := sorted({test.partition("[")[0] for test in tests})) != tests:
            return first_failure(functions, tree, limit_s)
        sys.exit(f"pytest does not find all of these tests, which says nothing of a mutant: {functions[:3]}")
    return failed[0] if failed else f"pytest ended with {status}"


def in_a_child(command: list[str], tree: Path, said: Path) -> int:
    """pytest in a fork of this process, which has read the large libraries and nothing of straw.

    Its process id, which is its group's too.
    """
    if child := os.fork():
        return child
    status = 1
    try:
        os.setpgid(0, 0)
        os.environ.update(environment(tree))
        os.chdir(tree)
        sys.path[:0] = environment(tree)["PYTHONPATH"].split(os.pathsep)
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        sys.dont_write_bytecode = True
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        status = pytest.main(command)
        sys.stdout.flush()
    finally:
        os._exit(status)


def waited_for(child: int, limit_s: float) -> int | None:
    """Its exit status, a signal's below 0; None where it was killed because it hung."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


# --- the command ----------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument("--cover", type=Path, default=Path(tempfile.gettempdir()) / "straw-mutants")
    parser.add_argument("--part", default="0/1", metavar="I/N", help="every Nth mutant alone, from the Ith on")
    parser.add_argument("--thorough", action="store_true", help="ask the room and the suite about those that live")
    parser.add_argument("--show", type=Path)
    asked = parser.parse_args()
    if asked.show:
        show([json.loads(line) for line in asked.show.read_text().splitlines()])
        return
    part, parts = map(int, asked.part.split("/"))
    chosen = Random(asked.seed).sample(list(every_mutant()), asked.count)[part::parts]
    known = {json.dumps(json.loads(line)["mutant"]) for line in asked.out.open()} if asked.out.exists() else set()
    suite = Suite(asked.cover)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=left_out)
        check_unchanged(chosen[:5], suite, tree)
        for mutant in chosen:
            if json.dumps(asdict(mutant)) in known:
                continue
            fate = fate_of(mutant, suite, tree, asked.thorough)
            with asked.out.open("a") as out:
                out.write(json.dumps(asdict(fate)) + "\n")
            print(f"{fate.by:10} {fate.seconds:4.0f} s  {mutant.file}:{mutant.line} {mutant.kind}", flush=True)


def left_out(folder: str, names: list[str]) -> set[str]:
    """What is no part of the source; there is a room of it that is called runs too."""
    mine = (".git", ".venv", "runs", ".pytest_cache", ".mypy_cache", ".ruff_cache") if Path(folder) == ROOT else ()
    return {"__pycache__", *mine} & set(names)


def check_unchanged(some: list[Mutant], suite: Suite, tree: Path) -> None:
    """Where tests fail without a change, every mutant would seem to die."""
    tests = {test for mutant in some for test in suite.of_line(mutant.file, mutant.line)[:5]}
    if failed := first_failure(sorted(tests), tree):
        sys.exit(f"the tests do not pass without any change: {failed}")


def every_mutant() -> Iterator[Mutant]:
    for room in ROOMS:
        place = ROOT / "src/straw" / room
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield from mutants_of(path)


def show(fates: list[dict[str, Any]]) -> None:
    by = Counter(fate["by"] for fate in fates)
    print(f"{len(fates)} mutants: " + ", ".join(f"{count} by {name}" for name, count in by.most_common()))
    print(f"{1 - by['nobody'] / max(1, len(fates)):.1%} died")
    for fate in fates:
        if fate["by"] == "nobody":
            one = fate["mutant"]
            print(f"\n{one['file']}:{one['line']}  {one['kind']}\n  - {one['old']}\n  + {one['new']}")


if __name__ == "__main__":
    main()
