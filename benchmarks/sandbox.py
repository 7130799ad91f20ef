"""What a program costs in the sandbox, over what it costs in a bare interpreter: milliseconds of CPU, all processes.

    python benchmarks/sandbox.py                     1,000 different programs of each kind, some two minutes of CPU
    python benchmarks/sandbox.py --programs 100

    bare             python program.py, once, with nothing around it: no tests, no limits
    one input        the same program in the sandbox, for one input
    4 inputs         for four, each in a process of its own
    4 calls          a function, called four times, each in a process of its own
    3 asserts        tests that are programs, in a second sandbox

Bare runs and the others take turns, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from straw.sandbox.limits import Limits
from straw.sandbox.process import check
from straw.sandbox.programs import Asserts, Call, Script, outputs, verdicts

LIMITS = Limits(cpu_s=5, wall_s=60.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=1000, help="how many of each kind")
    count = parser.parse_args().programs
    check()
    spent: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        for number in range(count):
            path.write_text(script(number))
            for name, run in kinds(number, path).items():
                spent.setdefault(name, []).append(cpu_ms(run))
    show(spent, count)


def script(number: int) -> str:
    return f"print(int(input()) + {number})\n"


def kinds(number: int, path: Path) -> dict[str, Callable[[], None]]:
    function = f"def f(x):\n    return x + {number}\n"
    right = [str(given + number) for given in range(4)]
    tests = tuple(f"assert f({given}) == {given + number}" for given in range(3))

    def bare() -> None:
        done = subprocess.run([sys.executable, str(path)], input=b"0\n", capture_output=True, check=True)
        assert done.stdout.split() == [right[0].encode()]

    def inputs(times: int) -> None:
        said = outputs(script(number), [Script(f"{given}\n") for given in range(times)], LIMITS)
        assert [one.out.strip() for one in said] == right[:times], said

    def calls() -> None:
        said = outputs(function, [Call("f", (given,)) for given in range(4)], LIMITS)
        assert [str(one.value) for one in said] == right, said

    def asserts() -> None:
        assert all(one.passed for one in verdicts(function, Asserts(tests), LIMITS))

    return {
        "bare": bare, "one input": lambda: inputs(1), "4 inputs": lambda: inputs(4), "4 calls": calls,
        "3 asserts": asserts,
    }  # fmt: skip


def cpu_ms(run: Callable[[], None]) -> float:
    """Of this process and of all that it waited for."""
    before = used()
    run()
    return 1000 * (used() - before)


def used() -> float:
    of_all = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in of_all)


def show(spent: dict[str, list[float]], count: int) -> None:
    table = Table(
        box=None, pad_edge=False, header_style="bold", title=f"{count} programs of each kind", title_justify="left"
    )
    for name in ("", "ms of CPU", "over the bare interpreter", "the dearest"):
        table.add_column(name, justify="left" if not name else "right")
    mean = {name: sum(costs) / len(costs) for name, costs in spent.items()}
    for name, costs in spent.items():
        over = "" if name == "bare" else f"{mean[name] - mean['bare']:.1f}"
        table.add_row(name, f"{mean[name]:.1f}", over, f"{max(costs):.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
