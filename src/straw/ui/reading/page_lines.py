"""A run's page as it stands in config.toml: every option with its value and where the value came from.

learning_rate = 0.0012                # tuned: binary
->  {"section": "optimizer", "name": "learning_rate", "value": "0.0012", "from": "tuned: binary"}
"""

from __future__ import annotations

import re

OPTION = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63}) = (.*)")
SECTION = re.compile(r"\[([A-Za-z_][A-Za-z0-9_.]{0,63})\]")
LONGEST_VALUE, MOST_OPTIONS = 2_000, 500


def page_lines(text: str) -> list[dict[str, str]]:
    """What looks like a line of ours; the rest is left out."""
    section, found = "", []
    for line in text.splitlines():
        if heading := SECTION.fullmatch(line.strip()):
            section = heading[1]
        elif option := OPTION.fullmatch(line):
            value, mark, origin = option[2].rpartition(" # ")
            value, origin = (value, origin) if mark else (option[2], "")
            found.append(
                {"section": section, "name": option[1], "value": value.strip()[:LONGEST_VALUE], "from": origin.strip()}
            )
    return found[:MOST_OPTIONS]
