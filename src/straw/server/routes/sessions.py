"""Endpoints about the client's stay: flags, sessions, heartbeats, what is served."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from straw.server.desk.metadata import metadata_of
from straw.server.keeping.rows import Session
from straw.server.routes.answers import body_of, fields_of, reply
from straw.server.service import Service
from straw.server.work.reading import STABLE

MOST_LISTED = 1000


class SessionRoutes:
    """client/config, create_session, session_heartbeat, sessions, get_server_capabilities, telemetry."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def handlers(self) -> dict[str, Any]:
        return {
            "client/config": self.fixed({}), "create_session": self.create, "session_heartbeat": self.heartbeat,
            "client/dynamic_config": self.fixed({"refresh_interval_sec": 300, "sample_cancel_enabled": True}),
            "telemetry": self.fixed({"status": "accepted"}),
        }  # fmt: skip

    def fixed(self, value: dict[str, Any]) -> Any:
        """The same for everybody; what was sent is read and forgotten."""

        async def handler(request: HttpRequest, owner: str) -> Response:
            await body_of(request, self.service.limits)
            return reply(value)

        return handler

    async def create(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        about = {"metadata": metadata_of(fields), "name": fields.text_or_none("display_name")}
        id = self.service.sessions.open(owner, about)
        told = {"info_message": self.info(), "warning_message": self.warning()}
        return reply({"type": "create_session", "session_id": id, **told})

    def info(self) -> str | None:
        """Samples of a client that records for the loss are let through, so it is told before it trains."""
        if STABLE in self.service.settings.stand_ins:
            return None
        return (
            f"{STABLE} is not served here, as its formula is not public, and record_stability_info records nothing: "
            "train with loss_fn=importance_sampling"
        )

    def warning(self) -> str | None:
        """What its user should know from the first line on."""
        told = [
            f"{other} stands in for {loss} on this server" for loss, other in self.service.settings.stand_ins.items()
        ]
        return "; ".join(told) or None

    async def heartbeat(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        self.service.sessions.beat(fields.text("session_id"), owner)
        return reply({"type": "session_heartbeat"})

    async def finish(self, request: HttpRequest, owner: str) -> Response:
        await body_of(request, self.service.limits)
        session = request.path_params["id"]
        self.service.sessions.finish(session, owner)
        self.service.let_go(session)
        return reply({})

    async def get(self, request: HttpRequest, owner: str) -> Response:
        found = self.service.sessions.get(request.path_params["id"], owner)
        models = self.service.journal.all("SELECT id FROM models WHERE session = ? ORDER BY id", found.id)
        samplers = self.service.journal.all(
            "SELECT id FROM samplers WHERE session = ? ORDER BY made LIMIT ?", found.id, MOST_LISTED
        )
        return reply(
            {
                "training_run_ids": [row[0] for row in models], "sampler_ids": [row[0] for row in samplers],
                **about(found),
            }
        )  # fmt: skip

    async def list(self, request: HttpRequest, owner: str) -> Response:
        limit, offset = page_of(request)
        rows = self.service.journal.all(
            "SELECT id FROM sessions WHERE owner = ? ORDER BY opened DESC LIMIT ? OFFSET ?", owner, limit, offset
        )
        return reply({"sessions": [row[0] for row in rows]})

    async def capabilities(self, request: HttpRequest, owner: str) -> Response:
        length = self.service.backend.facts.max_context_length
        return reply(
            {
                "supported_models": [
                    {"model_name": name, "max_context_length": length, "trainable": True, "sampleable": True}
                    for name in self.service.settings.names
                ]
            }
        )


def about(session: Session) -> dict[str, Any]:
    return {"user_metadata": session.about.get("metadata"), "display_name": session.about.get("name")}


def page_of(request: HttpRequest) -> tuple[int, int]:
    """limit and offset of a listing."""
    found = []
    for name, otherwise, most in (("limit", 20, MOST_LISTED), ("offset", 0, 2**31)):
        text = request.query_params.get(name, str(otherwise))
        is_number = text.isascii() and text.isdecimal() and len(text) < 11
        found.append(min(int(text), most) if is_number else otherwise)
    return found[0], found[1]
