from __future__ import annotations

import pickle
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from straw.text.chat.character_tokenizer import (
    ASSISTANT,
    END,
    PAD,
    SPECIALS,
    USER,
    CharacterTokenizer,
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


# --- without transformers ----------------------------------------------------------------------

NAMES = ("", "tiny-1M-numbers", "tiny-1M-3digits")
BARE = {name: CharacterTokenizer(name) for name in NAMES}
THEIRS: dict[str, PreTrainedTokenizerFast] = {name: character_tokenizer(name) for name in NAMES}
ODD = st.text() | st.lists(st.sampled_from([*SPECIALS, "<57>", "<1024>", "123", "0", " ", "é", "<0x41>"])).map("".join)


@given(st.sampled_from(NAMES), ODD, st.booleans())
def test_without_transformers_a_text_has_the_same_tokens(name: str, text: str, literally: bool) -> None:
    mine = BARE[name].encode(text, add_special_tokens=False, split_special_tokens=literally)
    assert mine == THEIRS[name].encode(text, add_special_tokens=False, split_special_tokens=literally)


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 356)))
def test_without_transformers_tokens_have_the_same_text(name: str, tokens: list[int]) -> None:
    mine = BARE[name].decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert mine == THEIRS[name].decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert [BARE[name].convert_ids_to_tokens(one) for one in tokens] == THEIRS[name].convert_ids_to_tokens(tokens)


def test_without_transformers_it_says_the_same_of_itself(tmp_path: Path) -> None:
    for name in NAMES:
        mine, theirs = BARE[name], THEIRS[name]
        for attribute in (
            "pad_token", "eos_token", "bos_token", "unk_token", "pad_token_id", "eos_token_id", "bos_token_id",
            "unk_token_id", "chat_template", "model_max_length", "special_tokens_map",
        ):  # fmt: skip
            assert getattr(mine, attribute) == getattr(theirs, attribute), attribute
        assert len(mine) == len(theirs) and mine.get_vocab() == theirs.get_vocab()
        assert mine.get_chat_template() == theirs.get_chat_template()
        assert told(mine.added_tokens_decoder) == told(theirs.added_tokens_decoder)
        mine.save_pretrained(tmp_path / "mine")
        theirs.save_pretrained(tmp_path / "theirs")
        for file in (tmp_path / "theirs").iterdir():
            assert (tmp_path / "mine" / file.name).read_bytes() == file.read_bytes()


def told(added: dict[int, AddedToken]) -> dict[int, tuple[str, bool, bool]]:
    return {token: (one.content, one.special, one.normalized) for token, one in added.items()}


def test_without_transformers_it_goes_to_other_processes() -> None:
    again = pickle.loads(pickle.dumps(BARE["tiny-1M-numbers"]))
    assert again.encode("<57>7") == BARE["tiny-1M-numbers"].encode("<57>7")


def test_numbers_of_a_models_name_are_tokens_behind_all_others() -> None:
    plain = list(character_vocabulary())
    assert list(character_vocabulary("tiny-1M-numbers")) == [*plain, *(f"<{number}>" for number in range(1024))]
    digits = [*(f"{number:02}" for number in range(100)), *(f"{number:03}" for number in range(1000))]
    assert list(character_vocabulary("tiny-1M-3digits")) == [*plain, *digits]
    assert plain[5:7] == ["\n", " "] and plain[100:102] == ["~", "<0x00>"] and plain[-1] == "<0xFF>"
    assert TOKENIZER.encode("a b") == CharacterTokenizer().encode("a b")
    assert CharacterTokenizer().encode("<|end|>") == [1] and CharacterTokenizer().decode([1]) == "<|end|>"
