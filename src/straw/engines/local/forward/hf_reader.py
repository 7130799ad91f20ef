"""Read any causal language model of transformers through its own modules.

transformers lets an attention function be registered by name. Ours hands queries, keys and values
to the layout of the moment (see `attention`), so prefix sharing works for every architecture that
uses that interface and takes position ids, without a line about the architecture. The cache of
transformers is not used at all, and its gradient checkpointing neither: it wants train mode, where
dropouts act. Ours wraps the layers while they run, and the model stays in eval mode.

Not for: state-space or hybrid models, attention sinks, encoder-decoders. `check_reading` compares
with the model's own plain forward when an engine is made, and refuses what does not agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from straw.engines.batch_invariant import again
from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.fewest_rows import ROW_TILE
from straw.engines.local.forward.reader import Layout
from straw.errors import ConfigError, ModelError

NAME = "straw_prefix"


def attention_through_layout(
    module: Any,
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
        raise ModelError("straw cannot share prefixes for a model with attention sinks: choose one without")
    if straw_layout is None:
        raise ModelError("the model does not hand on what its attention needs")
    rule = Rule(scaling if scaling is not None else query.shape[-1] ** -0.5, sliding_window, softcap)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    return straw_layout.attend(int(module.layer_idx), q, k, v, rule).unsqueeze(0), None


AttentionInterface.register(NAME, attention_through_layout)


@contextmanager
def plainly(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """The model as transformers runs it, for comparisons."""
    keep_silent_about_masks(model)
    model.set_attn_implementation("eager")
    try:
        yield model
    finally:
        model.set_attn_implementation(NAME)


def keep_silent_about_masks(model: PreTrainedModel) -> None:
    """No row of ours is padded: transformers takes an end token for padding in models that have one token for both."""
    for part in model.modules():
        if isinstance(part, PreTrainedModel):
            part.warn_if_padding_and_no_attention_mask = say_nothing


def say_nothing(*args: object, **options: object) -> None: ...


class ModulesReader:
    """Hidden states of a flat row of tokens, through transformers' modules."""

    def __init__(self, model: PreTrainedModel, checkpointing: bool = False) -> None:
        keep_silent_about_masks(model)
        model.set_attn_implementation(NAME)
        self.body: Any = model.get_decoder()
        self.recomputed = layers_of(self.body) if checkpointing else []
        self.is_by_token = not any("expert" in name for name, _ in self.body.named_modules())

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """[N] tokens at [N] positions -> [N, width], after the last norm."""
        with recomputing(self.recomputed if torch.is_grad_enabled() else []):
            out = self.body(
                input_ids=tokens.unsqueeze(0),
                position_ids=positions.unsqueeze(0),
                use_cache=False,
                straw_layout=layout,
            )
        return out.last_hidden_state[0]

    def fewest_rows(self, head: Tensor) -> int:
        """What a row meets in modules of others nobody knows."""
        return ROW_TILE

    def layers(self, tokens: Tensor, positions: Tensor, layout: Layout) -> list[Tensor]:
        """What every layer leaves; of the last one transformers tells only what its norm makes of it."""
        out = self.body(
            input_ids=tokens.unsqueeze(0),
            position_ids=positions.unsqueeze(0),
            use_cache=False,
            output_hidden_states=True,
            straw_layout=layout,
        )
        return [one[0] for one in out.hidden_states[1:]]


def layers_of(body: nn.Module) -> list[Any]:
    """The layers whose insides may be forgotten and computed again."""
    layers = [module for module in body.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise ConfigError(
            f"gradient_checkpointing recomputes whole layers, and {type(body).__name__} marks none: "
            "write gradient_checkpointing=false"
        )
    return layers


@contextmanager
def recomputing(layers: list[Any]) -> Iterator[None]:
    """Inside, each layer keeps only what went into it, and is computed again on the way back."""
    forwards = [layer.forward for layer in layers]
    for layer, forward in zip(layers, forwards, strict=True):
        layer.forward = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False, context_fn=again)
    try:
        yield
    finally:
        for layer, forward in zip(layers, forwards, strict=True):
            layer.forward = forward
