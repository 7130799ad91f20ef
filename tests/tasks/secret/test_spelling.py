"""How numbers are written changes nothing of what they are worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_runs import small_plan

from straw.config import load_page
from straw.errors import ConfigError
from straw.measure.ledger.received import observer_of
from straw.rewards.log_distance import BinnedLogDistance
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.tasks.secret.spelling import SPELLINGS, permutation, read, spelled
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.warmup.uniform import Goal, Lessons
from straw.types import End, Rollout, Turn


@settings(max_examples=40)
@given(st.integers(1, 300), st.sampled_from(SPELLINGS), st.integers(0, 99), st.data())
def test_what_is_written_is_read_again(N: int, spelling: str, seed: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=3))
    text = spelled(numbers, spelling, N, seed)
    assert read(text, spelling, N, seed, len(numbers)) == tuple(numbers)
    assert read(text + " 0", spelling, N, seed, len(numbers)) is None


@pytest.mark.parametrize("text", ["57", "<057>", "<64>", "< 57>", "<57", "57>", "<57><57>", "<<57>>", "<-1>", "", "<>"])
def test_a_tag_is_read_strictly(text: str) -> None:
    assert read(text, "tagged", 64, 0, 1) is None
    assert read(" <57>\n", "tagged", 64, 0, 1) == (57,)


@pytest.mark.parametrize(
    ("text", "number"), [("021", 120), ("7", 7), ("0", 0), ("70", None), ("0210", None), ("", None)]
)
def test_a_number_from_behind_is_read_strictly(text: str, number: int | None) -> None:
    """70 would be 07, and 0210 0120: no number is written so."""
    assert read(text, "reversed", 200, 0, 1) == (None if number is None else (number,))


def test_a_permutation_is_one_and_depends_on_its_seed() -> None:
    written, meant = permutation(64, 5)
    assert sorted(written) == [*range(64)] and [meant[one] for one in written] == [*range(64)]
    assert written != permutation(64, 6)[0] and written != (*range(64),)


def test_distance_is_between_the_numbers_and_not_their_writings() -> None:
    game = Secret(Hidden(N=64, fixed_secret=20, spelling="permuted", secret_seed=3))
    written, _ = permutation(64, 3)
    problem = game.problem(0)
    assert problem.reference == (str(written[20]),) and game.target_index(problem) == 20
    for guess in (20, 21, 0, 63):
        grade = game.grade(problem, game.answer_at(guess), End.ANSWERED)
        assert grade.offsets == (guess - 20,) and grade.hits == (guess == 20,)
        assert game.index_of(game.answer_at(guess)) == guess


def test_the_ideal_observer_learns_the_same_whatever_is_written() -> None:
    turn, received = Turn(prompt=(1,), reply=(1,), logprobs=(0.0,), policy_version=0), {}
    for spelling in SPELLINGS:
        game, channel = Secret(Hidden(N=64, fixed_secret=20, spelling=spelling)), BinnedLogDistance(N=64, bins=8)
        observer, problem = observer_of(game, channel), game.problem(0)
        assert observer is not None
        for guess in (50, 10, 18):
            replies = game.answer_at(guess)
            grade = game.grade(problem, replies, End.ANSWERED)
            observer.observe(
                Rollout(problem=problem, turns=(turn,), replies=replies, end=End.ANSWERED, grade=grade), 20
            )
        received[spelling] = observer.received_bits
    assert len(set(received.values())) == 1 and received["digits"] > 3


def test_a_warm_up_tells_nothing_of_a_permutation(home: Path) -> None:
    """It is that of the digits, whatever the secret's seed: the same rows, and the same place in the cache."""
    chat, goal = Chat(character_tokenizer()), Goal(mass=0.9, distance=0.1)
    games = [Secret(Hidden(N=32))] + [Secret(Hidden(N=32, spelling="permuted", secret_seed=s)) for s in (1, 2)]
    assert len({repr(goal.made_of(chat, game)) for game in games}) == 1

    class Spoken:
        def __init__(self) -> None:
            self.chat = chat

    rows = [Lessons(Spoken(), game, goal).batch(7) for game in games]  # type: ignore[arg-type]
    assert rows[0] == rows[1] == rows[2]


def test_one_number_is_one_token_where_the_vocabulary_has_it() -> None:
    numbers, digits = Chat(character_tokenizer("tiny-1M-numbers")), Chat(character_tokenizer("tiny-1M-3digits"))
    for number in (0, 7, 57, 999, 1023):
        assert len(numbers.encode_reply(f"<{number}>")) == 2
        assert numbers.decode(numbers.encode_reply(f"<{number}>")) == f"<{number}>"
        assert len(digits.encode_reply(str(number))) == (3 if number > 999 else 2)
        assert digits.decode(digits.encode_reply(str(number))) == str(number)
    assert len(numbers.encode_reply("<1024>")) == 7  # characters, as everywhere
    assert len({numbers.encode_reply(f"<{number}>")[0] for number in range(1024)}) == 1024


@pytest.mark.parametrize("model", ["tiny-1M-numbers", "tiny-1M-3digits"])
@settings(max_examples=25)
@given(text=st.text(max_size=12))
def test_every_text_comes_back_from_these_tokens_too(model: str, text: str) -> None:
    chat = CHATS[model]
    assert chat.decode(chat.encode_reply(text)[:-1]) == text.encode(errors="replace").decode()


CHATS = {model: Chat(character_tokenizer(model)) for model in ("tiny-1M-numbers", "tiny-1M-3digits")}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"env_type": "multi_step", "spelling": "permuted"}, "spells bits"),
        ({"spelling": "permuted", "N": 100_000}, "permutation is listed"),
        ({"spelling": "letters"}, "spelling"),
    ],
)
def test_what_cannot_be_spelled_is_refused(words: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_page(None, words)


def test_a_page_takes_the_option(home: Path) -> None:
    plan = small_plan("spelling=tagged fixed_secret=3")
    assert plan.task.problem(0).reference == ("<3>",)
