"""The folder of one evaluation: one set of weights, one way to ask.

    evals/gsm8k-smollm2-1f0c23ab/
        settings.json     what the replies depend on: the task, the weights' hash, temperature, seed, ...
        replies.jsonl     a line for each reply, written as they come
        graded.jsonl      every reply that counts, with what each grader read and said
        result.json       the scores

Replies depend neither on how many are asked for nor on who judges them, so a larger evaluation, one with other graders,
and one that was killed all go on from the replies that are there. A reply is (problem, sample) and never asked twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from straw.errors import RunError
from straw.files import is_file
from straw.runs.files.atomic_write import whole_folder, write_whole
from straw.runs.files.jsonl import Lines, Record, json_line, read_lines
from straw.runs.files.lock import Lock
from straw.runs.reading import read_json

SETTINGS, REPLIES, GRADED, RESULT = "settings.json", "replies.jsonl", "graded.jsonl", "result.json"
Place = tuple[int, int]  # problem, sample


class EvaluationFolder:
    """The writing end; made where there is none, and gone on with where the settings are the same."""

    def __init__(self, path: Path, lock: Lock) -> None:
        self.path, self._lock = path, lock
        self.replies = by_place(read_lines(path / REPLIES))
        self._replies = Lines(path / REPLIES)

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any]) -> Self:
        text = json_line(settings)
        if not is_file(path / SETTINGS):
            with whole_folder(path) as staging:
                (staging / SETTINGS).write_text(text)
                (staging / REPLIES).touch()
        lock = Lock(path)
        there = read_json(path / SETTINGS) or {}
        wanted = json.loads(text)
        if there != wanted:
            lock.release()
            raise RunError(
                f"{path} holds another evaluation ({differences(there, wanted)}): choose another folder with out=FOLDER"
            )
        try:
            return cls(path, lock)
        except RunError:
            lock.release()
            raise

    def add(self, records: Iterable[Record]) -> None:
        """Some replies more, all in one write."""
        new: list[dict[str, Any]] = [dict(record) for record in records]
        self._replies.append(new)
        self.replies |= by_place(new)

    def finish(self, graded: Iterable[Record], result: Record) -> None:
        write_whole(self.path / GRADED, "".join(map(json_line, graded)))
        write_whole(self.path / RESULT, json.dumps(result, indent=1) + "\n")

    def close(self) -> None:
        self._replies.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def by_place(lines: Iterable[dict[str, Any]]) -> dict[Place, dict[str, Any]]:
    return {place_of(line): line for line in lines}


def place_of(line: Mapping[str, Any]) -> Place:
    place = line.get("index"), line.get("sample")
    if not isinstance(place[0], int) or not isinstance(place[1], int):
        raise RunError(f"a line of {REPLIES} has an index and a sample; one has {place}: mend or remove it")
    return place[0], place[1]


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in sorted({*there, *wanted}) if there.get(name) != wanted.get(name)]
    return "; ".join(f"{name}={there.get(name)}, not {wanted.get(name)}" for name in names)


def read_result(path: str | Path) -> dict[str, Any]:
    """The scores of a finished evaluation."""
    folder = Path(path).expanduser()
    result = read_json(folder / RESULT)
    if result is None:
        raise RunError(f"a finished evaluation holds {RESULT}, and {folder} has none: run straw eval with out={folder}")
    return result


def read_graded(path: str | Path) -> list[dict[str, Any]]:
    """Every reply that counts, with its verdicts."""
    return list(read_lines(Path(path).expanduser() / GRADED))
