"""What stands in a JSON object under a name, of the type that it has to have; null is as good as absent.

Fields({"num_samples": 4}).integer("num_samples", 1, 1024)   ->  4
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted


class Fields:
    """One object of a request. `within` names it in what is said."""

    def __init__(self, values: Any, limits: Limits, within: str = "") -> None:
        if not isinstance(values, dict):
            raise BadRequest(f"{within or 'the body'} is an object, got {quoted(values)}: send {{...}}", 422)
        self.values, self.limits, self.within = values, limits, within

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def refuse(self, name: str, rule: str, way_out: str = "") -> BadRequest:
        path = f"{self.within}.{name}" if self.within else name
        end = f": {way_out}" if way_out else ": send that, or leave it out"
        return BadRequest(f"{path} is {rule}, got {quoted(self.get(name))}{end}", 422)

    def required(self, name: str, rule: str) -> Any:
        if self.get(name) is None:
            raise self.refuse(name, rule, "this call needs it")
        return self.values[name]

    # --- types

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty, of at most `name_length` characters; required where there is no default."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value:
            raise self.refuse(name, "a text", "this call needs it")
        self.limits.at_most("name_length", len(value), f"characters of {name}")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self.get(name) is None else self.text(name)

    def integer(self, name: str, least: int, most: int | None = None, default: int | None = None) -> int:
        value = self.get(name)
        if value is None and default is not None:
            return default
        rule = f"a whole number from {least}" + ("" if most is None else f" to {most}")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least or value > (most or 1 << 63):
            raise self.refuse(name, rule)
        return value

    def integer_or_none(self, name: str, least: int, most: int | None = None) -> int | None:
        return None if self.get(name) is None else self.integer(name, least, most)

    def number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        value = self.get(name)
        if value is None and default is not None:
            return default
        rule = f"a number from {least:g} to {most:g}"
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.refuse(name, rule)
        if not isfinite(value):
            raise self.refuse(name, rule)
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def inner(self, name: str) -> Fields:
        """An object in this one; nothing there is an empty one."""
        value = self.get(name)
        return Fields({} if value is None else value, self.limits, f"{self.within}.{name}" if self.within else name)

    def numbers(self, name: str, most: int) -> list[int]:
        """A list of whole numbers of 64 bits."""
        value = self.get(name)
        if not isinstance(value, list):
            raise self.refuse(name, "a list of whole numbers")
        self.limits.at_most("dense_cells", len(value), f"numbers in {name}")
        if len(value) > most or not all(type(one) is int and -(1 << 63) <= one < 1 << 63 for one in value):
            raise self.refuse(name, f"a list of at most {most} whole numbers")
        return value
