"""Chat templates that came with a model, rendered in bounded time and memory by a process of their own.

    rendered(template, (("user", "hi"),), speak=True, tokens=(("bos_token", "<s>"),))  ->  "<s>user: hi ..."

A template is a program. One may loop for ever, or write 'a' * 10**10, and no sandbox in this process could stop either
in the middle. So a process beside it renders, as transformers does, and is ended when it has worked for two seconds. It
is started when a stranger's template is first rendered; any thread may ask; a forked process starts its own. What went
wrong is a ModelError of one line.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from straw.errors import ModelError, StrawError

WORKER = Path(__file__).with_name("render_worker.py")
START_S, ANSWER_S, END_S = 120.0, 60.0, 5.0  # of a busy machine; its work has a clock of its own
MOST = 1 << 20  # characters of a template, and of what it may write
WAY_OUT = "put a plain one into the folder's chat_template.jinja"


class Renderer:
    """The asking end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: dict[str, object]) -> dict[str, Any]:
        """What the process says; nothing where it worked until it was ended."""
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                answer = None
                try:
                    answer = self._asked(line)
                finally:
                    ended = None if answer else self._end()  # what nobody waited for must not meet the next question
                if answer or ended == -signal.SIGPROF:
                    return answer or {}
            raise StrawError("the process that renders chat templates was lost twice: is there memory for it?")

    def close(self) -> None:
        with self._lock:
            self._end()

    def forget(self) -> None:
        """In a forked child: the parent's process is not ours to use or to wait for."""
        if self._process is not None:
            self._close_pipes(self._process)
            self._process.returncode = 0
        self._lock, self._process = Lock(), None

    def _asked(self, line: bytes) -> dict[str, Any] | None:
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            return self._line(ANSWER_S)
        return None

    def _start(self) -> None:
        command = [sys.executable, "-P", str(WORKER), str(MOST)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise StrawError(f"a chat template is rendered by a process, which cannot be started: {error}") from error
        if self._line(START_S) is None:
            raise StrawError("the process for chat templates ended before it was ready: is there memory for it?")

    def _line(self, seconds: float) -> dict[str, Any] | None:
        """The next line, or None when none comes."""
        assert self._process is not None and self._process.stdout is not None
        descriptor, until, heard = self._process.stdout.fileno(), time.monotonic() + seconds, []
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            piece = os.read(descriptor, 1 << 16)
            heard.append(piece)
            if piece.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(b"".join(heard))
                return answer
            if not piece:
                return None
        return None

    def _end(self) -> int | None:
        """It ends when its input does; returns how it did."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        self._close_pipes(process)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return process.returncode

    @staticmethod
    def _close_pipes(process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


RENDERER = Renderer()
atexit.register(RENDERER.close)
os.register_at_fork(after_in_child=RENDERER.forget)


@lru_cache(maxsize=512)
def rendered(
    template: str, messages: tuple[tuple[str, str], ...], speak: bool, tokens: tuple[tuple[str, str], ...]
) -> str:
    """The conversation as the template writes it; `tokens` are the tokenizer's special ones by name."""
    if len(template) > MOST:
        raise ModelError(f"the model's chat template has {len(template):,} characters, more than {MOST:,}: {WAY_OUT}")
    spoken = [{"role": role, "content": content} for role, content in messages]
    answer = RENDERER.ask({"template": template, "messages": spoken, "speak": speak, "tokens": dict(tokens)})
    if isinstance(text := answer.get("text"), str):
        return text
    if "refused" in answer:
        roles = ", ".join(role for role, _ in messages)
        raise ModelError(f"the model's chat template refuses a conversation of {roles}: {answer['refused']}")
    why = answer.get("failed", "it took more than two seconds of work")
    raise ModelError(f"the model's chat template cannot be rendered ({why}): {WAY_OUT}")
