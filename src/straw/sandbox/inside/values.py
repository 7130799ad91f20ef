"""Values as they travel between two sandboxes, or out of one: plain data only, so that nothing comes along with them.

    [1, (2, 3), {4}]   ->   [1, {"tuple": [2, 3]}, {"set": [4]}]        as a text that is JSON, and Python too

An object of a class of somebody's own has no such form, whatever it says that it is equal to. `same` compares what
came out with what is right without building what came out: a hostile set of numbers takes forever to build.
"""

from __future__ import annotations

from _json import encode_basestring as quoted  # of the library json, all of which takes as long as Python itself

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONG = 1 << 1000  # long numbers are read digit by digit where they are decimal
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "NaN": float("nan"), "Infinity": float("inf")}
WORDS["-Infinity"] = -WORDS["Infinity"]  # a word of JSON, and two of Python
UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, RecursionError)


def spelled(value: Any) -> str:
    """ValueError for what is no plain data."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return str(quoted(str(value)))
    if isinstance(value, int):
        return int.__repr__(value) if -LONG < value < LONG else f'{{"int": "{hex(value)}"}}'
    if isinstance(value, float):
        return float.__repr__(value).replace("inf", "Infinity").replace("nan", "NaN")
    if isinstance(value, list):
        return listed(value)
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return f'{{"{kind.__name__}": {listed(value)}}}'
    if isinstance(value, dict):
        return f'{{"dict": {listed([[key, one] for key, one in value.items()])}}}'
    if isinstance(value, complex):
        return f'{{"complex": {listed([value.real, value.imag])}}}'
    if isinstance(value, bytes | bytearray):
        return f'{{"bytes": "{bytes(value).hex()}"}}'
    raise ValueError(f"a value of the type {type(value).__name__} is no plain data")


def listed(values: Any) -> str:
    return f"[{', '.join([spelled(one) for one in values])}]"


def trusted(text: str) -> Any:
    """The value of a text that came from outside, for those who run programs anyway."""
    return decode(eval(text, {"__builtins__": {}, **WORDS}))


def decode(said: Any) -> Any:
    """The value again; one of the errors UNREADABLE for what `spelled` never says. Only for who may be kept waiting."""
    if isinstance(said, list):
        return [decode(one) for one in said]
    if not isinstance(said, dict):
        return said
    ((kind, content),) = said.items()
    if kind == "int":
        return int(content, 16)
    if kind == "complex":
        return complex(*content)
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "dict":
        return {decode(key): decode(one) for key, one in content}
    return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](decode(one) for one in content)


def same(right: Any, said: Any) -> bool:
    """Whether what was said stands for a value of JSON, as == has it; a tuple may stand where a list is right."""
    if isinstance(right, list):
        items = said if isinstance(said, list) else inner(said, "tuple")
        return items is not None and len(items) == len(right) and all(map(same, right, items))
    if isinstance(right, dict):
        entries = inner(said, "dict")
        return entries is not None and same_entries(right, entries)
    if isinstance(said, list):
        return False
    if isinstance(said, dict):
        digits = said.get("int")
        return isinstance(right, int) and isinstance(digits, str) and digits == hex(right)
    return bool(right == said)


def inner(said: Any, kind: str) -> list[Any] | None:
    content = said.get(kind) if isinstance(said, dict) and len(said) == 1 else None
    return content if isinstance(content, list) else None


def same_entries(right: dict[str, Any], entries: list[Any]) -> bool:
    """What was said is looked up in what is right, never the other way round."""
    found = set()
    for entry in entries:
        key, one = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        if not isinstance(key, str) or key not in right or not same(right[key], one):
            return False
        found.add(key)
    return len(found) == len(right) == len(entries)
