"""engine=tinker: from a page to an engine, anew or from what a run folder knows.

    begun     create_lora_training_client, or the state that start=tinker://... names
    again     the start that the run kept; the loop then loads its newest checkpoint

The key comes from TINKER_API_KEY, the address from base_url, else TINKER_BASE_URL, else the hosted service. It has the
model, so none is loaded here: its tokenizer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from straw.config import Page
from straw.engines.tinker import sdk
from straw.engines.tinker.engine import TinkerEngine
from straw.engines.tinker.meter import Meter
from straw.engines.tinker.prices import price_of
from straw.engines.tinker.rules import DEFAULTS, check_page
from straw.engines.tinker.tokenizer import served_chat
from straw.errors import ConfigError, RunError
from straw.runs.checkpoints.weights import START, within_run

Say = Callable[[str], None]


class Tinker:
    """What the page's name stands for. It brings its own model, so nothing of the local engine is begun for it."""

    has_own_model = True
    defaults = DEFAULTS
    check = staticmethod(check_page)

    @staticmethod
    @contextmanager
    def opened(page: Page, run: Path | None, say: Say) -> Iterator[TinkerEngine]:
        """`run`: the folder of one that goes on, from its start."""
        hosted = sdk.is_hosted(page.engine.base_url)
        say(f"asking {'the Tinker service' if hosted else sdk.address(page.engine.base_url)} for {what(page)}")
        service = sdk.service(page.engine.base_url)
        with made(page, service) as engine:
            if run is not None:
                if not within_run(run / START):
                    raise RunError(f"a run keeps where it began in {START}, and {run} has none: restore it")
                engine.load(run / START, optimizer=False)
            elif page.model.from_checkpoint:
                engine.begin_from(page.model.from_checkpoint)
            yield engine


def what(page: Page) -> str:
    return f"{page.model.model_name}, LoRA rank {page.model.lora_rank}" if page.model.lora_rank else (
        f"{page.model.model_name}, all weights"
    )  # fmt: skip


def made(page: Page, service: Any) -> TinkerEngine:
    """With fresh adapters."""
    model, options = page.model, page.engine
    hosted = sdk.is_hosted(options.base_url)
    room = room_for(service, model.model_name, hosted)
    with sdk.in_a_line():
        asked = service.create_lora_training_client(
            base_model=model.model_name, rank=model.lora_rank or 0, seed=model.model_seed,
            train_mlp=True, train_attn=True, train_unembed=options.train_unembed,
        )  # fmt: skip
    training = sdk.ready(asked)
    chat = served_chat(training, model.model_name, None if hosted else sdk.address(options.base_url))
    meter = Meter(price_of(model.model_name, options.prices, is_hosted=hosted), options.budget_usd)
    each = options.seeds_per == "sample" or (options.seeds_per == "auto" and not hosted)
    engine = TinkerEngine(
        service, training, chat, meter, seed_each=each, is_hosted=hosted, is_whole=not model.lora_rank
    )
    engine.room = room
    return engine


def room_for(service: Any, name: str, hosted: bool) -> int | None:
    """The most tokens that the model reads.

    A model that the hosted service has not is refused with those that it has; a server of one's own may answer to names
    that it does not list, and says itself which it knows.
    """
    models = {one.model_name: one for one in capabilities(service).supported_models if one.model_name}
    if hosted and models and name not in models:
        raise ConfigError(
            f"the service trains {', '.join(sorted(models)[:12])}{', ...' if len(models) > 12 else ''}; got "
            f"model_name={name}. Write one of those."
        )
    found = models.get(name)
    return found.max_context_length if found is not None else None


def capabilities(service: Any) -> Any:
    """By the client that has them: from some version on it is the one without a session."""
    with sdk.in_a_line():
        rest = sdk.rest(service)
        return sdk.ready((rest if hasattr(rest, "get_server_capabilities") else service).get_server_capabilities())
