"""Conditions: runs that differ in nothing but their secret, their seed, their length and their learning rate.

cell      binary, N = 64         runs[judged], trials[other rates or other secrets]
series    binary                 the same at every N: what scales

A learning rate is no condition: it is chosen for each cell, see `rates`. The names are the shortest that tell cells
apart: the reward, N, and then the options in which cells of one reward differ; or what a sweep's page calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from straw.algorithms.registry import mark_of
from straw.outside import short
from straw.report.study.load_runs import Seen

CHANCE = ("seed", "secret_seed", "fixed_secret", "task_seed")
HOUSEKEEPING = (
    "run_dir", "question", "learning_rate", "n_batches", "num_epochs", "stop_at", "eval_every", "eval_samples",
    "eval_replies", "eval_answers", "save_every", "keep_last", "keep_best", "patience", "keep_weights",
    "keep_optimizer", "track", "verbose", "silence", "device", "threads", "max_tokens", "tokens_per_microbatch",
    "warmup", "rows_at_once", "answer_s", "load_s", "shared_machine", "num_generators", "weights",
    "hosts", "certs", "trainer_host", "attach_s",
)  # fmt: skip
ONLY_FOR = {
    "reward_bins": ("binned_log_distance", "shuffled_bins"), "flip_probability": ("noisy_binary",),
    "credit": ("dense",), "form": ("log_distance",),
}  # fmt: skip
FOLLOW_N = ("warmup_distance", "warmup_mass")  # where nobody chose, the size of the game does
CONTROLS = ("random", "shuffled_bins", "higher_lower", "noisy_binary")
Key = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One condition. `runs` are judged, `others` found the learning rate; `how` says on which secrets that was."""

    label: str
    series: str
    runs: Sequence[Seen]
    others: Sequence[Seen] = ()
    how: str = "given"

    @property
    def N(self) -> int | None:
        return self.runs[0].N

    @property
    def channel(self) -> str:
        return channel_of(self.runs[0])

    @property
    def rate(self) -> float:
        return self.runs[0].rate

    @property
    def ceiling_bits(self) -> float | None:
        return self.runs[0].ceiling_bits

    @property
    def is_control(self) -> bool:
        return self.channel in CONTROLS

    @property
    def num_secrets(self) -> int:
        return len({run.secret for run in self.runs})


def cells_of(runs: Sequence[Seen]) -> list[Cell]:
    """By reward, then N; a condition of which only trials are there is one too, with all of them judged."""
    groups: dict[Key, list[Seen]] = {}
    for run in runs:
        groups.setdefault(key_of(run), []).append(run)
    series = series_labels(groups)
    many = len({run.N for run in runs if run.N is not None}) > 1
    cells = []
    for key, group in groups.items():
        judged = [run for run in group if not run.is_trial] or group
        N = judged[0].N
        label = f"{series[key]}, N = {N:,}" if many and N is not None else series[key]
        others = [run for run in group if run not in judged]
        cells.append(Cell(label=label, series=series[key], runs=judged, others=others))
    return sorted(cells, key=order)


def order(cell: Cell) -> tuple[object, ...]:
    """Supervised last, controls before it, rewards by the number of their levels."""
    run = cell.runs[0]
    return (run.is_sft, cell.is_control, width(run), cell.series, cell.N or 0)


def width(run: Seen) -> float:
    """How many levels a reward has, as far as the name tells: an order for legends and axes."""
    channel = channel_of(run)
    if channel in ("binned_log_distance", "shuffled_bins"):
        return float(run.options.get("reward_bins", "8"))
    return {"binary": 2, "noisy_binary": 2, "random": 2, "higher_lower": 2, "log_distance": 1e6, "dense": 1e7}.get(
        channel, 1e8
    )


def key_of(run: Seen) -> Key:
    channel = channel_of(run)
    told = {**run.options, "reward_type": channel}  # none and binary may be the same
    return frozenset(
        (name, value)
        for name, value in told.items()
        if name not in CHANCE and name not in HOUSEKEEPING and channel in ONLY_FOR.get(name, (channel,))
    )


