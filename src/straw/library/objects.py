"""Objects that a program hands in: functions, classes and objects made of them, under a name that a page can hold.

    hand = HandedIn()
    hand.name_of("rewards", my_reward)     ->  "python:my_reward"       reward_type = "python:my_reward"
    hand.use()                                  from now on `registry.find` gives my_reward for it

Such code was written by the person who calls, so it needs no trust. The run keeps its source, as far as Python knows
it: the text of the function or class alone, not of what that calls. A run that goes on compares it and does not run it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from textwrap import dedent
from typing import Any

from straw import outside
from straw.config import TaskSection
from straw.errors import ConfigError
from straw.outside import Handed, Source

ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # which is another one in every process


class Made:
    """An object that is made already, where a class that makes one of a page's options is asked for."""

    Options = TaskSection

    def __init__(self, made: Any) -> None:
        self.made = made

    def from_options(self, *_: Any) -> Any:
        return self.made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made, name)


@dataclass(slots=True)
class HandedIn:
    """What was handed in for one page, by the names that the page has for it."""

    things: dict[str, Handed] = field(default_factory=dict)

    def name_of(self, kind: str, thing: Any) -> str:
        """Its name from now on; `kind` is that of the registry."""
        if kind == "algorithms" and is_dataclass(thing) and not isinstance(thing, type):
            thing = self.with_names(thing)
        makes = kind == "tasks" or (kind == "rewards" and hasattr(thing, "from_options"))
        return self.keep(thing, Made(thing) if makes and not isinstance(thing, type) else thing)

    def keep(self, thing: Any, found: Any) -> str:
        """`found` is what is found under its name."""
        name = f"python:{spelling_of(thing)}"
        known = self.things.get(name)
        if known is not None and known.thing is not found:
            raise ConfigError(f"two objects are called {spelling_of(thing)}: give one of them a name of its own")
        self.things[name] = Handed(found, Source(name, text_of(thing).encode()))
        return name

    def with_names(self, row: Any) -> Any:
        """An algorithm's row whose functions have names too."""
        own = {one.name: getattr(row, one.name) for one in fields(row)}
        return replace(row, **{name: self.keep(value, value) for name, value in own.items() if callable(value)})

    def use(self) -> None:
        """Only these are at hand from now on."""
        outside.handed.clear()
        outside.handed.update(self.things)


def options_of_task(task: Any) -> Mapping[str, Any] | None:
    """The options that make a task again; None where it is no more than the object."""
    make: Callable[..., Any] | None = getattr(type(task), "from_options", None)
    section = getattr(type(task), "Options", TaskSection)
    if make is None or section is TaskSection:
        return None
    values = {one.name: getattr(task, one.name) for one in fields(section) if hasattr(task, one.name)}
    values.pop("kind", None)
    try:
        return values if make(section(**values)) == task else None
    except (TypeError, ValueError):
        return None


def spelling_of(thing: Any) -> str:
    """What a page calls it: its own name, or that of its class, in letters, digits and underlines."""
    name = getattr(thing, "__name__", None) or getattr(getattr(thing, "func", None), "__name__", None)
    return re.sub(r"\W", "_", str(name or type(thing).__name__)).strip("_") or "it"


def text_of(thing: Any) -> str:
    """Its source, behind what an object looks like; or a line that says that Python knows none."""
    known = inspect.unwrap(getattr(thing, "func", thing))  # of a partial
    is_made = not isinstance(known, type) and not inspect.isroutine(known)
    shown = f"# {ADDRESS.sub('', repr(thing))}\n" if is_made or known is not thing else ""
    try:
        return shown + dedent(inspect.getsource(type(known) if is_made else known))
    except (OSError, TypeError):
        return f"{shown}# Python does not know the source of {spelling_of(thing)}\n"
