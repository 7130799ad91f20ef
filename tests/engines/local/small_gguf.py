"""A small random Llama as a GGUF file with 8 bits a weight, the way converters write one.

Two layers of width 64 over a byte vocabulary, one query head per key head. Its matrices are rounded to
blocks of 32 (Q8_0); `dequantised` says what a reader must find in them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants
from tokenizers.pre_tokenizers import ByteLevel

WIDTH, HEADS, LAYERS, FEED_FORWARD = 64, 2, 2, 96
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOKENS = [*CONTROLS, *sorted(ByteLevel.alphabet()), "37"]


def matrices() -> dict[str, np.ndarray]:
    """By GGUF's names; drawn once and for all."""
    generator = np.random.default_rng(0)
    shapes = {"token_embd.weight": (len(TOKENS), WIDTH)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.attn_{part}.weight": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.ffn_{part}.weight": (FEED_FORWARD, WIDTH) for part in ("gate", "up")}
        shapes[f"blk.{layer}.ffn_down.weight"] = (WIDTH, FEED_FORWARD)
    return {name: generator.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def dequantised(matrix: np.ndarray) -> np.ndarray:
    kind = GGMLQuantizationType.Q8_0
    return quants.dequantize(quants.quantize(matrix, kind), kind)


def save_small_gguf(file: Path) -> Path:
    writer = GGUFWriter(str(file), "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    add_tokenizer(writer)
    for name, matrix in matrices().items():
        kind = GGMLQuantizationType.Q8_0
        writer.add_tensor(name, quants.quantize(matrix, kind), raw_dtype=kind)
    for name in ["output_norm", *(f"blk.{i}.{part}_norm" for i in range(LAYERS) for part in ("attn", "ffn"))]:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def add_tokenizer(writer: GGUFWriter) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([TokenType.CONTROL] * len(CONTROLS) + [TokenType.NORMAL] * (len(TOKENS) - len(CONTROLS)))
    writer.add_token_merges(["3 7"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
