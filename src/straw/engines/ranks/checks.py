"""What a page may ask of ranks: all else is refused in a line, before a model is loaded.

one machine           they share memory with the sampler
a core or a card each more would wait for one another
models of transformers, made from a config alone: no rank ever has the whole
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

import torch

from straw.config import Engine, Page
from straw.errors import ConfigError
from straw.runs.about import cores


def check_page(page: Page, named: Collection[str]) -> None:
    """`named`: the options that somebody wrote."""
    for complaint in complaints(page):
        raise ConfigError(complaint)


def complaints(page: Page) -> Iterator[str]:
    yield from of_the_machine(page)
    yield from of_the_page(page)


def of_the_machine(page: Page) -> Iterator[str]:
    ranks, device = page.engine.trainer_ranks, page.model.device
    said = f"got trainer_ranks={ranks}"
    if not sys.platform.startswith("linux"):
        yield "engine=ranks shares memory as Linux does, and this is another system. Write engine=local."
    if device == "mps" or ":" in device:
        yield f"ranks are on the processor or on cards of their own, got device={device}. Write device=cpu, or cuda."
    if device == "cuda" and ranks > (there := torch.cuda.device_count()):
        yield f"each rank has a card of its own, {said} with {there}. Write trainer_ranks={there}."
    if device == "cpu" and ranks * page.model.threads > cores():
        threads = f" of {page.model.threads} threads" if page.model.threads > 1 else ""
        most = max(1, cores() // page.model.threads)
        yield f"each rank has a core of its own, {said}{threads} on {cores()}. Write trainer_ranks={most}."


def of_the_page(page: Page) -> Iterator[str]:
    engine = page.engine
    if engine.max_lag:
        yield (
            f"with engine=ranks nobody samples while the ranks train; got max_lag={engine.max_lag}. Write max_lag=0, "
            "or engine=monarch."
        )
    known = Engine()
    for name in ("num_generators", "pace", "fresh_weights", "weights"):
        plain = getattr(known, name)
        if (value := getattr(engine, name)) != plain:
            yield f"{name} is about generators, got {name}={str(value).lower()} with engine=ranks. Leave it out."
    if page.model.trust_remote_code:
        yield (
            "a rank makes its model from a config, and a class that came with a model is not known to it; got "
            "trust_remote_code=true. Write engine=local."
        )
