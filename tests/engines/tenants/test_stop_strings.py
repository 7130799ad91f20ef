"""A stop string is found at the token that completes it, as decoding the whole reply again and again would find it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from straw.engines.tenants.sampling.stop_strings import StopStrings

SPACES = {" ": "Ġ", "\n": "Ċ"}  # as a tokenizer of bytes writes them
PIECES = ["he", "llo", "\n\n", "\n\nUs", "er", ":", " User", "ab", "ba", "aa"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Bytes, and some pieces of several letters: characters beyond ASCII are several tokens."""
    vocabulary = sorted({*pre_tokenizers.ByteLevel.alphabet(), *map(spelled, PIECES)})
    made = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(vocabulary)}, unk_token="!"))
    made.decoder = decoders.ByteLevel()
    return made


def spelled(piece: str) -> str:
    return "".join(SPACES.get(letter, letter) for letter in piece)


def first_stop(tokenizer: Tokenizer, tokens: list[int], strings: tuple[str, ...]) -> int | None:
    for n in range(1, len(tokens) + 1):
        text = tokenizer.decode(tokens[:n], skip_special_tokens=False)
        if any(string in text for string in strings):
            return n
    return None


def found(tokenizer: Tokenizer, tokens: list[int], strings: tuple[str, ...]) -> int | None:
    stops = StopStrings(strings, lambda some: str(tokenizer.decode(some, skip_special_tokens=False)))
    return next((n for n, token in enumerate(tokens, 1) if stops.ends_with(token)), None)


def as_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Byte by byte."""
    alphabet = pre_tokenizers.ByteLevel(add_prefix_space=False)
    mapped = "".join(piece for piece, _ in alphabet.pre_tokenize_str(text))
    return [tokenizer.token_to_id(letter) for letter in mapped]


WRITTEN = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(["é", "日本", "🙂", "a", "b", " "])), max_size=14)


@settings(max_examples=150, deadline=None)
@given(
    pieces=WRITTEN, strings=st.lists(st.sampled_from(["\n\nUser:", "aba", "é", "本", "🙂a", "hello", " "]), min_size=1)
)
def test_as_decoding_everything_would(tokenizer: Tokenizer, pieces: list[str], strings: list[str]) -> None:
    tokens: list[int] = []
    for piece in pieces:
        tokens += [tokenizer.token_to_id(spelled(piece))] if piece in PIECES else as_tokens(tokenizer, piece)
    assert found(tokenizer, tokens, tuple(strings)) == first_stop(tokenizer, tokens, tuple(strings))


def test_across_borders(tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.token_to_id(spelled(piece)) for piece in ("he", "llo", "\n\nUs", "er", ":", "he")]
    assert tokenizer.decode(tokens) == "hello\n\nUser:he"
    assert found(tokenizer, tokens, ("\n\nUser:",)) == 5
    assert found(tokenizer, tokens, ("o\n",)) == 3
    assert found(tokenizer, tokens, ("nothing",)) is None


def test_what_it_decodes_does_not_grow_with_the_reply(tokenizer: Tokenizer) -> None:
    """Also where the bytes are no character, ever."""
    lengths: list[int] = []

    def decode(tokens: list[int]) -> str:
        lengths.append(len(tokens))
        return str(tokenizer.decode(tokens))

    for tokens in (as_tokens(tokenizer, "a") * 300, as_tokens(tokenizer, "é")[1:] * 300):
        stops = StopStrings(("never",), decode)
        assert not any(stops.ends_with(token) for token in tokens)
    assert max(lengths) < 32 and len(lengths) <= 4 * 300
