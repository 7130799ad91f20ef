from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from straw.errors import ConfigError
from straw.registry import find, names
from straw.text.graders import GRADERS, STUDY_WORDS, grader_named

SPEC = importlib.util.spec_from_file_location("table", Path(__file__).with_name("table.py"))
assert SPEC and SPEC.loader
TABLE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TABLE)


@pytest.mark.parametrize(("reply", "gold", "exact", "extract", "lenient", "why"), TABLE.MEASURED + TABLE.OURS)
def test_each_grader_says_what_it_should(
    reply: str, gold: str, exact: int, extract: int, lenient: int, why: str
) -> None:
    said = {name: int(grader.judge(reply, gold)) for name, grader in GRADERS.items()}
    assert said == {"exact": exact, "extract": extract, "lenient": lenient}, why


@pytest.mark.parametrize(
    ("reply", "exact", "extract", "lenient"),
    [
        ("<answer> $18 </answer>", "$18", "$18", "18"),
        ("It is 1,200.", "It is 1,200.", "1200", "1200"),
        ("<answer></answer>", None, None, None),
        (r"\boxed{\dfrac12}", r"\boxed{\dfrac12}", r"\frac{1}{2}", r"\frac{1}{2}"),
        ("", None, None, None),
    ],
)
def test_what_was_read_can_be_shown(reply: str, exact: str | None, extract: str | None, lenient: str | None) -> None:
    assert [grader.extract(reply) for grader in GRADERS.values()] == [exact, extract, lenient]


def test_the_studys_words_lead_to_our_graders() -> None:
    assert {word: grader_named(word).name for word in STUDY_WORDS} == {
        "strict": "extract",
        "medium": "exact",
        "loose": "lenient",
    }


def test_the_registry_knows_every_grader() -> None:
    assert names("graders") == ["exact", "extract", "lenient"]
    assert find("graders", "exact").name == "exact"


def test_an_unknown_grader_is_told_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="did you mean 'lenient'"):
        grader_named("leniant")
