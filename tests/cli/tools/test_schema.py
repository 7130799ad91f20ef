"""The JSON schema of pages. A small reader of our own checks pages by it, and `jsonschema` where it is installed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from straw.cli import main
from straw.cli.tools.schema import page_schema
from straw.config import describe_options, dump, load_page

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))
KINDS: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return page_schema()


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """The part of JSON Schema that ours uses."""
    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    if schema["type"] == "object":
        return isinstance(value, dict) and all(
            name in schema["properties"] and fits(one, schema["properties"][name]) for name, one in value.items()
        )
    if isinstance(value, bool) != (schema["type"] == "boolean") or not isinstance(value, KINDS[schema["type"]]):
        return False
    if isinstance(value, list):
        return all(fits(one, schema["items"]) for one in value)
    if isinstance(value, str):
        return len(value) <= schema["maxLength"]
    return (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_fits(recipe: Path, schema: dict[str, Any]) -> None:
    page = tomllib.loads(recipe.read_text())
    assert fits(page, schema)
    for section, values in page.items():
        assert not fits({section: {**values, "no_such_option": 1}} if isinstance(values, dict) else {"x": 1}, schema)


@pytest.mark.parametrize("kind", ["secret", "gsm8k", "countdown", "sum_digits"])
def test_a_page_with_every_value_fits(kind: str, schema: dict[str, Any]) -> None:
    assert fits(tomllib.loads(dump(load_page(None, {"kind": kind}).page)), schema)


@pytest.mark.parametrize(
    "page",
    ["N = 0", "N = 'many'", "[task]\nN = 1.5", "[run]\nN = 64", "[run]\nverbose = 'perhaps'", "credit = 'half'",
     "learning_rate = -1", "[optimiser]\nlr = 1", "[sampling]\nstop = [1]"],
)  # fmt: skip
def test_what_a_page_may_not_say_does_not_fit(page: str, schema: dict[str, Any]) -> None:
    assert not fits(tomllib.loads(page), schema)


def test_a_page_may_be_flat_and_use_the_studies_words(schema: dict[str, Any]) -> None:
    assert fits(tomllib.loads('task = "secret"\nN = 16\nlr = 1e-3\n[run]\nnum_steps = 3\nstop_at = "none"'), schema)


def test_every_option_has_its_help_and_most_a_default(schema: dict[str, Any]) -> None:
    sections = {option.section for option in describe_options("secret")}
    for option in describe_options("secret"):
        if option.name not in sections:  # algorithm is a section and an option
            found = schema["properties"][option.name]
            assert found["description"] and (option.section == "task" or "default" in found)


def test_it_is_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", f"out={tmp_path}/page.json"]) == 0
    assert json.loads((tmp_path / "page.json").read_text()) == json.loads(json.dumps(page_schema()))


def test_a_reader_that_others_wrote_agrees(schema: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for recipe in RECIPES:
        check.validate(tomllib.loads(recipe.read_text()))
    assert not check.is_valid({"N": 0})
