from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import ConfigError
from straw.registry import names
from straw.rewards.outcome import Binary, Dense, PlusMinus, make_channel
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.types import End, Grade, Payment

CHANNELS = names("rewards")


WORDS = {"told_in_words", "told_which_digit"}  # of one number, in one reply
ELSEWHERE = {"environment"}  # pays for what happened there
CONTROLS = {"random", "shuffled_bins", "higher_lower", "noisy_binary"}


def options(reward_type: str, **changes: Any) -> SimpleNamespace:
    page = {
        "reward_bins": 8,
        "form": "normalised",
        "credit": "turn",
        "flip_probability": 0.1,
        "reward_weights": ("correctness=1",),
    }
    return SimpleNamespace(reward_type=reward_type, **(page | changes))


def paid(reward_type: str, secret: int, reply: str, N: int = 64) -> float:
    task = Secret(Hidden(N=N, fixed_secret=secret))
    grade = task.grade(task.problem(0), [reply], End.ANSWERED)
    return make_channel(options(reward_type), N, 1)(grade, 0.7).total


def test_binary_pays_the_exact_guess_only() -> None:
    assert [paid("binary", 5, reply) for reply in ("5", "6", "what?")] == [1.0, 0.0, 0.0]


def test_an_unread_reply_is_not_the_farthest_guess() -> None:
    assert paid("log_distance", 5, "what?") == 0.0
    assert [paid(name, 0, "what?", N=1) for name in ("log_distance", "binned_log_distance", "binary")] == [0.0] * 3


def test_a_guess_beyond_the_range_is_not_read() -> None:
    assert paid("log_distance", 0, "70") == 0.0


def test_binary_wants_every_turn() -> None:
    assert Binary()(Grade(hits=(True, True), well_formed=False), 0.0).total == 1.0
    assert Binary()(Grade(hits=(True, False), well_formed=True), 0.0).total == 0.0
    assert Binary().identifiable_ceiling_bits(1024) == 10


def test_dense_pays_turn_by_turn_or_the_count() -> None:
    grade = Grade(hits=(True, False, True), well_formed=True)
    assert Dense(num_hits=3)(grade, 0.0) == Payment(total=2.0, per_turn=(1.0, 0.0, 1.0))
    assert Dense(num_hits=3, credit="sum")(grade, 0.0) == Payment(total=2.0)


def test_a_summed_dense_reward_has_fewer_levels() -> None:
    assert (Dense(num_hits=6).levels, Dense(num_hits=6, credit="sum").levels) == (64, 7)
    assert Dense(num_hits=4000).levels == 2**4000


def test_dense_refuses_a_conversation_of_another_length() -> None:
    with pytest.raises(ValueError, match="made for 3 hits"):
        Dense(num_hits=3)(Grade(hits=(True,), well_formed=True), 0.0)


def test_a_sequence_can_only_be_summed() -> None:
    with pytest.raises(ConfigError, match=r"length=2 is one turn\. Write credit=sum"):
        make_channel(options("dense"), 64, 1, length=2)
    assert make_channel(options("dense", credit="sum"), 64, 1, length=2).levels == 3


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_is_made_by_its_name(name: Any) -> None:
    channel = make_channel(options(name), 64, 1 if name in WORDS else 6)
    assert channel.name == name
    assert channel.deterministic == (name not in {"random", "noisy_binary", "environment"})


@pytest.mark.parametrize(
    ("name", "levels"),
    [("binary", 2), ("log_distance", None), ("binned_log_distance", 8), ("dense", 64), ("shuffled_bins", 8)],
)
def test_a_channel_declares_its_levels(name: str, levels: int | None) -> None:
    assert make_channel(options(name), 64, 6).levels == levels


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - CONTROLS - ELSEWHERE))
@given(N=st.integers(1, 300), seed=st.integers(0, 50))
def test_the_reference_reply_earns_the_highest_pay_in_every_game(name: Any, N: Any, seed: Any) -> None:
    hidden = Hidden(N=N, secret_seed=seed)
    for task in (Secret(hidden), SecretBits(hidden))[: 1 if name in WORDS else 2]:
        problem = task.problem(0)
        payment = make_channel(options(name), N, task.max_turns)(
            task.grade(problem, problem.reference, End.ANSWERED), 0
        )
        assert payment.total == (task.max_turns if name == "dense" else 1.0)


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - WORDS - ELSEWHERE))
@given(replies=st.lists(st.sampled_from(["0", "1", "Bit: 1", "?", ""]), max_size=6), draw=st.floats(0, 0.999))
def test_whatever_is_said_the_pay_stays_between_the_lowest_and_full(name: Any, replies: Any, draw: Any) -> None:
    task = SecretBits(Hidden(N=50, fixed_secret=37))
    end = End.ANSWERED if len(replies) == 6 else End.OUT_OF_TURNS
    channel = make_channel(options(name), 50, 6)
    payment = channel(task.grade(task.problem(0), replies, end), draw)
    for pay in payment.per_turn or (payment.total,):
        assert channel.lowest <= pay <= 1.0


def test_plus_minus_is_binary_around_zero() -> None:
    right, wrong = (Grade(hits=(hit,), well_formed=False) for hit in (True, False))
    channel = PlusMinus()
    assert (channel(right, 0.0).total, channel(wrong, 0.0).total) == (1.0, -1.0)
    assert (channel.levels, channel.lowest, channel.highest) == (2, -1.0, 1.0)


@pytest.mark.parametrize("name", ["log_distance", "binned_log_distance", "shuffled_bins", "higher_lower"])
def test_a_channel_by_distance_is_refused_where_answers_have_none(name: str) -> None:
    with pytest.raises(ConfigError, match=r"pays by distance.*write reward_type=plus_minus"):
        make_channel(options(name), None, 1)


def test_an_unknown_channel_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="no reward_type 'binry': did you mean 'binary'"):
        make_channel(options("binry"), 64, 1)


def test_an_unknown_credit_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match="no credit='turns'; did you mean 'turn'"):
        make_channel(options("dense", credit="turns"), 64, 6)


def test_a_channel_over_no_guesses_is_refused() -> None:
    with pytest.raises(ConfigError, match="N >= 1; got N=0"):
        make_channel(options("binary"), 0, 1)
