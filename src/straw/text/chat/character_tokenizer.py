"""A character tokenizer: one printable ASCII character is one token.

    "the 7"  ->  t h e _ 7        any other character -> its UTF-8 bytes, <0xC2> <0xB2>

So every text round-trips, digits are single tokens, and a reader can count tokens by eye.
The end token is not the pad token: where they are one, the end silently stops being trained.
No merges are learned and nothing is downloaded. Two models read more than characters, so that it can be seen what a
learner owes to digits: in tiny-1M-numbers <57> is one token, in tiny-1M-3digits up to three digits are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

from straw.text.chat.characters import ASSISTANT as ASSISTANT
from straw.text.chat.characters import END as END
from straw.text.chat.characters import PAD as PAD
from straw.text.chat.characters import SPECIALS as SPECIALS
from straw.text.chat.characters import SYSTEM as SYSTEM
from straw.text.chat.characters import USER as USER
from straw.text.chat.characters import character_vocabulary as character_vocabulary
from straw.text.chat.characters import one_token_texts

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def core_of(model_name: str) -> Tokenizer:
    pieces = one_token_texts(model_name)
    bpe = models.BPE(vocab=character_vocabulary(model_name), merges=[], byte_fallback=True, ignore_merges=bool(pieces))
    core = Tokenizer(bpe)
    if pieces:
        core.pre_tokenizer = pre_tokenizers.Split(Regex(pieces), "isolated")
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return core


def character_tokenizer(model_name: str = "") -> PreTrainedTokenizerFast:
    """The tokenizer as transformers knows it, so it saves and loads like any other."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core_of(model_name), pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


class CharacterTokenizer:
    """The same without transformers, whose import takes longer than a short run: those of its methods that straw calls.

    >>> CharacterTokenizer().encode("a7")
    [71, 29]
    """

    pad_token, eos_token, bos_token, unk_token = PAD, END, None, None
    bos_token_id, unk_token_id = None, None
    chat_template = CHAT_TEMPLATE
    model_max_length = int(1e30)  # transformers' word for: it says nothing

    def __init__(self, model_name: str = "") -> None:
        self.model_name, self.backend_tokenizer = model_name, core_of(model_name)
        self.special_tokens_map = {"eos_token": END, "pad_token": PAD}
        self.added_tokens_decoder = self.backend_tokenizer.get_added_tokens_decoder()
        self.eos_token_id, self.pad_token_id = SPECIALS.index(END), SPECIALS.index(PAD)

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str, add_special_tokens: bool = True, split_special_tokens: bool = False) -> list[int]:
        """No token stands before every text, so `add_special_tokens` adds none."""
        self.backend_tokenizer.encode_special_tokens = split_special_tokens
        return self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(
        self, tokens: Sequence[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool = False
    ) -> str:
        assert not clean_up_tokenization_spaces
        return self.backend_tokenizer.decode(list(tokens), skip_special_tokens=skip_special_tokens)

    def convert_ids_to_tokens(self, token: int) -> str | None:
        return self.backend_tokenizer.id_to_token(token)

    def get_vocab(self) -> dict[str, int]:
        return self.backend_tokenizer.get_vocab(with_added_tokens=True)

    def get_chat_template(self) -> str:
        return self.chat_template

    def save_pretrained(self, folder: str | Path) -> None:
        character_tokenizer(self.model_name).save_pretrained(folder)
