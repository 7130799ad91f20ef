from __future__ import annotations

import pytest

from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.tasks.teacher_forcing import forced
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.types import Message


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(character_tokenizer())


def test_a_forced_reply_is_its_characters_and_the_end_token(chat: Chat) -> None:
    task = Secret(Hidden(N=64, fixed_secret=37))
    datum = forced(chat, task, task.problem(0), ("37",), weight=0.5)
    assert datum.prompt == chat.opening(task.problem(0).messages)
    assert chat.tokenizer.decode(datum.tokens) == "37<|end|>"
    assert datum.weights == (0.5, 0.5, 0.5)
    assert datum.advantages == datum.logprobs == ()


def test_in_a_conversation_only_the_replies_have_weight(chat: Chat) -> None:
    task = SecretBits(Hidden(N=4, fixed_secret=2))
    datum = forced(chat, task, task.problem(0), ("1", "0"))
    assert chat.tokenizer.decode(datum.tokens) == "1<|end|><|user|>Bit 2?<|end|><|assistant|>0<|end|>"
    said = [token for token, weight in zip(datum.tokens, datum.weights, strict=True) if weight]
    assert chat.tokenizer.decode(said) == "1<|end|>0<|end|>"
    assert sum(datum.weights) == 4


def test_a_forced_conversation_is_what_the_chat_would_have_been(chat: Chat) -> None:
    """prompt + reply + continuation + reply, in the tokens of the three parts."""
    task = SecretBits(Hidden(N=4))
    problem = task.problem(0)
    datum = forced(chat, task, problem, ("0", "1"))
    heard = chat.continuation(Message("user", "Bit 2?"))
    assert datum.tokens == chat.encode_reply("0") + heard + chat.encode_reply("1")


def test_a_conversation_that_is_broken_off_ends_with_the_last_reply(chat: Chat) -> None:
    task = SecretBits(Hidden(N=8))
    datum = forced(chat, task, task.problem(0), ("1",))
    assert datum.tokens == chat.encode_reply("1")
