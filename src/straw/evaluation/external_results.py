"""What another harness found, read from the files that it leaves.

    lm-eval      results_*.json    {"results": {"straw_gsm8k": {"exact,none": 0.25, "exact_stderr,none": 0.1}}, ...}
    LightEval    results_*.json    {"results": {"straw_gsm8k|0": {"extractive_match": 0.25, ...}}, ...}

Where lm-eval has logged its samples, every verdict is compared with ours, problem by problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from straw.errors import RunError
from straw.evaluation.lighteval_task import SAME as SAME_LIGHTEVAL
from straw.evaluation.lm_eval_task import SAME as SAME_LM_EVAL
from straw.files import GIB, parse_json, read_file

SAME = {**SAME_LM_EVAL, **SAME_LIGHTEVAL}
PREFIX = "straw_"
MOST = GIB  # of a file of theirs, which holds every prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Another harness's scores: by name, with their standard errors, and verdicts[score][key of a problem]."""

    path: Path
    scores: dict[str, float]
    errors: dict[str, float]
    verdicts: dict[str, dict[str, bool]] = field(default_factory=dict)


def read_outside(path: Path) -> Found:
    """A result file, or the newest below a folder."""
    file = newest(path, "results_*.json") if path.is_dir() else path
    try:
        results: dict[str, dict[str, Any]] = parse_json(read_file(file, MOST, follow=True))["results"]
        ours = [dict(numbers) for name, numbers in results.items() if PREFIX in name]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise RunError(f"a harness's result is JSON with `results`, and {file} is none ({problem!r})") from problem
    if not ours:
        raise RunError(
            f"{file} has no task of straw's, only {', '.join(results) or 'nothing'}: run the printed command"
        )
    scores, errors = {}, {}
    for name, value in ours[0].items():
        plain = name.partition(",")[0]
        if isinstance(value, int | float) and plain in SAME:
            scores[plain] = float(value)
        elif isinstance(value, int | float) and plain.removesuffix("_stderr") in SAME:
            errors[plain.removesuffix("_stderr")] = float(value)
    return Found(path=file, scores=scores, errors=errors, verdicts=verdicts_beside(file, list(scores)))


def newest(folder: Path, pattern: str) -> Path:
    files = sorted(folder.rglob(pattern), key=lambda file: file.stat().st_mtime)
    if not files:
        raise RunError(f"a harness leaves {pattern}, and there is none below {folder}: run the printed command first")
    return files[-1]


def verdicts_beside(file: Path, names: list[str]) -> dict[str, dict[str, bool]]:
    """Of the samples that lm-eval logs beside its result."""
    stamp = file.stem.removeprefix("results_")
    logs = [log for log in file.parent.glob(f"samples_*_{stamp}.jsonl") if PREFIX in log.name]
    if not logs:
        return {}
    try:
        lines = [parse_json(line) for line in read_file(logs[0], MOST, follow=True).splitlines()]
        return {name: {line["doc"]["key"]: line[name] == 1 for line in lines if name in line} for name in names}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RunError(f"a harness logs a line an object, and {logs[0]} has not ({problem!r})") from problem


def agreement(found: Found, graded: list[Mapping[str, Any]], name: str) -> tuple[int, int] | None:
    """(alike, compared) verdicts of one score and of the grader that it is nearest to."""
    theirs = found.verdicts.get(name, {})
    pairs = [
        (theirs[line["problem"]], line["right"][SAME[name]])
        for line in graded
        if line["problem"] in theirs and SAME[name] in line["right"] and line["sample"] == 0
    ]
    return (sum(one == other for one, other in pairs), len(pairs)) if pairs else None
