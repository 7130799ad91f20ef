"""The ranks as the directing process sees them: begun together, asked together, and ended together.

    group = Group(2, patience, wall)       processes that say nothing yet
    group.ask("begin", ...)                one answer of each rank, in their order
    group.close()

They compute in step, so whoever is lost stops all of them: when one dies, is stopped, or when none of them gives a sign
of life, all are killed and one line says why. One that waits for another is silent and not to blame, so silence counts
only where all are silent.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import straw
from straw import errors
from straw.engines.monarch.hosts.wire.values import Values
from straw.engines.monarch.processes.heartbeat import Heart
from straw.engines.monarch.processes.identity import Known, identity_of
from straw.engines.monarch.processes.namespace import Wall
from straw.engines.monarch.processes.silence import LOOK_S, Patience
from straw.engines.ranks.watch import GroupWatch
from straw.errors import EngineFailed, EngineLost, StrawError, TrainingError

COMMAND = (sys.executable, "-m", "straw.engines.ranks.process")
GRACE_S = 2.0  # for the others to say what is wrong with them too, and for an end in good order
LOCAL = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", "TOKENIZERS_PARALLELISM": "false"}


class RankProcess:
    """One of them: its pipes, its heart, and what it printed."""

    def __init__(self, rank: int, environment: Mapping[str, str]) -> None:
        self.name, self.heart = f"rank-{rank}", Heart()
        self.log = os.memfd_create("log", os.MFD_CLOEXEC)  # leaves nothing behind, whoever is killed
        path = [str(Path(straw.__file__).absolute().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
            env={**os.environ, **LOCAL, "PYTHONPATH": os.pathsep.join(path), **environment},
        )  # fmt: skip
        self.known = Known(identity_of(self.process.pid))
        self.heard, self.unsent = bytearray(), bytearray()
        os.set_blocking(self.mouth, False)

    def write(self, line: bytes) -> None:
        """As much as goes at once: a rank that is stopped reads nothing, and whoever waited would not see that."""
        self.unsent += line
        self.send()

    def send(self) -> None:
        """What is left of it, as far as it goes now."""
        try:
            while self.unsent:
                del self.unsent[: os.write(self.mouth, self.unsent)]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it is missed when it is listened to
            self.unsent.clear()

    @property
    def mouth(self) -> int:
        assert self.process.stdin is not None
        return self.process.stdin.fileno()

    @property
    def ear(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def read(self) -> bytes | None:
        """A whole line, when it is there."""
        self.heard += os.read(self.ear, 1 << 20)
        line, end, rest = self.heard.partition(b"\n")
        if not end:
            return None
        self.heard = rest
        return bytes(line)

    def last_words(self) -> str:
        lines = [line.strip() for line in self.printed().splitlines() if line.strip()]
        return f" ({lines[-1][:200]})" if lines else ""

    def printed(self) -> str:
        size = os.fstat(self.log).st_size
        return os.pread(self.log, min(size, 1 << 20), max(0, size - (1 << 20))).decode(errors="replace")

    def kill(self) -> None:
        self.known.kill()

    def bury(self) -> None:
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.known.close()
        self.heart.close()
        os.close(self.log)


class Group:
    def __init__(self, environments: Sequence[Mapping[str, str]], patience: Patience, wall: Wall) -> None:
        """One rank with each of these environments, behind the wall."""
        self.ranks: list[RankProcess] = []
        self.values, self.lost = Values(), ""
        self.said: dict[str, str] = {}  # by those that are gone
        self.watch = GroupWatch([], lambda: 0, patience)
        begin = wall.begin(lambda: self._begin(environments), "ranks")
        begin.join()
        if len(self.ranks) < len(environments):
            self.close()
            raise EngineFailed("the processes of the ranks could not be begun: memory or processes are used up")
        self.watch = GroupWatch(
            [one.known for one in self.ranks], lambda: sum(one.heart.count for one in self.ranks), patience
        )  # fmt: skip
        for one in self.ranks:
            setting = {"name": f"straw-{one.name}", "umask": wall.umask, "heart": astuple(one.heart.handle)}
            one.write(json.dumps(setting).encode() + b"\n")

    def _begin(self, environments: Sequence[Mapping[str, str]]) -> None:
        with suppress(OSError):
            for rank, environment in enumerate(environments):
                self.ranks.append(RankProcess(rank, environment))

    # --- orders and answers --------------------------------------------------------------------

    def ask(self, method: str, *given: Any, loads: bool = False, **named: Any) -> list[Any]:
        """The same of all."""
        return self.ask_each(method, [list(given)] * len(self.ranks), loads=loads, **named)

    def ask_each(self, method: str, given: Sequence[Sequence[Any]], *, loads: bool = False, **named: Any) -> list[Any]:
        """Of each rank with arguments of its own. `loads`: it may be silent for as long as a model takes."""
        if self.lost:
            raise EngineLost(self.lost)
        self.watch.work(loads)
        for one, arguments in zip(self.ranks, given, strict=True):
            order = [self.values.packed(part) for part in (method, list(arguments), named)]
            one.write(json.dumps(order).encode() + b"\n")
        try:
            answers = self._answers()
        except (StrawError, OSError):
            raise
        except BaseException:  # an answer that nobody waited for would be taken for the next
            self.lost = "the trainer was left in the middle of its work"
            self.close()
            raise
        finally:
            self.watch.rest()
        return [self.values.read(answer["value"]) for answer in answers]

    def _answers(self) -> list[dict[str, Any]]:
        answers: dict[int, dict[str, Any]] = {}
        before, deadline = time.monotonic(), float("inf")
        while len(answers) < len(self.ranks):
            ready = self._ready([one for number, one in enumerate(self.ranks) if number not in answers])
            for number, one in enumerate(self.ranks):
                if one.mouth in ready:
                    one.send()
                if one.ear in ready and (line := one.read()) is not None:
                    answers[number] = json.loads(line)
            now = time.monotonic()
            if trouble := self._trouble(ready, min(now - before, 4 * LOOK_S)):
                self._lose(trouble)
            if deadline == float("inf") and any("error" in answer for answer in answers.values()):
                deadline = now + GRACE_S
            if now > deadline:
                break
            before = now
        self._raise(answers)
        return [answers[number] for number in range(len(self.ranks))]

    def _ready(self, waited_for: Sequence[RankProcess]) -> set[int]:
        """Who answers, who reads on, and who is gone, within a look."""
        poll = select.poll()
        for descriptor in (*(one.ear for one in waited_for), *(one.known.descriptor for one in self.ranks)):
            poll.register(descriptor, select.POLLIN)
        for one in self.ranks:
            if one.unsent:
                poll.register(one.mouth, select.POLLOUT)
        return {descriptor for descriptor, _ in poll.poll(LOOK_S * 1000)}

    def _trouble(self, ready: Container[int], seconds: float) -> str:
        for one in self.ranks:
            if one.known.descriptor in ready:
                return f"{one.name} {self.watch.how_it_ended()}{one.last_words()}"
        return self.watch.look(seconds)

    def _raise(self, answers: Mapping[int, Mapping[str, Any]]) -> None:
        """What all say alike is what was asked; what one says alone has left the others waiting."""
        failed = {number: answer["error"] for number, answer in answers.items() if "error" in answer}
        if not failed:
            return
        number, (kind, *words) = next(iter(sorted(failed.items())))
        if len(failed) < len(self.ranks):
            self._lose(f"{self.ranks[number].name} could not go on: {words[-1] if kind != 'OSError' else words[1]}")
        if kind == "OSError":
            raise OSError(*words)
        raise getattr(errors, kind, TrainingError)(*words)

    def _lose(self, why: str) -> None:
        self.close()
        self.lost = f"the trainer is lost: {why}"
        raise EngineLost(f"{self.lost}; go on with straw resume")

    # --- the end -----------------------------------------------------------------------------

    def write_log(self, path: Path) -> None:
        """What libraries said in ranks that are gone, where they said anything."""
        if self.said:
            with path.open("a") as file:
                file.write("".join(f"--- {name}\n{text}" for name, text in self.said.items()))

    def close(self) -> None:
        """In good order where they listen, or else by force; nobody is left."""
        if self.ranks and not self.lost and not self.watch.works:
            for one in self.ranks:
                one.write(json.dumps(["end", [], {}]).encode() + b"\n")
            until = time.monotonic() + GRACE_S
            while time.monotonic() < until and not all(one.known.is_gone for one in self.ranks):
                time.sleep(0.01)
        for one in self.ranks:
            one.kill()
        for one in self.ranks:
            if text := one.printed():
                self.said[one.name] = text
            one.bury()
        self.ranks = []
