"""straw schema: a JSON schema of pages, so that an editor completes options and marks what is wrong.

Options stand in their section or, as pages allow, at the top. What another option or a model decides is not said here:
`straw train PAGE --dry-run` refuses what cannot be run.
"""

from __future__ import annotations

from typing import Any, get_origin

from straw.cli.arguments import say_json, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say_lines

SCHEMA = """straw schema [out=FILE.json]

A JSON schema of pages: every option by section, with its type, range, default and a line of help.

  straw schema out=straw.schema.json      a file for an editor
  straw schema                            the same on stdout

For an editor that reads TOML with taplo (VS Code: Even Better TOML), the first line of a page names it:

  #:schema ./straw.schema.json
"""
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BOUNDS = {"at_least": "minimum", "above": "exclusiveMinimum", "at_most": "maximum", "below": "exclusiveMaximum"}
NONE = {"const": "none", "description": "not chosen: straw chooses, and --dry-run says what"}


def schema(words: list[str]) -> int:
    if wants_help(words):
        say_lines(SCHEMA)
        return 0
    out = take_option(words, "out", "straw.schema.json")
    if words:
        raise ConfigError(f"straw schema takes out=FILE.json and nothing else; got {' '.join(words)}. Leave it out.")
    if out is None:
        say_json(page_schema())
        return 0
    import json
    from pathlib import Path

    from straw.runs.files.atomic_write import write_whole

    write_whole(Path(out).expanduser(), json.dumps(page_schema(), indent=1) + "\n")
    say_lines(f"schema: {out}")
    return 0


def page_schema() -> dict[str, Any]:
    """Of the page of one run; the options of all tasks and algorithms that are installed together."""
    from straw.config.names import ALIASES

    known = every_option()
    own = {name: merged([value_schema(option) for option in options]) for name, options in known.items()}
    aliases = {alias: own[name] for alias, name in ALIASES.items() if name in own}
    sections: dict[str, dict[str, Any]] = {}
    for name, options in known.items():
        spelled = [name, *(alias for alias, other in ALIASES.items() if other == name)]
        sections.setdefault(options[0].section, {}).update({one: own[name] for one in spelled})
    tables = {name: section(name, properties) for name, properties in sections.items()}
    top = {**own, **aliases, **tables}
    own["task"] = own["kind"]
    top |= {name: {"anyOf": [table, own[name]]} for name, table in tables.items() if name in own}  # algorithm, engine
    return {
        "$schema": DRAFT,
        "title": "A page of straw",
        "description": "One experiment: straw train PAGE.toml",
        "type": "object",
        "properties": top,
        "additionalProperties": False,
    }


def every_option() -> dict[str, list[Any]]:
    """An option by its name, as often as there are tasks or algorithms that have it."""
    from straw.config.page import options, options_of_algorithms
    from straw.registry import names

    found: dict[str, list[Any]] = {}
    for known in (*map(options, names("tasks")), *options_of_algorithms().values()):
        for name, option in known.items():
            found.setdefault(name, []).append(option)
    return found


def merged(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """What any of them takes; a default that depends on the task or the algorithm is left out."""
    defaults = [one["default"] for one in schemas]
    is_same = all(one == defaults[0] for one in defaults)
    rest = [{key: value for key, value in one.items() if key != "default"} for one in schemas]
    kinds = [one for place, one in enumerate(rest) if one not in rest[:place]]
    found = kinds[0] if len(kinds) == 1 else {"anyOf": kinds, "description": kinds[0]["description"]}
    return {**found, **({"default": defaults[0]} if is_same else {})}


def section(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"options of [{name}]",
        "properties": properties,
        "additionalProperties": False,
    }


def value_schema(option: Any) -> dict[str, Any]:
    """What an option takes, as a page writes it."""
    found = type_schema(option)
    facts = {"description": option.help, "default": "none" if option.default is None else plain(option.default)}
    return {**({"anyOf": [found, NONE]} if option.is_optional else found), **facts}


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def type_schema(option: Any) -> dict[str, Any]:
    from straw import registry
    from straw.config.option import MOST_CHARACTERS, MOST_TEXTS

    text: dict[str, Any] = {"type": "string", "maxLength": MOST_CHARACTERS}
    if option.choices:
        return {"enum": list(option.choices)}
    if option.type is bool:
        return {"type": "boolean"}
    if option.type in (int, float):
        bounds = {BOUNDS[name]: limit for name, limit in option.bounds.items()}
        return {"type": "integer" if option.type is int else "number", **bounds}
    if get_origin(option.type) is tuple or option.type is tuple:
        return {"anyOf": [{"type": "array", "items": text, "maxItems": MOST_TEXTS}, text]}
    return {**text, "examples": registry.names(option.registry)} if option.registry else text
