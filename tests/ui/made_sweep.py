"""A sweep in the middle of its work, with made up numbers: python -m tests.ui.made_sweep FOLDER 200 300

Files are spelled as the store spells them, but written at once, so that two hundred runs take a few seconds.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from straw.config import dump, load_page
from straw.runs.about import config_hash, versions
from straw.runs.files.jsonl import json_line

CONDITIONS = ("binary", "8 bins", "log distance", "dense")
REWARDS: dict[str, dict[str, object]] = {
    "binary": {"reward_type": "binary"},
    "8 bins": {"reward_type": "binned_log_distance", "reward_bins": 8},
    "log distance": {"reward_type": "log_distance"},
    "dense": {"env_type": "multi_step"},
}
GROUP, CEILING = 8, 6.0
PROMPT = "Name the secret in [0, 64). Number only."


def make_sweep(folder: Path, runs: int, steps: int, *, ahead: float = 0.6) -> list[Path]:
    """So many runs over four conditions, `ahead` of them done, the others stopped halfway."""
    made = []
    for number in range(runs):
        condition, seed = CONDITIONS[number % len(CONDITIONS)], number // len(CONDITIONS)
        name = f"{condition.replace(' ', '-')}-seed-{seed}"
        share = 1.0 if number < ahead * runs else 0.2 + 0.6 * (number % 7) / 7
        made.append(make_run(folder / name, condition, seed, steps, round(steps * share), alarm=number % 17 == 5))
    return made


def make_run(path: Path, condition: str, seed: int, steps: int, step: int, *, alarm: bool = False) -> Path:
    path.mkdir(parents=True)
    options: dict[str, Any] = {"N": 64, "n_batches": steps, "seed": seed, "secret_seed": seed, **REWARDS[condition]}
    loaded = load_page(None, {k: str(v) for k, v in options.items()} | {"run_dir": str(path)})
    config = dump(loaded.page, {name: "command line" for name in options} | {"learning_rate": "tuned: binary"})
    (path / "config.toml").write_text(config)
    about = {
        "config_hash": config_hash(config), "versions": versions(), "command": ["straw", "sweep", "page.toml"],
        "machine": {"processor": "a processor", "cores": 2}, "started": time.time() - 60 * seed - 90,
        "ceiling_bits": CEILING,
    }  # fmt: skip
    (path / "about.json").write_text(json_line(about))
    (path / "metrics.jsonl").write_text("".join(map(json_line, rows(condition, seed, step))))
    (path / "rollouts.jsonl").write_text("".join(map(json_line, rollouts(condition, seed, step))))
    events: list[dict[str, Any]] = [{"time": about["started"], "event": "started", "step": 0}]
    if alarm:
        events.append({"time": time.time() - 30, "event": "alarm", "step": step // 2, "name": "kl_spike", "value": 0.83,
                       "advice": "a smaller learning_rate helps"})  # fmt: skip
    if seed % 11 == 7 and step < steps:
        events.append({"time": time.time(), "event": "failed", "step": step, "error": "loss is NaN"})
    (path / "events.jsonl").write_text("".join(map(json_line, events)))
    for name in ("evaluations.jsonl", "checkpoints.jsonl"):
        (path / name).touch()
    if step == steps:
        done = {"steps": steps, "episodes": steps * GROUP, "known": {}, "wall_s": steps * 0.05, "cpu_s": steps * 0.05}
        (path / "done.json").write_text(json_line(done))
    return path


def rows(condition: str, seed: int, upto: int, begin: int = 0) -> Iterator[dict[str, Any]]:
    """Sixty numbers a row, as a real one has."""
    for step in range(begin, upto + 1):
        random = Random(f"{condition} {seed} {step}")
        pace = (0.6, 1.0, 1.6, 2.6)[CONDITIONS.index(condition)] * (0.7 + 0.06 * (seed % 11))
        share = 1 / (1 + math.exp(-(step * pace - 90) / 25)) if step else 0.0
        row: dict[str, Any] = {"step": step, "episodes": step * GROUP, "time_s": round(step * 0.05, 3)}
        row |= {
            "reward": min(1.0, max(0.0, share + random.gauss(0, 0.07))),
            "hits": share,
            "loss": random.gauss(0, 0.1),
        }
        row |= {"kl": abs(random.gauss(0.01 + 0.1 * share, 0.01)), "entropy": 4 * (1 - share) + 0.2, "grad_norm": 0.3}
        row |= {f"made/number_{n}": random.random() for n in range(48)}
        if step % 5 == 0:
            row |= {"bits_known": CEILING * share, "p_secret": share, "valid_mass": 0.998}
        yield row


def rollouts(condition: str, seed: int, upto: int) -> Iterator[dict[str, Any]]:
    """Eight at each of the last steps, and at the first."""
    for step in [*range(1, min(upto, 4)), *range(max(4, upto - 4), upto + 1)]:
        random = Random(f"{condition} {seed} {step} said")
        for _ in range(GROUP):
            guess = random.choice((37, random.randrange(64)))
            yield rollout(step, str(guess), float(guess == 37), random)


def rollout(step: int, reply: str, reward: float, random: Random) -> dict[str, Any]:
    tokens = [5 + ord(character) - 31 for character in reply] + [1]
    return {
        "step": step, "problem": "secret-0", "reward": reward, "rewards": {"binary": reward}, "turn_rewards": None,
        "advantages": [round(reward - 0.4, 3)], "end": "answered", "policy_version": step - 1, "prompt": PROMPT,
        "replies": [reply], "facts": {"secret": 37},
        "grade": {"hits": [reward == 1], "well_formed": True, "offsets": [int(reply) - 37]},
        "turns": [{"policy_version": step - 1, "prompt_tokens": [3, 52], "reply_tokens": tokens,
                   "logprobs": [-random.expovariate(1.0) for _ in tokens]}],
    }  # fmt: skip


def append_row(run: Path, row: dict[str, Any]) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    place, number, length = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print(len(make_sweep(place / "bandwidth", number, length)), "runs under", place)
