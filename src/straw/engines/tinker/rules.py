"""What a page may ask of the service: everything else is refused by name, before anything is spent.

The service computes: no option of this machine's computing has a meaning there. It tells the log-probabilities of drawn
tokens at temperature 1, so what needs the whole distribution, another temperature, or a hidden state has no way there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from straw.config import Page
from straw.engines.tinker.checkpoint import TINKER
from straw.engines.tinker.losses import NO_ENTROPY, NO_TEMPERATURE
from straw.engines.tinker.prices import price_of
from straw.engines.tinker.sdk import is_hosted
from straw.errors import ConfigError

COMPUTES_ELSEWHERE = (  # how this process would compute
    "device", "dtype", "threads", "gradient_checkpointing", "fast_llama", "tokens_per_microbatch", "rows_at_once",
    "generator", "trust_remote_code", "answer_s", "load_s", "shared_machine", "certs", "trainer_host", "attach_s",
)  # fmt: skip
DEFAULTS: dict[str, object] = {  # what the page leaves open
    "lora_rank": 32, "entropy_coef": 0.0,
}  # fmt: skip


def check_page(page: Page, named: Collection[str]) -> None:
    """`named`: the options that somebody wrote."""
    for complaint in complaints(page, named):
        raise ConfigError(complaint)


def complaints(page: Page, named: Collection[str]) -> Iterator[str]:
    yield from of_the_policy(page)
    yield from of_processes(page)
    yield from of_weights(page)
    yield from of_this_machine(page, named)
    yield from of_money(page)


def of_the_policy(page: Page) -> Iterator[str]:
    algorithm = page.algorithm
    if algorithm.entropy_coef:
        yield f"{NO_ENTROPY}; got entropy_coef={algorithm.entropy_coef:g}. Write entropy_coef=0, or engine=local."
    if algorithm.ratio_cap is not None:
        yield (
            f"the service's losses truncate no ratio; got ratio_cap={algorithm.ratio_cap:g}. Leave it out, or write "
            "engine=local."
        )
    if page.sampling.temperature != 1:
        yield f"{NO_TEMPERATURE}; got temperature={page.sampling.temperature:g}. Write temperature=1, or engine=local."
    if page.memory.needs_encoder and page.memory.encoder == "policy":
        yield (
            "the Tinker service tells no hidden states, so its policy cannot be the encoder; got encoder=policy. Write "
            "encoder=minilm, which runs here."
        )


def of_processes(page: Page) -> Iterator[str]:
    engine = page.engine
    if engine.max_lag:
        yield (
            f"rollouts of older versions would be sampled from snapshots that are paid for; got max_lag="
            f"{engine.max_lag} with engine=tinker. Write max_lag=0."
        )
    for name, plain in (("pace", "exact"), ("fresh_weights", False), ("weights", "shared")):
        if (value := getattr(engine, name)) != plain:
            words = str(value).lower()
            yield f"{name} is about generators of one's own; got {name}={words} with engine=tinker. Leave it out."


def of_weights(page: Page) -> Iterator[str]:
    model, hosted = page.model, is_hosted(page.engine.base_url)
    if model.lora_targets != "all-linear":
        yield (
            f"the service puts adapters on all layers; got lora_targets={model.lora_targets}. Leave it out "
            "(train_unembed=true adds the head)."
        )
    if model.lora_alpha != 32:
        yield f"no alpha goes over the wire, where it is 32; got lora_alpha={model.lora_alpha:g}. Leave it out."
    if not model.lora_rank and hosted:
        yield "the Tinker service trains adapters; got lora_rank=0. Write lora_rank=32."
    start = model.from_checkpoint
    if start and not start.startswith(TINKER):
        yield (
            f"the service reads checkpoints of its own; got from_checkpoint={start[:80]}. Write start=tinker://..., or "
            "leave it out."
        )


def of_this_machine(page: Page, named: Collection[str]) -> Iterator[str]:
    for name in COMPUTES_ELSEWHERE:
        section = page.model if hasattr(page.model, name) else page.engine
        value = getattr(section, name)
        if name in named and value != type(section)().__getattribute__(name):
            yield (
                f"{name} says how this machine computes, and with engine=tinker another one does; got {name}="
                f"{str(value).lower()}. Leave it out."
            )


def of_money(page: Page) -> Iterator[str]:
    engine, name = page.engine, page.model.model_name
    price = price_of(name, engine.prices, is_hosted=is_hosted(engine.base_url))
    if engine.budget_usd is not None and price is None:
        yield (
            f"a budget takes prices, and none is known here for {name}; got budget_usd={engine.budget_usd:g}. Write "
            "for example prices=prefill=0.13,sample=0.40,train=0.40 (dollars per million tokens)."
        )
