r"""What outside graders say to our wrong replies, written down once: `verdicts.json` and `verdicts_math500.json`.

    python -m tests.text.graders.record_verdicts math_verify                  math-verify 0.9.0, as a user would call it
    python -m tests.text.graders.record_verdicts qwen FOLDER/evaluation       Qwen2.5-Math a45202b, in an environment of
                                                                              its own: sympy 1.12, antlr4 4.11.1, regex,
                                                                              word2number

Each adds its own verdicts. Of MATH-500, which is not ours to copy, only hashes of the replies that a grader passes are
kept. A reply is boxed. Qwen's evaluation tidies both sides twice, and so does this; a verdict has ten seconds.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterator
from hashlib import sha256
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

from tests.text.graders.wrong_replies import GOLDS, wrong_replies

HERE = Path(__file__).parent
OURS, THEIRS = HERE / "verdicts.json", HERE / "verdicts_math500.json"
DATA = Path("../shared/data/math500/test.jsonl")
MOST_S = 10
Grader = Callable[[str, str], bool]


def boxed(answer: str) -> str:
    return f"So the final answer is $\\boxed{{{answer}}}$."


def questions(golds: list[str]) -> Iterator[tuple[str, str]]:
    return ((gold, reply) for gold in dict.fromkeys(golds) for _, reply in wrong_replies(gold))


def math500() -> list[str]:
    return [json.loads(line)["answer"] for line in DATA.open()]


def hashed(gold: str, reply: str) -> str:
    return sha256(f"{gold}\0{reply}".encode()).hexdigest()[:12]


def math_verify() -> Grader:
    from math_verify import parse, verify

    return lambda reply, gold: bool(verify(parse(f"${gold}$"), parse(reply)))


def qwen(folder: str) -> Grader:
    sys.path[:0] = [folder, f"{folder}/latex2sympy"]
    sys.modules["utils"] = types.ModuleType("utils")  # of which the grader needs nothing
    from grader import math_equal
    from parser import extract_answer, strip_string

    def grade(reply: str, gold: str) -> bool:
        return bool(math_equal(strip_string(extract_answer(reply, "math")), strip_string(strip_string(gold))))

    return grade


def served(asked: Connection, grade: Grader) -> None:
    while True:
        asked.send(grade(*asked.recv()))


class Bounded:
    """A grader in a process that is ended when it takes too long; the answer is no then."""

    def __init__(self, grade: Grader) -> None:
        self._grade = grade
        self._start()

    def _start(self) -> None:
        self._ask, theirs = Pipe()
        self._process = Process(target=served, args=(theirs, self._grade), daemon=True)
        self._process.start()

    def __call__(self, reply: str, gold: str) -> bool:
        self._ask.send((reply, gold))
        if self._ask.poll(MOST_S):
            return bool(self._ask.recv())
        self._process.kill()
        self._start()
        return False


def main(name: str, *rest: str) -> None:
    grade = Bounded({"math_verify": math_verify, "qwen": qwen}[name](*rest))
    ours = json.loads(OURS.read_text()) if OURS.exists() else {}
    right = [[gold, reply] for gold, reply in questions(GOLDS) if grade(boxed(reply), gold)]
    OURS.write_text(json.dumps(ours | {name: right}, indent=0, ensure_ascii=False) + "\n")
    theirs = json.loads(THEIRS.read_text()) if THEIRS.exists() else {}
    hashes = sorted(hashed(gold, reply) for gold, reply in questions(math500()) if grade(boxed(reply), gold))
    THEIRS.write_text(json.dumps(theirs | {name: hashes}, indent=0) + "\n")
    print(f"{name} passes {len(right)} of ours and {len(hashes)} of MATH-500's")


if __name__ == "__main__":
    main(*sys.argv[1:])
