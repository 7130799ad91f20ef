"""What is measured on the spot, because it depends on the model and on the machine.

    check_reading           straw's way through a model gives what the model gives by itself
    rows_are_independent    a sample has the same bits alone and in a crowd

The first holds for every architecture that hands its attention to transformers' interface, and
nobody can tell from a config which do. The second holds on one CPU thread; on more threads, and on
other devices, a library may cut a product as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from straw.engines.base import Engine, SamplingParams
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.packing import Pack
from straw.engines.local.forward.reader import Reader
from straw.engines.local.models.folder import first_line
from straw.engines.local.models.llama import Llama
from straw.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from straw.engines.local.models.loaded import CausalModel

LIMIT_NATS = 1e-3  # two ways to compute in float32 differ by 1e-5; a wrong reading by whole nats
PROMPT, REPLIES = 4, (3, 2)
WAY_OUT = "choose a model like Llama, Qwen or Gemma, whose attention goes through transformers' interface"


@contextmanager
def refusing(model: CausalModel) -> Iterator[None]:
    """Whatever goes wrong when a model is first read becomes one line; most of it is not our code."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        kind = model.config.model_type
        raise ModelError(f"straw cannot read a {kind} model ({first_line(error)}): {WAY_OUT}") from error


@torch.no_grad()
def check_reading(model: CausalModel, reader: Reader, head: Head) -> None:
    """A prompt with two replies, read at once, against the model's own forward on each of both."""
    device = head.weight.device
    tokens = torch.arange(1, 1 + PROMPT + sum(REPLIES), device=device) % head.weight.shape[0]
    pack = Pack([PROMPT], [REPLIES], device)
    logprobs = head.logits(reader.hidden(tokens, pack.positions, pack)).log_softmax(-1)
    prompt, first, second = torch.arange(len(tokens), device=device).split([PROMPT, *REPLIES])
    with as_it_is(model) as logits_of:
        gap = max(apart(logits_of, tokens, logprobs, torch.cat([prompt, reply])) for reply in (first, second))
    if not gap <= LIMIT_NATS:
        raise ModelError(f"its log-probabilities come out {gap:.3g} nats away from its own")


@contextmanager
def as_it_is(model: CausalModel) -> Iterator[Callable[[Tensor], Tensor]]:
    """The model's own forward, from the tokens of a text to logits."""
    if isinstance(model, Llama):
        yield model
        return
    from straw.engines.local.forward.hf_reader import plainly

    with plainly(model):
        yield lambda tokens: cast(Tensor, model(tokens.unsqueeze(0), use_cache=False).logits[0])


def apart(logits_of: Callable[[Tensor], Tensor], tokens: Tensor, logprobs: Tensor, positions: Tensor) -> float:
    own = logits_of(tokens[positions]).float().log_softmax(-1)
    return float((logprobs[positions] - own).abs().max())


def rows_are_independent(engine: Engine) -> bool:
    """The same seeds alone, among twenty, and beside another prompt: are the replies equal, bit for bit?"""
    prompt, longer = (engine.chat.encode("0123456789" * repeats) for repeats in (1, 8))
    params = SamplingParams(max_tokens=2)  # the second token is drawn from what the batch computed
    (alone,) = engine.sample([prompt], 1, params, [[0]])
    (some,) = engine.sample([prompt], 20, params, [range(20)])
    many, _ = engine.sample([prompt, longer], 40, params, [range(40)] * 2)
    return alone == some[:1] and some == many[:20]
