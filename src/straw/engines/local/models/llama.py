"""A Llama in torch alone: what an embedded model is where nobody asks for transformers, whose import takes longer than
a short run, and what a process that only computes makes of a Llama's folder (`llama_folder`).

    x = x + o( attend( rope(q(n)), rope(k(n)), v(n) ) )      n = rms_norm(x)
    x = x + down( silu(gate(m)) * up(m) )                    m = rms_norm(x)

Its parameters have the names, the order and the bits of transformers' LlamaForCausalLM of the same sizes and seed, and
`in_transformers` makes one of an embedded model that shares them. `forward` is the plain way, which `check_reading`
compares with what `llama_reader` makes of the same modules. Not here: biases, scaled positions, training by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(kw_only=True)
class LlamaSizes:
    """Field names are transformers'."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    pad_token_id: int | None
    eos_token_id: int | list[int] | None
    bos_token_id: int | None = None
    num_key_value_heads: int = 0  # 0: as many as there are of the others
    head_dim: int = 0  # 0: the width, shared out
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0
    initializer_range: float = 0.02
    hidden_act: str = "silu"
    model_type: str = "llama"
    tie_word_embeddings: bool = True

    def __post_init__(self) -> None:
        self.num_key_value_heads = self.num_key_value_heads or self.num_attention_heads
        self.head_dim = self.head_dim or self.hidden_size // self.num_attention_heads

    def get_text_config(self) -> Self:
        """Of a model that reads texts alone, as transformers asks for it."""
        return self


class Norm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class Positions(nn.Module):
    """cos and sin of every position's angles, twice over."""

    inv_freq: Tensor

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        steps = torch.arange(0, sizes.head_dim, 2, dtype=torch.float) / sizes.head_dim
        self.register_buffer("inv_freq", 1.0 / (sizes.rope_theta**steps), persistent=False)

    @torch.no_grad()
    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self.inv_freq.float()
        twice = torch.cat((angles, angles), dim=-1)
        return twice.cos().to(x.dtype), twice.sin().to(x.dtype)


class Attention(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.head_dim = sizes.head_dim
        self.scaling = self.head_dim**-0.5
        width, heads, shared = sizes.hidden_size, sizes.num_attention_heads, sizes.num_key_value_heads
        self.queries_of_key = heads // shared
        self.q_proj = nn.Linear(width, heads * self.head_dim, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, shared * self.head_dim, bias=False) for _ in range(2))
        self.o_proj = nn.Linear(heads * self.head_dim, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[N, width] of one text."""
        projections = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (project(x).view(len(x), -1, self.head_dim).transpose(0, 1) for project in projections)
        q, k = (one * cos + turned(one) * sin for one in (q, k))
        k, v = (one.repeat_interleave(self.queries_of_key, dim=0) for one in (k, v))
        later = torch.ones(len(x), len(x), dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(1, 2) * self.scaling).masked_fill(later, -torch.inf)
        out: Tensor = self.o_proj((scores.softmax(-1) @ v).transpose(0, 1).reshape(len(x), -1))
        return out


def turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class FeedForward(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        width, inner = sizes.hidden_size, sizes.intermediate_size
        self.gate_proj, self.up_proj = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(sizes), FeedForward(sizes)
        self.input_layernorm = Norm(sizes.hidden_size, sizes.rms_norm_eps)
        self.post_attention_layernorm = Norm(sizes.hidden_size, sizes.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Body(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(sizes.vocab_size, sizes.hidden_size, sizes.pad_token_id)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.num_hidden_layers))
        self.norm = Norm(sizes.hidden_size, sizes.rms_norm_eps)
        self.rotary_emb = Positions(sizes)
        draw_weights(self, sizes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states of one text, [N] -> [N, width], after the last norm."""
        x = self.embed_tokens(tokens)
        cos, sin = self.rotary_emb(x, torch.arange(len(tokens), device=tokens.device))
        for layer in self.layers:
            x = layer(x, cos, sin)
        out: Tensor = self.norm(x)
        return out


@torch.no_grad()
def draw_weights(body: Body, sizes: LlamaSizes) -> None:
    """In the order of the modules, behind what torch draws where it makes each of them: as transformers has it."""
    for module in body.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.normal_(0.0, sizes.initializer_range)
    if sizes.pad_token_id is not None:
        body.embed_tokens.weight[sizes.pad_token_id].zero_()


class Llama(nn.Module):
    """Its head is its embedding, where the sizes do not say otherwise."""

    generation_config = None
    name_or_path = ""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.config, self.model = sizes, Body(sizes)
        self.lm_head = nn.Linear(sizes.hidden_size, sizes.vocab_size, bias=False, device="meta")
        if sizes.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of one text, [N] -> [N, vocabulary]."""
        out: Tensor = self.lm_head(self.model(tokens))
        return out

    def save_pretrained(self, folder: str | Path) -> None:
        """A folder in Hugging Face's form."""
        from straw.engines.local.models.in_transformers import in_transformers

        in_transformers(self).save_pretrained(folder)

    def get_decoder(self) -> Body:
        return self.model

    def get_input_embeddings(self) -> nn.Embedding:
        return self.model.embed_tokens

    def get_output_embeddings(self) -> nn.Linear:
        return self.lm_head
