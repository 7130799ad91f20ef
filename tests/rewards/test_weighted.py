from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.config import Reward
from straw.errors import ConfigError
from straw.rewards import weighted as module
from straw.rewards.channel import Game
from straw.rewards.function import FunctionReward
from straw.rewards.outcome import make_channel
from straw.rewards.parts import PARTS
from straw.rewards.weighted import Weighted, is_outside, read_weights
from straw.text.reading.answer_tags import form_of
from straw.types import End, Grade, Message, Payment, Problem, Rollout

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


def test_an_overlong_reply_loses_and_is_owed_no_more_than_its_length_leaves() -> None:
    channel = weighted("overlong=2", limit=20)
    assert [channel(grade(FULL, num_tokens=count), 0).total for count in (16, 18, 20)] == pytest.approx([0, -1, -2])
    assert (channel.lowest, channel.highest, channel.plateau) == (-2.0, 0.0, None)
    assert channel.full(grade(FULL, num_tokens=18)) == pytest.approx(-1)
    with pytest.raises(ConfigError, match=r"the reward part overlong measures .* Write for example max_tokens=200"):
        weighted("overlong=0", limit=None)


@pytest.mark.parametrize("name", ["cosine", "overlong"])
def test_a_length_is_measured_where_it_is_known_and_so_is_its_limit(name: str) -> None:
    pays = PARTS[name].pays
    assert pays(grade(FULL, num_tokens=5), None) is None and pays(grade(FULL, num_tokens=None), 9) is None
    assert pays(grade(FULL, num_tokens=9), 9) == pytest.approx({"cosine": 0.5, "overlong": -1}[name])


def test_which_parts_have_a_few_values_and_which_point_at_the_answer() -> None:
    assert {name for name, part in PARTS.items() if part.values is None} == {"xmlcount", "cosine", "overlong"}
    assert {part.values for part in PARTS.values()} == {None, (0.0, 1.0)}
    assert {name for name, part in PARTS.items() if part.points_at_the_answer} == {"correctness", "cosine"}
    assert {name for name, part in PARTS.items() if part.needs_limit} == {"cosine", "overlong"}
    assert {name: (part.lowest, part.highest) for name, part in PARTS.items()} == {
        **dict.fromkeys(PARTS, (0.0, 1.0)), "cosine": (-1.0, 1.0), "overlong": (-1.0, 0.0)
    }  # fmt: skip


def test_formats_say_how_many_levels_they_have_together() -> None:
    assert weighted("integer=0.25", "soft_format=0.5", "strict_format=1").levels == 8


# --- with functions of somebody else


def short(completions: list[str]) -> list[float]:
    return [-float(len(one)) for one in completions]


def silent(completions: list[str], log_extra: Any, log_metric: Any) -> list[float | None]:
    log_extra("told", ["nothing" for _ in completions])
    log_metric("silent", len(completions))
    return [None for _ in completions]


short.lowest, short.highest, short.deterministic = -2, 5, True  # type: ignore[attr-defined]
OUTSIDE = {"mine.py:short": short, "a=b.py:silent": silent}
ASKED = Problem(key="a", messages=(Message("user", "?"),), reference=("",))


def rollout(reply: str, is_right: bool) -> Rollout:
    return Rollout(problem=ASKED, turns=(), replies=(reply,), end=End.ANSWERED, grade=grade(reply, is_right))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find", lambda kind, name: OUTSIDE[name] if kind == "rewards" else None)


def from_words(*words: str) -> Weighted:
    return Weighted.from_options(Reward(reward_weights=words), Game(reply_limit=200, num_steps=9))


@pytest.mark.usefixtures("found")
def test_functions_stand_beside_parts_with_weights_of_their_own_or_one() -> None:
    both = from_words("correctness=2", " mine.py:short = 0.5", "a=b.py:silent=3", "mine.py:short ")
    assert both.weights == (("correctness", 2.0),) and both.limit == 200
    assert both.functions == tuple((FunctionReward(one, 9), w) for one, w in ((short, 0.5), (silent, 3), (short, 1)))
    assert from_words("mine.py:short").weights == ()
    with pytest.raises(ConfigError, match="reward_weights names none"):
        from_words()
    with pytest.raises(ConfigError, match=r"got mine\.py:short=-1 in reward_weights"):
        from_words("mine.py:short=-1")


def test_a_channel_is_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find", lambda kind, name: Weighted)
    with pytest.raises(ConfigError, match=r"mine\.py:Mine is a channel\. Write reward_type=mine\.py:Mine"):
        from_words("mine.py:Mine=1")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("mine.py:f", True), (" mine.py:f ", True), ("mine.py:f =1", True), ("module:f=0.5", True), ("integer=1", False)],
)
def test_a_word_that_names_code_is_told_from_a_part(word: str, expected: bool) -> None:
    assert is_outside(word) == expected


@pytest.mark.usefixtures("found")
def test_parts_and_functions_are_added_up_and_logged_each_under_its_name() -> None:
    channel = from_words("correctness=2", "integer=0", "mine.py:short=0.5", "a=b.py:silent=3")
    one, other = channel.pay([rollout("12", True), rollout("a", False)], [0.0, 0.0], 1)
    assert one == Payment(
        total=1.0, parts={"correctness": 2.0, "short": -1.0, **one_of(one, "integer")},
        raw={"correctness": 1.0, "short": -2.0, **one_of(one, "integer", raw=True)},
        extra={"told": "nothing"}, metrics={"silent": 2.0},
    )  # fmt: skip
    assert other.total == -0.5 and (other.parts or {})["short"] == -0.5 and other.raw["short"] == -1.0


def one_of(paid: Payment, name: str, *, raw: bool = False) -> dict[str, float]:
    """A part that is measured and not paid, where the form tells it."""
    return {key: value for key, value in (paid.raw if raw else paid.parts or {}).items() if key == name}


@pytest.mark.usefixtures("found")
def test_bounds_are_those_of_parts_and_functions_together() -> None:
    channel = from_words("cosine=1", "mine.py:short=0.5")
    assert (channel.lowest, channel.highest) == (-2.0, 3.5)
    assert (channel.levels, channel.plateau, channel.full(grade(FULL))) == (None, None, None)
    assert channel.reads_replies and channel.deterministic
    unknown = from_words("cosine=1", "a=b.py:silent=0")  # of weight 0 its bounds do not count
    assert (unknown.lowest, unknown.highest, unknown.deterministic) == (-1.0, 1.0, False)
    assert not from_words("cosine=1").reads_replies and from_words("cosine=1").deterministic
