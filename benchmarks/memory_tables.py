"""Tables and pictures of `memory_test.py`: each arm beside `none`, seed by seed.

    difference   the mean over seeds of arm less none, with its 95% interval
    p            by swapping pairs (`report.sweeps.paired`), then Holm's correction over all arms and both measures
    helps        where Holm's p is below .05 and the difference at least 2 points; hurts likewise

Beside them what of the advantages is the memory's doing:

    share of the advantage      sum |A - A0| / (sum |A0| + sum |A - A0|), A0 being that of right and wrong alone
    groups taught by it alone   A0 is 0 everywhere, and A is not
    pushed up and wrong         of all positive advantages, what wrong replies get
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from straw.report.sweeps.paired import Against, against, sure

if TYPE_CHECKING:
    from memory_settings import Setting

Runs = Mapping[str, tuple[float, Mapping[int, Mapping[str, float]]]]
LEVEL, LEAST = 0.05, 0.02
SHARES = ("share of the advantage", "groups taught by it alone", "pushed up and wrong")


def holm(p: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Example: .01, .04 and .03 become .03, .06 and .06."""
    found, highest = {}, 0.0
    for place, (name, value) in enumerate(sorted(p.items(), key=lambda one: one[1])):
        highest = max(highest, min(1.0, value * (len(p) - place)))
        found[name] = highest
    return found


def by_seed(runs: Runs, arm: str, measure: str) -> dict[int, float]:
    return {seed: found[measure] for seed, found in runs[arm][1].items()}


def compared(setting: Setting, runs: Runs) -> dict[tuple[str, str], Against]:
    """By arm and measure, where the arm and `none` share seeds."""
    found = {
        (arm, measure): against(by_seed(runs, arm, measure), by_seed(runs, "none", measure))
        for arm in runs for measure in setting.measures if arm != "none"
    }  # fmt: skip
    return {name: one for name, one in found.items() if one is not None}


def verdict(difference: float, p: float | None) -> str:
    if p is None or p >= LEVEL or abs(difference) < LEAST:
        return ""
    return "helps" if difference > 0 else "hurts"


def show(setting: Setting, runs: Runs, out: Path) -> None:
    """Prints the table, writes it as Markdown too, and draws the picture."""
    pairs = compared(setting, runs)
    corrected = holm({name: one.p for name, one in pairs.items() if one.p is not None})
    console = Console(width=150, highlight=False)
    for measure in setting.measures:
        title = f"{setting.name}: {setting.question}; {setting.episodes:,} episodes a run; {measure}"
        table = Table("arm", "coefficient", "seeds", "mean", "against none", "p", "Holm", "", title=title)
        for arm, (coefficient, _) in runs.items():
            table.add_row(*row(arm, coefficient, by_seed(runs, arm, measure), pairs, corrected, measure))
        console.print(table)
    shares = Table("arm", *SHARES, "CPU-s")
    for arm, (_, seeds) in runs.items():
        cpu = [found["CPU-s"] for found in seeds.values() if "CPU-s" in found]
        told = [f"{fmean(found[share] for found in seeds.values()):.2f}" for share in SHARES]
        shares.add_row(arm, *told, f"{fmean(cpu):.1f}" if cpu else "")
    console.print(shares)
    (out / f"{setting.name}.md").write_text(markdown(setting, runs, pairs, corrected))
    draw(setting, runs, pairs, out / f"{setting.name}.png")


def markdown(
    setting: Setting, runs: Runs, pairs: Mapping[tuple[str, str], Against], corrected: Mapping[tuple[str, str], float]
) -> str:
    """Both measures of an arm in one line, as the notebook has them; p is Holm's."""
    heads = [cell for measure in setting.measures for cell in (measure, "against none", "p", "")]
    lines = [["arm", "coefficient", "seeds", *heads], ["---"] * (3 + len(heads))]
    for arm, (coefficient, _) in runs.items():
        said = [row(arm, coefficient, by_seed(runs, arm, one), pairs, corrected, one) for one in setting.measures]
        lines.append([*said[0][:3], *(cell for one in said for cell in (one[3], one[4], one[6], one[7]))])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def row(
    arm: str, coefficient: float, values: Mapping[int, float], pairs: Mapping[tuple[str, str], Against],
    corrected: Mapping[tuple[str, str], float], measure: str,
) -> list[str]:  # fmt: skip
    said = [arm, f"{coefficient:g}", str(len(values)), told(sure(list(values.values())))]
    if (found := pairs.get((arm, measure))) is None:
        return [*said, "", "", "", ""]
    p = corrected.get((arm, measure))
    words = ["" if one is None else f"{one:.2g}" for one in (found.p, p)]
    return [*said, told(found.difference, "+"), *words, verdict(found.difference.mean, p)]


def told(one: tuple[float, float, float], sign: str = "") -> str:
    half = one[2] - one[0]
    return f"{one[0]:{sign}.3f}" + (f" +- {half:.3f}" if half < 1e6 else "")


def draw(setting: Setting, runs: Runs, pairs: Mapping[tuple[str, str], Against], path: Path) -> None:
    """Differences from `none` with their intervals, a panel a measure."""
    arms = [arm for arm in runs if arm != "none"][::-1]
    figure, panels = plt.subplots(1, 2, figsize=(9, 0.35 * len(arms) + 1.4), sharey=True, layout="constrained")
    for panel, measure in zip(panels, setting.measures, strict=True):
        panel.axvline(0, color="0.6", linewidth=1)
        for place, arm in enumerate(arms):
            if (found := pairs.get((arm, measure))) is not None:
                mean, low, high = found.difference
                panel.plot([max(low, -1), min(high, 1)], [place, place], color="0.3", linewidth=1.5)
                panel.plot([mean], [place], "o", color="tab:blue")
        panel.set_title(measure, fontsize=9)
        panel.set_yticks(range(len(arms)), arms, fontsize=8)
        panel.set_xlabel(f"less none ({sure(list(by_seed(runs, 'none', measure).values())).mean:.2f})", fontsize=8)
    figure.suptitle(setting.question, fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)
