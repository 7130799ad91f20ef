from __future__ import annotations

from typing import Any

import pytest

from straw.errors import ConfigError
from straw.text.graders import GRADERS, grader_named, registry


class Own:
    """A grader somebody else wrote."""

    name = "own"

    def extract(self, reply: str) -> str | None:
        return reply

    def judge(self, reply: str, gold: str) -> bool:
        return reply.endswith(gold)


def ends(reply: str, gold: str) -> int:
    return len(gold) if reply.endswith(gold) else 0


OWN: dict[str, Any] = {"mine.py:Own": Own, "mine.py:OWN": Own(), "mine.py:ends": ends, **GRADERS}


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "is_known", lambda kind, name: kind == "graders" and name in OWN)
    monkeypatch.setattr(registry, "find", lambda kind, name: OWN[name] if kind == "graders" else None)


@pytest.mark.usefixtures("outside")
def test_a_grader_may_be_a_class_an_object_or_a_function_of_yours() -> None:
    assert isinstance(grader_named("mine.py:Own"), Own) and grader_named("mine.py:OWN") is OWN["mine.py:OWN"]
    by_function = grader_named("mine.py:ends")
    assert by_function.name == "mine.py:ends" and by_function.extract("so 18") is None
    assert by_function.judge("so it is 18", "18") is True and by_function.judge("18", "so it is 18") is False
    assert grader_named("exact") is GRADERS["exact"] and grader_named("strict") is GRADERS["extract"]


@pytest.mark.usefixtures("outside")
def test_a_name_that_nobody_knows_is_refused_with_the_words_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no grader 'mine\.py:other'"):
        grader_named("mine.py:other")
    with pytest.raises(ConfigError, match="did you mean 'medium'"):
        grader_named("mediun")