def channel_of(run: Seen) -> str:
    if run.is_sft:
        return "sft"
    named = run.options.get("reward_type", "none")
    multi = run.options.get("env_type") == "multi_step"
    return ("dense" if multi else "binary") if named == "none" else named


def channel_label(run: Seen) -> str:
    """8 bins; dense, summed; log distance"""
    channel, options = channel_of(run), run.options
    if channel in ("binned_log_distance", "shuffled_bins"):
        return f"{options.get('reward_bins')} bins" + (", shuffled" if channel == "shuffled_bins" else "")
    if channel == "dense":
        return "dense, summed" if options.get("credit") == "sum" else "dense, per turn"
    return "supervised" if channel == "sft" else short(channel).replace("_", " ")


def series_labels(groups: Mapping[Key, Sequence[Seen]]) -> dict[Key, str]:
    """For each cell the name of its series: a person's, or the shortest that tells it from the others."""
    sized = ("N", *(name for name in FOLLOW_N if follows_size(name, groups)))
    series: dict[Key, list[Seen]] = {}
    for key, group in groups.items():
        series.setdefault(without(sized, key), []).extend(group)
    ours = {key: short_label(key, series) for key in series}
    theirs = {key: hand_name(runs) or ours[key] for key, runs in series.items()}
    chosen = theirs if len(set(theirs.values())) == len(theirs) else ours
    return {key: chosen[without(sized, key)] for key in groups}


def follows_size(name: str, keys: Iterable[Key]) -> bool:
    """Whether it differs only where N does: then it makes no series of its own."""
    pages = [dict(key) for key in keys]
    return len({(page.get("N"), page.get(name)) for page in pages}) == len({page.get("N") for page in pages})


def short_label(key: Key, series: Mapping[Key, Sequence[Seen]]) -> str:
    base = {one: base_label(runs[0], [others[0] for others in series.values()]) for one, runs in series.items()}
    return base[key] + told_apart(key, [one for one in series if base[one] == base[key]])


def base_label(run: Seen, others: Iterable[Seen]) -> str:
    """The reward; and the task, where others earn the same reward at another one."""
    label = channel_label(run) + mark_of(run.options.get("algorithm", ""))
    kinds = {one.options.get("kind") for one in others if channel_label(one) == channel_label(run)}
    return label + (f", {run.options.get('kind')}" if len(kinds) > 1 else "")


def told_apart(key: Key, alike: Sequence[Key]) -> str:
    """, entropy_coef=0.05; how a model was warmed up follows from the others, unless nothing else differs."""
    pages = [dict(one) for one in alike]
    mine = dict(key)
    names = {name for page in pages for name in page if len({other.get(name, "") for other in pages}) > 1}
    chosen = [name for name in sorted(names) if not name.startswith("warmup_")]
    if len({tuple(page.get(name) for name in chosen) for page in pages}) < len(pages):
        chosen = sorted(names)
    return "".join(
        f", {said(name, mine.get(name, '-'))}" for name in sorted(chosen, key=lambda name: name != "model_name")
    )


def said(name: str, value: str) -> str:
    """tiny-1M; all weights; rank 4; entropy_coef=0.05"""
    if name == "lora_rank":
        return f"rank {value}" if value != "0" else "all weights"
    return value if name == "model_name" else f"{name}={value}"


def hand_name(runs: Sequence[Seen]) -> str:
    """The part of a sweep's name for its condition that a person wrote: without N=64. '' where they differ."""
    names = {", ".join(part for part in run.condition.split(", ") if "=" not in part) for run in runs} - {""}
    name, mark = names.pop() if len(names) == 1 else "", mark_of(runs[0].options.get("algorithm", ""))
    return name + mark if name and mark.strip(", ") not in name else name


def without(names: Sequence[str], key: Key) -> Key:
    return frozenset((name, value) for name, value in key if name not in names)
