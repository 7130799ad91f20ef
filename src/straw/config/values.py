"""Single values: read from a command line or a TOML page, and written back.

    "64" -> 64    "1e-4" -> 0.0001    "none" -> None where an option may be unset    "a,b" -> ("a", "b")

Text is read alike from both, so a page can say `fixed_secret = "none"`: TOML has no null.
What Python would take and a reader might not, such as 1_000, "nan" or "٣", is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from math import isfinite
from reprlib import repr as shortened
from typing import Any, get_origin

from straw.config.option import Option
from straw.errors import ConfigError

WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
UNSET = ("none", "null")


def read_value(option: Option, given: Any) -> Any:
    """The value that `given` stands for, or a ConfigError that says what the option takes."""
    if option.is_optional and (given is None or (isinstance(given, str) and given.lower() in UNSET)):
        return None
    try:
        if option.is_optional and given == "":
            raise ValueError
        return read_choice(option, given) if option.choices else READERS[get_origin(option.type) or option.type](given)
    except ValueError:
        raise ConfigError(
            f"{option.name} is {option.takes}; got {shortened(given)}. {way_out(option, given)}"
        ) from None


def way_out(option: Option, given: Any) -> str:
    near = nearest(str(given), option.choices)
    return f"Did you mean {near!r}?" if near else f"Write for example {option.name}={plain(option.example)}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, whatever its case: 'n' is near 'N'."""
    names = {one.lower(): one for one in known}
    return next((names[near] for near in get_close_matches(name.lower(), names, n=1, cutoff=0.6)), None)


def read_choice(option: Option, given: Any) -> str:
    if given not in option.choices:
        raise ValueError
    return str(given)


def read_whole(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and WHOLE.fullmatch(given):
        return int(given)
    raise ValueError


def read_number(given: Any) -> float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number and not (isinstance(given, str) and NUMBER.fullmatch(given)):
        raise ValueError
    if not isfinite(float(given)):
        raise ValueError
    return float(given)


def read_truth(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in TRUTH:
        return TRUTH[given.lower()]
    raise ValueError


def read_text(given: Any) -> str:
    """Text that can be written to a page; `encode` raises a ValueError for bytes that are no UTF-8."""
    if isinstance(given, str):
        given.encode()
        return given
    raise ValueError


def read_texts(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        given = given.split(",") if given else []
    if isinstance(given, list | tuple):
        return tuple(read_text(one) for one in given)
    raise ValueError


READERS: dict[Any, Callable[[Any], Any]] = {
    int: read_whole,
    float: read_number,
    bool: read_truth,
    str: read_text,
    tuple: read_texts,
}


def put(given: dict[str, str], name: str, value: str) -> None:
    """Note what a command line says of an option; said twice in two ways, nobody knows which was meant."""
    if given.setdefault(name, value) != value:
        raise ConfigError(f"{name} is given twice, {name}={given[name]} and {name}={value}. Leave one of them out.")


def plain(value: Any) -> str:
    """As on a command line: none, true, 0.0003, a,b."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def toml(value: Any) -> str:
    """As on a page: "none", true, 0.0003, ["a", "b"]."""
    if isinstance(value, tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    if isinstance(value, str) or value is None:  # JSON's escapes are TOML's, but for this character
        return json.dumps(plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return plain(value)
