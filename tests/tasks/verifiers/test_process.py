"""What goes to the process of verifiers and what comes back, with a process that is pretended in this one."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.verifiers import process
from straw.tasks.verifiers.process import OPENING, Running, Worker, WorkerGone, heard, listen, send, tail, taken


class Process:
    def __init__(self, *said: dict[str, Any]) -> None:
        self.stdin, self.stdout = io.BytesIO(), [json.dumps(one).encode() + b"\n" for one in said]
        self.code: int | None = None
        self.waited = 0

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> None:
        self.waited += 1

    def told(self) -> list[Any]:
        return [json.loads(line) for line in self.stdin.getvalue().splitlines()]


def running(*said: dict[str, Any]) -> Any:
    return Running(Process(*said))  # type: ignore[arg-type]


def log_of(text: str) -> Any:
    log = tempfile.TemporaryFile()  # noqa: SIM115
    log.write(text.encode())
    log.flush()
    return log


class Pretended(Worker):
    """Begins processes of ours, whose answers are there already."""

    def __init__(self, *answers: Any, name: str = "game", log: str = "") -> None:
        super().__init__(name, {"n": 3}, 9, log=log_of(log))
        self.answers, self.made = list(answers), []  # type: ignore[var-annotated]

    def begun(self) -> Any:
        self.made.append(found := running())
        found.inbox(OPENING).put(self.answers.pop(0))
        return found


# --- beginning


def test_a_process_is_opened_with_its_name_its_options_and_its_turns() -> None:
    worker = Pretended({"opened": True, "count": 20})
    assert worker.count == 20 and worker.ready() is worker.running and worker.starts == 1
    assert worker.made[0].process.told() == [{"open": "game", "args": {"n": 3}, "max_turns": 9}]
    assert Pretended({"opened": True, "count": None}).count is None


def test_one_that_died_is_begun_again_three_times_at_most() -> None:
    worker = Pretended(*[{"opened": True, "count": start} for start in range(9)], log="no memory")
    for start in range(4):
        assert worker.count == start and worker.starts == start + 1
        worker.made[-1].process.code = 3
    with pytest.raises(WorkerGone) as caught:
        worker.ready()
    assert str(caught.value) == "the process of verifiers died 4 times: no memory" and len(worker.made) == 4


def test_what_cannot_be_opened_says_whether_it_is_there_at_all() -> None:
    missing = Pretended({"failed": "x" * 200, "missing": True})
    with pytest.raises(ConfigError) as caught:
        missing.ready()
    assert str(caught.value) == (
        f"verifiers has no environment 'game' installed ({'x' * 150}): straw worlds add verifiers game, or the path of "
        "its folder"
    )
    assert missing.made[0].process.waited == 1
    with pytest.raises(ConfigError, match=r"^the environment game cannot be opened: no data$"):
        Pretended({"failed": "no data", "missing": False}).ready()


def test_a_process_that_does_not_open_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OPEN_S", 0.01)

    class Silent(Pretended):
        def begun(self) -> Any:
            return running()

    with pytest.raises(WorkerGone, match=r"^the environment did not answer within 0.01 seconds$"):
        Silent().ready()


def test_a_worker_that_is_closed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Any] = []
    monkeypatch.setattr(process, "end", ended.append)
    worker = Pretended({"opened": True, "count": 1}, {"opened": True, "count": 2})
    worker.close()
    assert ended == []  # there was nothing to end
    first = worker.ready()
    worker.close()
    assert ended == [first.process] and (worker.running, worker.starts) == (None, 0)
    assert worker.count == 2 and worker.starts == 1


# --- talking


def test_the_prompt_of_a_task_is_asked_for_once() -> None:
    worker = Pretended({"opened": True, "count": 3})
    for index in (2, 0):
        worker.ready().inbox(f"row {index}").put({"row": index, "prompt": [{"content": str(index)}]})
    assert [worker.prompt(index)[0]["content"] for index in (2, 0, 2, 0)] == ["2", "0", "2", "0"]
    assert worker.made[0].process.told()[1:] == [{"row": 2}, {"row": 0}]


def test_an_episode_has_an_inbox_before_it_is_begun_and_none_when_it_is_forgotten() -> None:
    worker = Pretended({"opened": True, "count": 3})
    worker.begin("7", 2)
    assert worker.made[0].process.told()[1:] == [{"begin": "7", "index": 2}] and "7" in worker.made[0].inboxes
    worker.made[0].inboxes["7"].put({"ask": "7"})
    assert worker.next_of("7", 1.0) == {"ask": "7"}
    worker.say(say="7", message={"a": 1})
    assert worker.made[0].process.told()[2:] == [{"say": "7", "message": {"a": 1}}]
    worker.forget("7")
    worker.forget("7")  # twice is no harm
    assert "7" not in worker.made[0].inboxes


def test_where_no_process_runs_nothing_is_said_and_nothing_comes() -> None:
    worker = Pretended()
    worker.say(say="7")
    worker.forget("7")
    with pytest.raises(WorkerGone, match="the process of verifiers is not there"):
        worker.next_of("7", 1.0)
    assert worker.made == []


def test_words_that_nobody_reads_are_no_error_of_whoever_speaks() -> None:
    one = running()
    send(one, {"a": "é"})
    assert one.process.stdin.getvalue() == b'{"a": "\\u00e9"}\n'
    one.process.stdin.close()  # a ValueError
    send(one, {"a": 1})

    class Broken(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    one.process.stdin = Broken()
    send(one, {"a": 1})


def test_what_does_not_come_in_time_is_told_and_no_time_is_not_waited_for() -> None:
    with pytest.raises(WorkerGone, match=r"^the environment did not answer within 0.0123 seconds$"):
        taken(Queue(), 0.01234)
    with pytest.raises(WorkerGone, match=r"^the environment did not answer within -5 seconds$"):
        taken(Queue(), -5.0)
    full: Queue[Any] = Queue()
    full.put({"ask": "7"})
    assert taken(full, -5.0) == {"ask": "7"}


# --- listening


def test_each_thing_that_is_said_goes_to_whom_it_is_for() -> None:
    said: list[dict[str, Any]] = [
        {"opened": True, "count": 2}, {"row": 0, "prompt": []}, {"ask": "7", "messages": []}, {"row": 12},
        {"ask": "8", "n": 1}, {"end": "7", "reward": 1.0},
    ]  # fmt: skip
    one = running(*said)
    before = one.inbox("9")
    listen(one, log_of("some\n  last   words\n"))
    found = {name: [inbox.get_nowait() for _ in range(inbox.qsize())] for name, inbox in one.inboxes.items()}
    gone = {"gone": "the process of verifiers ended: some last words"}
    assert found == {
        OPENING: [said[0], gone], "row 0": [said[1], gone], "7": [said[2], said[5], gone], "row 12": [said[3], gone],
        "8": [said[4], gone], "9": [gone],
    }  # fmt: skip
    assert before is one.inboxes["9"]


def test_half_of_a_character_that_a_process_says_is_spelled_out_for_no_tokenizer_takes_it() -> None:
    one = running({"ask": "7", "messages": [{"role": "user", "content": "a\ud800b"}]})
    listen(one, log_of(""))
    assert one.inboxes["7"].get_nowait()["messages"] == [{"role": "user", "content": "a\\ud800b"}]


def test_whoever_asks_a_process_that_is_gone_is_told_so_each_time() -> None:
    one = running()
    listen(one, log_of(""))
    for name in ("late", "late", "later"):
        with pytest.raises(WorkerGone, match=r"^the process of verifiers ended: it said nothing$"):
            heard(one, name, 1.0)


def test_the_last_words_of_a_log_are_three_hundred_characters_of_its_last_four_thousand_bytes() -> None:
    log = log_of("a" * 9000 + " b " + "c" * 298)
    place = log.tell()
    assert tail(log) == "b " + "c" * 298 and log.tell() == place
    assert tail(log_of("first " + " " * 4096)) == "it said nothing"
    assert tail(log_of("ab" + " " * 4095)) == "b"
    assert tail(log_of("short\n")) == "short"


def test_a_process_is_begun_with_the_library_s_own_interpreter_and_no_proxy_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Any] = []

    def popen(command: list[str], **options: Any) -> Any:
        begun.append((command, options))
        return Process()

    monkeypatch.setattr(process, "needed_python", lambda library: Path(f"/of/{library}"))
    monkeypatch.setattr(process.subprocess, "Popen", popen)
    monkeypatch.setattr(process, "end", lambda found: None)
    monkeypatch.setenv("KEPT", "yes")
    worker = Worker("game", {}, 3)
    found = worker.begun()
    ((command, options),) = begun
    assert command == ["/of/verifiers", str(process.WORKER)] and process.WORKER.is_file()
    assert options["start_new_session"] is True and options["stderr"] is worker.log
    assert options["stdin"] == options["stdout"] == process.subprocess.PIPE
    local = "127.0.0.1,localhost"
    assert [options["env"][name] for name in ("NO_PROXY", "no_proxy", "KEPT")] == [local, local, "yes"]
    with pytest.raises(WorkerGone, match="ended: it said nothing"):  # somebody listens
        heard(found, "7", 5.0)
