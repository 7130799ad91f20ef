"""What the server answers beside the protocol: its tokenizer as a hub, OpenAI's clients, and people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.routing import BaseRoute

from straw.server.completing import ServerCompleter
from straw.server.desk.keys import Keys
from straw.server.hub.routes import hub_routes
from straw.server.openai.routes import openai_routes
from straw.server.routes.answers import key_of
from straw.server.service import Service

TOKENIZER = "tokenizer"  # in the server's folder


def beside(service: Service, folder: Path) -> list[BaseRoute]:
    settings = service.settings
    return [
        *openai_routes(ServerCompleter(service), service.backend.chat, service.limits, owner_by(service.keys)),
        *hub_routes(folder / TOKENIZER, None if settings.any_name else settings.names),
    ]


def owner_by(keys: Keys) -> Callable[[Request], str]:
    return lambda request: keys.owner(key_of(request))
