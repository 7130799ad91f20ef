"""Run folders with made up numbers, spelled by the store's own writer, so that their bytes are those of a real run.

write_run      a few rows and rollouts that a test gives
make_run       one of any size, as a long run would leave it: python -m tests.made_runs FOLDER 100000
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from straw.config import dump, load_page
from straw.runs.records import rollout_record
from straw.runs.store import RunFolder
from straw.types import End, Grade, Message, Problem, Rollout, Turn

N, GROUP, SECRET = 64, 4, 37
PROMPT = f"Name the secret in [0, {N}). Number only."
PROBLEM = Problem(key="secret-0", messages=(Message("user", PROMPT),), reference=(str(SECRET),))
TOKENS, REPLY = tuple(range(3, 46)), (22, 26, 6, 31, 19, 44, 1)
LOGPROBS = tuple(-0.05760997533798218 * size for size in range(1, 8))


def write_run(
    path: Path,
    rows: Iterable[Mapping[str, object]] = (),
    rollouts: Iterable[tuple[int, Rollout]] = (),
    *,
    done: bool = True,
    **options: object,
) -> Path:
    config = dump(load_page(None, {"run_dir": str(path), **options}).page)
    with RunFolder.create(path, config) as folder:
        for row in rows:
            folder.write_metrics(row)
        folder.write_rollouts(rollout_record(step, one, one.problem.messages[-1].content) for step, one in rollouts)
        if done:
            folder.write_done({"steps": 1, "episodes": 1, "known": {}, "wall_s": 1.0, "cpu_s": 0.9})
    return path


def curve_rows(*bits: float, episodes: int = 10) -> list[dict[str, float]]:
    """A row with bits known every ten episodes; the reward is a tenth of the bits."""
    return [
        {"step": step, "episodes": step * episodes, "time_s": step * 2.0, "reward": value / 10, "bits_known": value}
        for step, value in enumerate(bits)
    ]


def rollout(
    reply: str, reward: float, *, problem: str = "secret-0", prompt: str = "Name the secret.", **rewards: float
) -> Rollout:
    """One turn that hits when it is paid 1."""
    return Rollout(
        problem=Problem(key=problem, messages=(Message("user", prompt),), reference=("37",)),
        turns=(Turn(prompt=(1, 7), reply=(19, 2), logprobs=(-0.1, -0.9), policy_version=0),),
        replies=(reply,), end=End.ANSWERED, grade=Grade(hits=(reward == 1,), well_formed=True),
        rewards=rewards or {"binary": reward}, advantages=(0.5,),
    )  # fmt: skip


def make_run(path: str | Path, num_rollouts: int) -> Path:
    """A finished run of groups of four, which guesses ever better."""
    steps = num_rollouts // GROUP
    config = dump(load_page(None, {"n_batches": steps, "group_size": GROUP, "run_dir": str(path)}).page)
    with RunFolder.create(path, config) as folder:
        folder.write_event("started", 0)
        folder.write_metrics({"step": 0, "episodes": 0, "time_s": 0.0, "bits_known": 0.0, "p_secret": 1 / N})
        for first in range(1, steps + 1, 500):
            some = range(first, min(first + 500, steps + 1))
            folder.write_rollouts(rollout_record(step, one, PROMPT) for step in some for one in group(step, steps))
            for step in some:
                folder.write_metrics(metrics(step, steps))
        folder.write_done({"steps": steps, "episodes": steps * GROUP, "known": {"bits_known": 6.0}, "wall_s": 9.0})
    return Path(path)


def group(step: int, steps: int) -> Iterator[Rollout]:
    """Guesses that come nearer as the run goes on."""
    reach = round((N - SECRET - 1) * (1 - step / steps))
    for member in range(GROUP):
        guess = SECRET + (step * 7 + member) % (reach + 1)
        turn = Turn(prompt=TOKENS, reply=REPLY, logprobs=LOGPROBS, policy_version=step - 1)
        yield Rollout(
            problem=PROBLEM, turns=(turn,), replies=(str(guess),), end=End.ANSWERED,
            grade=Grade(hits=(guess == SECRET,), well_formed=True, offsets=(guess - SECRET,)),
            rewards={"log_distance": 1 - (guess - SECRET) / N}, advantages=(0.0749999999999,),
        )  # fmt: skip


def metrics(step: int, steps: int) -> dict[str, float]:
    share = step / steps
    row = {"step": step, "episodes": step * GROUP, "time_s": step * 0.05, "reward": 0.5 + share / 2 + 1e-17}
    row |= {name: share + 0.0123456789 for name in ("reward_std", "hits", "loss", "entropy", "kl", "grad_norm")}
    row |= {f"{name}/mean": share + 0.0123456789 for name in ("rewards/log_distance", "completions", "a", "b", "c")}
    return row | ({"bits_known": 6 * share, "p_secret": share} if step % 100 == 0 or step == steps else {})


if __name__ == "__main__":
    made = make_run(sys.argv[1], int(sys.argv[2]))
    print(made, f"{(made / 'rollouts.jsonl').stat().st_size / 1e6:.1f} MB")
