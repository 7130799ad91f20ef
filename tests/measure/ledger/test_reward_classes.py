from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from straw.config import load_page, parse_overrides
from straw.measure.ledger.offered import symbol_of
from straw.measure.ledger.reward_classes import Classes, classes_of
from straw.measure.observer import game_of
from straw.rewards.channel import Channel
from straw.types import Grade, Payment


def classes(words: str) -> Classes | None:
    return classes_of(*game_of(load_page(None, parse_overrides(words.split())).page))


def test_secrets_of_one_bin_are_in_one_class() -> None:
    bins = classes("N=8 reward_type=binned_log_distance reward_bins=2")
    paid = bins.of((4,), np.arange(8))
    assert [list(np.flatnonzero(paid == one)) for one in np.unique(paid)[::-1]] == [[3, 4, 5], [0, 1, 2, 6, 7]]


def test_items_of_a_sequence_are_parts_and_so_are_bits_that_are_paid_for() -> None:
    assert classes("N=4 length=2").parts(np.array([13])).tolist() == [[3, 1]]
    assert classes("N=16 env_type=multi_step").parts(np.array([13])).tolist() == [[1, 1, 0, 1]]
    assert classes("N=16 env_type=multi_step reward_type=binary").parts(np.array([13])).tolist() == [[13]]


def test_a_sequence_with_parts_of_a_reward_is_not_sorted() -> None:
    assert classes("N=4 reward_type=weighted reward_weights=correctness=1,integer=0.5") is not None
    assert classes("N=4 length=2 reward_type=weighted reward_weights=correctness=1,integer=0.5") is None


