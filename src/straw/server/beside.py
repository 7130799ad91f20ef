"""What the server answers beside the protocol: its base model and tokenizer as a hub, and OpenAI's clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.routing import BaseRoute

from straw.server.completing import ServerCompleter
from straw.server.desk.keys import Keys
from straw.server.hub.config import offers_configs
from straw.server.hub.routes import hub_routes
from straw.server.hub.weights import weights_of
from straw.server.openai.routes import openai_routes
from straw.server.routes.answers import key_of
from straw.server.service import Service

TOKENIZER = "tokenizer"  # in the server's folder


def beside(service: Service, folder: Path) -> list[BaseRoute]:
    settings, keys, backend = service.settings, service.keys, service.backend
    base = backend.base_files()
    weights = weights_of(base.tensors) if offers_configs(folder / TOKENIZER, base.configs) else None
    return [
        *openai_routes(ServerCompleter(service), backend.chat, service.limits, owner_by(keys)),
        *hub_routes(folder / TOKENIZER, None if settings.any_name else settings.names, weights, admitted_by(keys)),
    ]


def owner_by(keys: Keys) -> Callable[[Request], str]:
    return lambda request: keys.owner(key_of(request))


def admitted_by(keys: Keys) -> Callable[[Request], bool]:
    """Weights are for who has a key, where the server has a list of them; the hub's client sends it as HF_TOKEN."""
    return lambda request: not keys.known or keys.is_good(key_of(request) or "")
