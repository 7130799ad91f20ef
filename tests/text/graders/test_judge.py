from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest

from straw.errors import StrawError
from straw.text import bounded_process as beside
from straw.text.graders import grader_named, judge, worker
from straw.text.graders.judge import Judge, said_in, same_formula

SLOW = r"$\int_0^1 \sin(\tan(\cos(x^x)))^{\sqrt{x}} e^{x^{x^x}} dx$"  # seconds of algebra
WORK_S = 2.0  # what `worker` promises, and the start of a fork


def processes_of(parent: int) -> dict[int, str]:
    """Children and their states: Z is a zombie."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, ppid = rest.split()[:2]
        if int(ppid) == parent:
            found[int(stat.parent.name)] = state
    return found


def ask(text: str) -> bool:
    same_formula.cache_clear()
    return same_formula(text, "0.5")


def ask_in_a_child(text: str, pipe: object) -> None:
    pipe.send((ask(text), judge.JUDGE._process.pid))  # type: ignore[attr-defined, union-attr]


def question(text: str, gold: str = "0.5") -> dict[str, str]:
    return {"ask": "formula", "text": text, "gold": gold}


def spent_by_children() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_a_question_that_costs_too_much_work_is_stopped_and_leaves_no_zombie() -> None:
    asking = Judge()
    asking.ask(**question("1"))
    assert asking._process is not None
    worker = asking._process.pid
    assert asking.ask(**question(SLOW, SLOW.replace("0^1", "0^2"))) == {"stopped": True}
    assert asking.ask(**question(r"\frac{1}{2}")) == {"right": True}
    assert asking._process.pid == worker
    assert len(processes_of(worker)) == 1 and "Z" not in processes_of(worker).values()
    asking.close()
    assert worker not in processes_of(os.getpid())


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork of a process that runs tests has more address space than one of the program has."""
    monkeypatch.setattr(worker, "MEMORY", resource.RLIM_INFINITY)


@pytest.mark.usefixtures("roomy")
def test_a_child_ends_itself_by_its_own_work() -> None:
    before = spent_by_children()
    child = worker.Child()
    assert child.answer(json.dumps(question(SLOW)).encode() + b"\n") == worker.STOPPED
    child.end()
    assert 0.9 * worker.WORK_S < spent_by_children() - before < WORK_S


def asked_of(children: worker.Children, text: str) -> dict[str, bool]:
    return json.loads(children.answer(json.dumps(question(text)).encode() + b"\n"))


