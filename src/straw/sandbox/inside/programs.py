"""The harness in the sandbox: runs one program again and again, each time in a process that knows no other.

    limits, imports, prelude, program    first, and then as often as there are tests:
    script   3 4                      -> exited 0   7            its standard input; its output
    fresh, call   ["add", [3, 4], {}] -> value      {"value": 7}

Only inputs come in and only outputs go out: what is right is not known here. This process never runs the program; a
fork of it does, which first closes every file that leads outside, and of which nothing is left when the next begins.
What that fork says is taken for text, so the worst that a program can do is to say something wrong. This is the first
process of its own system, which no other there can signal.
"""

from __future__ import annotations

import gc
import os
import select
import time

from straw.sandbox.inside.restrict import SIGKILL, give_up_root, limits_in
from straw.sandbox.inside.running import run_calls, run_script
from straw.sandbox.inside.wire import PIECE, ClosedError, Frames, frame, line_from, tell

COMMANDS, REPLIES = 20, 21  # where this process keeps the files that lead outside
FILES, STDIN = "/tmp", "/tmp/stdin"
NEARLY = 0.5  # of the seconds that it may work: clocks differ, and the kernel kills for nothing else so late


def cleaned(folder: str) -> None:
    """What one test leaves in files is not for the next to find; links are not followed."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, 0o700)
            cleaned(entry.path)
            os.rmdir(entry.path)
        else:
            os.unlink(entry.path)


class Session:
    """A process that runs the program, for a script or for calls."""

    def __init__(self, asked: dict[str, str], limits: dict[str, str], *, is_script: bool) -> None:
        self.output, self.wall_s, self.cpu_s = int(limits["output"]), float(limits["wall_s"]), float(limits["cpu_s"])
        questions, ask = os.pipe()
        answer, answers = os.pipe()
        self.process = os.fork()
        if not self.process:
            try:
                if is_script:
                    run_script(asked, limits, STDIN, answers)
                else:
                    os.close(ask)
                    os.close(answer)
                    run_calls(asked, limits, questions, answers)
            finally:  # whatever happened, a fork never goes on with what its parent was doing
                os._exit(1)
        os.close(questions)
        os.close(answers)
        self.ask, self.answer = ask, answer

    def finished(self) -> bytes:
        """Everything that a script wrote, and how it ended."""
        out, until, end = bytearray(), time.monotonic() + self.wall_s, "time"
        while select.select([self.answer], [], [], max(0.0, until - time.monotonic()))[0]:
            piece = os.read(self.answer, PIECE)
            out += piece
            if not piece or len(out) > self.output:
                end = "exited" if not piece else "output"
                break
        code, worked = self.close(until if end == "exited" else 0.0)
        end = "time" if end == "exited" and self.is_late(code, worked) else end
        return frame(f"{end} {code or 0}", bytes(out[: self.output]))

    def called(self, call: bytes) -> bytes:
        try:
            tell(self.ask, call + b"\n")
        except BrokenPipeError:  # it has ended, and its line is read as that
            self.wall_s = 1.0
        line = line_from(self.answer, self.output, time.monotonic() + self.wall_s)
        if isinstance(line, bytes):
            return frame("value 0", line)
        code, worked = self.close(time.monotonic() + 1.0 if line == "exited" else 0.0)
        return frame(f"{'time' if line == 'exited' and self.is_late(code, worked) else line} {code or 0}")

    def is_late(self, code: int | None, worked: float) -> bool:
        """Whether its time was over: it had to be ended, or the kernel did it."""
        return code is None or (code == -SIGKILL and worked > NEARLY * self.cpu_s)

    def close(self, until: float) -> tuple[int | None, float]:
        """Its exit code, None where it had to be ended, and the seconds that it worked."""
        if not self.process:
            return None, 0.0
        found, status, used = os.wait4(self.process, os.WNOHANG)
        pause = 0.0005
        while not found and time.monotonic() < until:
            time.sleep(pause)
            pause = min(0.05, 2 * pause)
            found, status, used = os.wait4(self.process, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if found else None
        if not found:
            os.kill(self.process, SIGKILL)
            _, _, used = os.wait4(self.process, 0)
        self.process = 0
        os.close(self.ask)
        os.close(self.answer)
        return code, used.ru_utime + used.ru_stime


def main() -> None:
    os.dup2(0, COMMANDS, inheritable=False)
    os.dup2(1, REPLIES, inheritable=False)
    nothing = os.open("/dev/null", os.O_RDWR)
    for end in (0, 1, 2):
        os.dup2(nothing, end)
    give_up_root()
    try:
        serve(Frames(COMMANDS))
    except (ClosedError, OSError, RecursionError):  # nobody asks, or a program left what cannot be cleaned
        os._exit(0)


def serve(commands: Frames) -> None:
    asked: dict[str, str] = {}
    session: Session | None = None
    gc.freeze()
    tell(REPLIES, frame("ready 0"))
    while True:
        (word,), content = commands.next()
        if word in ("script", "fresh") and session is not None:
            session.close(0.0)
            session = None
        if session is None and word in ("script", "call"):
            cleaned(FILES)
        if word == "script":
            with open(STDIN, "wb") as file:
                file.write(content)
            tell(REPLIES, Session(asked, limits_in(asked["limits"]), is_script=True).finished())
        elif word == "call":
            session = session or Session(asked, limits_in(asked["limits"]), is_script=False)
            tell(REPLIES, session.called(content))
            session = session if session.process else None
        elif word == "imports":
            for name in content.decode().split():
                __import__(name)  # once, for all that is forked
        elif word != "fresh":
            asked[word] = content.decode(errors="surrogatepass")
