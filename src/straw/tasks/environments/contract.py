"""What a class offers as an environment, in the form that TRL's users know (its `environment_factory`).

    class Counter:
        def reset(self, **row):              before every episode; a text goes behind the last message, None is none
            self.count = 0
        def add(self, amount: int) -> str:   any public method is a tool, documented under Args:; it may be async
            ...
        def get_reward(self) -> float:       optional: the environment pays; reward functions get `environments` too

Beyond that, and never needed: attributes `turn_reward` (a number, paid for the turn and set back to 0), `solved` (true
or false: counts as right), `done` (with stop_when_done=true the episode ends there), `last_reply` (a text: what the
model said last, beside its calls) and `examples` (messages that stand before what is asked); a `reset` that names
`seed` is handed one. They are attributes, so that TRL, where the same class runs, does not take them for tools.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeGuard

from straw.errors import ConfigError
from straw.tasks.environments.calling import Left
from straw.tasks.word_problems.prompts import message_of
from straw.text.shown.visible import encodable
from straw.text.tools.forms import Schema, schema_of
from straw.types import Message

RESERVED = ("reset", "get_reward")


@dataclass(frozen=True, slots=True)
class Contract:
    """A factory of environments and the tools of those that it makes, besides `more` that keep no state."""

    name: str
    factory: Callable[[], Any] | None  # None: tools alone
    methods: tuple[str, ...]  # as they are called
    schemas: tuple[Schema, ...]
    more: Mapping[str, Callable[..., Any]]
    pays: bool
    pays_by_turn: bool
    wants_seed: bool = False
    knows_success: bool = False
    reads_replies: bool = False
    examples: tuple[Message, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)  # of methods: where they stand in the class

    @property
    def tools(self) -> tuple[str, ...]:
        return (*self.more, *self.methods)

    def tool_of(self, instance: Any, name: str) -> Callable[..., Any] | None:
        if name in self.methods:
            found: Callable[..., Any] = getattr(instance, self.members[name])
            return found
        return self.more.get(name)


def contract_of(name: str, factory: Callable[[], Any] | None, more: Sequence[Callable[..., Any]] = ()) -> Contract:
    """One instance is made, to be looked at: a factory may be any callable."""
    shared = {str(getattr(one, "__name__", "")): one for one in more}
    if len(shared) < len(more) or "" in shared:
        raise ConfigError(f"tools are functions with names of their own, got {', '.join(map(repr, more))[:200]}")
    schemas = [schema_of(one, tool) for tool, one in shared.items()]
    if factory is None:
        return Contract(name, None, (), tuple(schemas), shared, pays=False, pays_by_turn=False)
    if not callable(factory):
        raise ConfigError(f"an environment is a class, or a function that makes one; {name} is {factory!r:.60}")
    instance = made(name, factory)
    members = [member for member, _ in inspect.getmembers(type(instance), predicate=inspect.isfunction)]
    if "reset" not in members:
        raise ConfigError(f"an environment has a method reset, and {type(instance).__name__} ({name}) has none: add it")
    if not inspect.signature(instance.reset).parameters:
        raise ConfigError(
            f"reset is given the fields of the row that an episode begins with, and that of {type(instance).__name__} "
            f"({name}) takes none: write def reset(self, **row)"
        )
    methods = by_name(name, type(instance), [one for one in members if one not in RESERVED and one[0] != "_"])
    if twice := sorted(set(methods) & set(shared)):
        raise ConfigError(f"two tools are called {twice[0]}, one of {name} and one of tools: rename one of them")
    schemas += [schema_of(getattr(instance, member), f"{name}.{member}") for member in methods.values()]
    return Contract(
        name=type(instance).__name__, factory=factory, methods=tuple(methods), schemas=tuple(schemas), more=shared,
        pays="get_reward" in members, pays_by_turn=is_number(attribute(instance, "turn_reward", is_set=True)),
        wants_seed="seed" in inspect.signature(instance.reset).parameters,
        knows_success=truth_of(attribute(instance, "solved")) is not None,
        reads_replies=isinstance(attribute(instance, "last_reply", is_set=True), str),
        examples=examples_of(name, attribute(instance, "examples")), members=methods,
    )  # fmt: skip


def by_name(name: str, kind: type, members: Sequence[str]) -> dict[str, str]:
    """Where each tool stands, by the name of its function, which models are told: search = staticmethod(web_search)."""
    found: dict[str, str] = {}
    for member in members:
        function = getattr(kind, member)
        first = found.setdefault(function.__name__, member)
        if getattr(kind, first) is not function:
            raise ConfigError(
                f"two tools are called {function.__name__}, {first} and {member} of {name}: rename one of them"
            )
    return found


def attribute(instance: Any, name: str, *, is_set: bool = False) -> Any:
    """None where there is none yet: a property may raise before the first reset, as it may raise AttributeError.

    `is_set`: one that is set from here, which a property without a setter cannot be: it is the class's own affair.
    """
    own = inspect.getattr_static(type(instance), name, None)
    if is_set and isinstance(own, property) and own.fset is None:
        return None
    try:
        return getattr(instance, name, None)
    except Exception:
        return None


def examples_of(name: str, examples: Any) -> tuple[Message, ...]:
    """Messages as TRL writes them; any other attribute of that name is the class's own affair."""
    if not isinstance(examples, list | tuple) or not any(isinstance(one, Mapping) for one in examples):
        return ()
    try:
        return tuple(map(message_of, examples))
    except ValueError as error:
        raise ConfigError(f"{name}.examples stand before what is asked, and {error}: mend it") from None


def made(name: str, factory: Callable[[], Any]) -> Any:
    try:
        return factory()
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"an environment is made without arguments, and {name} cannot be ({said_of(error)}): what it needs, take "
            "from around it or from the row that reset is given"
        ) from error


def said_of(error: BaseException) -> str:
    """Its kind and its first line."""
    line = text_said(error).partition("\n")[0][:300]
    if isinstance(error, Left):
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def text_said(error: BaseException) -> str:
    """Its text; an error of somebody else may raise another one when it is asked."""
    try:
        return encodable(str(error), "utf-8")
    except Exception:
        return type(error).__name__


def shown(value: Any) -> str:
    """What an environment gave, briefly."""
    try:
        return encodable(f"{value!r:.40}", "utf-8")
    except Exception:
        return f"a {type(value).__name__}"


def is_number(value: Any) -> bool:
    """Python's or numpy's."""
    return isinstance(value, Real) and not isinstance(value, bool)


def truth_of(value: Any) -> bool | None:
    """True or false, Python's or numpy's; None is neither."""
    if isinstance(value, bool):
        return value
    is_numpy = type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
    return bool(value) if is_numpy else None


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether it is a number that a float can hold: a whole number may be too large for one."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False
