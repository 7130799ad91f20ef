"""reasoning-gym as a library: its generators by name, their options as words, and which of its scorers may be asked.

    read_settings("chain_sum", ["min_terms=2", "max_terms=3"])  ->  (("min_terms", 2), ("max_terms", 3))

Some of its scorers call eval, or sympy, on what a model wrote. Those are known by their source, and refused.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from reprlib import repr as shortened
from typing import Any

from straw.errors import ConfigError, did_you_mean

MOST = 999_999  # of a number that a generator is given
EVALUATORS = {"eval", "exec", "parse_expr", "sympify"}


def library() -> Any:
    try:
        from reasoning_gym import factory
    except ImportError:
        raise ConfigError("gym:NAME is a generator of reasoning-gym, not installed: pip install 'straw[gym]'") from None
    return factory


def kind_of(generator: str) -> tuple[type, type]:
    """Its class and that of its options."""
    known = library().DATASETS
    if generator not in known:
        raise ConfigError(f"reasoning-gym has no generator {generator!r}; {did_you_mean(generator, known)}")
    kinds: tuple[type, type] = known[generator]
    return kinds


def dataset(generator: str, settings: tuple[tuple[str, Any], ...], seed: int) -> Any:
    """A generator with one problem in it."""
    kind_of(generator)
    try:
        return library().create_dataset(generator, seed=seed, size=1, **dict(settings))
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(
            f"gym:{generator} refuses its options: {str(error) or type(error).__name__}. Mend gym_options."
        ) from None


def read_settings(generator: str, words: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """name=value, the value a number, true, false or a text."""
    known = inspect.signature(kind_of(generator)[1]).parameters
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name in ("seed", "size") or name not in known:
            names = [one for one in known if one not in ("seed", "size")]
            raise ConfigError(f"gym_options are name=value, got {word!r}; {did_you_mean(name, names)}")
        pairs.append((name, within(name, read_value(value), known[name].default)))
    return tuple(pairs)


def within(name: str, value: Any, default: Any) -> Any:
    """A generator takes any number, and a million terms take it an hour and the memory of the machine."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    most = max(MOST, abs(default)) if isinstance(default, int | float) else MOST
    if is_number and not abs(value) <= most:  # NaN is not either
        raise ConfigError(f"gym_options take numbers up to {most:,}; got {name}={shortened(value)}. Write a smaller.")
    return value


def read_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def check_scorer(generator: str) -> None:
    """A scorer may not evaluate: what it would evaluate was written by a model."""
    kind = kind_of(generator)[0]
    module = inspect.getmodule(next(one for one in kind.__mro__ if "score_answer" in vars(one)))
    assert module is not None
    called = evaluators_in(inspect.getsource(module))
    if called:
        raise ConfigError(
            f"the scorer of gym:{generator} stands beside calls of {', '.join(called)}, and what a model wrote is "
            "never evaluated. Write grader=exact or grader=extract."
        )


def evaluators_in(source: str) -> list[str]:
    """The calls in a source that would run a text."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}
    return sorted(names & EVALUATORS)
