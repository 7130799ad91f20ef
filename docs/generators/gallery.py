"""What the shipped recipes did on many seeds: a picture, the page, the verdict and the command for each golden file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generators.wrapping import page, wrapped
from straw.report.golden.golden import Golden, at_end, golden_path, read_golden

RECIPES = Path("recipes")
INTRO = """Each picture shows runs of one recipe on several seeds: every run a thin line, their median a thick one. The
data lie in `recipes/golden`, and the command that made them stands below each picture. `straw check` runs a part of a
recipe on fresh seeds and says whether it still learns as these runs did.

*Lost* is a run that has gained less than half of what the median run gained by the horizon of the check."""


def goldens() -> list[tuple[Path, Golden]]:
    recipes = sorted(RECIPES.glob("*.toml"))
    return [(recipe, read_golden(golden_path(recipe))) for recipe in recipes if golden_path(recipe).is_file()]


def command_of(recipe: Path) -> str:
    found: dict[str, Any] = json.loads(golden_path(recipe).read_text())
    return str(found["command"])


def gallery_page() -> str:
    return page("Gallery", "`recipes/golden`", INTRO, *(section(recipe, golden) for recipe, golden in goldens()))


def section(recipe: Path, golden: Golden) -> str:
    picture = f"![{golden.metric.replace('_', ' ')} against episodes, {recipe.stem}](pictures/{recipe.stem}.svg)"
    parts = (f"## {recipe.stem}", wrapped(question_of(recipe)), picture, wrapped(verdict(golden)), commands(recipe))
    return "\n\n".join(part for part in parts if part)


def question_of(recipe: Path) -> str:
    import tomllib

    return str(tomllib.loads(recipe.read_text()).get("run", {}).get("question", ""))


def verdict(golden: Golden) -> str:
    """What these runs say, and what a check against them can find."""
    curve, unit = golden.middle, f" {golden.unit}" if golden.unit else ""
    ceiling = f" of {golden.ceiling:g}" if golden.ceiling else ""
    horizon, last = golden.horizon, golden.episodes[-1]
    between = f", {at_end(curve, horizon):.2f} after {horizon:,.0f} episodes" if horizon < last else ""
    least, most = min(row[-1] for row in golden.values), max(row[-1] for row in golden.values)
    few = "" if golden.is_enough else " These are too few golden runs for a sharper check."
    return (
        f"{len(golden.seeds)} seeds. The median {golden.metric.replace('_', ' ')} is {rounded(curve.bits_known[0])} "
        f"at the start{between} and {curve.bits_known[-1]:.2f}{ceiling}{unit} after {last:,.0f} episodes; single runs "
        f"end between {least:.2f} and {most:.2f}. Lost by the horizon of {horizon:,.0f} episodes: "
        f"{golden.natural_rate}. A check of {golden.fresh} fresh runs finds a change that ruins a quarter of the runs "
        f"in {golden.finds:.0%} of cases.{few}"
    )


def rounded(value: float) -> str:
    """Two digits, and no minus before a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def commands(recipe: Path) -> str:
    lines = (f"straw train {recipe}", f"straw check {recipe}", *broken(command_of(recipe)))
    return f"The page is [`{recipe.name}`](../{recipe}).\n\n```bash\n" + "\n".join(lines) + "\n```"


def broken(command: str, width: int = 110) -> list[str]:
    """One line of a shell, or several."""
    lines = [""]
    for word in command.split(" "):
        if len(lines[-1]) + len(word) > width:
            lines[-1] += "\\"
            lines.append("  ")
        lines[-1] += f"{word} "
    return [line.rstrip(" ") if not line.endswith("\\") else line for line in lines]


def draw_gallery(folder: Path) -> None:
    for recipe, golden in goldens():
        draw(golden, folder / f"{recipe.stem}.svg")


def draw(golden: Golden, path: Path) -> None:
    from generators.drawing import axes, save

    figure, ax = axes()
    for row in golden.values:
        ax.plot(golden.episodes, row, color="#4477aa", linewidth=0.5, alpha=0.35)
    ax.plot(golden.episodes, golden.middle.bits_known, color="#aa3355", linewidth=2.2, label="median")
    if golden.ceiling:
        ax.axhline(golden.ceiling, color="#777777", linewidth=0.8, linestyle=":")
        ax.set_ylim(bottom=max(-golden.ceiling, min(map(min, golden.values))) - 0.3)
    ax.axvline(golden.horizon, color="#777777", linewidth=0.8, linestyle="--")
    ax.set_xlabel("episodes (dashed: the horizon of a check)")
    ax.set_ylabel(f"{golden.metric.replace('_', ' ')}{f' ({golden.unit})' if golden.unit else ''}")
    ax.legend(frameon=False, loc="lower right")
    save(figure, path)
