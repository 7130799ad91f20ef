"""Which characters are which tokens, for `character_tokenizer` and for whoever reads its tokens without it."""

from __future__ import annotations

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
SPECIALS = (PAD, END, SYSTEM, USER, ASSISTANT)


NUMBERS, THREE_DIGITS = "-numbers", "-3digits"  # behind the name of an embedded model
TAGGED = 1024


def character_vocabulary(model_name: str = "") -> dict[str, int]:
    """Specials first, then newline and printable ASCII, then the 256 bytes, then what the model's name adds.

    -numbers    <0> to <1023>, a token each             -3digits    00 to 99 and 000 to 999, as large models have them
    """
    characters = ["\n", *(chr(code) for code in range(32, 127))]
    tokens = [*SPECIALS, *characters, *(f"<0x{byte:02X}>" for byte in range(256))]
    if model_name.endswith(NUMBERS):
        tokens += [f"<{number}>" for number in range(TAGGED)]
    if model_name.endswith(THREE_DIGITS):
        tokens += [f"{number:0{digits}}" for digits in (2, 3) for number in range(10**digits)]
    return {token: index for index, token in enumerate(tokens)}


def one_token_texts(model_name: str) -> str:
    """A pattern for the pieces that a text is cut into, each a token if the vocabulary has it; "": characters."""
    if model_name.endswith(NUMBERS):
        return r"<\d{1,4}>|[\s\S]"
    return r"\d{1,3}|[\s\S]" if model_name.endswith(THREE_DIGITS) else ""
