from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from straw.rewards.intrinsic.base import Trace, are_sound, check_finite, is_finite

UNIT = torch.tensor([0.6, 0.8])
BROKEN = [math.nan, math.inf, -math.inf, 1e30]  # the last has no length in float32


def trace(**changes: Any) -> Trace:
    facts = {"key": "00", "question": UNIT, "text": "a", "vectors": UNIT[None], "is_right": False}
    return Trace(**{**facts, **changes})


def test_a_sound_trace_has_no_flaw_and_one_without_embeddings_neither() -> None:
    assert trace().flaw == ""
    assert trace(question=torch.zeros(0), vectors=torch.zeros(1, 0)).flaw == ""


@pytest.mark.parametrize("number", BROKEN)
def test_a_number_that_is_not_finite_is_a_flaw_wherever_it_stands(number: Any) -> None:
    broken = torch.tensor([0.6, number])
    assert trace(question=broken).flaw == "the embedding of the question is not finite"
    assert trace(vectors=torch.stack([UNIT, broken])).flaw == "the embedding of the reply is not finite"
    assert not is_finite(broken) and is_finite(UNIT)


def test_so_is_a_surprisal_that_is_not_finite() -> None:
    assert (
        trace(surprisal=math.nan).flaw == trace(surprisal=math.inf).flaw == "the surprisal of the reply is not finite"
    )


def test_traces_are_sound_where_none_has_a_flaw() -> None:
    sound, broken = trace(), torch.tensor([0.6, math.nan])
    assert are_sound([]) and are_sound([sound, sound])
    for flawed in (trace(question=broken), trace(vectors=broken[None]), trace(surprisal=math.inf)):
        assert not are_sound([sound, flawed]) and not are_sound([flawed, sound])


def test_a_trace_stands_where_its_question_outcome_text_and_surprisal_say() -> None:
    first, second = trace(), trace(surprisal=0.1)
    assert first.order == ("00", False, "a", 0.0) < second.order < trace(text="b").order
    assert trace(text="b").order < trace(is_right=True).order < trace(key="01").order


def test_arrays_of_a_checkpoint_are_refused_by_name_where_one_is_not_finite() -> None:
    sound = {"counts": torch.tensor([1]), "sums": torch.tensor([1.0])}
    check_finite(sound)
    with pytest.raises(ValueError, match=r"^keys, values hold numbers that are not finite"):
        check_finite({"keys": torch.tensor([math.nan]), **sound, "values": torch.tensor([1.0, math.inf])})
