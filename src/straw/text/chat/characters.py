"""Which characters are which tokens, for `character_tokenizer` and for whoever reads its tokens without it."""

from __future__ import annotations

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
SPECIALS = (PAD, END, SYSTEM, USER, ASSISTANT)


def character_vocabulary() -> dict[str, int]:
    """Specials first, then newline and printable ASCII, then the 256 bytes."""
    characters = ["\n", *(chr(code) for code in range(32, 127))]
    tokens = [*SPECIALS, *characters, *(f"<0x{byte:02X}>" for byte in range(256))]
    return {token: index for index, token in enumerate(tokens)}
