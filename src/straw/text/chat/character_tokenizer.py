"""A character tokenizer: one printable ASCII character is one token.

    "the 7"  ->  t h e _ 7        any other character -> its UTF-8 bytes, <0xC2> <0xB2>

So every text round-trips, digits are single tokens, and a reader can count tokens by eye.
The end token is not the pad token: where they are one, the end silently stops being trained.
No merges are learned and nothing is downloaded. Two models read more than characters, so that it can be seen what a
learner owes to digits: in tiny-1M-numbers <57> is one token, in tiny-1M-3digits up to three digits are one.
"""

from __future__ import annotations

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


def character_tokenizer(model_name: str = "") -> PreTrainedTokenizerFast:
    """The tokenizer as transformers knows it, so it saves and loads like any other."""
    from transformers import PreTrainedTokenizerFast

    pieces = one_token_texts(model_name)
    bpe = models.BPE(vocab=character_vocabulary(model_name), merges=[], byte_fallback=True, ignore_merges=bool(pieces))
    core = Tokenizer(bpe)
    if pieces:
        core.pre_tokenizer = pre_tokenizers.Split(Regex(pieces), "isolated")
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
