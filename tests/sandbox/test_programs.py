"""What a program says to a question, however it says it; and what a run of any command comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.sandbox.needs import SHORT, Watched, needs_sandbox, watched

from straw.errors import StrawError
from straw.sandbox import bubblewrap, process
from straw.sandbox.ends import Ended
from straw.sandbox.limits import Limits
from straw.sandbox.process import check, run
from straw.sandbox.programs import Asserts, Call, Prelude, Script, outputs, verdicts

__all__ = ["watched"]

SAYS = {  # a script, and its output for the input "3 4\n"
    "print(sum(map(int, input().split())))": "7\n",
    "import sys\nprint(sys.stdin.read(), end='')": "3 4\n",
    "print(open(0).read(), end='')": "3 4\n",
    "print(open('/dev/stdin').read(), end='')": "3 4\n",
    "import sys\nsys.stdout.write('no end of line')": "no end of line",
    "import os\nos.write(1, b'straight')": "straight",
    "import sys\nprint('said')\nsys.exit()": "said\n",
    "print('said')\nexit()": "said\n",
    "if __name__ == '__main__':\n    print('main')": "main\n",
    "import threading, time\ndef f():\n    time.sleep(0.1)\n    print('late')\n"
    "threading.Thread(target=f).start()": "late\n",
    "import threading, sys\nsys.setrecursionlimit(10**6)\nthreading.stack_size(32 << 20)\n"
    "def f(n): return n and 1 + f(n - 1)\nt = threading.Thread(target=lambda: print(f(20000)))\n"
    "t.start()\nt.join()": "20000\n",
    "import atexit\natexit.register(print, 'last')\nprint('first')": "first\nlast\n",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 3\nprint(A())": "A(x=3)\n",
    "print('é😀')": "é😀\n",
    "import asyncio\nasync def f(): print('async')\nasyncio.run(f())": "async\n",
    "import collections, heapq, itertools, math, re, string, random, functools, decimal, fractions\n"
    "print('imported')": "imported\n",
    "open('/tmp/x', 'w').write('kept')\nprint(open('/tmp/x').read())": "kept\n",
}  # fmt: skip


@needs_sandbox
@pytest.mark.parametrize("program", SAYS)
def test_a_script_says_what_python_would(program: str, watched: Watched) -> None:
    (said,) = outputs(program, [Script("3 4\n")], SHORT)
    assert (said.end, said.code, said.out) == ("exited", 0, SAYS[program])


@needs_sandbox
def test_ends_of_scripts(watched: Watched) -> None:
    programs = ["import sys\nsys.exit(3)", "raise ValueError", "this is none", "import os\nos.abort()", "1 / 0"]
    found = [outputs(program, [Script("")], SHORT)[0] for program in programs]
    assert [(one.end, one.code) for one in found] == [
        ("exited", 3), ("exited", 1), ("exited", 1), ("exited", -6), ("exited", 1),
    ]  # fmt: skip


@needs_sandbox
def test_time_and_output_are_bounded_one_test_at_a_time(watched: Watched) -> None:
    program = "asked = input()\nwhile asked == 'work': pass\nwhile asked == 'talk': print('x' * 9999)\nprint(asked)"
    found = outputs(program, [Script("work"), Script("a"), Script("talk"), Script("b")], replace(SHORT, wall_s=9.0))
    assert [one.end for one in found] == ["time", "exited", "output", "exited"]
    assert [found[1].out, found[3].out] == ["a\n", "b\n"] and len(found[2].out) == SHORT.output


@needs_sandbox
def test_what_is_not_reached_in_time_is_not_said(watched: Watched) -> None:
    found = outputs(
        "import time\ntime.sleep(int(input()))\nprint(1)", [Script("0"), Script("9"), Script("0")], SHORT, total_s=1
    )
    assert [one.end for one in found] == ["exited", "time", "time"]


@needs_sandbox
def test_calls_have_values_and_errors(watched: Watched) -> None:
    program = "class Solution:\n    def f(self, x):\n        return {'x': [x, None, 1.5]}\ndef g(x): raise KeyError(x)"
    value, error, missing = outputs(program, [Call("f", ("é",)), Call("g", (1,)), Call("h", ())], SHORT)
    assert value.value == {"dict": [["x", ["é", None, 1.5]]]}
    for said, name in ((error, "KeyError: 1"), (missing, "AttributeError")):
        assert name in said.out
        with pytest.raises(LookupError):
            _ = said.value


@needs_sandbox
def test_a_prelude_is_there_and_hides_nothing(watched: Watched) -> None:
    prelude = Prelude("from typing import *\nimport math\n", "math typing")
    program = "def f(x: List[int]) -> Optional[int]: return math.prod(x)\nprint(pow(2, 3, 5))"
    said, ran = outputs(program, [Call("f", ([2, 3],)), Script("")], SHORT, prelude)
    assert said.value == 6 and ran.out == "3\n"


@needs_sandbox
def test_tests_that_are_programs(watched: Watched) -> None:
    program = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\ndef sum(a, b): return a * b\n"
    program += "def bad(): raise ValueError('no')"
    tests = Asserts(
        tests=(
            "assert f(1) == 1 and f(1) == 2", "assert f(5) == 1, 'a fresh program'", "assert f(5) == 2",
            "assert sum(2, 3) == 6",
            "try:\n    bad()\n    raise AssertionError\nexcept ValueError as error: assert str(error) == 'no'",
            "from math import isclose\nassert isclose(helper(f(1)), 2.0)", "assert True", "assert f(x=1) == 1",
            "this is none", "while True: pass",
        ),
        setup="def helper(x): return 2.0 * x", reference="def sum(a, b): ...",
    )  # fmt: skip
    found = [one.passed for one in verdicts(program, tests, SHORT, total_s=4)]
    assert found == [True, True, False, True, True, True, False, True, False, False]


@needs_sandbox
def test_a_helper_of_the_test_is_the_tests_own(watched: Watched) -> None:
    """HumanEval's poly checks find_zero: a program that says what poly is would check itself."""
    check = "def check(candidate):\n    assert abs(poly(candidate([1, -2]))) < 1e-6\n"
    tests = Asserts(
        tests=(check,), setup="def poly(x): return 1 - 2 * x\ndef find_zero(xs):\n    pass", entry="find_zero"
    )
    assert verdicts("def find_zero(xs): return 0.5", tests, SHORT)[0].passed
    assert not verdicts("def poly(x): return 0\ndef find_zero(xs): return 9", tests, SHORT)[0].passed


