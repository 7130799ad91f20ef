from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.config import Reward
from straw.errors import ConfigError
from straw.rewards.outcome import make_channel
from straw.rewards.parts import PARTS
from straw.rewards.weighted import Weighted, read_weights
from straw.text.reading.answer_tags import form_of
from straw.types import Grade

FULL = "<reasoning>\n2 + 3 = 5\n</reasoning>\n<answer>\n5\n</answer>\n"
STUDY = Reward().reward_weights


def grade(reply: str, is_right: bool = True, num_tokens: int | None = 20) -> Grade:
    return Grade(hits=(is_right,), well_formed=True, form=form_of(reply), num_tokens=num_tokens)


def weighted(*words: str, limit: int | None = 200) -> Weighted:
    return Weighted(weights=read_weights(words), limit=limit)


def test_the_study_pays_formats_twice_what_it_pays_correctness() -> None:
    channel = weighted(*STUDY)
    assert channel(grade(FULL), 0).total == channel.highest == 3.0
    assert channel(grade(FULL, is_right=False), 0).total == 2.0
    assert channel(grade("I do not know.", is_right=False), 0).total == 0.0


def test_each_part_is_told_apart_raw_and_weighted() -> None:
    payment = weighted("correctness=2", "integer=0.5", "xmlcount=1")(grade(FULL + "x" * 25), 0)
    assert payment.raw == pytest.approx({"correctness": 1, "integer": 1, "xmlcount": 0.9})
    assert payment.parts == pytest.approx({"correctness": 2, "integer": 0.5, "xmlcount": 0.9})
    assert payment.total == pytest.approx(3.4)


def test_a_part_of_weight_0_is_measured_and_not_paid() -> None:
    payment = weighted("correctness=0", "soft_format=1")(grade(FULL), 0)
    assert (payment.raw["correctness"], payment.total) == (1.0, 1.0)


def test_a_part_that_could_not_be_computed_is_absent_and_not_zero() -> None:
    payment = weighted("correctness=1", "integer=1", "cosine=1")(Grade(hits=(True,), well_formed=True), 0)
    assert payment.raw == payment.parts == {"correctness": 1.0}


def test_the_cosine_is_measured_in_tokens_and_owes_a_reference_its_length() -> None:
    channel = weighted("cosine=1")
    for is_right, pay in ((True, 0.75), (False, -0.75)):
        assert channel(grade(FULL, is_right, num_tokens=100), 0).total == pytest.approx(pay)
    assert channel.full(grade(FULL, num_tokens=100)) == pytest.approx(0.75)
    assert (channel.lowest, channel.highest) == (-1.0, 1.0)


def test_a_reference_is_owed_the_formats_even_without_correctness() -> None:
    channel = weighted("correctness=0", "strict_format=0.5", "xmlcount=0.5")
    assert channel.full(grade(FULL)) == 1.0
    assert channel.plateau is None  # and still nobody learns the answer from it
    assert weighted("correctness=1").plateau == weighted("cosine=1").plateau == 0


def test_a_right_answer_that_is_no_whole_number_is_not_owed_a_whole_one() -> None:
    assert weighted("correctness=1", "integer=0.5").full(grade(FULL.replace("\n5\n", "\n1/2\n"))) == 1.0


def test_a_fact_that_the_task_never_reports_is_named() -> None:
    bare = Grade(hits=(True,), well_formed=True, num_tokens=3)
    with pytest.raises(ConfigError, match=r"the reward part integer .* leave it out of reward_weights"):
        weighted("correctness=1", "integer=0.5").full(bare)
    assert weighted("correctness=1", "integer=0").full(bare) == 1.0


def test_levels_are_counted_where_every_part_has_a_few_values() -> None:
    assert weighted("correctness=1").levels == 2
    assert weighted("correctness=1", "integer=0.5", "soft_format=0.5").levels == 5  # 0, 0.5, 1, 1.5, 2
    assert weighted("correctness=1", "xmlcount=0").levels == 2
    assert weighted("correctness=1", "xmlcount=1").levels is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["corectness=1"], "no reward part 'corectness'; did you mean 'correctness'"),
        (["correctness=1", "correctness=2"], "names correctness twice"),
        (["correctness"], "got correctness=nothing"),
        (["correctness=-1"], "a weight of 0 or more; got correctness=-1"),
        (["correctness=nan"], "got correctness=nan"),
        (["correctness=1e999"], "got correctness=1e999"),
        ([], "names none. Write reward_weights=correctness=1,integer=0.5."),
    ],
)
def test_wrong_weights_get_rule_value_and_way_out(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        read_weights(words)


def test_the_cosine_wants_to_know_the_longest_reply() -> None:
    with pytest.raises(ConfigError, match="Write for example max_tokens=200"):
        weighted("cosine=1", limit=None)


def test_the_order_of_the_words_does_not_matter() -> None:
    assert read_weights(["integer=0.5", " correctness = 1 "]) == read_weights(["correctness=1", "integer=0.5"])


def test_the_channel_is_made_by_its_name_and_meets_the_limit() -> None:
    options = Reward(reward_type="weighted", reward_weights=("cosine=1",))
    assert make_channel(options, None, 1, reply_limit=200) == weighted("cosine=1")


@given(
    st.dictionaries(st.sampled_from(sorted(PARTS)), st.floats(0, 3), min_size=1),
    st.sampled_from([FULL, "", "5", "<answer>", FULL * 2]),
    st.booleans(),
    st.none() | st.integers(0, 300),
)
def test_pay_lies_between_lowest_and_highest_and_parts_add_up(
    weights: Any, reply: Any, is_right: Any, num_tokens: Any
) -> None:
    channel = weighted(*(f"{name}={weight}" for name, weight in weights.items()))
    payment = channel(grade(reply, is_right, num_tokens), 0)
    assert channel.lowest - 1e-9 <= payment.total <= channel.highest + 1e-9
    assert payment.total == sum((payment.parts or {}).values())
    if num_tokens is not None and is_right:
        assert payment.total <= channel.full(grade(reply, is_right, num_tokens)) + 1e-9
