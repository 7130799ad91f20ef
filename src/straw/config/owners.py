"""Who brings options of its own to a page: its task and its algorithm.

    Owners(task="secret", algorithm="surrogate")      [task] has N, env_type, ...     [algorithm] has pool, fresh, ...

Such options stand in the file of whoever reads them, in a class `Options`: a task's is a subclass of TaskSection, that
of an algorithm's row or learner one of Algorithm. So what a page may say is known when these two are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from straw.config.sections import Algorithm
from straw.config.task_section import TaskSection
from straw.registry import at, find, is_known

FIRST_TASK, FIRST_ALGORITHM = "secret", "reinforce"


class Owners(NamedTuple):
    """Of a page that names neither, they are the first ones."""

    task: str = FIRST_TASK
    algorithm: str = FIRST_ALGORITHM


WORDS = {"task": ("kind", "task"), "algorithm": ("algorithm",)}  # by owner: how a page or a command line names it


def owners_in(*pages: Mapping[str, Any]) -> Owners:
    """Those that pages or lists of options name, in whatever words; of two the first one counts."""
    named = {owner: next((found for page in pages for found in named_in(page, owner)), None) for owner in WORDS}
    return Owners(**{owner: str(found) for owner, found in named.items() if found is not None})


def named_in(page: Mapping[str, Any], owner: str) -> Iterator[Any]:
    section = page.get(owner)
    inside = section if isinstance(section, Mapping) else {owner: section}
    found = [one for word in WORDS[owner] for one in (page.get(word), page.get(f"{owner}.{word}"), inside.get(word))]
    yield from (one for one in found if one is not None and not isinstance(one, Mapping))


def task_section(kind: str) -> type[TaskSection]:
    """The options of a task; all that belong to a family (gym:NAME) have the same."""
    found: type[TaskSection] = getattr(find("tasks", kind), "Options", TaskSection)
    return found


def algorithm_section(name: str) -> type[Algorithm]:
    """The options of an algorithm. Of a name that nobody knows something is said later, where it is looked up."""
    if not is_known("algorithms", name):
        return Algorithm
    found: type[Algorithm] = at("straw.algorithms.registry:section_of")(name)
    return found
