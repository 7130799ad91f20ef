"""What the server answers beside the protocol: its tokenizer as a hub, OpenAI's clients, and people."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import BaseRoute

from straw.server.hub.folder import tokenizer_folder
from straw.server.hub.routes import hub_routes
from straw.server.service import Service


def beside(service: Service, folder: Path) -> list[BaseRoute]:
    settings, facts = service.settings, service.backend.facts
    tokenizer = tokenizer_folder(service.backend.chat, folder / "tokenizer", facts.vocabulary)
    return [*hub_routes(tokenizer, None if settings.any_name else settings.names)]
