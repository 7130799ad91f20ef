"""No program gets out, is paid for a fake, stays, or lasts longer than its limits."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.attacks import BOMBS, CALLS, FAKES, REFUSED
from tests.sandbox.needs import SHORT, Watched, needs_sandbox, watched

import straw
from straw.sandbox.inside.values import same
from straw.sandbox.process import run
from straw.sandbox.programs import Asserts, Call, Said, Script, outputs, verdicts

pytestmark = needs_sandbox
__all__ = ["watched"]  # a fixture
BUSY_S = 20.0  # that a machine may be late


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What is right: it stands in a file, in the environment and in this process, and a program finds it nowhere."""
    value = secrets.token_hex(16)
    (tmp_path / "answers.jsonl").write_text(value)
    monkeypatch.setenv("THE_ANSWER", value)
    yield value


def value_of(said: Said) -> object:
    try:
        return said.value
    except LookupError:
        return None


REPEATED = (  # much like others
    "exits in good order", "leaves when it is asked", "a text that is equal to everything", "nothing but noise",
    "a list that is equal to everything", "every file there is", "no Python at all", "an end of its text",
)  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in REPEATED)) for one in FAKES])
def test_a_fake_is_not_paid_and_learns_nothing(name: str, token: str, watched: Watched) -> None:
    script, call = outputs(FAKES[name], [Script(token[:0]), Call("f", (6,))], SHORT)
    assert token not in script.out + call.out
    assert not same(token, value_of(call))
    tests = (f"assert f(6) == {token!r}", f"assert {token!r} == f(6)", f"assert f(6) in [{token!r}]", "pass")
    found = verdicts(FAKES[name], Asserts(tests), SHORT, total_s=10)
    assert [one.passed for one in found] == [False] * 4
    check = f"def check(candidate):\n    assert candidate(6) == {token!r}\n"
    assert not verdicts(FAKES[name], Asserts((check,), entry="f"), SHORT)[0].passed


QUICK = ("forks", "memory", "output", "a thread that survives", "threads without Python", "signals to everyone")
SOME = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in BOMBS]


@pytest.mark.parametrize("name", SOME)
def test_a_bomb_ends_in_its_time_and_leaves_nothing(name: str, watched: Watched) -> None:
    begun = time.monotonic()
    after = outputs(BOMBS[name], [Script("")], SHORT)
    assert time.monotonic() - begun < SHORT.wall_s + BUSY_S
    assert len(after) == 1 and len(after[0].out) <= SHORT.output
    assert watched.left == []


def test_a_test_that_goes_wrong_takes_no_other_with_it(watched: Watched) -> None:
    for name in ("signals to everyone", "a thread that survives", "limits of its own", "memory in files"):
        program = f"import sys\nasked = sys.stdin.read()\nif asked == 'bad':\n    exec({BOMBS[name]!r})\nprint(asked)"
        found = outputs(program, [Script("one"), Script("bad"), Script("two")], SHORT)
        assert [found[0].out, found[2].out] == ["one\n", "two\n"], name


def test_nothing_that_a_program_keeps_meets_the_next_test(watched: Watched) -> None:
    program = "import builtins\nseen = getattr(builtins, 'seen', 0)\nbuiltins.seen = seen + 1\ndef f(): return seen"
    assert [one.value for one in outputs(program, [Call("f", ()), Call("f", ())], SHORT)] == [0, 0]
    program = (
        "import os\nfound = os.listdir('/tmp')\nos.makedirs('/tmp/a/b')\nopen('/tmp/a/b/c', 'w').close()\n"
        "os.chmod('/tmp/a/b', 0)\nos.remove('/tmp/stdin')\nos.symlink('/tmp/a', '/tmp/stdin')\n"
        "print(found, open(0).read())"
    )
    assert {one.out for one in outputs(program, [Script("x")] * 3, SHORT)} == {"['stdin'] x\n"}


