"""Read any causal language model of transformers through its own modules.

transformers lets an attention function be registered by name. Ours hands queries, keys and values
to the layout of the moment (see `attention`), so prefix sharing works for every architecture that
uses that interface and takes position ids, without a line about the architecture. The cache of
transformers is not used at all, hence gradient checkpointing cannot drop it.

Not for: state-space or hybrid models, attention sinks, encoder-decoders. `check_reading` compares
with the model's own plain forward when a model is loaded, and refuses what does not agree.
"""

from __future__ import annotations

from contextlib import contextmanager
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from straw.engines.local.attention import Decode, Pack, Rule
from straw.errors import ModelError

Layout = Pack | Decode


class Reader(Protocol):
    """Hidden states of a flat row of tokens: [N] tokens at [N] positions -> [N, width], after the last norm."""

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor: ...


NAME = "straw_prefix"


def attention_through_layout(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    straw_layout: Layout | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """The function transformers calls in every layer: [1, H, N, D] in, [1, N, H, D] out."""
    if s_aux is not None:
        raise ModelError("straw cannot share prefixes for a model with attention sinks: choose another model")
    if straw_layout is None:
        raise ModelError(f"the attention {NAME!r} needs a layout: read through straw's reader, or `plainly(model)`")
    rule = Rule(scaling if scaling is not None else query.shape[-1] ** -0.5, sliding_window, softcap)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    return straw_layout.attend(int(module.layer_idx), q, k, v, rule).unsqueeze(0), None


AttentionInterface.register(NAME, attention_through_layout)


@contextmanager
def plainly(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """The model as transformers runs it, for comparisons."""
    model.set_attn_implementation("eager")
    try:
        yield model
    finally:
        model.set_attn_implementation(NAME)


class ModulesReader:
    """Hidden states of a flat row of tokens, through transformers' modules."""

    def __init__(self, model: PreTrainedModel, checkpointing: bool = False) -> None:
        model.set_attn_implementation(NAME)
        self.body = model.get_decoder()
        self.checkpointing = checkpointing
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """[N] tokens at [N] positions -> [N, width], after the last norm."""
        # transformers recomputes layers in train mode only; every dropout was set to 0 at loading
        self.body.train(self.checkpointing and torch.is_grad_enabled())
        out = self.body(
            input_ids=tokens.unsqueeze(0),
            position_ids=positions.unsqueeze(0),
            use_cache=False,
            straw_layout=layout,
        )
        return out.last_hidden_state[0]
