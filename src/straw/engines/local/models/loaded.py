"""A model and its tokenizer, as every way to load them leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from straw.text.chat.chat import Chat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from straw.engines.local.models.llama import Llama

    CausalModel: TypeAlias = PreTrainedModel | Llama  # who needs transformers' own asks `in_transformers`


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, the tokenizer that it reads with, and where both came from."""

    model: Any  # a CausalModel; what is not `bare` is transformers'
    tokenizer: Any  # transformers', or a CharacterTokenizer
    source: str

    def chat(self) -> Chat:
        """How to speak to it; the end tokens that its configs name close a reply too."""
        configs = (self.model.config, self.model.generation_config)
        stops = [getattr(config, "eos_token_id", None) for config in configs]
        return Chat(self.tokenizer, [token for stop in stops for token in as_list(stop)])


def as_list(stop: int | list[int] | None) -> list[int]:
    if stop is None:
        return []
    return [stop] if isinstance(stop, int) else list(stop)
