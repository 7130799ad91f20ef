"""Runs side by side: what they were told differently, and what came of it.

options   those whose values differ       lr 0.001 | 0.0003
numbers   steps, reward, bits, episodes to half and to nine tenths of the bits
curves    bits known against episodes, supervised runs dashed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

from straw.algorithms.registry import mark_of
from straw.report.curves.curve import Curve, metric_curve
from straw.report.runs.options_diff import differing, flat, reward_name
from straw.report.runs.summary import Row, Summary, summarised
from straw.runs.reading import read_config, read_metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What `straw compare` knows; one entry a run in every list."""

    labels: list[str]
    configs: list[dict[str, Any]]
    rows: list[Sequence[Row]]
    summaries: list[Summary]
    beside: Sequence[Curve] = ()  # of no run

    @property
    def options(self) -> dict[str, list[str]]:
        return differing(self.configs)

    @property
    def ceiling_bits(self) -> float | None:
        """The highest: runs may have secrets of different size."""
        return max((one.ceiling_bits for one in self.summaries if one.ceiling_bits is not None), default=None)

    def curves(self, metric: str = "bits_known") -> list[Curve]:
        ours = [
            metric_curve(rows, metric, label + mark_of(flat(config).get("algorithm", "")))._replace(
                dashed=flat(config).get("algorithm") == "sft", condition=condition
            )
            for rows, label, config, condition in zip(
                self.rows, self.labels, self.configs, self.conditions, strict=True
            )
        ]
        return [*ours, *self.beside]

    @property
    def conditions(self) -> list[str]:
        """What colours stand for: the rewards, where each run has another, else the runs."""
        rewards = [reward_name(config) for config in self.configs]
        return rewards if len(set(rewards)) == len(rewards) else self.labels


def compare(folders: Sequence[Path]) -> Compared:
    configs = [read_config(folder) for folder in folders]
    rows: list[Sequence[Row]] = [read_metrics(folder) for folder in folders]
    summaries = [summarised(*parts) for parts in zip(folders, configs, rows, strict=True)]
    return Compared(labels=labels_of(folders), configs=configs, rows=rows, summaries=summaries)


def labels_of(folders: Sequence[Path]) -> list[str]:
    """The last part of each path where these differ, else as much of the path as tells them apart."""
    names = [folder.absolute().name for folder in folders]
    if len(set(names)) == len(names):
        return names
    shared = commonpath([folder.absolute() for folder in folders])
    labels = [folder.absolute().relative_to(shared).as_posix() for folder in folders]
    labels = names if "." in labels else labels
    return [f"{label} ({number})" if labels.count(label) > 1 else label for number, label in enumerate(labels, start=1)]
