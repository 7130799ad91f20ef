from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from straw.text.chat.character_tokenizer import (
    ASSISTANT,
    END,
    PAD,
    SPECIALS,
    USER,
    character_tokenizer,
    character_vocabulary,
)

PRINTABLE = [chr(code) for code in range(32, 127)]
TOKENIZER = character_tokenizer()


def test_the_vocabulary_is_five_specials_ninety_six_characters_and_all_bytes() -> None:
    assert len(character_vocabulary()) == len(TOKENIZER) == 5 + 96 + 256


def test_newline_and_every_printable_character_is_one_token() -> None:
    for character in ["\n", *PRINTABLE]:
        assert len(TOKENIZER.encode(character)) == 1


def test_a_number_has_one_token_per_digit() -> None:
    assert TOKENIZER.convert_ids_to_tokens(TOKENIZER.encode("1023")) == ["1", "0", "2", "3"]


def test_other_characters_are_their_bytes() -> None:
    assert TOKENIZER.convert_ids_to_tokens(TOKENIZER.encode("é\t")) == ["<0xC3>", "<0xA9>", "<0x09>"]


def test_the_end_token_is_not_the_pad_token() -> None:
    assert (TOKENIZER.eos_token, TOKENIZER.pad_token) == (END, PAD)
    assert TOKENIZER.eos_token_id != TOKENIZER.pad_token_id


def test_nothing_is_added_around_a_text() -> None:
    assert TOKENIZER.encode("") == []
    assert TOKENIZER.encode("a") == TOKENIZER.encode("a", add_special_tokens=False)


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    tokens = TOKENIZER.encode(text, split_special_tokens=True)
    assert TOKENIZER.decode(tokens) == text
    assert not {TOKENIZER.convert_tokens_to_ids(name) for name in SPECIALS} & set(tokens)


def test_half_a_character_is_shown_as_unreadable_and_does_no_harm() -> None:
    assert TOKENIZER.decode(TOKENIZER.convert_tokens_to_ids(["7", "<0xC3>", "7"])) == "7\ufffd7"


def test_a_conversation_names_who_speaks() -> None:
    text = TOKENIZER.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == USER + "hi" + END + ASSISTANT


def test_it_is_the_same_after_a_round_over_the_disk(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "Ünï 42\n<|end|>" + "".join(PRINTABLE)
    assert again.encode(text) == TOKENIZER.encode(text)
    assert again.decode(again.encode(text)) == text
    assert (again.eos_token, again.pad_token) == (END, PAD)
    assert again.chat_template == TOKENIZER.chat_template