@pytest.mark.usefixtures("roomy")
def test_a_fork_never_goes_on_with_what_its_parent_was_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected ends it, and is no verdict on the next question."""

    def broken(asked: dict[str, str]) -> dict[str, bool]:
        raise SystemError("out of order")

    monkeypatch.setattr(worker, "judged", broken)
    children = worker.Children()
    pid, before = os.getpid(), set(processes_of(os.getpid()))
    assert children.answer(json.dumps(question("1")).encode() + b"\n") == worker.STOPPED
    assert os.getpid() == pid and set(processes_of(pid)) <= before
    children.end()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, roomy: None) -> list[bytes]:
    """Children of this process, looked at every hundredth of a second; what is said while they work."""
    said: list[bytes] = []
    worker.judged(question("1"))  # so that a fork need not import
    monkeypatch.setattr(worker, "LOOK_S", 0.01)
    monkeypatch.setattr(worker, "STILL_LOOKS", 50)
    monkeypatch.setattr(worker, "say", said.append)
    return said


def test_a_right_answer_stays_right_when_the_child_gets_a_tenth_of_a_processor(
    impatient: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def laborious(asked: dict[str, str]) -> dict[str, bool]:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        return {"right": True}

    monkeypatch.setattr(worker, "judged", laborious)
    children, done = worker.Children(), threading.Event()
    children._child = child = worker.Child()

    def starve() -> None:
        while not done.wait(0.002):
            os.kill(child.pid, signal.SIGSTOP)
            time.sleep(0.018)
            os.kill(child.pid, signal.SIGCONT)

    starving = threading.Thread(target=starve)
    starving.start()
    try:
        assert asked_of(children, "1") == {"right": True}
        assert children._child is child
        assert len(impatient) > worker.STILL_LOOKS  # it took longer than one that stands still may
        assert set(impatient) == {worker.WORKING}
    finally:
        done.set()
        starving.join()
        children.end()


def test_a_child_that_stands_still_is_replaced_and_the_question_asked_again(impatient: list[bytes]) -> None:
    children = worker.Children()
    assert asked_of(children, r"\frac{1}{2}") == {"right": True}
    assert children._child is not None
    first = children._child.pid
    os.kill(first, signal.SIGSTOP)
    assert asked_of(children, r"\frac{2}{4}") == {"right": True}
    assert children._child.pid != first
    children.end()


def test_a_child_that_was_killed_is_replaced_and_the_question_asked_again(impatient: list[bytes]) -> None:
    children = worker.Children()
    assert asked_of(children, r"\frac{1}{2}") == {"right": True}
    assert children._child is not None
    os.kill(children._child.pid, signal.SIGKILL)
    assert asked_of(children, r"\frac{2}{4}") == {"right": True}
    children.end()


def test_children_that_are_lost_again_and_again_are_an_error_and_no_verdict(
    impatient: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "work", lambda ask, said: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(worker.LostError):
        asked_of(worker.Children(), "1")


def test_a_worker_that_goes_without_an_answer_is_an_error_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "worker.py").write_text("""print('{"ready": true}', flush=True); input()""")
    monkeypatch.setattr(judge, "WORKER", tmp_path / "worker.py")
    with pytest.raises(StrawError, match="lost twice"):
        Judge().ask(**question("1"))


def test_a_worker_that_says_it_works_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(
        """import time; print('{"ready": true}', flush=True); input()\n"""
        """for _ in range(5): time.sleep(0.1); print('{"working": true}', flush=True)\n"""
        """print('{"working": true}'); print('{"right": true}', flush=True); input()"""
    )
    monkeypatch.setattr(judge, "WORKER", tmp_path / "worker.py")
    monkeypatch.setattr(beside, "SILENT_S", 0.3)
    asking = Judge()
    assert asking.ask(**question("1")) == {"right": True}
    asking.close()


def test_after_a_kill_the_next_question_costs_no_second_import() -> None:
    asking = Judge()
    assert asking.ask(**question(SLOW)) == {"stopped": True}
    assert asking._process is not None
    worker = asking._process.pid
    assert asking.ask(**question("1", "1")) == {"right": True}
    assert asking._process.pid == worker  # it forked again
    asking.close()


def test_many_threads_may_ask_at_once() -> None:
    texts = [rf"\frac{{{n}}}{{{2 * n}}}" for n in range(1, 41)]
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, texts))
        assert not any(threads.map(ask, [text.replace("frac{", "frac{1") for text in texts]))


def test_a_forked_process_asks_a_worker_of_its_own_and_ours_stays() -> None:
    assert ask(r"\frac{1}{2}") and judge.JUDGE._process is not None
    ours, context = judge.JUDGE._process.pid, get_context("fork")
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=ask_in_a_child, args=(r"\frac{2}{4}", writing))
    child.start()
    right, theirs = reading.recv()
    child.join()
    assert right and theirs != ours
    assert ask(r"\frac{3}{6}") and judge.JUDGE._process.pid == ours


def test_a_worker_that_was_killed_is_replaced() -> None:
    assert ask(r"\frac{1}{2}") and judge.JUDGE._process is not None
    os.kill(judge.JUDGE._process.pid, signal.SIGKILL)
    assert ask(r"\frac{1}{2}")


def test_a_worker_ends_with_a_straw_that_was_killed() -> None:
    program = (
        "from straw.text.graders import judge; import os, time\n"
        "judge.same_formula('\\\\frac12', '0.5')\n"
        "print(judge.JUDGE._process.pid, flush=True); time.sleep(60)"
    )
    straw = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert straw.stdout is not None
    worker = int(straw.stdout.readline())
    straw.kill()
    straw.communicate()
    assert eventually(lambda: not is_working(worker))


def is_working(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(holds: object, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_an_interrupted_question_does_not_answer_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Judge()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    asking.ask(**question("1", "1"))
    with monkeypatch.context() as patched:
        patched.setattr(asking, "_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            asking.ask(**question("1", "1"))
    assert asking.ask(**question("1", "2")) == {"right": False}
    asking.close()


def test_a_missing_library_is_an_error_and_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("""print('{"missing": "No module named math_verify"}', flush=True)""")
    monkeypatch.setattr(judge, "WORKER", tmp_path / "worker.py")
    with pytest.raises(StrawError, match="pip install math-verify"):
        Judge().ask(**question("1", "1"))


def test_what_is_refused_is_refused_before_any_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "JUDGE", None)
    grader = grader_named("extract")
    for text in ("99**98**97", "9" * 100_000, "(" * 5000, "[" * 31 + "7", "10^{100000}", r"2^{99^{99}}"):
        for reply in (text, f"<answer>{text}</answer>", f"It is {text}"):
            start = time.process_time()
            assert not grader.judge(reply, "18")
            assert time.process_time() - start < 0.05


@pytest.mark.parametrize("answer", [{"said": ""}, {"said": 7}, {"said": None}, {}])
def test_what_is_no_answer_of_the_library_is_none(monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]) -> None:
    monkeypatch.setattr(judge, "JUDGE", SimpleNamespace(ask=lambda **asked: answer))
    assert said_in.__wrapped__("a text") is None


def test_the_library_finds_what_it_says_in_a_text() -> None:
    assert said_in("The answer is 3/4.") == "3/4"


def test_only_what_was_said_to_be_right_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, object]] = [{"right": True}, {"right": False}, {"right": 1}, {"stopped": True}]
    for function in (judge.same_value, judge.same_formula):
        told = iter(answers)
        monkeypatch.setattr(judge.JUDGE, "ask", lambda told=told, **question: next(told))
        function.cache_clear()
        assert [function(str(one), "gold") for one in range(4)] == [True, False, False, False]
        function.cache_clear()
    said = iter([{"said": "18"}, {"said": ""}, {"said": None}, {"said": 18}, {"stopped": True}])
    monkeypatch.setattr(judge.JUDGE, "ask", lambda **question: next(said))
    said_in.cache_clear()
    assert [said_in(str(one)) for one in range(5)] == ["18", None, None, None, None]
    said_in.cache_clear()
