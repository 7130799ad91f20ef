"""An engine in one's hands: the verbs of a training loop, without straw's loop."""

from __future__ import annotations

from typing import Any

from straw.config import with_values
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError
from straw.library.pages import LoadedPage, load
from straw.training.resolve.device import best_device, best_dtype
from straw.training.resolve.page_to_plan import plan_of
from straw.training.warmup.initial_policy import starting_engine


def engine(model: Any = "tiny-1M", *, tokenizer: Any = None, quiet: bool = True, **options: Any) -> LocalEngine:
    """A model behind the verbs of a training loop: sample, logprobs, forward_backward, optim_step, publish, save, load.

    `model` is a name, a folder, a transformers model with its `tokenizer`, or a page that `straw.load` returned. With a
    page, or a task among the options, it is where a run of that page begins: warmed up where the page says so. Without
    one it is the model as it is, with adapters for lora_rank=8.

    >>> engine = straw.engine("tiny-0.2M", model_seed=1)
    >>> prompt = engine.chat.opening([straw.Message("user", "Name a number.")])
    >>> ((reply,),) = engine.sample([prompt], 1, straw.SamplingParams(max_tokens=3), seeds=[[7]])
    >>> datum = straw.Datum(prompt=prompt, tokens=reply.tokens, weights=(1.0,) * 3, advantages=(1.0,) * 3,
    ...                     logprobs=reply.logprobs)
    >>> _ = engine.forward_backward([datum], straw.Loss(name="importance_sampling"))
    >>> _ = engine.optim_step(straw.AdamParams(learning_rate=1e-2))
    >>> engine.publish(), sum(engine.logprobs([datum])[0]) > sum(reply.logprobs)
    (1, True)
    """
    page = model if isinstance(model, LoadedPage) else load(None, model=model, tokenizer=tokenizer, **options)
    if isinstance(model, LoadedPage) and options:
        page = load(model, **options)
    if page.options["engine"] != "local":
        raise ConfigError(
            f"an engine in one's hands is this process, got engine={page.options['engine']}: leave it out"
        )
    page.use()
    if isinstance(model, LoadedPage) or "kind" in page.loaded.named:
        return starting_engine(plan_of(page.loaded), said if not quiet else lambda line: None)
    own = page.loaded.page
    own = with_values(own, {"device": best_device(own.model.device)})
    own = with_values(own, {"dtype": best_dtype(own.model.dtype, own.model.device, own.model.is_embedded)})
    return with_adapters(load_engine(own), own.model)


def said(line: str) -> None:
    from straw.text.shown.say import say

    say(line, error=True)
