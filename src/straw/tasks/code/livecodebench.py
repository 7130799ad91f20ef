"""LiveCodeBench: problems of programming contests with their dates, so that a model can be asked only newer ones.

    straw eval livecodebench path=test6.jsonl model=smollm2 from_date=2025-01-01 num_samples=10

Its rows hold public tests as JSON and private ones packed: base64 of zlib of a pickle that is a single text. That text
is taken out without unpickling anything. A program finds the names that LiveCodeBench lays out for it; outputs are
compared by its rules (`compare`), in a program of its own for each test where it runs all in one.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from straw.errors import DataError
from straw.files import GIB
from straw.sandbox.programs import Call, Prelude, Script
from straw.tasks.code.exercises import Exercise
from straw.tasks.word_problems.data_loading import Placed, Source

MOST_TESTS = GIB // 2  # bytes of one row's private tests
OPENED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json",
)  # fmt: skip
PRELUDE = Prelude(
    source="\n".join(
        [f"from {name} import *" for name in (*OPENED, "builtins", "typing")]
        + [f"import {name}" for name in OPENED]
        + ["sys.setrecursionlimit(50000)", ""]
    ),
    imports=" ".join((*OPENED, "typing")),
)
TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
AROUND = ("PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP")


@dataclass(frozen=True, kw_only=True)
class Window(Source):
    """Of the rows of a source those of contests from one day on, and before another."""

    since: date | None = None
    before: date | None = None

    def _rows(self, split: str) -> Iterator[Placed]:
        if self.since is None and self.before is None:
            yield from super()._rows(split)
            return
        first, last, kept = date.max, date.min, 0
        for place, row in super()._rows(split):
            day = day_of(place, row.get("contest_date"))
            first, last = min(first, day), max(last, day)
            if (self.since or day) <= day and (self.before is None or day < self.before):
                kept += 1
                yield place, row
        if not kept and first <= last:
            raise DataError(
                f"no contest in {self.path or self.hub} is in these dates, from_date={self.since} and to_date="
                f"{self.before}: they go from {first} to {last}. Widen the window."
            )


def day_of(place: str, value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise DataError(
            f"{place}: contest_date is to be a date (2024-08-01), got {value!r:.40}. Leave out from_date and to_date."
        ) from None


def exercise_of_livecodebench(row: Mapping[str, Any]) -> Exercise:
    function = function_in(row.get("metadata"))
    tests = [*unpacked(row.get("public_test_cases"), "public_test_cases")]
    tests += unpacked(row.get("private_test_cases"), "private_test_cases")
    if not isinstance(row["question_content"], str):
        raise ValueError("question_content is to be a text")
    return Exercise(
        text=row["question_content"],
        function=function,
        questions=tuple(question(one, function) for one in tests),
        expected=tuple(read_json(one["output"], "output") if function else str(one["output"]) for one in tests),
        starter=str(row.get("starter_code") or ""),
        prelude=PRELUDE,
    )


def function_in(metadata: object) -> str:
    """The name that tests call; none: the whole program is run."""
    said = read_json(metadata or "{}", "metadata") or {}
    if not isinstance(said, dict):
        raise ValueError(f"metadata is to be an object, got {said!r:.40}")
    function = str(said.get("func_name") or "")
    if function and not function.isidentifier():
        raise ValueError(f"func_name is to be the name of a function, got {function!r:.40}")
    return function


def question(test: Mapping[str, Any], function: str) -> Script | Call:
    """Of a function, an argument stands on a line."""
    given = str(test["input"])
    if not function:
        return Script(given)
    return Call(function, tuple(read_json(line, "input") for line in given.split("\n")))


def unpacked(packed: object, field: str) -> list[Mapping[str, Any]]:
    """As a list, as JSON, or as base64 of zlib of a pickled text of JSON."""
    if isinstance(packed, str):
        text = packed if packed.lstrip().startswith("[") or not packed.strip() else text_in(packed, field)
        packed = read_json(text, field) if text.strip() else []
    tests = packed or []
    if not isinstance(tests, list) or not all(isinstance(one, dict) and {"input", "output"} <= {*one} for one in tests):
        raise ValueError(f"{field} is to be a list of tests with input and output")
    return tests


def text_in(packed: str, field: str) -> str:
    try:
        unzip = zlib.decompressobj()
        content = unzip.decompress(base64.b64decode(packed, validate=True), MOST_TESTS)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"{field} is neither JSON nor what LiveCodeBench packs ({error})") from None
    if unzip.unconsumed_tail:
        raise ValueError(f"{field} unpacks to more than {MOST_TESTS} bytes")
    if content[:1] != b"[":
        return the_text_of_a_pickle(content, field)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{field} unpacks to what is no text ({error})") from None


def the_text_of_a_pickle(content: bytes, field: str) -> str:
    """Read, never run: anything but one text is refused."""
    try:
        steps = [(operation.name, argument) for operation, argument, _ in pickletools.genops(content)]
    except (IndexError, ValueError) as error:
        raise ValueError(f"{field} is broken: {error}") from None
    texts = [str(argument) for name, argument in steps if name in TEXTS]
    if len(texts) != 1 or any(name not in (*TEXTS, *AROUND) for name, _ in steps):
        raise ValueError(f"{field} holds a pickle that is more than a text")
    return texts[0]


def read_json(text: object, field: str) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{field} is not JSON: {error}") from None
