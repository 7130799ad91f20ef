"""The sizes of a model, as its config.json has them, and those of some hub models that nobody has fetched yet.

    parameters = embeddings + head + layers (attention + feed-forward + 2 norms) + the last norm

A forecast of memory needs no more than these numbers. The count of parameters is worked out from them and equals the
published one to the last digit (tests), so a wrong number in the table would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """Field names are transformers'."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tied: bool = True  # the head is the embedding
    has_biases: bool = False  # of queries, keys and values, as Qwen2 has
    is_plain: bool = False  # Llama's layers or Mistral's, of which less is kept in bfloat16

    @classmethod
    def of(cls, config: Any) -> Self:
        """From a transformers text config."""
        heads = config.num_attention_heads
        return cls(
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=heads,
            num_key_value_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            intermediate_size=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
            vocab_size=config.vocab_size,
            tied=bool(config.tie_word_embeddings),
            has_biases=config.model_type == "qwen2",
            is_plain=config.model_type in ("llama", "mistral"),
        )

    @property
    def query_width(self) -> int:
        return self.num_attention_heads * self.head_dim

    @property
    def key_width(self) -> int:
        return self.num_key_value_heads * self.head_dim

    @property
    def embedding(self) -> int:
        return self.vocab_size * self.hidden_size

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """The linear layers of one layer, rows and columns."""
        width, ff = self.hidden_size, self.intermediate_size
        attention = [(self.query_width, width), (self.key_width, width), (self.key_width, width)]
        return [*attention, (width, self.query_width), (ff, width), (ff, width), (width, ff)]

    @property
    def parameters(self) -> int:
        biases = (self.query_width + 2 * self.key_width) if self.has_biases else 0
        layer = sum(rows * columns for rows, columns in self.matrices) + biases + 2 * self.hidden_size
        embeddings = self.embedding * (1 if self.tied else 2)
        return embeddings + self.num_hidden_layers * layer + self.hidden_size

    def adapter_parameters(self, rank: int) -> int:
        """Of LoRA on every linear layer but the head."""
        return self.num_hidden_layers * rank * sum(rows + columns for rows, columns in self.matrices)


def qwen2(width: int, layers: int, heads: int, feed_forward: int) -> ModelSize:
    return ModelSize(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=2,
        head_dim=width // heads, intermediate_size=feed_forward, vocab_size=151_936, has_biases=True,
    )  # fmt: skip


PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": qwen2(896, 24, 14, 4864),
    "Qwen/Qwen2.5-1.5B-Instruct": qwen2(1536, 28, 12, 8960),
    "Qwen/Qwen2.5-3B-Instruct": qwen2(2048, 36, 16, 11_008),
    "meta-llama/Llama-3.2-1B-Instruct": ModelSize(
        hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
        intermediate_size=8192, vocab_size=128_256, is_plain=True,
    ),
    "tiiuae/Falcon3-1B-Instruct": ModelSize(
        hidden_size=2048, num_hidden_layers=18, num_attention_heads=8, num_key_value_heads=4, head_dim=256,
        intermediate_size=8192, vocab_size=131_072, tied=False, is_plain=True,
    ),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": ModelSize(
        hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, num_key_value_heads=32, head_dim=64,
        intermediate_size=8192, vocab_size=49_152, is_plain=True,
    ),
}  # fmt: skip
