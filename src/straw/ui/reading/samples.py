"""Rollouts of a run to read: the newest, the best, the worst, and what changed; each with its tokens.

    samples_to_read(run, "newest", 20)   ->   {"kind": "newest", "rollouts": [...], "note": ""}

The newest stand at the end of the file, so only the end is read. For the others the whole file is looked through, as
`straw show` does, once for each state of the file, and not at all where that would take long. What one rollout can hold
of texts and tokens is bounded, and what is cut says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from straw.errors import RunError
from straw.files import MIB, parse_json, reading
from straw.report.curves.curve import is_number
from straw.report.runs.listing import tail_of
from straw.report.runs.samples import is_rollout, samples_of
from straw.runs.reading import ROLLOUTS
from straw.ui.reading.run import Run
from straw.ui.reading.tokens import Texts, token_texts

KINDS = ("newest", "best", "worst", "changed")
MOST, END, LARGEST = 50, 4 * MIB, 64 * MIB  # rollouts; bytes at the end; bytes that are looked through
MOST_TURNS, MOST_TOKENS, MOST_CHARACTERS, MOST_PARTS = 12, 1_500, 12_000, 40
_kept: dict[str, tuple[tuple[object, ...], dict[str, Any]]] = {}


def samples_to_read(run: Run, kind: str, count: int) -> dict[str, Any]:
    """RunError where the file cannot be read."""
    path = run.path / ROLLOUTS
    try:
        with reading(path) as file:
            found = os.fstat(file.fileno())
            state = (str(run.path), kind, count, found.st_ino, found.st_size, found.st_mtime_ns)
            kept = _kept.get(run.id)
            if kept is not None and kept[0] == state:
                return kept[1]
            end = tail_of(file, END) if kind == "newest" else b""
    except OSError as problem:
        raise RunError(f"{ROLLOUTS} cannot be read: {problem.strerror}") from problem
    answer = newest(run, end, count) if kind == "newest" else chosen(run, kind, count, found.st_size)
    if len(_kept) > 8:
        _kept.clear()
    _kept[run.id] = (state, answer)
    return answer


def newest(run: Run, end: bytes, count: int) -> dict[str, Any]:
    lines = end[: end.rfind(b"\n") + 1].split(b"\n")[-count - 1 : -1]
    records = [record for record in map(parsed, reversed(lines)) if record is not None]
    return answered("newest", [told(run, one) for one in records], len(lines) - len(records))


def chosen(run: Run, kind: str, count: int, size: int) -> dict[str, Any]:
    if size > LARGEST:
        note = f"{ROLLOUTS} has {size:,} bytes, too many to look through for a page: straw show {run.name}"
        return {"kind": kind, "rollouts": [], "note": note}
    found = samples_of(run.path, count, tokens=True)
    if kind == "changed":
        pairs = [(("early", pair["early"]), ("late", pair["late"])) for pair in found.changed]
        records = [told(run, one) | {"when": when} for pair in pairs for when, one in pair]
    else:
        records = [told(run, one) for one in (found.best if kind == "best" else found.worst)]
    return answered(kind, records, len(found.unreadable))


def answered(kind: str, rollouts: list[dict[str, Any]], num_unreadable: int) -> dict[str, Any]:
    note = f"{num_unreadable} lines of {ROLLOUTS} cannot be read, passed over" if num_unreadable else ""
    return {"kind": kind, "rollouts": rollouts, "note": note}


def parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line)
    except ValueError:
        return None
    return record if is_rollout(record) else None


def told(run: Run, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a rollout, each part of the kind it should be."""
    texts = token_texts(run.options.get("model_name", ""))
    grade = record.get("grade") or {}
    hits = grade.get("hits")
    return {
        "step": record["step"],
        "problem": str(record.get("problem", ""))[:200],
        "reward": record["reward"] if is_number(record.get("reward")) else None,
        "rewards": numbers(record.get("rewards")),
        "turn_rewards": listed(record.get("turn_rewards")),
        "advantages": listed(record.get("advantages")),
        "end": str(record.get("end", ""))[:40],
        "hits": [bool(one) for one in hits[:MOST_TURNS]] if isinstance(hits, list) else [],
        "well_formed": grade.get("well_formed") is not False,
        "times": record["times"] if is_number(record.get("times")) else 1,
        "prompt": cut(str(record.get("prompt") or "")),
        "replies": [cut(str(reply)) for reply in (record.get("replies") or [])[:MOST_TURNS]],
        "turns": [turn(one, texts) for one in as_list(record.get("turns"))[:MOST_TURNS] if isinstance(one, dict)],
        "has_texts": texts is not None,
    }


def turn(record: Mapping[str, Any], texts: Texts | None) -> dict[str, Any]:
    """Tokens with their log-probabilities, and how many are left out."""
    ids = [one for one in as_list(record.get("reply_tokens")) if is_token(one)]
    shown = ids[:MOST_TOKENS]
    return {
        "version": record["policy_version"] if is_number(record.get("policy_version")) else None,
        "tokens": shown,
        "texts": texts(shown) if texts else None,
        "logprobs": [one if is_number(one) else None for one in as_list(record.get("logprobs"))[: len(shown)]],
        "left_out": len(ids) - len(shown),
    }


def is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


def as_list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def listed(value: object) -> list[float | None]:
    return [one if is_number(one) else None for one in as_list(value)[:MOST_TURNS]]


def numbers(value: object) -> dict[str, float | None]:
    pairs = list(value.items())[:MOST_PARTS] if isinstance(value, dict) else []
    return {str(name)[:80]: one if is_number(one) else None for name, one in pairs}


def cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]} [… {len(text) - MOST_CHARACTERS:,} characters more]"
