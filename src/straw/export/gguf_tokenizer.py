"""A tokenizer as a GGUF file has it: tokens in order, their types, merges, and the name of a way to split text.

    gpt2    byte-level BPE with its merges. Which text is split where before merging is a rule that llama.cpp knows by
            name only (gpt-2, smollm, llama-bpe, qwen2, tekken), so a tokenizer with another rule is refused
    llama   SentencePiece: a token's score is minus the rank of the merge that makes it

straw's own character tokenizer becomes a gpt2 one without merges: a character is its byte, and the tokens of bytes that
are characters as well, which no text is ever read as, are marked unused. (llama.cpp insists on a merge; the one that is
written joins two of those.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gguf import GGUFWriter, TokenType
from transformers import PreTrainedTokenizerBase

from straw.errors import ModelError
from straw.files import parse_json
from straw.text.chat.chat import Chat

CASES = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LOWER, UPPER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
SPLITS = {  # the rule by its regular expression, as tokenizer.json has it
    CASES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST: "qwen2",
    CASES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST: "llama-bpe",
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": "tekken",
}  # fmt: skip
WAY_OUT = "leave --gguf out for a folder that transformers reads, and convert that with llama.cpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What is written of a tokenizer; the names are GGUF's."""

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def vocabulary_of(tokenizer: PreTrainedTokenizerBase, rows: int) -> Vocabulary:
    """For a model with so many rows in its embedding, which may be more than the tokenizer has tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    core = parse_json(backend.to_str()) if backend is not None else {"model": {}}
    if core["model"].get("type") != "BPE":
        raise ModelError(f"straw writes BPE tokenizers as GGUF, and this one is {core['model'].get('type')}: {WAY_OUT}")
    tokens, types = tokens_of(core, rows)
    if is_by_characters(core):
        return by_bytes(tokens, types)
    merges = [pair.split(" ") if isinstance(pair, str) else pair for pair in core["model"]["merges"]]
    if core["model"].get("byte_fallback"):
        return by_scores(core, tokens, types, merges)
    pre = splitting(core.get("pre_tokenizer"))
    if pre is None or (core.get("normalizer") or {"type": "NFC"})["type"] != "NFC":
        raise ModelError(f"llama.cpp knows a few ways to split text, and this tokenizer has one of its own: {WAY_OUT}")
    return Vocabulary(model="gpt2", pre=pre, tokens=tokens, types=types, merges=list(map(" ".join, merges)))


def tokens_of(core: Mapping[str, Any], rows: int) -> tuple[list[str], list[int]]:
    """Every row of the embedding has a token; those that the tokenizer does not know are named and unused."""
    texts = {index: token for token, index in core["model"]["vocab"].items()}
    added = {token["id"]: token for token in core["added_tokens"]}
    texts |= {index: token["content"] for index, token in added.items()}
    types = [
        TokenType.UNUSED if index not in texts
        else TokenType.NORMAL if index not in added
        else TokenType.CONTROL if added[index]["special"]
        else TokenType.USER_DEFINED
        for index in range(rows)
    ]  # fmt: skip
    return [texts.get(index, f"[PAD{index}]") for index in range(rows)], list(map(int, types))


def splitting(pre_tokenizer: Mapping[str, Any] | None) -> str | None:
    """llama.cpp's name for the rule by which text is split, if it has one."""
    rule = pre_tokenizer or {}
    match rule.get("pretokenizers", [rule]):
        case [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}]:
            return "gpt-2"
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        ]:
            return "smollm"
        case [
            {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]:
            return SPLITS.get(expression)
    return None


# --- straw's own, character by character


def is_by_characters(core: Mapping[str, Any]) -> bool:
    bpe = core["model"]
    return bool(bpe["byte_fallback"] and not bpe["merges"] and not core["pre_tokenizer"] and not core["normalizer"])


def alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary: itself, or one from 256 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def by_bytes(tokens: list[str], types: list[int]) -> Vocabulary:
    characters, places = alphabet(), {token: index for index, token in enumerate(tokens)}
    spelled, kinds, unread = list(tokens), list(types), []
    for index, token in enumerate(tokens):
        byte = int(token[3:5], 16) if len(token) == 6 and token.startswith("<0x") else None
        if types[index] == TokenType.NORMAL and byte is not None and chr(byte) in places:
            kinds[index] = int(TokenType.UNUSED)
            unread.append(index)
        elif types[index] == TokenType.NORMAL:
            spelled[index] = characters[ord(token) if byte is None else byte]
    first, second, joined = unread[:3]
    spelled[joined] = spelled[first] + spelled[second]
    return Vocabulary(
        model="gpt2", pre="gpt-2", tokens=spelled, types=kinds, merges=[f"{spelled[first]} {spelled[second]}"]
    )


# --- SentencePiece


def by_scores(core: Mapping[str, Any], tokens: list[str], types: list[int], merges: list[list[str]]) -> Vocabulary:
    if not prepends_a_blank(core):
        raise ModelError(f"a SentencePiece tokenizer of GGUF puts a blank first, and this one does not: {WAY_OUT}")
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault("".join(pair), rank)
    kinds = [
        int(TokenType.BYTE) if kind == TokenType.NORMAL and token.startswith("<0x") and len(token) == 6 else kind
        for token, kind in zip(tokens, types, strict=True)
    ]
    return Vocabulary(
        model="llama", pre="default", tokens=tokens, types=kinds, merges=list(map(" ".join, merges)),
        scores=[-float(ranks.get(token, len(merges))) for token in tokens],
    )  # fmt: skip


def prepends_a_blank(core: Mapping[str, Any]) -> bool:
    """In either of the two spellings that tokenizer.json has for it."""
    steps = (core.get("normalizer") or {}).get("normalizers", [])
    if [step["type"] for step in steps] == ["Prepend", "Replace"]:
        return True
    pre = core.get("pre_tokenizer") or {}
    return pre.get("type") == "Metaspace" and pre.get("prepend_scheme") in ("first", "always") and not pre.get("split")


# --- into the file, and out of it again


def add_vocabulary(writer: GGUFWriter, chat: Chat, rows: int, template: str) -> None:
    found, tokenizer = vocabulary_of(chat.tokenizer, rows), chat.tokenizer
    writer.add_tokenizer_model(found.model)
    writer.add_tokenizer_pre(found.pre)
    writer.add_token_list(found.tokens)
    writer.add_token_types(found.types)
    writer.add_token_merges(found.merges)
    writer.add_token_scores(found.scores)
    ids = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "unk": tokenizer.unk_token_id,
           "pad": tokenizer.pad_token_id, "eot": chat.end}  # fmt: skip
    for name, token in ids.items():
        if token is not None:
            getattr(writer, f"add_{name}_token_id")(token)
    writer.add_add_bos_token(bool(chat.start))
    writer.add_add_eos_token(False)
    writer.add_chat_template(template)


def check_reads_alike(written: PreTrainedTokenizerBase, chat: Chat, texts: Iterable[str]) -> None:
    """A tokenizer that reads other tokens makes another model of the same weights, and nothing would look wrong."""
    for text in texts:
        ours, theirs = (one.encode(text, add_special_tokens=False) for one in (chat.tokenizer, written))
        if ours != theirs:
            raise ModelError(
                f"the tokenizer in the GGUF file would read {text[:30]!r} as {theirs[:8]}, and the run reads "
                f"{ours[:8]}: {WAY_OUT}"
            )
