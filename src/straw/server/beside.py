"""What the server answers beside the protocol: its tokenizer as a hub, OpenAI's clients, and people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.routing import BaseRoute

from straw.server.completing import ServerCompleter
from straw.server.desk.keys import Keys
from straw.server.hub.folder import tokenizer_folder
from straw.server.hub.routes import hub_routes
from straw.server.openai.routes import openai_routes
from straw.server.routes.answers import key_of
from straw.server.service import Service


def beside(service: Service, folder: Path) -> list[BaseRoute]:
    settings, facts = service.settings, service.backend.facts
    tokenizer = tokenizer_folder(service.backend.chat, folder / "tokenizer", facts.vocabulary)
    return [
        *openai_routes(ServerCompleter(service), service.backend.chat, service.limits, owner_by(service.keys)),
        *hub_routes(tokenizer, None if settings.any_name else settings.names),
    ]


def owner_by(keys: Keys) -> Callable[[Request], str]:
    return lambda request: keys.owner(key_of(request))