def test_the_network_is_not_there(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        program = f"import socket\ndef f(): return socket.create_connection(('127.0.0.1', {port}), 1) is not None"
        assert "Error" in outputs(program, [Call("f", ())], SHORT)[0].out
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nothing_of_ours_can_be_read_or_written(token: str, tmp_path: Path, watched: Watched) -> None:
    house = Path(straw.__file__).parent
    paths = [tmp_path / "answers.jsonl", house / "__init__.py", house.parents[1] / "written", Path.home() / "written"]
    paths += [Path("/etc/passwd"), Path("/proc/1/environ"), Path("/sys/kernel"), Path("/var"), Path("/home")]
    program = (
        "import os\ndef f(path):\n    found = [os.path.exists(path)]\n    for how in 'rw':\n"
        "        try: open(path, how); found.append(how)\n        except OSError: pass\n    return found"
    )
    questions = [Call("f", (str(path),)) for path in paths]
    assert [one.value for one in outputs(program, questions, SHORT)] == [[False]] * len(paths)
    assert not (house.parents[1] / "written").exists() and not (Path.home() / "written").exists()


def test_the_system_is_read_only(watched: Watched) -> None:
    places = ["/", "/usr/lib", "/straw", "/straw/straw/sandbox/inside", "/dev", os.path.dirname(os.__file__)]
    program = "def f(path): return open(path + '/written', 'w') is None"
    for said in outputs(program, [Call("f", (place,)) for place in places], SHORT):
        assert "Error" in said.out
    program = "def f():\n    open('/tmp/written', 'w').write('x')\n    return open('/tmp/written').read()"
    assert outputs(program, [Call("f", ())], SHORT)[0].value == "x"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")
def test_calls_that_no_program_needs_are_refused(watched: Watched) -> None:
    program = CALLS + "def f(number): return call(number, 0, 0, 0, 0, 0)[1]"
    found = outputs(program, [Call("f", (number,)) for number in REFUSED.values()], SHORT)
    assert {name: said.value for name, said in zip(REFUSED, found, strict=True) if said.value not in (1, 38)} == {}


def test_a_program_is_nobody(watched: Watched) -> None:
    program = (
        "import os\ndef f():\n    try: os.setresuid(0, 0, 0)\n    except OSError: pass\n"
        "    try: os.setgroups([0])\n    except OSError: pass\n    return [os.getuid(), os.geteuid(), os.getgid()]"
    )
    assert outputs(program, [Call("f", ())], SHORT)[0].value == [1000, 1000, 1000]


def test_every_namespace_is_its_own(tmp_path: Path, watched: Watched) -> None:
    """Asked from outside, of a program that waits."""
    found: dict[str, str] = {}

    def look() -> None:
        while not watched.namespaces:
            time.sleep(0.01)
        time.sleep(0.5)
        inside = next(one for one in watched.left)
        found.update({kind: os.readlink(f"/proc/{inside}/ns/{kind}") for kind in ("user", "pid", "net", "ipc", "uts")})
        found["mnt"] = os.readlink(f"/proc/{inside}/ns/mnt")

    thread = threading.Thread(target=look)
    thread.start()
    run(["python", "-sS", "-c", "import time; time.sleep(2)"], limits=SHORT)
    thread.join()
    assert len(found) == 6
    assert all(os.readlink(f"/proc/self/ns/{kind}") != namespace for kind, namespace in found.items())


@pytest.mark.slow
def test_hostile_values_cost_the_reader_nothing(watched: Watched) -> None:
    """Deep brackets, numbers that all have one hash, a number of a million digits, half a text."""
    write = "import os\ndef f(x):\n    for end in range(3, 64):\n        try: os.write(end, {}.encode() + b'\\n')\n"
    write += "        except OSError: pass\n"
    texts = (
        "'[' * 100000", "'{\"value\": ' + '[' * 100000 + ']' * 100000 + '}'", "'{\"value\": ' + '9' * 100000 + '}'",
        "'{\"value\": {\"set\": [' + ','.join(str(n * (2 ** 61 - 1)) for n in range(9000)) + ']}}'",
        "'{\"value\": {\"dict\": [[' + '1], [' * 9000 + ']]}}'", "'{\"value\": {\"int\": {}}}'", "'NaN'", "'[]'",
    )  # fmt: skip
    for text in texts:
        (said,) = outputs(write.replace("{}", text, 1), [Call("f", (1,))], SHORT)
        begun = time.process_time()
        for right in (1, "x", [1], {"a": 1}, None, True):
            assert not same(right, value_of(said)) or value_of(said) is None
        assert time.process_time() - begun < 1
        assert not verdicts(write.replace("{}", text, 1), Asserts(("assert f(1) == 5",)), SHORT, total_s=5)[0].passed


def test_one_that_is_killed_leaves_nothing(watched: Watched) -> None:
    """Whoever began it may die at any moment."""
    program = (
        "import os, sys\nfrom straw.sandbox.process import run\nfrom straw.sandbox.limits import Limits\n"
        "from straw.sandbox.programs import outputs, Script\n"
        "outputs('import time; time.sleep(60)', [Script('')], Limits(wall_s=60.0))"
    )
    from subprocess import Popen
    from sys import executable

    outputs("", [], SHORT)  # the fixture wants one
    before = {namespace for _, namespace in namespaces_now()}
    other = Popen([executable, "-c", program], env={**os.environ, "PYTHONPATH": str(Path(straw.__file__).parents[1])})
    deadline = time.monotonic() + BUSY_S
    while not (mine := inside_of(other.pid, before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mine
    time.sleep(0.5)
    mine = inside_of(other.pid, before)
    other.kill()
    other.wait()
    while any(os.path.exists(f"/proc/{one}") for one in mine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one for one in mine if os.path.exists(f"/proc/{one}")]


def namespaces_now() -> Iterator[tuple[str, str]]:
    from tests.sandbox.needs import namespaces

    return namespaces()


def inside_of(parent: int, before: set[str]) -> list[str]:
    """Processes below this one that are in a namespace of their own."""
    parents = {}
    for process, namespace in namespaces_now():
        try:
            parents[process] = (Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1], namespace)
        except OSError:
            continue
    below, found = {str(parent)}, []
    for _ in range(4):
        for process, (above, namespace) in parents.items():
            if above in below and process not in below:
                below.add(process)
                if namespace not in before:
                    found.append(process)
    return found
