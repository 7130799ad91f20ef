"""The weights of a Llama, Mistral or Qwen2 model as llama.cpp names and stores them.

    model.layers.0.self_attn.q_proj.weight   ->   blk.0.attn_q.weight

    f32, f16, bf16   every matrix in that form; norms and biases are f32 always
    q8_0             blocks of 32 weights, each a whole number from -127 to 127 times the block's own f16 scale

llama.cpp turns neighbouring pairs by rotary positions where transformers turns the two halves of a head against each
other, so rows of the Llama family's queries and keys are reordered; Qwen2's are read by halves there too. An output
layer that is tied to the embedding is not stored. A matrix whose rows are no whole number of blocks is f16 in a q8_0
file, as llama.cpp's own converter has it. Not here: scaled positions, sliding windows and biases that a reader of GGUF
files would silently leave out; such a model is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch
from gguf import (
    GGML_QUANT_SIZES,
    MODEL_ARCH,
    GGMLQuantizationType,
    GGUFWriter,
    LlamaFileType,
    get_tensor_name_map,
    quantize,
)
from transformers import PreTrainedModel

from straw.errors import ModelError

GgufType = Literal["f32", "f16", "bf16", "q8_0"]
TYPES: tuple[GgufType, ...] = get_args(GgufType)
STORED = {
    "f32": GGMLQuantizationType.F32,
    "f16": GGMLQuantizationType.F16,
    "bf16": GGMLQuantizationType.BF16,
    "q8_0": GGMLQuantizationType.Q8_0,
}
FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
}
ARCHITECTURES = {"llama": MODEL_ARCH.LLAMA, "mistral": MODEL_ARCH.LLAMA, "qwen2": MODEL_ARCH.QWEN2}
LARGEST_F16 = 65504.0


def check_can_be_written(model: PreTrainedModel) -> None:
    """Refuse what a reader of GGUF files would compute differently."""
    if reason := hindrance(model.config):
        raise ModelError(
            f"straw writes Llama, Mistral and Qwen2 as GGUF, and this model {reason}: leave --gguf out for a folder "
            "that transformers reads, and convert that with llama.cpp"
        )


def hindrance(config: Any) -> str | None:
    """What a GGUF file, or its readers, would lose; the end of a sentence."""
    kind = config.model_type
    if kind not in ARCHITECTURES:
        return f"is {str(kind)[:40]!r}"
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type", "default") != "default":
        return f"has scaled positions ({str(rope['rope_type'])[:40]}), which transformers' reader of GGUF leaves out"
    if config.hidden_act != "silu":
        return f"has the activation {str(config.hidden_act)[:40]!r}"
    if kind != "qwen2" and (getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False)):
        return "has biases, which transformers' reader of GGUF leaves out"
    if kind == "qwen2" and head_width(config) * config.num_attention_heads != config.hidden_size:
        return "has heads of a width of their own"
    window = getattr(config, "sliding_window", None)
    if window is not None and window < config.max_position_embeddings and getattr(config, "use_sliding_window", True):
        return f"has a sliding window of {window} tokens, which a GGUF file of its family cannot say"
    return None


def head_width(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def add_sizes(writer: GGUFWriter, config: Any, kind: GgufType) -> None:
    """What llama.cpp needs to know before it reads a weight."""
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(2)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_rope_dimension_count(head_width(config))
    if head_width(config) * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head_width(config))
        writer.add_value_length(head_width(config))


def write_with_tensors(writer: GGUFWriter, model: PreTrainedModel, kind: GgufType) -> None:
    """The whole file: the header with every tensor's place, then one tensor after the other, so that a second copy of
    the model never lies in memory.
    """
    try:
        plan = [(name, tensor, stored_as(tensor, kind)) for name, tensor in named_tensors(model)]
        for name, tensor, stored in plan:
            shape = byte_shape(tuple(tensor.shape), stored)
            size = int(np.prod(shape)) * (1 if is_bytes(stored) else stored_dtype(stored).itemsize)
            writer.add_tensor_info(name, shape, stored_dtype(stored), size, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, tensor, stored in plan:
            writer.write_tensor_data(packed(name, tensor, stored, model.config))
    finally:
        writer.close()


def named_tensors(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Each weight under llama.cpp's name, where it lies."""
    names = get_tensor_name_map(ARCHITECTURES[model.config.model_type], model.config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise ModelError(f"a GGUF file of {model.config.model_type} has no place for the weight {name[:80]!r}")
        yield known, tensor


def stored_as(tensor: torch.Tensor, kind: GgufType) -> GGMLQuantizationType:
    if tensor.ndim < 2:
        return GGMLQuantizationType.F32
    if kind == "q8_0" and tensor.shape[-1] % GGML_QUANT_SIZES[GGMLQuantizationType.Q8_0][0]:
        return GGMLQuantizationType.F16
    return STORED[kind]


def is_bytes(stored: GGMLQuantizationType) -> bool:
    """Of forms that numpy has no number for."""
    return stored in (GGMLQuantizationType.BF16, GGMLQuantizationType.Q8_0)


def stored_dtype(stored: GGMLQuantizationType) -> np.dtype[Any]:
    if is_bytes(stored):
        return np.dtype(np.uint8)
    return np.dtype(np.float16 if stored is GGMLQuantizationType.F16 else np.float32)


def byte_shape(shape: tuple[int, ...], stored: GGMLQuantizationType) -> tuple[int, ...]:
    if not is_bytes(stored):
        return shape
    block, size = GGML_QUANT_SIZES[stored]
    return (*shape[:-1], shape[-1] // block * size)


def packed(name: str, tensor: torch.Tensor, stored: GGMLQuantizationType, config: Any) -> np.ndarray[Any, Any]:
    """The numbers of one tensor as they lie in the file."""
    values = tensor.detach().cpu().float().numpy()
    if ARCHITECTURES[config.model_type] is MODEL_ARCH.LLAMA and (".attn_q." in name or ".attn_k." in name):
        values = by_pairs(values, values.shape[0] // head_width(config))
    if stored is GGMLQuantizationType.F16 and np.abs(values).max(initial=0.0) > LARGEST_F16:
        raise ModelError(f"a weight of {name} is larger than f16 holds ({LARGEST_F16:.0f}): write --type bf16 or f32")
    return quantize(np.ascontiguousarray(values), stored)


def by_pairs(values: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """The rows of every head with its two halves interleaved: 0 1 2 3 -> 0 2 1 3."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)