@needs_sandbox
def test_a_command_is_run(tmp_path: Path, watched: Watched) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shown.txt").write_text("shown")
    (tmp_path / "hidden.txt").write_text("hidden")
    read = f"import os; print(open({str(tmp_path / 'data' / 'shown.txt')!r}).read(), os.listdir({str(tmp_path)!r}))"
    ran = run(["python", "-c", read], limits=SHORT, read_only_paths=[tmp_path / "data"])
    assert (ran.end, ran.code, ran.stdout) == (Ended.EXITED, 0, b"shown ['data']\n"), ran
    ran = run(["python", "-c", "import sys; print(sys.stdin.read() * 2); print('x', file=sys.stderr)"], b"in", SHORT)
    assert (ran.stdout, ran.stderr, ran.is_fine) == (b"inin\n", b"x\n", True)
    ran = run(["python", "-c", "import time; time.sleep(9)"], limits=SHORT)
    assert ran.end is Ended.TIME and not ran.is_fine
    ran = run(["python", "-c", "while True: print('x' * 99)"], limits=SHORT)
    assert ran.end is Ended.OUTPUT and len(ran.stdout) == SHORT.output
    assert run(["no such command"], limits=SHORT).code == 127
    assert run(["python", "-c", "import os; os.kill(os.getpid(), 9)"], limits=SHORT).code == 137


@needs_sandbox
def test_a_command_may_have_processes_where_it_is_allowed_to(watched: Watched) -> None:
    program = (
        "import os\nfor _ in range(3):\n    if not os.fork(): os._exit(0)\nprint([os.wait()[1] for _ in range(3)])"
    )
    assert run(["python", "-c", program], limits=SHORT).code == 1
    assert run(["python", "-c", program], limits=replace(SHORT, processes=8)).stdout == b"[0, 0, 0]\n"
    bomb = "import os, time\nmade = 0\nfor _ in range(99):\n    try: pid = os.fork()\n    except OSError: break\n"
    bomb += "    if not pid: time.sleep(9)\n    made += 1\nprint(made, flush=True)\nos._exit(0)"
    ran = run(["python", "-c", bomb], limits=replace(SHORT, processes=8, threads=1))
    assert 1 <= int(ran.stdout) <= 8


def test_without_bubblewrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    bubblewrap.program.cache_clear()
    process.check.cache_clear()
    try:
        for asked in (check, lambda: run(["python", "-c", "pass"]), lambda: outputs("print(1)", [Script("")], SHORT)):
            with pytest.raises(StrawError, match=r"needs bubblewrap .* there is no bwrap here: apt install bubblewrap"):
                asked()
    finally:
        bubblewrap.program.cache_clear()


def test_on_another_system_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap.sys, "platform", "darwin")
    bubblewrap.program.cache_clear()
    try:
        with pytest.raises(StrawError, match=r"needs bubblewrap on Linux .* this is darwin"):
            outputs("print(1)", [Script("")], SHORT)
    finally:
        bubblewrap.program.cache_clear()


def test_a_bubblewrap_that_cannot_work_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that says why, nor one that says nothing."""
    for text in ("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n", "#!/bin/sh\nexit 0\n"):
        program = tmp_path / "bwrap"
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setattr(bubblewrap, "program", program.__str__)
        process.check.cache_clear()
        with pytest.raises(StrawError, match="bubblewrap"):
            check()
        with pytest.raises(StrawError, match="bubblewrap"):
            outputs("print(1)", [Script("")], SHORT)
        with pytest.raises(StrawError, match="bubblewrap"):
            verdicts("f = abs", Asserts(("assert f(-1) == 1",)), SHORT)


@pytest.mark.parametrize("name", ["cpu_s", "wall_s", "memory", "threads", "output"])
def test_a_limit_is_above_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=f"above 0; got {name}=0"):
        Limits(**{name: 0})