@pytest.mark.parametrize(
    "words",
    [
        "N=24 length=2 reward_type=log_distance", "N=24 length=2 reward_type=log_distance form=raw",
        "N=9 length=3 reward_type=log_distance", "N=16 length=2 reward_type=binned_log_distance reward_bins=32",
        "N=12 length=2 reward_type=higher_lower", "N=33 reward_type=log_distance",
    ],
)  # fmt: skip
def test_secrets_are_in_one_class_where_their_pay_is_written_alike(words: str) -> None:
    """The ledger writes down the whole pay to six digits, not each item: a class must be neither more nor less."""
    task, channel = game_of(load_page(None, parse_overrides(words.split())).page)
    sorted_by = classes_of(task, channel)
    secrets = np.arange(sorted_by.space)
    parts = sorted_by.parts(secrets)
    for guess in parts[:: max(1, len(parts) // 12)]:
        found = sorted_by.of(tuple(int(part) for part in guess), secrets)
        written = [symbol_of((channel(graded(guess - secret), 0.0).total,)) for secret in parts]
        pairs = {*zip(found.tolist(), written, strict=True)}
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def graded(offsets: np.ndarray) -> Grade:
    told = tuple(int(offset) for offset in offsets)
    return Grade(hits=tuple(offset == 0 for offset in told), well_formed=True, offsets=told)


class ByForm(Channel):
    """Pays more above the secret than below it, and half as much for a reply that is not well formed."""

    name, levels, several = "by_form", None, "mean"

    def __call__(self, grade: Grade, draw: float) -> Payment:
        told = [0.1 * offset + (offset > 0) for offset in grade.offsets]
        return Payment(total=sum(told) / len(told) * (1.0 if grade.well_formed else 0.5))


@pytest.mark.parametrize("length", [1, 2])
def test_a_channel_that_pays_by_form_pays_every_offset_by_the_form_of_the_reply(length: int) -> None:
    sorted_by = Classes(ByForm(), 8, length=length)
    for well_formed in (True, False):
        grade = Grade(hits=(False,) * length, well_formed=well_formed)
        secrets = np.arange(sorted_by.space)
        offsets = np.array([5, 2][:length]) - sorted_by.parts(secrets)
        paid = [ByForm()(replace(graded(row), well_formed=well_formed), 0.0).total for row in offsets]
        assert sorted_by.of((5, 2)[:length], secrets, grade) == pytest.approx(paid)
    assert len(sorted_by.tables) == 2


def said(words: str, replies: tuple[str, ...], offsets: tuple[int | None, ...], target: int) -> Any:
    found: Any = classes(words)
    return found.said(SimpleNamespace(replies=replies, grade=SimpleNamespace(offsets=offsets)), target)


def test_a_guess_is_the_secret_and_what_it_is_off_by_in_each_part() -> None:
    assert said("N=8", ("6",), (1,), 5) == (6,) and said("N=8", ("4",), (-1,), 5) == (4,)
    assert said("N=8", ("no",), (None,), 5) is None and said("N=8", ("no",), (), 5) is None
    assert said("N=4 length=2", ("2 3",), (-1, 2), 13) == (2, 3)  # 13 is 3 1
    assert said("N=4 length=2", ("2 no",), (-1, None), 13) is None


def test_turns_that_are_paid_alone_are_read_alone_and_those_that_never_came_are_none() -> None:
    bits = "N=16 env_type=multi_step"
    assert said(bits, ("1", "no", "0", "1"), (), 5) == (1, None, 0, 1)
    assert said(bits, ("1", "0"), (), 5) == (1, 0, None, None)


def test_bits_are_classed_by_how_they_are_paid_and_one_that_was_not_read_hits_nothing() -> None:
    """By turn every bit is told; in sum only how many are right."""
    secrets = np.arange(8)
    by_turn, summed = classes("N=8 env_type=multi_step"), classes("N=8 env_type=multi_step credit=sum")
    assert by_turn is not None and summed is not None
    assert len(set(by_turn.of((1, 0, 1), secrets).tolist())) == 8
    assert len(set(by_turn.of((1, None, 1), secrets).tolist())) == 4
    counts: dict[int, list[int]] = {}
    for secret, found in zip(secrets, summed.of((1, 0, 1), secrets), strict=True):
        counts.setdefault(int(found), []).append(int(secret))
    assert sorted(counts.values(), key=len) == [[2], [5], [0, 3, 6], [1, 4, 7]]
    again = summed.of((0, 0, 0), secrets)
    assert again[5] == summed.of((1, 0, 1), secrets)[0]  # one right of three both times


def test_too_many_secrets_are_not_sorted_and_just_as_many_as_can_be_are() -> None:
    assert classes("N=65536") is not None and classes("N=65537") is None
    assert classes("N=256 length=2") is not None and classes("N=257 length=2") is None
    assert classes("kind=secret N=4").space == 4


def test_offsets_of_one_number_reach_from_the_lowest_guess_to_the_highest() -> None:
    """Guesses of bits may spell a number beyond N - 1: of six secrets up to 7."""
    plain, bits = classes("N=6 reward_type=log_distance"), classes("N=6 env_type=multi_step reward_type=log_distance")
    assert plain is not None and bits is not None
    paid = plain.of_offsets(np.arange(-5, 6))
    assert paid[5] == paid.max() and paid[:5].tolist() == paid[:5:-1].tolist() and len(set(paid[5:].tolist())) == 6
    told = bits.of((7,), np.arange(6))
    assert told[:3].tolist() == [0, 0, 0] and (np.diff(told[2:]) > 0).all()  # five off or more is paid nothing


def test_a_game_has_one_turn_and_one_part_unless_more_are_said() -> None:
    found = Classes(ByForm(), 8)
    assert (found.num_turns, found.length, found.space, found.by_bits) == (1, 1, 8, False)


def test_two_bits_spell_one_number_more_than_three_secrets_have() -> None:
    found = classes("N=3 env_type=multi_step reward_type=log_distance")
    assert found is not None and len(found.of((3,), np.arange(3))) == 3
    paid = found.of((3,), np.arange(3))
    assert paid[2] > paid[1] >= paid[0]


def test_turns_with_parts_of_a_reward_are_not_sorted_however_few_they_are() -> None:
    assert classes("N=4 env_type=multi_step reward_type=weighted reward_weights=correctness=1,integer=0.5") is None
