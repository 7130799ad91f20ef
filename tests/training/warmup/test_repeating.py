"""The lesson of repeating: nothing in it can be known but by reading, and nothing says which number is good."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.guess import Guess
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.text.tools.calls import PLAIN
from straw.training.warmup.repeating import rows, share_alone, with_other_digits

CHAT, SCHEMAS = Chat(character_tokenizer()), contract_of("it", Guess).schemas


def test_a_text_keeps_its_shape_and_its_digits_are_drawn_anew() -> None:
    random = Random(0)
    found = [with_other_digits("higher 7-57-940, x", random) for _ in range(2000)]
    assert all(re.fullmatch(r"higher [1-9]-[1-9]\d-[1-9]\d\d, x", text) for text in found)
    assert len(set(found)) > 1990
    assert Counter(text[9] for text in found).keys() == set("123456789")
    assert with_other_digits("no number", random) == "no number"


def test_rows_repeat_one_of_the_numbers_whichever_and_train_the_reply_alone() -> None:
    places: Counter[int] = Counter()
    for row in rows(CHAT, PLAIN, SCHEMAS, ["lower 39-75", "found"], 0.0, Random(1), 1_000):
        text, said = CHAT.decode(row.prompt), CHAT.decode(row.tokens)
        numbers = [int(one) for one in re.findall(r"\d+", text)]
        assert text.startswith("<|user|>lower ") and len(numbers) == 2
        number = int(said.removeprefix("say(").removesuffix(")"))
        places[numbers.index(number) if number in numbers else -1] += 1
        assert row.weights == (1.0,) * len(row.tokens)
    assert 60 < places[-1] < 150 and abs(places[0] - places[1]) < 150  # nine in ten, one as often as the other


def test_at_first_every_number_stands_alone_and_later_none() -> None:
    assert [share_alone(step, 300) for step in (0, 150, 225, 300, 900)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    prompts = [CHAT.decode(row.prompt) for row in rows(CHAT, PLAIN, SCHEMAS, ["lower 39-75"], 1.0, Random(1), 50)]
    assert all(re.fullmatch(r"<\|user\|>[1-9]\d<\|end\|><\|assistant\|>", prompt) for prompt in prompts)
